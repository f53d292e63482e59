/* Products along a trellis with SDOT. */
#include "kernel/arm/template_neon.h"

#define TURNS 4 /* of a word */

/* Two rows, each in two lanes. */
TEMPLATE int32x4_t sum_pair(const int8x16_t of[TURNS], const int8x8x4_t *x)
{
    int32x4_t sum = vdupq_n_s32(0);
    foreach (i, TURNS)
        sum = vdotq_s32(sum, of[i], vcombine_s8(x->val[i], x->val[i]));
    return sum;
}

#include "kernel/arm/trellis_neon.h"

void ink_matmul_t2_dotprod(const ink_matmul *m)
{
    multiply(&t2, m);
}

void ink_matmul_t3_dotprod(const ink_matmul *m)
{
    multiply(&t3, m);
}
