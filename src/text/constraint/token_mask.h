/*
 * Which tokens may come next in a state of a grammar: a walk over the vocabulary's trees, kept for
 * the states that were last asked for.
 */
#ifndef INK_TEXT_CONSTRAINT_TOKEN_MASK_H
#define INK_TEXT_CONSTRAINT_TOKEN_MASK_H

#include "text/constraint/grammar.h"
#include "text/constraint/token_trie.h"

/* Masks that are kept: so many bytes, but no more than so many. */
#define INK_MASK_CACHE_BYTES ((size_t)8 << 20)
enum { INK_MASK_CACHE_MAX = 1024, INK_CONTAINS_BUCKETS = 1 << 14, INK_MASK_RUNS = 1024 };

/* Whether all that `inner` begins with may also begin `outer`: pairs that were settled. */
typedef struct ink_contains_pair {
    ink_expr outer, inner;
    bool known, holds;
} ink_contains_pair;

/* How many bytes of some kinds (token_trie.h) a state takes, whatever they are: as far as known. */
typedef struct ink_mask_run {
    ink_expr state;
    uint8_t kinds, n_bytes;
    bool ends; /* it takes no more */
} ink_mask_run;

typedef struct ink_token_mask {
    const ink_allocator *allocator;
    ink_grammar *grammar;
    const ink_token_trie *trie;
    ink_expr plain, word; /* any number of such characters */
    ink_expr plains[INK_TRIE_N_LIMITS], words[INK_TRIE_N_LIMITS]; /* at most so many */
    ink_contains_pair *pairs;                                     /* [INK_CONTAINS_BUCKETS] */
    ink_mask_run runs[INK_MASK_RUNS];                             /* by hash */
    ink_grammar_list todo;
    ink_expr *states; /* of the walk, [longest token + 1] */
    const uint32_t **rows;
    uint32_t *scratch; /* [n_words] */
    size_t n_slots, n_used, oldest;
    ink_expr *slot_states; /* [n_slots] */
    uint32_t *slot_masks;  /* [n_slots][n_words] */
    uint16_t *slot_of;     /* [INK_MASK_CACHE_MAX * 4] slots by hash of state, from 1 */
} ink_token_mask;

/* Before the grammar is finished: it makes expressions of its own. */
INK_MUST_USE
ink_status ink_token_mask_init(ink_token_mask *mask, ink_grammar *grammar,
                               const ink_token_trie *trie, ink_error *error);
void ink_token_mask_deinit(ink_token_mask *mask);

/* [trie->n_words]; without end tokens. Valid until the next call. */
INK_MUST_USE
ink_status ink_token_mask_get(ink_token_mask *mask, ink_expr state, const uint32_t **out,
                              ink_error *error);

#endif
