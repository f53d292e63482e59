/* Products along a trellis without a dot product instruction: two products of bytes fit 16 bits. */
#include "kernel/arm/template_neon.h"

#define TURNS 4 /* of a word */

/* Two rows, each in two lanes. */
TEMPLATE int32x4_t sum_pair(const int8x16_t of[TURNS], const int8x8x4_t *x)
{
    int32x4_t sum[2] = {vdupq_n_s32(0), vdupq_n_s32(0)};
    foreach (i, TURNS / 2) {
        const int8x16_t a = of[2 * i], b = of[2 * i + 1];
        const int8x8_t of_a = x->val[2 * i], of_b = x->val[2 * i + 1];
        sum[0] =
            vpadalq_s16(sum[0], vmlal_s8(vmull_s8(vget_low_s8(a), of_a), vget_low_s8(b), of_b));
        sum[1] =
            vpadalq_s16(sum[1], vmlal_s8(vmull_s8(vget_high_s8(a), of_a), vget_high_s8(b), of_b));
    }
    return vpaddq_s32(sum[0], sum[1]);
}

#include "kernel/arm/trellis_neon.h"

void ink_matmul_t2_neon(const ink_matmul *m)
{
    multiply(&t2, m);
}

void ink_matmul_t3_neon(const ink_matmul *m)
{
    multiply(&t3, m);
}
