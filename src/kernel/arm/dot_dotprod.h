/* Codes meet activations through SDOT: four of k of four rows, into a sum per row. */
#ifndef INK_KERNEL_ARM_DOT_DOTPROD_H
#define INK_KERNEL_ARM_DOT_DOTPROD_H

#include "kernel/arm/expander_neon.h"

#define DIRECT_WIDTH 2 /* columns that meet a tile at a time: what registers hold */

/* With the four activations of a lane. */
TEMPLATE int32x4_t dot_lane(int32x4_t sum, int8x16_t codes, int8x16_t x, int lane)
{
    return lane == 0   ? vdotq_laneq_s32(sum, codes, x, 0)
           : lane == 1 ? vdotq_laneq_s32(sum, codes, x, 1)
           : lane == 2 ? vdotq_laneq_s32(sum, codes, x, 2)
                       : vdotq_laneq_s32(sum, codes, x, 3);
}

/* Adds units first .. first + n to the sums of each column. */
TEMPLATE void sum_units(expander f, int32x4_t sum[MAX_COLS][QUARTERS], meeting *g, int first, int n,
                        int n_cols)
{
    foreach (i, n) {
        const int unit = unit_at(f.traits, first + i);
        int8x16_t codes[QUARTERS];
        f.code(codes, &g->at, unit);
        foreach (c, n_cols) {
            const int8x16_t x = vld1q_s8(g->x[c]->q + unit / 4 * 16);
            foreach (q, f.n_quarters)
                sum[c][q] = dot_lane(sum[c][q], codes[q], x, unit % 4);
        }
    }
}

#endif
