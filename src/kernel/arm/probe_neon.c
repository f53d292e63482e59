#include "kernel/arm/probe_neon.h"

/* Without dot products: products of bytes in halves, added up in pairs. */
static uint64_t dot(size_t n_rounds)
{
    int32x4_t sums[N_SUMS];
    int8x16_t a = vdupq_n_s8(3), b = vdupq_n_s8(-2);
    for (int i = 0; i < N_SUMS; i++)
        sums[i] = vdupq_n_s32(0);
    for (size_t round = 0; round < n_rounds; round++)
        for (int i = 0; i < N_SUMS; i++) {
            __asm__ volatile("" : "+w"(b)); /* else the product is taken out of the loop */
            int16x8_t product = vmull_s8(vget_low_s8(a), vget_low_s8(b));
            sums[i] = vpadalq_s16(sums[i], vmlal_high_s8(product, a, b));
        }
    return add_sums(sums);
}

const ink_probe ink_probe_neon = {"neon",       INK_CPU_NEON,          read_bytes,       dot,
                                  multiply_add, 2 * 4 * LANES *N_SUMS, 2 * LANES *N_SUMS};
