#include "base/budget.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>
#include "base/size.h"

typedef struct budget {
    ink_allocator self; /* first: the allocator is the budget */
    const ink_allocator *inner;
    size_t max_bytes;
    _Atomic size_t used, peak; /* `used` counts the budget itself until it is given up */
} budget;

_Static_assert(INK_BUDGET_HEADER_BYTES >= sizeof(size_t) &&
                   INK_BUDGET_HEADER_BYTES % alignof(max_align_t) == 0,
               "blocks behind a header must stay aligned");

static bool take(budget *b, size_t n_bytes)
{
    size_t used = atomic_load(&b->used);
    do {
        if (n_bytes > b->max_bytes || used > b->max_bytes - n_bytes)
            return false;
    } while (!atomic_compare_exchange_weak(&b->used, &used, used + n_bytes));
    size_t now = used + n_bytes, peak = atomic_load(&b->peak);
    while (now > peak && !atomic_compare_exchange_weak(&b->peak, &peak, now))
        continue;
    return true;
}

/* Whoever gives back the last byte ends the budget. */
static void give(budget *b, size_t n_bytes)
{
    if (atomic_fetch_sub(&b->used, n_bytes) == n_bytes)
        ink_delete(b->inner, b);
}

static size_t size_of(const char *block)
{
    size_t n_bytes;
    memcpy(&n_bytes, block, sizeof n_bytes);
    return n_bytes;
}

static void *release(budget *b, char *block)
{
    size_t n_bytes = block ? size_of(block) : 0;
    ink_delete(b->inner, block);
    if (n_bytes)
        give(b, n_bytes);
    return NULL;
}

static void *resize(void *context, void *pointer, size_t bytes)
{
    budget *b = context;
    char *block = pointer ? (char *)pointer - INK_BUDGET_HEADER_BYTES : NULL;
    size_t before = block ? size_of(block) : 0, total;
    if (bytes == 0)
        return release(b, block);
    if (!ink_size_add(bytes, INK_BUDGET_HEADER_BYTES, &total))
        return NULL;
    if (total > before && !take(b, total - before))
        return NULL;
    char *moved = ink_resize(b->inner, block, total, 1);
    if (!moved) {
        if (total > before)
            give(b, total - before);
        return NULL;
    }
    if (total < before)
        give(b, before - total);
    memcpy(moved, &total, sizeof total);
    return moved + INK_BUDGET_HEADER_BYTES;
}

const ink_allocator *ink_budget_new(const ink_allocator *inner, size_t max_bytes)
{
    budget *b = ink_new(inner, 1, sizeof *b);
    if (!b)
        return NULL;
    b->self = (ink_allocator){.resize = resize, .context = b};
    b->inner = inner;
    b->max_bytes = max_bytes;
    atomic_init(&b->used, sizeof *b);
    atomic_init(&b->peak, sizeof *b);
    return &b->self;
}

void ink_budget_free(const ink_allocator *allocator)
{
    if (allocator)
        give(allocator->context, sizeof(budget));
}

void ink_budget_get(const ink_allocator *allocator, ink_budget_use *use)
{
    budget *b = allocator->context;
    *use = (ink_budget_use){b->max_bytes, atomic_load(&b->used), atomic_load(&b->peak)};
}

void ink_budget_limit(const ink_allocator *allocator, size_t max_bytes)
{
    budget *b = allocator->context;
    b->max_bytes = max_bytes;
}

const ink_allocator *ink_budget_below(const ink_allocator *allocator)
{
    return allocator && allocator->resize == resize ? ((const budget *)allocator->context)->inner
                                                    : allocator;
}

bool ink_allocator_is_system(const ink_allocator *allocator)
{
    return !ink_budget_below(allocator);
}
