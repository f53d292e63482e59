/* Checked size arithmetic: every size product is overflow-checked where it is born. */
#ifndef INK_BASE_SIZE_H
#define INK_BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* true and *out = a op b when the result fits; false and *out unspecified when it does not. */
static inline bool ink_size_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static inline bool ink_size_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

static inline bool ink_u64_mul(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static inline bool ink_u64_add(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

/* `alignment` is a power of two. */
static inline bool ink_size_align(size_t bytes, size_t alignment, size_t *out)
{
    if (!ink_size_add(bytes, alignment - 1, out))
        return false;
    *out &= ~(alignment - 1);
    return true;
}

static inline size_t ink_size_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t ink_size_max(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* How many groups of `group` hold `n`; no overflow for any n. */
static inline size_t ink_size_groups(size_t n, size_t group)
{
    return n / group + (n % group != 0);
}

#endif
