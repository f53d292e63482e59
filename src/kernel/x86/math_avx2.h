/* kernel/math.h for 8 lanes, line by line: same operations, same roundings, same bits. */
#ifndef INK_KERNEL_X86_MATH_AVX2_H
#define INK_KERNEL_X86_MATH_AVX2_H

#include "kernel/math.h"
#include "kernel/x86/template_avx2.h"

/* fma with constants for b and c, or for c alone. */
TEMPLATE __m256 fma_ab(__m256 a, float b, float c)
{
    return _mm256_fmadd_ps(a, _mm256_set1_ps(b), _mm256_set1_ps(c));
}

TEMPLATE __m256 fma_c(__m256 a, __m256 b, float c)
{
    return _mm256_fmadd_ps(a, b, _mm256_set1_ps(c));
}

/* value where the comparison holds, else y. */
TEMPLATE __m256 choose(__m256 y, __m256 holds, __m256 value)
{
    return _mm256_blendv_ps(y, value, holds);
}

TEMPLATE __m256 above(__m256 x, float limit)
{
    return _mm256_cmp_ps(x, _mm256_set1_ps(limit), _CMP_GT_OQ);
}

TEMPLATE __m256 below(__m256 x, float limit)
{
    return _mm256_cmp_ps(x, _mm256_set1_ps(limit), _CMP_LT_OQ);
}

TEMPLATE __m256 negate(__m256 x)
{
    return _mm256_xor_ps(x, _mm256_set1_ps(-0.0f));
}

/* ---- Reductions: lanes l and l + 8, then l + 4, l + 2, l + 1. */

TEMPLATE float lanes_sum(const __m256 lanes[2])
{
    __m256 eight = _mm256_add_ps(lanes[0], lanes[1]);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

TEMPLATE float lanes_max(const __m256 lanes[2])
{
    __m256 eight = _mm256_max_ps(lanes[0], lanes[1]);
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

/* ---- Elementary functions. */

static inline __m256 exp_lanes(__m256 x)
{
    __m256 shifted = fma_ab(x, INK_LOG2_E, INK_ROUND);
    __m256 n = _mm256_sub_ps(shifted, _mm256_set1_ps(INK_ROUND));
    __m256 r = _mm256_fmadd_ps(n, _mm256_set1_ps(-INK_LN2_HIGH), x);
    r = _mm256_fmadd_ps(n, _mm256_set1_ps(-INK_LN2_LOW), r);
    __m256 p = fma_ab(r, INK_EXP_6, INK_EXP_5);
    p = fma_c(p, r, INK_EXP_4);
    p = fma_c(p, r, INK_EXP_3);
    p = fma_c(p, r, INK_EXP_2);
    p = _mm256_fmadd_ps(p, _mm256_mul_ps(r, r), r);
    p = _mm256_add_ps(p, _mm256_set1_ps(1.0f));
    __m256i power = _mm256_slli_epi32(_mm256_castps_si256(shifted), 23);
    __m256 y = _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), power));
    y = choose(y, above(x, INK_EXP_MAX), _mm256_set1_ps(INFINITY));
    y = choose(y, below(x, INK_EXP_MIN), _mm256_setzero_ps());
    return choose(y, _mm256_cmp_ps(x, x, _CMP_UNORD_Q), x);
}

static inline __m256 log_normal_lanes(__m256 x)
{
    const __m256i sqrt_half = _mm256_set1_epi32((int)INK_SQRT_HALF_BITS);
    __m256i bits = _mm256_sub_epi32(_mm256_castps_si256(x), sqrt_half);
    __m256 n = _mm256_cvtepi32_ps(_mm256_srai_epi32(bits, 23));
    bits = _mm256_add_epi32(_mm256_and_si256(bits, _mm256_set1_epi32(0x7fffff)), sqrt_half);
    __m256 f = _mm256_sub_ps(_mm256_castsi256_ps(bits), _mm256_set1_ps(1.0f));
    __m256 p = fma_ab(f, INK_LOG_10, INK_LOG_9);
    p = fma_c(p, f, INK_LOG_8);
    p = fma_c(p, f, INK_LOG_7);
    p = fma_c(p, f, INK_LOG_6);
    p = fma_c(p, f, INK_LOG_5);
    p = fma_c(p, f, INK_LOG_4);
    p = fma_c(p, f, INK_LOG_3);
    p = fma_c(p, f, INK_LOG_2);
    __m256 low = _mm256_mul_ps(n, _mm256_set1_ps(INK_LN2_LOW));
    p = _mm256_fmadd_ps(p, _mm256_mul_ps(f, f), low);
    p = _mm256_add_ps(p, f);
    return _mm256_fmadd_ps(n, _mm256_set1_ps(INK_LN2_HIGH), p);
}

static inline __m256 tanh_lanes(__m256 x)
{
    const __m256 one = _mm256_set1_ps(1.0f), sign = _mm256_set1_ps(-0.0f);
    __m256 square = _mm256_mul_ps(x, x);
    __m256 p = fma_ab(square, INK_TANH_11, INK_TANH_9);
    p = fma_c(p, square, INK_TANH_7);
    p = fma_c(p, square, INK_TANH_5);
    p = fma_c(p, square, INK_TANH_3);
    __m256 small = _mm256_fmadd_ps(_mm256_mul_ps(x, square), p, x);
    __m256 size = _mm256_andnot_ps(sign, x);
    __m256 e = exp_lanes(_mm256_add_ps(size, size));
    __m256 large = _mm256_div_ps(_mm256_set1_ps(2.0f), _mm256_add_ps(e, one));
    large = _mm256_sub_ps(one, large);
    large = _mm256_or_ps(_mm256_andnot_ps(sign, large), _mm256_and_ps(sign, x));
    return choose(large, below(size, INK_TANH_SMALL), small);
}

static inline __m256 sigmoid_lanes(__m256 x)
{
    const __m256 one = _mm256_set1_ps(1.0f);
    return _mm256_div_ps(one, _mm256_add_ps(one, exp_lanes(negate(x))));
}

static inline __m256 silu_lanes(__m256 x)
{
    return _mm256_div_ps(x, _mm256_add_ps(_mm256_set1_ps(1.0f), exp_lanes(negate(x))));
}

static inline __m256 gelu_lanes(__m256 x)
{
    __m256 square = _mm256_mul_ps(x, x);
    __m256 inner = _mm256_fmadd_ps(_mm256_mul_ps(_mm256_set1_ps(INK_GELU_CUBE), square), x, x);
    __m256 e = exp_lanes(_mm256_mul_ps(_mm256_set1_ps(INK_GELU_MINUS_TWICE), inner));
    return _mm256_div_ps(x, _mm256_add_ps(_mm256_set1_ps(1.0f), e));
}

static inline __m256 softplus_lanes(__m256 x)
{
    const __m256 one = _mm256_set1_ps(1.0f);
    __m256 e = exp_lanes(x);
    __m256 u = _mm256_add_ps(one, e);
    __m256 lost = _mm256_div_ps(_mm256_sub_ps(e, _mm256_sub_ps(u, one)), u);
    __m256 y = _mm256_add_ps(log_normal_lanes(u), lost);
    return choose(y, above(x, INK_SOFTPLUS_LINEAR), x);
}

/* 0 > x ? 0 : x, which lets a NaN through. */
static inline __m256 relu_lanes(__m256 x)
{
    return _mm256_max_ps(_mm256_setzero_ps(), x);
}

static inline __m256 relu_squared_lanes(__m256 x)
{
    __m256 y = relu_lanes(x);
    return _mm256_mul_ps(y, y);
}

#endif
