/*
 * The pairs that could be merged next, most frequent first: a binary heap.
 *
 * Of pairs that are as frequent, the one whose left token is older comes first, then the one whose
 * right token is: the order is whole, so what is learned does not depend on the order of words or
 * of hashing. Counts only fall while a pair waits; whoever takes one out looks whether it still
 * holds, and puts it back with the lower count when it does not.
 */
#ifndef INK_LEARN_BPE_QUEUE_H
#define INK_LEARN_BPE_QUEUE_H

#include "inkling.h"

typedef struct ink_bpe_candidate {
    uint64_t count;
    uint64_t key; /* ink_pair_key */
} ink_bpe_candidate;

typedef struct ink_bpe_queue {
    const ink_allocator *allocator;
    ink_bpe_candidate *heap; /* [n] */
    size_t n, capacity;
} ink_bpe_queue;

void ink_bpe_queue_init(ink_bpe_queue *queue, const ink_allocator *allocator);
void ink_bpe_queue_deinit(ink_bpe_queue *queue);

/* false without memory. */
bool ink_bpe_queue_push(ink_bpe_queue *queue, ink_bpe_candidate candidate);

/* false when it is empty. */
bool ink_bpe_queue_pop(ink_bpe_queue *queue, ink_bpe_candidate *out);

#endif
