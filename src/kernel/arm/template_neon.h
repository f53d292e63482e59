/*
 * How the NEON files write one loop for many cases: a TEMPLATE is inlined wherever it is called, so
 * that its constant arguments and foreach loops become straight code. Results are 16 lanes in four
 * registers, `quarter` 0 .. 3; a short end is taken element by element, never read or written past.
 * Instructions that want an immediate are chosen by a constant: after inlining one is left.
 */
#ifndef INK_KERNEL_ARM_TEMPLATE_NEON_H
#define INK_KERNEL_ARM_TEMPLATE_NEON_H

#include <arm_neon.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEMPLATE static inline __attribute__((always_inline))

/* A loop of constant length over registers, unrolled. */
#if defined(__clang__)
#define foreach(i, n) _Pragma("clang loop unroll(full)") for (int i = 0; i < (n); i++)
#else
#define foreach(i, n) _Pragma("GCC unroll 32") for (int i = 0; i < (n); i++)
#endif

#define LANES 16
#define QUARTER 4 /* floats in a register */
#define QUARTERS 4

/* How many of 16 elements, of which n exist, are in a quarter and behind it. */
TEMPLATE size_t in_quarter(size_t n, int quarter)
{
    size_t before = QUARTER * (size_t)quarter;
    return n > before ? n - before : 0;
}

/* x[4 * quarter ..] of n elements; 0 beyond them. */
TEMPLATE float32x4_t load_quarter(const float *x, size_t n, int quarter)
{
    const float *from = x + QUARTER * quarter;
    size_t left = in_quarter(n, quarter);
    if (left >= QUARTER)
        return vld1q_f32(from);
    float32x4_t value = vdupq_n_f32(0);
    if (left > 0)
        value = vld1q_lane_f32(from, value, 0);
    if (left > 1)
        value = vld1q_lane_f32(from + 1, value, 1);
    if (left > 2)
        value = vld1q_lane_f32(from + 2, value, 2);
    return value;
}

TEMPLATE void store_quarter(float *y, size_t n, int quarter, float32x4_t value)
{
    float *to = y + QUARTER * quarter;
    size_t left = in_quarter(n, quarter);
    if (left >= QUARTER) {
        vst1q_f32(to, value);
        return;
    }
    if (left > 0)
        vst1q_lane_f32(to, value, 0);
    if (left > 1)
        vst1q_lane_f32(to + 1, value, 1);
    if (left > 2)
        vst1q_lane_f32(to + 2, value, 2);
}

/* `now` in lanes that exist, `before` in those that do not. */
TEMPLATE float32x4_t where_quarter(size_t n, int quarter, float32x4_t now, float32x4_t before)
{
    static const uint32_t lane[QUARTER] = {0, 1, 2, 3};
    size_t left = in_quarter(n, quarter);
    if (left >= QUARTER)
        return now;
    return vbslq_f32(vcltq_u32(vld1q_u32(lane), vdupq_n_u32((uint32_t)left)), now, before);
}

#endif
