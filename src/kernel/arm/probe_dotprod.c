#include "kernel/arm/probe_neon.h"

static uint64_t dot(size_t n_rounds)
{
    int32x4_t sums[N_SUMS];
    int8x16_t a = vdupq_n_s8(3), b = vdupq_n_s8(-2);
    for (int i = 0; i < N_SUMS; i++)
        sums[i] = vdupq_n_s32(0);
    for (size_t round = 0; round < n_rounds; round++)
        for (int i = 0; i < N_SUMS; i++)
            sums[i] = vdotq_s32(sums[i], a, b);
    return add_sums(sums);
}

const ink_probe ink_probe_dotprod = {"dotprod",    INK_CPU_DOTPROD,       read_bytes,       dot,
                                     multiply_add, 2 * 4 * LANES *N_SUMS, 2 * LANES *N_SUMS};
