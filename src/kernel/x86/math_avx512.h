/* kernel/math.h for 16 lanes, line by line: same operations, same roundings, same bits. */
#ifndef INK_KERNEL_X86_MATH_AVX512_H
#define INK_KERNEL_X86_MATH_AVX512_H

#include "kernel/math.h"
#include "kernel/x86/template_avx512.h"

TEMPLATE __m512 negate(__m512 x)
{
    return _mm512_xor_ps(x, _mm512_set1_ps(-0.0f));
}

/* a * b + c with constants for b and c, or for c alone. */
TEMPLATE __m512 fma_ab(__m512 a, float b, float c)
{
    return _mm512_fmadd_ps(a, _mm512_set1_ps(b), _mm512_set1_ps(c));
}

TEMPLATE __m512 fma_c(__m512 a, __m512 b, float c)
{
    return _mm512_fmadd_ps(a, b, _mm512_set1_ps(c));
}

/* ---- Reductions: lanes l and l + 8, then l + 4, l + 2, l + 1. */

TEMPLATE float lanes_sum(__m512 lanes)
{
    __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(lanes), _mm512_extractf32x8_ps(lanes, 1));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

TEMPLATE float lanes_max(__m512 lanes)
{
    __m256 eight = _mm256_max_ps(_mm512_castps512_ps256(lanes), _mm512_extractf32x8_ps(lanes, 1));
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

/* ---- Elementary functions. */

static inline __m512 exp_lanes(__m512 x)
{
    __m512 shifted = fma_ab(x, INK_LOG2_E, INK_ROUND);
    __m512 n = _mm512_sub_ps(shifted, _mm512_set1_ps(INK_ROUND));
    __m512 r = _mm512_fmadd_ps(n, _mm512_set1_ps(-INK_LN2_HIGH), x);
    r = _mm512_fmadd_ps(n, _mm512_set1_ps(-INK_LN2_LOW), r);
    __m512 p = fma_ab(r, INK_EXP_6, INK_EXP_5);
    p = fma_c(p, r, INK_EXP_4);
    p = fma_c(p, r, INK_EXP_3);
    p = fma_c(p, r, INK_EXP_2);
    p = _mm512_fmadd_ps(p, _mm512_mul_ps(r, r), r);
    p = _mm512_add_ps(p, _mm512_set1_ps(1.0f));
    __m512i power = _mm512_slli_epi32(_mm512_castps_si512(shifted), 23);
    __m512 y = _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p), power));
    __mmask16 large = _mm512_cmp_ps_mask(x, _mm512_set1_ps(INK_EXP_MAX), _CMP_GT_OQ);
    __mmask16 small = _mm512_cmp_ps_mask(x, _mm512_set1_ps(INK_EXP_MIN), _CMP_LT_OQ);
    y = _mm512_mask_mov_ps(y, large, _mm512_set1_ps(INFINITY));
    y = _mm512_mask_mov_ps(y, small, _mm512_setzero_ps());
    return _mm512_mask_mov_ps(y, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), x);
}

static inline __m512 log_normal_lanes(__m512 x)
{
    const __m512i sqrt_half = _mm512_set1_epi32((int)INK_SQRT_HALF_BITS);
    __m512i bits = _mm512_sub_epi32(_mm512_castps_si512(x), sqrt_half);
    __m512 n = _mm512_cvtepi32_ps(_mm512_srai_epi32(bits, 23));
    bits = _mm512_add_epi32(_mm512_and_si512(bits, _mm512_set1_epi32(0x7fffff)), sqrt_half);
    __m512 f = _mm512_sub_ps(_mm512_castsi512_ps(bits), _mm512_set1_ps(1.0f));
    __m512 p = fma_ab(f, INK_LOG_10, INK_LOG_9);
    p = fma_c(p, f, INK_LOG_8);
    p = fma_c(p, f, INK_LOG_7);
    p = fma_c(p, f, INK_LOG_6);
    p = fma_c(p, f, INK_LOG_5);
    p = fma_c(p, f, INK_LOG_4);
    p = fma_c(p, f, INK_LOG_3);
    p = fma_c(p, f, INK_LOG_2);
    __m512 low = _mm512_mul_ps(n, _mm512_set1_ps(INK_LN2_LOW));
    p = _mm512_fmadd_ps(p, _mm512_mul_ps(f, f), low);
    p = _mm512_add_ps(p, f);
    return _mm512_fmadd_ps(n, _mm512_set1_ps(INK_LN2_HIGH), p);
}

static inline __m512 tanh_lanes(__m512 x)
{
    const __m512 one = _mm512_set1_ps(1.0f), sign = _mm512_set1_ps(-0.0f);
    __m512 square = _mm512_mul_ps(x, x);
    __m512 p = fma_ab(square, INK_TANH_11, INK_TANH_9);
    p = fma_c(p, square, INK_TANH_7);
    p = fma_c(p, square, INK_TANH_5);
    p = fma_c(p, square, INK_TANH_3);
    __m512 small = _mm512_fmadd_ps(_mm512_mul_ps(x, square), p, x);
    __m512 size = _mm512_andnot_ps(sign, x);
    __m512 e = exp_lanes(_mm512_add_ps(size, size));
    __m512 large = _mm512_div_ps(_mm512_set1_ps(2.0f), _mm512_add_ps(e, one));
    large = _mm512_sub_ps(one, large);
    large = _mm512_or_ps(_mm512_andnot_ps(sign, large), _mm512_and_ps(sign, x));
    __mmask16 is_small = _mm512_cmp_ps_mask(size, _mm512_set1_ps(INK_TANH_SMALL), _CMP_LT_OQ);
    return _mm512_mask_mov_ps(large, is_small, small);
}

static inline __m512 sigmoid_lanes(__m512 x)
{
    const __m512 one = _mm512_set1_ps(1.0f);
    return _mm512_div_ps(one, _mm512_add_ps(one, exp_lanes(negate(x))));
}

static inline __m512 silu_lanes(__m512 x)
{
    return _mm512_div_ps(x, _mm512_add_ps(_mm512_set1_ps(1.0f), exp_lanes(negate(x))));
}

static inline __m512 gelu_lanes(__m512 x)
{
    __m512 square = _mm512_mul_ps(x, x);
    __m512 inner = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_set1_ps(INK_GELU_CUBE), square), x, x);
    __m512 e = exp_lanes(_mm512_mul_ps(_mm512_set1_ps(INK_GELU_MINUS_TWICE), inner));
    return _mm512_div_ps(x, _mm512_add_ps(_mm512_set1_ps(1.0f), e));
}

static inline __m512 softplus_lanes(__m512 x)
{
    const __m512 one = _mm512_set1_ps(1.0f);
    __m512 e = exp_lanes(x);
    __m512 u = _mm512_add_ps(one, e);
    __m512 lost = _mm512_div_ps(_mm512_sub_ps(e, _mm512_sub_ps(u, one)), u);
    __m512 y = _mm512_add_ps(log_normal_lanes(u), lost);
    __mmask16 linear = _mm512_cmp_ps_mask(x, _mm512_set1_ps(INK_SOFTPLUS_LINEAR), _CMP_GT_OQ);
    return _mm512_mask_mov_ps(y, linear, x);
}

/* 0 > x ? 0 : x, which lets a NaN through. */
static inline __m512 relu_lanes(__m512 x)
{
    return _mm512_max_ps(_mm512_setzero_ps(), x);
}

static inline __m512 relu_squared_lanes(__m512 x)
{
    __m512 y = relu_lanes(x);
    return _mm512_mul_ps(y, y);
}

#endif
