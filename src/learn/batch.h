/* What one step learns from: rows of tokens, sequences one behind the other. */
#ifndef INK_LEARN_BATCH_H
#define INK_LEARN_BATCH_H

#include <stddef.h>
#include <stdint.h>

typedef struct ink_batch {
    size_t n_tokens;
    /* [n_tokens] each. A sequence begins where its position is 0; a target below 0 does not count. */
    int32_t *tokens, *positions, *targets;
} ink_batch;

#endif
