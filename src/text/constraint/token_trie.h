/*
 * The texts of a vocabulary's tokens as trees, to find in one walk which of them an automaton
 * accepts.
 *
 * Tokens are parted into groups, a tree each, by length and by whether they consist of plain
 * characters only (what a JSON string holds as it stands). Where a state of the automaton takes any
 * plain characters, whole groups are allowed without a walk. That most tokens can be settled
 * without looking at each is from XGrammar (arXiv:2411.15100); the groups are those slices that
 * llguidance documents.
 *
 * Immutable; may be shared by threads.
 */
#ifndef INK_TEXT_CONSTRAINT_TOKEN_TRIE_H
#define INK_TEXT_CONSTRAINT_TOKEN_TRIE_H

#include "base/memory.h"
#include "text/vocab.h"

/* The longest tokens of each group, in bytes, but for the last, which holds all that are longer. */
#define INK_TRIE_LENGTHS \
    {                    \
        4, 8, 16, 32     \
    }
enum { INK_TRIE_N_LIMITS = 4, INK_TRIE_N_LENGTHS = INK_TRIE_N_LIMITS + 1 };

/* Families of groups: words ([0-9A-Za-z_]), other plain characters, and the rest. */
enum { INK_TRIE_REST, INK_TRIE_PLAIN, INK_TRIE_WORD, INK_TRIE_N_FAMILIES };
enum { INK_TRIE_N_GROUPS = INK_TRIE_N_FAMILIES * INK_TRIE_N_LENGTHS };

static inline unsigned ink_trie_group(unsigned family, unsigned length)
{
    return family * INK_TRIE_N_LENGTHS + length;
}

/* Plain tokens, words too, are also known by how many characters they have, up to so many. */
enum { INK_TRIE_MAX_CHARS = 32 };

typedef struct ink_plain_token {
    int32_t token;
    uint32_t n_chars;
} ink_plain_token;

/* Before the text of a control token. */
enum { INK_CONTROL_BYTE = 0xFF };

/* With a node's token: `same` says which others there are, where a walk would miss the cache. */
enum { INK_TRIE_MORE = 1 << 30 };

/* In the order of a walk: a node, then what is below it. */
typedef struct ink_trie_node {
    uint32_t size;  /* nodes of the subtree, this one included */
    int32_t token;  /* the first token with this text, with INK_TRIE_MORE if others have it, too;
                       -1: none */
    uint16_t depth; /* bytes of the text */
    uint8_t byte;   /* the last of them */
    uint8_t below;  /* an INK_TRIE_RUN of what is below; 0: nothing; or INK_TRIE_MIXED */
} ink_trie_node;

/*
 * Below a node there are at most so many bytes one behind the other, all of these kinds: 1 for a-z,
 * 2 for A-Z, 4 for 0-9 and _. Where a state takes such bytes whatever they are, the tokens below
 * need no walk. INK_TRIE_MIXED: others, too, or more.
 */
enum {
    INK_TRIE_MIXED = 0xFF,
    INK_TRIE_RUN_BITS = 3,
    INK_TRIE_N_RUN_KINDS = 1 << INK_TRIE_RUN_BITS
};
#define INK_TRIE_RUN(kinds, n_bytes) ((uint8_t)((n_bytes) << INK_TRIE_RUN_BITS | (kinds)))

/* The kind of a byte; 0: none of them. */
static inline unsigned ink_trie_kind_of(unsigned byte)
{
    return byte - 'a' < 26 ? 1 : byte - 'A' < 26 ? 2 : byte - '0' < 10 || byte == '_' ? 4 : 0;
}

typedef struct ink_token_trie {
    const ink_allocator *allocator;
    const ink_vocab *vocab;
    ink_trie_node *nodes;
    size_t n_nodes;
    size_t begin[INK_TRIE_N_GROUPS + 1]; /* of each group's nodes */
    int32_t *same;                       /* [n_tokens]: the next token with the same text, or -1 */
    uint32_t *masks;                     /* [INK_TRIE_N_GROUPS][n_words] */
    size_t n_words;                      /* of a mask of all tokens */
    uint32_t *by_chars; /* [INK_TRIE_MAX_CHARS + 1][n_words]: plain, at most so many characters */
    ink_plain_token *long_plain; /* [n_long_plain]: those with more */
    size_t n_long_plain;
    uint32_t *offsets; /* [n_tokens + 1] into bytes */
    char *bytes;       /* the texts; empty for tokens that say nothing */
    size_t longest_bytes;
    int32_t *ends; /* [n_ends]: tokens that end a text */
    size_t n_ends;
} ink_token_trie;

INK_MUST_USE
ink_status ink_token_trie_new(ink_token_trie **out, const ink_vocab *vocab,
                              const ink_allocator *allocator, ink_error *error);
void ink_token_trie_free(ink_token_trie *trie);

/* What a token says; empty when it says nothing or is out of range. */
ink_text ink_token_trie_text(const ink_token_trie *trie, int32_t token);

/* Whether a token's text goes on behind `text` with a byte that `may_follow` allows. */
bool ink_token_trie_goes_on(const ink_token_trie *trie, ink_text text,
                            bool (*may_follow)(void *context, unsigned byte), void *context);

/*
 * ---- A vocabulary's own tree: built when it is first asked for, by whichever thread that is, and
 * kept as long as the vocabulary.
 */

typedef struct ink_trie_holder ink_trie_holder;

/* NULL when memory is out. */
ink_trie_holder *ink_trie_holder_new(const ink_allocator *allocator);
void ink_trie_holder_free(ink_trie_holder *holder);

INK_MUST_USE
ink_status ink_vocab_trie(const ink_vocab *vocab, const ink_token_trie **out, ink_error *error);

#endif
