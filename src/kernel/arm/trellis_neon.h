/*
 * Products with weights that are coded along a trellis (kernel/trellis.h), for the file that has
 * defined `sum_pair`. A word of 64 bits, turned by 0, 2, 4 and 6 bits, has in its bytes the windows
 * of the weights 4m, 4m + 1, 4m + 2 and 4m + 3 of a run, and TBL looks up what they stand for. So a
 * vector holds eight weights of two rows, and the activations are put in the same order.
 */
#ifndef INK_KERNEL_ARM_TRELLIS_NEON_H
#define INK_KERNEL_ARM_TRELLIS_NEON_H

#include <string.h>
#include "kernel/trellis_layout.h"

#define MAX_COLUMNS 8

/* Some columns at work: what they read of a run, turn by turn as the weights stand. */
typedef struct columns {
    const ink_q8 *x[MAX_COLUMNS];
    int8x8x4_t words[MAX_COLUMNS];
    float32x4_t acc[MAX_COLUMNS][QUARTERS];
    size_t n;
} columns;

/* Numbers of four rows for a run. */
typedef struct numbers {
    int8x16_t of[2][TURNS];
} numbers;

TEMPLATE int8x16x4_t load_table(const int8_t *values)
{
    return (int8x16x4_t){
        {vld1q_s8(values), vld1q_s8(values + 16), vld1q_s8(values + 32), vld1q_s8(values + 48)}};
}

TEMPLATE uint8x16_t turn_right(uint64x2_t v, int turn)
{
    uint64x2_t turned = turn == 0   ? v
                        : turn == 1 ? vsliq_n_u64(vshrq_n_u64(v, 2), v, 62)
                        : turn == 2 ? vsliq_n_u64(vshrq_n_u64(v, 4), v, 60)
                                    : vsliq_n_u64(vshrq_n_u64(v, 6), v, 58);
    return vreinterpretq_u8_u64(turned);
}

/* 64 in byte m where bit 4m + turn of a row's own 32 bits is set. */
TEMPLATE uint8x16_t own_bits(uint32x4_t twice, int turn)
{
    static const uint8_t half[16] = {0, 0, 1, 1, 2, 2, 3, 3, 8, 8, 9, 9, 10, 10, 11, 11};
    uint8x16_t bytes = vqtbl1q_u8(vreinterpretq_u8_u32(twice), vld1q_u8(half));
    uint8x16_t bits = vreinterpretq_u8_u16(vdupq_n_u16((uint16_t)(0x1001 << turn)));
    return vandq_u8(vtstq_u8(bytes, bits), vdupq_n_u8(64));
}

TEMPLATE void expand(const layout *of, numbers *out, const uint8_t *block, size_t run, size_t at)
{
    const uint8_t *rings = block + INK_TILE_ROWS * (offsetof(ink_block_t2, q) + 8 * run) + at;
    const uint8_t *owns = block + INK_TILE_ROWS * (offsetof(ink_block_t3, own) + 4 * run) + at;
    const int8x16x4_t low = load_table(of->trellis->values);
    const int8x16x4_t high = load_table(of->trellis->values + 64);
    uint32x4_t first = vreinterpretq_u32_u8(vld1q_u8(rings));
    uint32x4_t second = vreinterpretq_u32_u8(vld1q_u8(rings + 64));
    uint32x4_t own = of->own ? vreinterpretq_u32_u8(vld1q_u8(owns)) : first;
    foreach (pair, 2) {
        uint32x4_t ring = pair ? vzip2q_u32(first, second) : vzip1q_u32(first, second);
        uint32x4_t twice = pair ? vzip2q_u32(own, own) : vzip1q_u32(own, own);
        foreach (turn, TURNS) {
            uint8x16_t index = turn_right(vreinterpretq_u64_u32(ring), turn);
            index = vandq_u8(index, vdupq_n_u8(of->own ? 63 : 127));
            if (of->own)
                index = vorrq_u8(index, own_bits(twice, turn));
            out->of[pair][turn] =
                vqtbx4q_s8(vqtbl4q_s8(low, index), high, vsubq_u8(index, vdupq_n_u8(64)));
        }
    }
}

TEMPLATE void add_run(columns *c, const numbers *w, float32x4_t d, size_t run, int quarter)
{
    for (size_t i = 0; i < c->n; i++) {
        int32x4_t sum =
            vpaddq_s32(sum_pair(w->of[0], &c->words[i]), sum_pair(w->of[1], &c->words[i]));
        c->acc[i][quarter] =
            vfmaq_f32(c->acc[i][quarter], vmulq_n_f32(d, c->x[i][run].d), vcvtq_f32_s32(sum));
    }
}

TEMPLATE void multiply_tile(const layout *of, columns *c, const uint8_t *block, size_t n_blocks)
{
    for (size_t b = 0; b < n_blocks; b++, block += of->block_bytes) {
        for (size_t run = 0; run < RUNS; run++) {
            for (size_t i = 0; i < c->n; i++)
                c->words[i] = vld4_s8(c->x[i][run].q);
            for (int quarter = 0; quarter < QUARTERS; quarter++) {
                numbers w;
                uint16x4_t d = vld1_u16((const uint16_t *)(const void *)(block + 8 * quarter));
                expand(of, &w, block, run, 16 * (size_t)quarter);
                add_run(c, &w, vcvt_f32_f16(vreinterpret_f16_u16(d)), run, quarter);
            }
        }
        for (size_t i = 0; i < c->n; i++)
            c->x[i] += RUNS;
    }
}

TEMPLATE void multiply(const layout *of, const ink_matmul *m)
{
    const size_t n_blocks = m->k / INK_SPREAD_BLOCK;
    const uint8_t *block = m->tiles;
    for (size_t row = 0; row < m->n_rows; row += INK_TILE_ROWS, block += n_blocks * of->block_bytes)
        for (size_t col = 0; col < m->n_cols; col += MAX_COLUMNS) {
            columns c = {.n = m->n_cols - col};
            c.n = c.n < MAX_COLUMNS ? c.n : MAX_COLUMNS;
            for (size_t i = 0; i < c.n; i++) {
                c.x[i] = (const ink_q8 *)m->x + (col + i) * m->x_stride;
                foreach (quarter, QUARTERS)
                    c.acc[i][quarter] = vdupq_n_f32(0);
            }
            multiply_tile(of, &c, block, n_blocks);
            for (size_t i = 0; i < c.n; i++)
                foreach (quarter, QUARTERS)
                    store_quarter(m->y + (col + i) * m->y_stride + row, m->n_rows - row, quarter,
                                  c.acc[i][quarter]);
        }
}

#endif
