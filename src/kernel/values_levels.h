/*
 * The weighted sums of attention for formats whose codes stand for levels, for every instruction
 * set: rows become Q8_0 on the stack, in the first cache, and Q8_0's kernel takes them from there.
 * What enters the sums is the same, p * d and an integer, so the bits are those of row one. Kernels
 * of their own, for each format and number of columns, took 70 KB more of the binary.
 */
#ifndef INK_KERNEL_VALUES_LEVELS_H
#define INK_KERNEL_VALUES_LEVELS_H

#include <string.h>

#include "kernel/reference.h"

/* A row of blocks to Q8_0. */
typedef void ink_levels_fn(ink_block_q8_0 *out, const uint8_t *row, size_t n_blocks);

void ink_values_levels(const ink_values *v, ink_levels_fn *levels, ink_values_fn *add);

/* levels_<name>(int8_t out[32], const uint8_t *block) is in scope; every block begins with d. */
#define INK_VALUES_LEVELS(name, isa)                                                 \
    static void row_##name(ink_block_q8_0 *out, const uint8_t *row, size_t n_blocks) \
    {                                                                                \
        for (size_t i = 0; i < n_blocks; i++, row += sizeof(ink_block_##name)) {     \
            memcpy(&out[i].d, row, sizeof out[i].d);                                 \
            levels_##name(out[i].q, row);                                            \
        }                                                                            \
    }                                                                                \
    void ink_values_##name##_##isa(const ink_values *v)                              \
    {                                                                                \
        ink_values_levels(v, row_##name, ink_values_q8_0_##isa);                     \
    }

#endif
