/*
 * The pairs of neighbors that stand in the words of a corpus now: how often each does, and where.
 *
 * Open addressing, linear probing, at most half full; a pair that no longer stands anywhere leaves
 * the table, which so never holds more pairs than there are places.
 */
#ifndef INK_LEARN_BPE_PAIRS_H
#define INK_LEARN_BPE_PAIRS_H

#include "text/token_map.h"

typedef struct ink_bpe_pair {
    uint64_t key;   /* ink_pair_key, or INK_PAIR_FREE */
    uint64_t count; /* over all words, each as often as it was seen */
    uint32_t first; /* of the places where it stands */
} ink_bpe_pair;

typedef struct ink_bpe_pairs {
    const ink_allocator *allocator;
    ink_bpe_pair *slots; /* [mask + 1]; NULL: there are none */
    size_t n_pairs, mask;
} ink_bpe_pairs;

void ink_bpe_pairs_init(ink_bpe_pairs *pairs, const ink_allocator *allocator);
void ink_bpe_pairs_deinit(ink_bpe_pairs *pairs);

/* NULL when it stands nowhere. The pointers are good until the next take or drop. */
ink_bpe_pair *ink_bpe_pairs_find(const ink_bpe_pairs *pairs, uint64_t key);

/* The pair, with count 0 when it is new; NULL without memory. */
ink_bpe_pair *ink_bpe_pairs_take(ink_bpe_pairs *pairs, uint64_t key);

/* Takes a pair out of the table. */
void ink_bpe_pairs_drop(ink_bpe_pairs *pairs, ink_bpe_pair *pair);

#endif
