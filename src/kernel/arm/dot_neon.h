/*
 * Codes meet activations without a dot product instruction: products of bytes are summed in 16
 * bits, as many units as fit, then in pairs in 32 bits, and pairs become rows at the end.
 */
#ifndef INK_KERNEL_ARM_DOT_NEON_H
#define INK_KERNEL_ARM_DOT_NEON_H

#include <string.h>
#include "kernel/arm/expander_neon.h"

#define DIRECT_WIDTH 1 /* columns that meet a tile at a time: what registers hold */

/* How many of n units may be summed in 16 bits: activations are at most 127. */
TEMPLATE int run_of(int largest, int n)
{
    int run = n;
    while (run > 1 && run * largest * 127 > INT16_MAX)
        run /= 2;
    return run;
}

TEMPLATE int8x16_t broadcast_lane(int8x16_t x, int lane)
{
    int32x4_t fours = vreinterpretq_s32_s8(x);
    return vreinterpretq_s8_s32(lane == 0   ? vdupq_laneq_s32(fours, 0)
                                : lane == 1 ? vdupq_laneq_s32(fours, 1)
                                : lane == 2 ? vdupq_laneq_s32(fours, 2)
                                            : vdupq_laneq_s32(fours, 3));
}

/* The four activations of a unit, everywhere. Registers hold those of one column, not of more. */
TEMPLATE int8x16_t broadcast4(const ink_q8 *x, int unit, int n_cols)
{
    if (n_cols == 1)
        return broadcast_lane(vld1q_s8(x->q + unit / 4 * 16), unit % 4);
    int32_t four;
    memcpy(&four, x->q + 4 * unit, sizeof four);
    return vreinterpretq_s8_s32(vdupq_n_s32(four));
}

/* Of four rows: products of the first two and of the last two, each row in two pairs. */
typedef struct pair_sums {
    int16x8_t narrow[2];
    int32x4_t wide[2];
} pair_sums;

TEMPLATE void add_unit(pair_sums *sum, int8x16_t codes, int8x16_t x, bool is_first)
{
    if (is_first) {
        sum->narrow[0] = vmull_s8(vget_low_s8(codes), vget_low_s8(x));
        sum->narrow[1] = vmull_high_s8(codes, x);
    } else {
        sum->narrow[0] = vmlal_s8(sum->narrow[0], vget_low_s8(codes), vget_low_s8(x));
        sum->narrow[1] = vmlal_high_s8(sum->narrow[1], codes, x);
    }
}

TEMPLATE void widen_sums(pair_sums *sum, bool is_first)
{
    foreach (i, 2)
        sum->wide[i] =
            is_first ? vpaddlq_s16(sum->narrow[i]) : vpadalq_s16(sum->wide[i], sum->narrow[i]);
}

/* Adds units first .. first + n to the sums of each column. */
TEMPLATE void sum_units(expander f, int32x4_t sum[MAX_COLS][QUARTERS], meeting *g, int first, int n,
                        int n_cols)
{
    const int run = run_of(f.traits.largest, n);
    pair_sums pairs[MAX_COLS][QUARTERS];
    foreach (i, n) {
        const int unit = unit_at(f.traits, first + i);
        int8x16_t codes[QUARTERS];
        f.code(codes, &g->at, unit);
        foreach (c, n_cols) {
            const int8x16_t x = broadcast4(g->x[c], unit, n_cols);
            foreach (q, f.n_quarters) {
                add_unit(&pairs[c][q], codes[q], x, i % run == 0);
                if (i % run == run - 1)
                    widen_sums(&pairs[c][q], i < run);
            }
        }
    }
    foreach (c, n_cols)
        foreach (q, f.n_quarters)
            sum[c][q] = vaddq_s32(sum[c][q], vpaddq_s32(pairs[c][q].wide[0], pairs[c][q].wide[1]));
}

#endif
