/*
 * The inside of a vocabulary, for the files that build, encode and decode with it.
 *
 * A kind is one row: how its texts are spelled, what it takes for granted where a file is silent,
 * and the function that encodes a stretch of text without special tokens.
 */
#ifndef INK_TEXT_VOCAB_TABLES_H
#define INK_TEXT_VOCAB_TABLES_H

#include "text/pretokenizer.h"
#include "text/token_map.h"
#include "text/token_special.h"
#include "text/vocab.h"

typedef struct ink_encoder ink_encoder;

/* How the text of a token stands for bytes. */
typedef enum ink_spelling {
    INK_SPELLING_ESCAPED, /* a space is U+2581; bytes are tokens <0x00> to <0xFF> (SentencePiece) */
    INK_SPELLING_BYTE_LEVEL, /* each byte is one character (GPT-2's alphabet) */
} ink_spelling;

typedef struct ink_vocab_kind {
    const char *name; /* as in tokenizer.ggml.model */
    ink_spelling spelling;
    const char *pretokenizer; /* NULL: has none; "": the file names it; else always this one */
    const char *plain_text;   /* ends a turn elsewhere, but is a piece of text here; NULL: none */
    bool has_merges, has_scores, cleans_spaces;
    bool flags[INK_N_VOCAB_FLAGS];
    int32_t roles[INK_N_TOKEN_ROLES]; /* where the file names none: 1 + the id; 0 for none */
    ink_vocab_flag end_flag; /* asks for end_role after the text, as ADD_BOS asks for BOS before */
    ink_token_role end_role;
    ink_status (*encode)(ink_encoder *encoder, ink_text text);
} ink_vocab_kind;

/* NULL when there is no such kind. */
const ink_vocab_kind *ink_vocab_kind_find(ink_text name);

/* Marks of a token beside its type. */
enum {
    INK_TOKEN_IS_END = 1,
    INK_TOKEN_EATS_SPACE = 2, /* whitespace after it in a text belongs to it */
    INK_TOKEN_IS_COPY = 4     /* an earlier token has the same text */
};

struct ink_vocab {
    const ink_allocator *allocator;
    const ink_vocab_kind *kind;
    ink_text *tokens; /* [n_tokens] */
    float *scores;    /* [n_tokens] or NULL */
    uint8_t *types;   /* [n_tokens] */
    uint8_t *marks;   /* [n_tokens] */
    int32_t n_tokens;
    size_t longest_bytes; /* of the token texts that text can become */
    ink_text_map by_text;
    ink_pair_map merges;
    size_t n_ignored_merges;
    int32_t bytes[256];    /* the token of each byte, or -1 */
    bool splits_at_spaces; /* no token reaches over the space before a word: words encode apart */
    int32_t roles[INK_N_TOKEN_ROLES];
    bool flags[INK_N_VOCAB_FLAGS];
    bool cleans_spaces;
    ink_special_map special;
    ink_pretokenizer pretokenizer;
    struct ink_trie_holder *trie; /* of its texts, for constraints; built when asked for */
};

/*
 * Merging may make it of any text. Not so an unused token, which decodes to nothing, nor a
 * user-defined one whose text is not spelled as the others are: it is only found as it stands.
 */
static inline bool ink_token_is_plain(const ink_vocab *vocab, int32_t token)
{
    ink_token_type type = (ink_token_type)vocab->types[token];
    return type == INK_TOKEN_NORMAL ||
           (type == INK_TOKEN_USER_DEFINED && vocab->kind->spelling == INK_SPELLING_ESCAPED);
}

/* The parts of ink_vocab_new that have a file of their own; each reports its errors in full. */
ink_status ink_vocab_build_bytes(ink_vocab *vocab, ink_error *error);
ink_status ink_vocab_build_merges(ink_vocab *vocab, const ink_vocab_source *source,
                                  ink_error *error);
ink_status ink_vocab_build_roles(ink_vocab *vocab, const ink_vocab_source *source,
                                 ink_error *error);

/*
 * A token of this text has a role or ends a generation whatever a file says of it: what is learned
 * from texts must not have it.
 */
bool ink_vocab_is_known_text(ink_text text);

/* The byte that a text of the form <0x00> to <0xFF> names; -1 for others. */
int ink_vocab_named_byte(ink_text text);

/*
 * Byte <-> character of GPT-2's alphabet. The character has 1 or 2 bytes; -1: not in the alphabet.
 */
size_t ink_byte_level_spell(uint8_t byte, char out[2]);
int ink_byte_level_read(uint32_t code_point);

#endif
