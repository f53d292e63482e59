/* What one step learns from: rows of tokens, sequences one behind the other. */
#ifndef INK_LEARN_BATCH_H
#define INK_LEARN_BATCH_H

#include "base/memory.h"
#include "base/status.h"

typedef struct ink_batch {
    size_t n_tokens;
    /*
     * [n_tokens] each. A sequence begins where its position is 0; a target below 0 does not count.
     */
    int32_t *tokens, *positions, *targets;
    int64_t *origins; /* [n_tokens]: which token of the corpus it is; -1: none */
} ink_batch;

/* Zeros; ended by deinit. */
ink_status ink_batch_init(ink_batch *batch, size_t n_tokens, const ink_allocator *allocator,
                          ink_error *error);
void ink_batch_deinit(ink_batch *batch, const ink_allocator *allocator);

/* From {0, 0} on: where the next sequence begins, and how long it is; false behind the last. */
bool ink_batch_next_sequence(const ink_batch *batch, size_t *begin, size_t *n);

#endif
