/*
 * The weighted sums of attention for formats whose codes stand for levels, for every instruction
 * set: rows become Q8_0 on the stack, in the first cache, and Q8_0's kernel takes them from there.
 * What enters the sums is the same, p * d and an integer, so the bits are those of row one. Kernels
 * of their own for each format and number of columns would be a tenth of the binary.
 *
 * The file that includes this gives INK_VALUES_LEVELS a function that expands one block.
 */
#ifndef INK_KERNEL_VALUES_LEVELS_H
#define INK_KERNEL_VALUES_LEVELS_H

#include <string.h>

#include "kernel/reference.h"

enum { INK_LEVEL_BLOCKS = 512, INK_LEVEL_COLUMNS = 32 }; /* 17 KiB: a page of a head of 256 */

/* The signed levels of 32 codes. */
typedef void ink_levels_fn(int8_t out[INK_Q8_GROUP], const uint8_t *block);

static inline void ink_expand_levels(const ink_values *v, size_t first, size_t n, size_t n_blocks,
                                     size_t block_bytes, ink_levels_fn *levels, ink_block_q8_0 *out)
{
    for (size_t row = first; row < first + n; row++) {
        const uint8_t *block = (const uint8_t *)v->rows + row * v->row_bytes;
        for (size_t i = 0; i < n_blocks; i++, block += block_bytes, out++) {
            memcpy(&out->d, block, sizeof out->d); /* every block begins with d */
            levels(out->q, block);
        }
    }
}

/* As many rows at a time as there is room for; only the first time is what was there rescaled. */
static inline void ink_add_levels(const ink_values *v, size_t block_bytes, ink_levels_fn *levels,
                                  ink_values_fn *add)
{
    static const float as_it_is[INK_LEVEL_COLUMNS] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                                      1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                                      1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    ink_block_q8_0 blocks[INK_LEVEL_BLOCKS];
    const size_t n_blocks = v->head_dim / INK_Q8_GROUP, most = INK_LEVEL_BLOCKS / n_blocks;
    for (size_t first = 0, n; first == 0 || first < v->n_rows; first += n) {
        n = v->n_rows - first < most ? v->n_rows - first : most;
        ink_expand_levels(v, first, n, n_blocks, block_bytes, levels, blocks);
        ink_values part = *v;
        part.rows = blocks;
        part.row_bytes = n_blocks * sizeof *blocks;
        part.n_rows = n;
        for (size_t col = 0; col < v->n_cols; col += part.n_cols) {
            part.n_cols = v->n_cols - col < INK_LEVEL_COLUMNS ? v->n_cols - col : INK_LEVEL_COLUMNS;
            part.p = v->p + col * v->p_stride + first;
            part.rescale = first == 0 ? v->rescale + col : as_it_is;
            part.acc = v->acc + col * v->acc_stride;
            add(&part);
        }
    }
}

#define INK_VALUES_LEVELS(name, isa)                                                       \
    void ink_values_##name##_##isa(const ink_values *v)                                    \
    {                                                                                      \
        ink_add_levels(v, sizeof(ink_block_##name), levels_##name, ink_values_q8_0_##isa); \
    }

#endif
