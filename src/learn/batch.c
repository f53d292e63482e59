#include "learn/batch.h"

ink_status ink_batch_init(ink_batch *batch, size_t n_tokens, const ink_allocator *allocator,
                          ink_error *error)
{
    *batch = (ink_batch){.n_tokens = n_tokens};
    batch->tokens = ink_new(allocator, n_tokens, sizeof *batch->tokens);
    batch->positions = ink_new(allocator, n_tokens, sizeof *batch->positions);
    batch->targets = ink_new(allocator, n_tokens, sizeof *batch->targets);
    batch->origins = ink_new(allocator, n_tokens, sizeof *batch->origins);
    if (batch->tokens && batch->positions && batch->targets && batch->origins)
        return INK_OK;
    ink_batch_deinit(batch, allocator);
    return ink_fail_memory(error, "a batch of tokens");
}

void ink_batch_deinit(ink_batch *batch, const ink_allocator *allocator)
{
    ink_delete(allocator, batch->tokens);
    ink_delete(allocator, batch->positions);
    ink_delete(allocator, batch->targets);
    ink_delete(allocator, batch->origins);
    *batch = (ink_batch){.n_tokens = 0};
}

bool ink_batch_next_sequence(const ink_batch *batch, size_t *begin, size_t *n)
{
    *begin += *n;
    *n = 0;
    if (*begin >= batch->n_tokens)
        return false;
    *n = 1;
    while (*begin + *n < batch->n_tokens && batch->positions[*begin + *n] != 0)
        ++*n;
    return true;
}
