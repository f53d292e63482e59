/*
 * A quantized matmul in AVX2, the same for every format: a few columns are multiplied straight from the tiles; for more,
 * a stretch of k of one tile is expanded into a panel that stays in the L1 cache while all columns pass by.
 */
#ifndef INK_KERNEL_X86_MATMUL_AVX2_H
#define INK_KERNEL_X86_MATMUL_AVX2_H

#include "kernel/x86/product_avx2.h"

/* A group as its code_fn and scales_fn give it, stored. */
typedef struct panel_group {
    uint8_t code[N_UNITS][UNIT_BYTES];
    float d[INK_TILE_ROWS], m[2][INK_TILE_ROWS];
    int16_t scale[INK_TILE_ROWS][2];
} panel_group;

#define PANEL_GROUPS 32 /* 1024 of k: 24 KiB, most of it read */

typedef void unpack_fn(panel_group *panel, const uint8_t *blocks, size_t n_blocks);

/* What differs between formats. */
typedef struct matmul_format {
    size_t block_bytes, block_groups;
    product_fn *direct[MAX_COLS - 1]; /* by columns - 1 */
    unpack_fn *unpack;
    product_fn *const *panel; /* by columns - 1, of the format's kind */
} matmul_format;

void ink_matmul_avx2(const ink_matmul *m, const matmul_format *format);

INLINE void unpack_blocks(expander f, panel_group *panel, const uint8_t *block, size_t n_blocks)
{
    for (size_t b = 0; b < n_blocks; b++, block += f.block_bytes) {
        for (int group = 0; group < f.n_groups; group++, panel++) {
            for (int h = 0; h < 2; h++) {
                row_scales scales = f.scales(block, group, h);
                UNROLL for (int unit = 0; unit < N_UNITS; unit++)
                    _mm256_store_si256((__m256i *)(panel->code[unit] + 32 * h), f.code(block, group, unit, h));
                _mm256_store_ps(panel->d + 8 * h, scales.d);
                if (f.kind != INK_GROUP_PLAIN)
                    _mm256_store_ps(panel->m[0] + 8 * h, scales.m[0]);
                if (f.kind == INK_GROUP_M16)
                    _mm256_store_ps(panel->m[1] + 8 * h, scales.m[1]);
                if (f.is_scaled)
                    _mm256_store_si256((__m256i *)panel->scale[8 * h], scales.scale);
            }
        }
    }
}

#endif
