/* kernel/math.h for 4 lanes, line by line: same operations, same roundings, same bits. */
#ifndef INK_KERNEL_ARM_MATH_NEON_H
#define INK_KERNEL_ARM_MATH_NEON_H

#include "kernel/arm/template_neon.h"
#include "kernel/math.h"

/* a * b + c with constants for b and c, or for c alone. */
TEMPLATE float32x4_t fma_ab(float32x4_t a, float b, float c)
{
    return vfmaq_f32(vdupq_n_f32(c), a, vdupq_n_f32(b));
}

TEMPLATE float32x4_t fma_c(float32x4_t a, float32x4_t b, float c)
{
    return vfmaq_f32(vdupq_n_f32(c), a, b);
}

/* As ink_max: the instruction of that name gives a NaN where either is one. */
TEMPLATE float32x4_t max_lanes(float32x4_t a, float32x4_t b)
{
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}

/* ---- Reductions of 16 lanes: l and l + 8, then l + 4, l + 2, l + 1. */

TEMPLATE float lanes_sum(const float32x4_t lanes[QUARTERS])
{
    float32x4_t four = vaddq_f32(vaddq_f32(lanes[0], lanes[2]), vaddq_f32(lanes[1], lanes[3]));
    float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

TEMPLATE float lanes_max(const float32x4_t lanes[QUARTERS])
{
    float32x4_t four = max_lanes(max_lanes(lanes[0], lanes[2]), max_lanes(lanes[1], lanes[3]));
    float32x4_t two = max_lanes(four, vextq_f32(four, four, 2));
    return ink_max(vgetq_lane_f32(two, 0), vgetq_lane_f32(two, 1));
}

/* ---- Elementary functions. */

TEMPLATE float32x4_t exp_lanes(float32x4_t x)
{
    float32x4_t shifted = fma_ab(x, INK_LOG2_E, INK_ROUND);
    float32x4_t n = vsubq_f32(shifted, vdupq_n_f32(INK_ROUND));
    float32x4_t r = vfmaq_f32(x, n, vdupq_n_f32(-INK_LN2_HIGH));
    r = vfmaq_f32(r, n, vdupq_n_f32(-INK_LN2_LOW));
    float32x4_t p = fma_ab(r, INK_EXP_6, INK_EXP_5);
    p = fma_c(p, r, INK_EXP_4);
    p = fma_c(p, r, INK_EXP_3);
    p = fma_c(p, r, INK_EXP_2);
    p = vfmaq_f32(r, p, vmulq_f32(r, r));
    p = vaddq_f32(p, vdupq_n_f32(1.0f));
    int32x4_t power = vshlq_n_s32(vreinterpretq_s32_f32(shifted), 23);
    float32x4_t y = vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(p), power));
    y = vbslq_f32(vcgtq_f32(x, vdupq_n_f32(INK_EXP_MAX)), vdupq_n_f32(INFINITY), y);
    y = vbslq_f32(vcltq_f32(x, vdupq_n_f32(INK_EXP_MIN)), vdupq_n_f32(0), y);
    return vbslq_f32(vceqq_f32(x, x), y, x);
}

TEMPLATE float32x4_t log_normal_lanes(float32x4_t x)
{
    const uint32x4_t sqrt_half = vdupq_n_u32(INK_SQRT_HALF_BITS);
    uint32x4_t bits = vsubq_u32(vreinterpretq_u32_f32(x), sqrt_half);
    float32x4_t n = vcvtq_f32_s32(vshrq_n_s32(vreinterpretq_s32_u32(bits), 23));
    bits = vaddq_u32(vandq_u32(bits, vdupq_n_u32(0x7fffff)), sqrt_half);
    float32x4_t f = vsubq_f32(vreinterpretq_f32_u32(bits), vdupq_n_f32(1.0f));
    float32x4_t p = fma_ab(f, INK_LOG_10, INK_LOG_9);
    p = fma_c(p, f, INK_LOG_8);
    p = fma_c(p, f, INK_LOG_7);
    p = fma_c(p, f, INK_LOG_6);
    p = fma_c(p, f, INK_LOG_5);
    p = fma_c(p, f, INK_LOG_4);
    p = fma_c(p, f, INK_LOG_3);
    p = fma_c(p, f, INK_LOG_2);
    float32x4_t low = vmulq_f32(n, vdupq_n_f32(INK_LN2_LOW));
    p = vfmaq_f32(low, p, vmulq_f32(f, f));
    p = vaddq_f32(p, f);
    return vfmaq_f32(p, n, vdupq_n_f32(INK_LN2_HIGH));
}

TEMPLATE float32x4_t tanh_lanes(float32x4_t x)
{
    const float32x4_t one = vdupq_n_f32(1.0f);
    float32x4_t square = vmulq_f32(x, x);
    float32x4_t p = fma_ab(square, INK_TANH_11, INK_TANH_9);
    p = fma_c(p, square, INK_TANH_7);
    p = fma_c(p, square, INK_TANH_5);
    p = fma_c(p, square, INK_TANH_3);
    float32x4_t small = vfmaq_f32(x, vmulq_f32(x, square), p);
    float32x4_t size = vabsq_f32(x);
    float32x4_t e = exp_lanes(vaddq_f32(size, size));
    float32x4_t large = vsubq_f32(one, vdivq_f32(vdupq_n_f32(2.0f), vaddq_f32(e, one)));
    large = vbslq_f32(vdupq_n_u32(0x80000000u), x, large);
    return vbslq_f32(vcltq_f32(size, vdupq_n_f32(INK_TANH_SMALL)), small, large);
}

TEMPLATE float32x4_t sigmoid_lanes(float32x4_t x)
{
    const float32x4_t one = vdupq_n_f32(1.0f);
    return vdivq_f32(one, vaddq_f32(one, exp_lanes(vnegq_f32(x))));
}

TEMPLATE float32x4_t silu_lanes(float32x4_t x)
{
    return vdivq_f32(x, vaddq_f32(vdupq_n_f32(1.0f), exp_lanes(vnegq_f32(x))));
}

TEMPLATE float32x4_t gelu_lanes(float32x4_t x)
{
    float32x4_t square = vmulq_f32(x, x);
    float32x4_t inner = vfmaq_f32(x, vmulq_f32(vdupq_n_f32(INK_GELU_CUBE), square), x);
    float32x4_t e = exp_lanes(vmulq_f32(vdupq_n_f32(INK_GELU_MINUS_TWICE), inner));
    return vdivq_f32(x, vaddq_f32(vdupq_n_f32(1.0f), e));
}

TEMPLATE float32x4_t softplus_lanes(float32x4_t x)
{
    const float32x4_t one = vdupq_n_f32(1.0f);
    float32x4_t e = exp_lanes(x);
    float32x4_t u = vaddq_f32(one, e);
    float32x4_t lost = vdivq_f32(vsubq_f32(e, vsubq_f32(u, one)), u);
    float32x4_t y = vaddq_f32(log_normal_lanes(u), lost);
    return vbslq_f32(vcgtq_f32(x, vdupq_n_f32(INK_SOFTPLUS_LINEAR)), x, y);
}

/* 0 > x ? 0 : x, which lets a NaN through. */
TEMPLATE float32x4_t relu_lanes(float32x4_t x)
{
    return max_lanes(vdupq_n_f32(0), x);
}

TEMPLATE float32x4_t relu_squared_lanes(float32x4_t x)
{
    float32x4_t y = relu_lanes(x);
    return vmulq_f32(y, y);
}

#endif
