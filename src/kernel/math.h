/*
 * Elementary functions and reductions as every kernel computes them: this order of operations,
 * these roundings.
 *
 * Each line is one vector instruction or two: fused multiply-adds, one integer shift and add,
 * selections at the end. A SIMD row mirrors a function line by line and so has its bits.
 * Coefficients are minimax fits (Remez exchange) of our own; the bounds hold against double
 * precision over the whole range. NaN gives NaN.
 */
#ifndef INK_KERNEL_MATH_H
#define INK_KERNEL_MATH_H

#include <math.h>
#include "base/half.h"

/* A reduction has 16 partial results by index modulo 16; a tail leaves the upper ones alone. */
#define INK_LANES 16

/* b with a NaN in either and with two zeros: the x86 max instruction, operands in this order. */
static inline float ink_max(float a, float b)
{
    return a > b ? a : b;
}

/* Lanes l and l + 8, then l + 4, l + 2, l + 1; overwrites its argument. */
static inline float ink_lanes_sum(float lanes[INK_LANES])
{
    for (int half = INK_LANES / 2; half; half /= 2)
        for (int l = 0; l < half; l++)
            lanes[l] = lanes[l] + lanes[l + half];
    return lanes[0];
}

static inline float ink_lanes_max(float lanes[INK_LANES])
{
    for (int half = INK_LANES / 2; half; half /= 2)
        for (int l = 0; l < half; l++)
            lanes[l] = ink_max(lanes[l], lanes[l + half]);
    return lanes[0];
}

/* Added to a small number, leaves it rounded to an integer in the low bits of the sum. */
#define INK_ROUND 0x1.8p23f

#define INK_LOG2_E 0x1.715476p+0f
#define INK_LN2_HIGH 0x1.62e430p-1f /* the product with n is exact inside an fma */
#define INK_LN2_LOW (-0x1.05c610p-29f)

/* exp(x) is finite up to MAX; below MIN it would be under 2^-126, subnormal: flushed to 0. */
#define INK_EXP_MAX 0x1.62e42ep+6f
#define INK_EXP_MIN (-0x1.5d589ep+6f)

/* (exp(r) - 1 - r) / r^2 for |r| <= ln(2) / 2 */
#define INK_EXP_2 0x1.fffffcp-2f
#define INK_EXP_3 0x1.555492p-3f
#define INK_EXP_4 0x1.5558eep-5f
#define INK_EXP_5 0x1.123996p-7f
#define INK_EXP_6 0x1.6a2576p-10f

/* exp(x) within 1.1 ulp. x = n ln 2 + r; adding 2^n into the exponent covers n = -126 .. 128. */
static inline float ink_expf(float x)
{
    float shifted = fmaf(x, INK_LOG2_E, INK_ROUND);
    float n = shifted - INK_ROUND;
    float r = fmaf(n, -INK_LN2_HIGH, x);
    r = fmaf(n, -INK_LN2_LOW, r);
    float p = fmaf(INK_EXP_6, r, INK_EXP_5);
    p = fmaf(p, r, INK_EXP_4);
    p = fmaf(p, r, INK_EXP_3);
    p = fmaf(p, r, INK_EXP_2);
    p = fmaf(p, r * r, r);
    p = p + 1.0f;
    float y = ink_float_from_bits(ink_float_bits(p) + (ink_float_bits(shifted) << 23));
    y = x > INK_EXP_MAX ? INFINITY : y;
    y = x < INK_EXP_MIN ? 0.0f : y;
    return x != x ? x : y;
}

/* (log(1 + f) - f) / f^2 for 1 + f in [sqrt(1/2), sqrt(2)) */
#define INK_SQRT_HALF_BITS 0x3f3504f3u
#define INK_LOG_2 (-0x1.fffff8p-2f)
#define INK_LOG_3 0x1.555544p-2f
#define INK_LOG_4 (-0x1.0003fcp-2f)
#define INK_LOG_5 0x1.99a968p-3f
#define INK_LOG_6 (-0x1.543296p-3f)
#define INK_LOG_7 0x1.221196p-3f
#define INK_LOG_8 (-0x1.0e8202p-3f)
#define INK_LOG_9 0x1.0a5518p-3f
#define INK_LOG_10 (-0x1.4077dap-4f)

/* log(x) within 1.1 ulp for x = 2^n (1 + f) positive, normal, finite; else it means nothing. */
static inline float ink_log_normal(float x)
{
    uint32_t bits = ink_float_bits(x) - INK_SQRT_HALF_BITS;
    float n = (float)((int32_t)bits >> 23);
    float f = ink_float_from_bits((bits & 0x7fffffu) + INK_SQRT_HALF_BITS) - 1.0f;
    float p = fmaf(INK_LOG_10, f, INK_LOG_9);
    p = fmaf(p, f, INK_LOG_8);
    p = fmaf(p, f, INK_LOG_7);
    p = fmaf(p, f, INK_LOG_6);
    p = fmaf(p, f, INK_LOG_5);
    p = fmaf(p, f, INK_LOG_4);
    p = fmaf(p, f, INK_LOG_3);
    p = fmaf(p, f, INK_LOG_2);
    p = fmaf(p, f * f, n * INK_LN2_LOW);
    p = p + f;
    return fmaf(n, INK_LN2_HIGH, p);
}

/* log(x) for every x, within 1.1 ulp: -INFINITY at 0, NaN below. */
static inline float ink_logf(float x)
{
    if (!(x > 0) || x == INFINITY)
        return x == 0 ? -INFINITY : x < 0 ? NAN : x;
    if (x < 0x1p-126f)
        return fmaf(-24.0f, INK_LN2_HIGH, ink_log_normal(x * 0x1p24f));
    return ink_log_normal(x);
}

/* (tanh(x) - x) / x^3 in powers of x^2, for |x| < INK_TANH_SMALL */
#define INK_TANH_SMALL 0.625f
#define INK_TANH_3 (-0x1.555534p-2f)
#define INK_TANH_5 0x1.110768p-3f
#define INK_TANH_7 (-0x1.b84448p-5f)
#define INK_TANH_9 0x1.5256d8p-6f
#define INK_TANH_11 (-0x1.76ac1ap-8f)

/* tanh(x), within 2 ulp. Both branches are cheap enough for a vector to compute both. */
static inline float ink_tanhf(float x)
{
    float square = x * x;
    float p = fmaf(INK_TANH_11, square, INK_TANH_9);
    p = fmaf(p, square, INK_TANH_7);
    p = fmaf(p, square, INK_TANH_5);
    p = fmaf(p, square, INK_TANH_3);
    float small = fmaf(x * square, p, x);
    float size = fabsf(x);
    float large = 1.0f - 2.0f / (ink_expf(size + size) + 1.0f);
    return size < INK_TANH_SMALL ? small : copysignf(large, x);
}

/* 1 / (1 + exp(-x)), within 3 ulp; 0 where exp(-x) is infinite. */
static inline float ink_sigmoidf(float x)
{
    return 1.0f / (1.0f + ink_expf(-x));
}

/* x sigmoid(x), within 3 ulp; -INFINITY gives NaN. Elfwing et al., arXiv:1702.03118. */
static inline float ink_siluf(float x)
{
    return x / (1.0f + ink_expf(-x));
}

#define INK_GELU_CUBE 0.044715f
#define INK_GELU_MINUS_TWICE (-1.5957691216057308f) /* -2 sqrt(2 / pi) */

/*
 * x/2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), Hendrycks & Gimpel, arXiv:1606.08415. As (1 +
 * tanh u) / 2 is sigmoid(2u) this is one exp. Within 3 ulp for x >= -1, an absolute error under
 * 2^-24 below; -INFINITY gives NaN.
 */
static inline float ink_geluf(float x)
{
    float square = x * x;
    float inner = fmaf(INK_GELU_CUBE * square, x, x);
    return x / (1.0f + ink_expf(INK_GELU_MINUS_TWICE * inner));
}

/* Above this, log(1 + exp(x)) is x: exp(-20) is under 2^-28. */
#define INK_SOFTPLUS_LINEAR 20.0f

/* log(1 + exp(x)), within 3 ulp where exp(x) is normal. The quotient gives back what 1 + e lost. */
static inline float ink_softplusf(float x)
{
    float e = ink_expf(x);
    float u = 1.0f + e;
    float lost = (e - (u - 1.0f)) / u;
    float y = ink_log_normal(u) + lost;
    return x > INK_SOFTPLUS_LINEAR ? x : y;
}

#endif
