/*
 * A budget: an allocator that counts what is taken through it, and refuses what would go beyond its
 * limit.
 *
 * A block knows its size by a header of its own, so the count is of what was asked for, and no
 * allocator below needs to tell. What is still in use when the budget is given up keeps it alive:
 * results that an application holds may be freed later than the model that made them.
 */
#ifndef INK_BASE_BUDGET_H
#define INK_BASE_BUDGET_H

#include "base/memory.h"

/* Bytes before each block: it stays aligned for any type. */
#define INK_BUDGET_HEADER_BYTES ((size_t)16)

typedef struct ink_budget_use {
    size_t max_bytes, used_bytes, peak_bytes; /* headers included */
} ink_budget_use;

/*
 * Takes from `inner`, which outlives all of it; NULL is the C library. NULL when memory is out.
 */
const ink_allocator *ink_budget_new(const ink_allocator *inner, size_t max_bytes);

/* Accepts NULL. */
void ink_budget_free(const ink_allocator *budget);

void ink_budget_get(const ink_allocator *budget, ink_budget_use *use);

/* From here on, while nobody else takes from it. What is in use stays, also beyond the limit. */
void ink_budget_limit(const ink_allocator *budget, size_t max_bytes);

/* Where a budget takes from; of any other allocator itself. For what is only looked at and gone. */
const ink_allocator *ink_budget_below(const ink_allocator *allocator);

/* Whether blocks come from the C library in the end: no allocator, or a budget over none. */
bool ink_allocator_is_system(const ink_allocator *allocator);

#endif
