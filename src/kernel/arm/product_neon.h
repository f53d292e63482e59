/*
 * The product of a tile, or of half of one, with a few columns of ink_q8, written once for every
 * quantized format and every ARM instruction set.
 *
 * A format is an expander: how to get the codes of four k of four rows, and the scales of rows.
 * Lanes are rows. What multiplies codes and activations is in dot_neon.h or dot_dotprod.h, of which
 * a file includes one before this: integer sums are exact, so any way gives the bits of
 * reference.h. Only add_scaled touches floats, in the order given there.
 */
#ifndef INK_KERNEL_ARM_PRODUCT_NEON_H
#define INK_KERNEL_ARM_PRODUCT_NEON_H

#include "kernel/arm/expander_neon.h"

typedef int32x4_t group_sums[MAX_COLS][QUARTERS];

/* What is added to an offset of the codes of both halves, or of one, with its sign turned. */
TEMPLATE void begin_sums(expander f, group_sums sum, const meeting *g, int half, int n_cols)
{
    const int offset = f.traits.offset * (1 << f.shift(g->at.group));
    foreach (c, n_cols) {
        const int16_t *isum = g->x[c]->isum;
        const int inputs = f.traits.is_scaled ? isum[half] : isum[0] + isum[1];
        foreach (q, f.n_quarters)
            sum[c][q] = vdupq_n_s32(offset ? -offset * inputs : 0);
    }
}

/* sum over k of scale * q * x.q, times 2^shift, and the scales, of which registers hold few at a
 * time: they are read when the products are done. */
TEMPLATE void sum_group(expander f, group_sums sum, row_scales *scales, meeting *g,
                        const row_heads *heads, int n_cols)
{
    group_sums second;
    begin_sums(f, sum, g, 0, n_cols);
    sum_units(f, sum, g, 0, f.traits.is_scaled ? N_UNITS / 2 : N_UNITS, n_cols);
    if (f.traits.is_scaled) {
        begin_sums(f, second, g, 1, n_cols);
        sum_units(f, second, g, N_UNITS / 2, N_UNITS / 2, n_cols);
    }
    f.scales(scales, heads, &g->at);
    if (f.traits.is_scaled)
        foreach (c, n_cols)
            foreach (q, f.n_quarters)
                sum[c][q] = vmlaq_s32(vmulq_s32(sum[c][q], scales->scale[0][q]), second[c][q],
                                      scales->scale[1][q]);
}

/* v / 2^shift, which is an integer, in float: one rounding. */
TEMPLATE float32x4_t to_float(int32x4_t v, int shift)
{
    return shift == 4   ? vcvtq_n_f32_s32(v, 4)
           : shift == 2 ? vcvtq_n_f32_s32(v, 2)
                        : vcvtq_f32_s32(v);
}

/* One column's step of the float accumulator of four rows, as reference.h writes it. */
TEMPLATE float32x4_t add_scaled(ink_group_kind kind, float32x4_t acc, float32x4_t sum,
                                const row_scales *scales, int q, const ink_q8 *x)
{
    acc = vfmaq_f32(acc, vmulq_n_f32(scales->d[q], x->d), sum);
    if (kind == INK_GROUP_M32)
        acc = vfmaq_n_f32(acc, scales->m[0][q], x->sum[0] + x->sum[1]);
    if (kind == INK_GROUP_M16) {
        acc = vfmaq_n_f32(acc, scales->m[0][q], x->sum[0]);
        acc = vfmaq_n_f32(acc, scales->m[1][q], x->sum[1]);
    }
    return acc;
}

/*
 * Loads do not pass: left alone, compilers gather those of a whole block at its start and spill
 * most of what they loaded, for Q4_K a third more instructions.
 */
TEMPLATE void keep_order(void)
{
    __asm__ volatile("" ::: "memory");
}

TEMPLATE void add_block(expander f, float32x4_t acc[MAX_COLS][QUARTERS], const uint8_t *block,
                        const ink_q8 *x[MAX_COLS], int n_cols)
{
    row_heads heads;
    f.heads(&heads, block);
    foreach (group, f.n_groups) {
        meeting g = {.at = {.block = block, .group = group}};
        row_scales scales;
        group_sums sum;
        foreach (c, n_cols)
            g.x[c] = x[c]++;
        if (f.n_groups > 1)
            keep_order();
        sum_group(f, sum, &scales, &g, &heads, n_cols);
        foreach (c, n_cols)
            foreach (q, f.n_quarters)
                acc[c][q] = add_scaled(f.traits.kind, acc[c][q],
                                       to_float(sum[c][q], f.shift(group)), &scales, q, g.x[c]);
    }
}

TEMPLATE void multiply_stretch(expander f, const stretch *s, int n_cols)
{
    const ink_q8 *x[MAX_COLS];
    float *y[MAX_COLS];
    float32x4_t acc[MAX_COLS][QUARTERS];
    foreach (c, n_cols) {
        x[c] = s->x + (size_t)c * s->x_stride;
        y[c] = s->y + (size_t)c * s->y_stride;
        foreach (q, f.n_quarters)
            acc[c][q] = s->resumes ? load_quarter(y[c], s->n_rows, q) : vdupq_n_f32(0);
    }
    const uint8_t *block = s->blocks;
    for (size_t b = 0; b < s->n_blocks; b++, block += f.block_bytes)
        add_block(f, acc, block, x, n_cols);
    foreach (c, n_cols)
        foreach (q, f.n_quarters)
            store_quarter(y[c], s->n_rows, q, acc[c][q]);
}

#endif
