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

/*
 * Blocks begin with d; codes are nibbles(q, half), pairs(q, half) or triples(q, high, half) of an
 * instruction set, 16 bytes of one register each, and put_levels(out, levels, first, second) looks
 * up what 32 of them stand for.
 */
#define INK_VALUES_LEVELS(name, isa, levels, codes_of_half)                          \
    static void row_##name(ink_block_q8_0 *out, const uint8_t *row, size_t n_blocks) \
    {                                                                                \
        for (size_t i = 0; i < n_blocks; i++, row += sizeof(ink_block_##name)) {     \
            const ink_block_##name *block = (const void *)row;                       \
            memcpy(&out[i].d, row, sizeof out[i].d);                                 \
            put_levels(out[i].q, levels, codes_of_half(0), codes_of_half(1));        \
        }                                                                            \
    }                                                                                \
    void ink_values_##name##_##isa(const ink_values *v)                              \
    {                                                                                \
        ink_values_levels(v, row_##name, ink_values_q8_0_##isa);                     \
    }
#define CODES_IQ4_NL(half) nibbles(block->q, half)
#define CODES_G3(half) triples(block->q, block->high, half)
#define CODES_G2(half) pairs(block->q, half)
#define INK_VALUES_OF_LEVELS(isa)                               \
    INK_VALUES_LEVELS(iq4_nl, isa, ink_codes_iq4, CODES_IQ4_NL) \
    INK_VALUES_LEVELS(g3, isa, ink_codes_g3, CODES_G3)          \
    INK_VALUES_LEVELS(g2, isa, ink_codes_g2, CODES_G2)

#endif
