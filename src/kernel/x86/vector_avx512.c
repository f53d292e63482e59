/*
 * The ops along a vector, 16 elements at a time; a short tail is masked, so nothing past the end is
 * read or written and reductions leave the upper lanes alone.
 */
#include "kernel/kernel.h"
#include "kernel/x86/math_avx512.h"

/* ---- Elementwise. */

typedef __m512 unary_fn(__m512 x);
typedef __m512 binary_fn(__m512 a, __m512 b);

TEMPLATE void each(float *y, const float *x, size_t n, unary_fn *f)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        _mm512_storeu_ps(y + i, f(_mm512_loadu_ps(x + i)));
    __mmask16 tail = first_lanes(n - i);
    if (tail)
        _mm512_mask_storeu_ps(y + i, tail, f(_mm512_maskz_loadu_ps(tail, x + i)));
}

TEMPLATE void each_pair(float *y, const float *a, const float *b, size_t n, binary_fn *f)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        _mm512_storeu_ps(y + i, f(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i)));
    __mmask16 tail = first_lanes(n - i);
    if (tail) {
        __m512 last_a = _mm512_maskz_loadu_ps(tail, a + i);
        __m512 last_b = _mm512_maskz_loadu_ps(tail, b + i);
        _mm512_mask_storeu_ps(y + i, tail, f(last_a, last_b));
    }
}

#define EACH(op)                                                        \
    INSTANCE void ink_##op##_avx512(float *y, const float *x, size_t n) \
    {                                                                   \
        each(y, x, n, op##_lanes);                                      \
    }
EACH(silu)
EACH(gelu)
EACH(relu)
EACH(relu_squared)
EACH(sigmoid)
EACH(tanh)
EACH(softplus)
EACH(exp)

static inline __m512 add_lanes(__m512 a, __m512 b)
{
    return _mm512_add_ps(a, b);
}

static inline __m512 multiply_lanes(__m512 a, __m512 b)
{
    return _mm512_mul_ps(a, b);
}

INSTANCE void ink_add_avx512(float *y, const float *a, const float *b, size_t n)
{
    each_pair(y, a, b, n, add_lanes);
}

INSTANCE void ink_multiply_avx512(float *y, const float *a, const float *b, size_t n)
{
    each_pair(y, a, b, n, multiply_lanes);
}

void ink_scale_avx512(float *y, const float *x, float factor, size_t n)
{
    for (size_t i = 0; i < n; i += LANES) {
        __mmask16 lanes = first_lanes(n - i);
        __m512 value = _mm512_maskz_loadu_ps(lanes, x + i);
        _mm512_mask_storeu_ps(y + i, lanes, _mm512_mul_ps(value, _mm512_set1_ps(factor)));
    }
}

/* ---- Quantizing activations. */

#define SMALLEST_MAX 1e-30f

TEMPLATE __m512i magnitude_bits(__m512 x)
{
    return _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7fffffff));
}

TEMPLATE __m128i quantize_half(__m512 x, __m512 inverse)
{
    const __m512 round = _mm512_set1_ps(INK_ROUND);
    __m512 q = _mm512_sub_ps(_mm512_add_ps(_mm512_mul_ps(x, inverse), round), round);
    return _mm512_cvtepi32_epi8(_mm512_cvttps_epi32(q));
}

/* The sum of 16 signed bytes, through the sum of absolute differences of bytes moved up by 128. */
TEMPLATE int16_t sum_half(__m128i q)
{
    __m128i raised = _mm_xor_si128(q, _mm_set1_epi8(-128));
    __m128i sums = _mm_sad_epu8(raised, _mm_setzero_si128());
    return (int16_t)(_mm_cvtsi128_si32(sums) + _mm_extract_epi16(sums, 4) - 16 * 128);
}

static void quantize_group(ink_q8 *y, const float *x)
{
    __m512 first = _mm512_loadu_ps(x), second = _mm512_loadu_ps(x + LANES);
    __m512i magnitudes = _mm512_max_epu32(magnitude_bits(first), magnitude_bits(second));
    uint32_t max_bits = _mm512_reduce_max_epu32(magnitudes);
    float max = ink_float_from_bits(max_bits);
    if (max_bits >= 0x7f800000u || max < SMALLEST_MAX) {
        *y = (ink_q8){.d = 0};
        if (max_bits >= 0x7f800000u)
            y->d = y->sum[0] = y->sum[1] = ink_float_from_bits(0x7fc00000u);
        return;
    }
    __m512 inverse = _mm512_set1_ps(127.0f / max);
    __m128i half[2] = {quantize_half(first, inverse), quantize_half(second, inverse)};
    y->d = max / 127.0f;
    for (int i = 0; i < 2; i++) {
        _mm_storeu_si128((__m128i *)(void *)(y->q + 16 * i), half[i]);
        y->isum[i] = sum_half(half[i]);
        y->sum[i] = y->d * (float)y->isum[i];
    }
}

void ink_quantize_q8_avx512(ink_q8 *y, const float *x, size_t n_groups)
{
    for (size_t g = 0; g < n_groups; g++)
        quantize_group(y + g, x + g * INK_Q8_GROUP);
}

/* ---- Norms. */

static float sum_squares(const float *x, size_t n, float center)
{
    __m512 sums = _mm512_setzero_ps();
    for (size_t i = 0; i < n; i += LANES) {
        __mmask16 lanes = first_lanes(n - i);
        __m512 distance = _mm512_maskz_loadu_ps(lanes, x + i);
        distance = _mm512_sub_ps(distance, _mm512_set1_ps(center));
        sums = _mm512_mask3_fmadd_ps(distance, distance, sums, lanes);
    }
    return lanes_sum(sums);
}

static float sum(const float *x, size_t n)
{
    __m512 sums = _mm512_setzero_ps();
    for (size_t i = 0; i < n; i += LANES) {
        __mmask16 lanes = first_lanes(n - i);
        sums = _mm512_mask_add_ps(sums, lanes, sums, _mm512_maskz_loadu_ps(lanes, x + i));
    }
    return lanes_sum(sums);
}

void ink_rms_norm_avx512(float *y, const float *x, const float *weight, size_t n, float epsilon)
{
    float factor = 1.0f / sqrtf(sum_squares(x, n, 0) / (float)n + epsilon);
    for (size_t i = 0; i < n; i += LANES) {
        __mmask16 lanes = first_lanes(n - i);
        __m512 value = _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, x + i), _mm512_set1_ps(factor));
        if (weight)
            value = _mm512_mul_ps(value, _mm512_maskz_loadu_ps(lanes, weight + i));
        _mm512_mask_storeu_ps(y + i, lanes, value);
    }
}

void ink_layer_norm_avx512(float *y, const float *x, const float *weight, const float *bias,
                           size_t n, float epsilon)
{
    float mean = sum(x, n) / (float)n;
    float factor = 1.0f / sqrtf(sum_squares(x, n, mean) / (float)n + epsilon);
    for (size_t i = 0; i < n; i += LANES) {
        __mmask16 lanes = first_lanes(n - i);
        __m512 value = _mm512_sub_ps(_mm512_maskz_loadu_ps(lanes, x + i), _mm512_set1_ps(mean));
        value = _mm512_mul_ps(value, _mm512_set1_ps(factor));
        if (weight)
            value = _mm512_mul_ps(value, _mm512_maskz_loadu_ps(lanes, weight + i));
        if (bias)
            value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(lanes, bias + i));
        _mm512_mask_storeu_ps(y + i, lanes, value);
    }
}

/* ---- Softmax. */

static float find_max(const float *x, size_t n)
{
    __m512 max = _mm512_set1_ps(-INFINITY);
    for (size_t i = 0; i < n; i += LANES) {
        __mmask16 lanes = first_lanes(n - i);
        max = _mm512_mask_max_ps(max, lanes, _mm512_maskz_loadu_ps(lanes, x + i), max);
    }
    return lanes_max(max);
}

/* y = exp(x - max), and its sum. */
INSTANCE static float exp_below(float *y, const float *x, size_t n, float max)
{
    __m512 sums = _mm512_setzero_ps();
    for (size_t i = 0; i < n; i += LANES) {
        __mmask16 lanes = first_lanes(n - i);
        __m512 below = _mm512_maskz_loadu_ps(lanes, x + i);
        __m512 e = exp_lanes(_mm512_sub_ps(below, _mm512_set1_ps(max)));
        _mm512_mask_storeu_ps(y + i, lanes, e);
        sums = _mm512_mask_add_ps(sums, lanes, sums, e);
    }
    return lanes_sum(sums);
}

void ink_softmax_avx512(float *y, const float *x, size_t n)
{
    float total = exp_below(y, x, n, find_max(x, n));
    for (size_t i = 0; i < n; i += LANES) {
        __mmask16 lanes = first_lanes(n - i);
        __m512 e = _mm512_maskz_loadu_ps(lanes, y + i);
        _mm512_mask_storeu_ps(y + i, lanes, _mm512_div_ps(e, _mm512_set1_ps(total)));
    }
}

float ink_softmax_page_avx512(float *p, const float *scores, size_t n, ink_softmax_state *state)
{
    float max = ink_max(find_max(scores, n), state->max);
    float rescale = ink_expf(state->max - max);
    state->sum = fmaf(state->sum, rescale, exp_below(p, scores, n, max));
    state->max = max;
    return rescale;
}

/* ---- Rope: each product is rounded before the sum. */

/* Of eight pairs, lanes 2i and 2i + 1: even ones get x0 cos - x1 sin, odd ones x1 cos + x0 sin. */
TEMPLATE void rotate_pairs(float *x, const float *cosine, const float *sine, __mmask8 pairs,
                           __mmask16 lanes)
{
    const __m512i twice = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    __m512 c = _mm512_castps256_ps512(_mm256_maskz_loadu_ps(pairs, cosine));
    __m512 s = _mm512_castps256_ps512(_mm256_maskz_loadu_ps(pairs, sine));
    __m512 value = _mm512_maskz_loadu_ps(lanes, x);
    __m512 straight = _mm512_mul_ps(value, _mm512_permutexvar_ps(twice, c));
    __m512 crossed = _mm512_permute_ps(value, 0xb1);
    crossed = _mm512_mul_ps(crossed, _mm512_permutexvar_ps(twice, s));
    __m512 rotated = _mm512_add_ps(straight, crossed);
    rotated = _mm512_mask_sub_ps(rotated, 0x5555, straight, crossed);
    _mm512_mask_storeu_ps(x, lanes, rotated);
}

void ink_rope_pairs_avx512(float *x, const float *cosine, const float *sine, size_t n_pairs)
{
    const size_t step = LANES / 2;
    size_t i = 0;
    for (; i + step <= n_pairs; i += step)
        rotate_pairs(x + 2 * i, cosine + i, sine + i, 0xff, 0xffff);
    __mmask8 pairs = (__mmask8)first_lanes(n_pairs - i);
    if (pairs)
        rotate_pairs(x + 2 * i, cosine + i, sine + i, pairs, first_lanes(2 * (n_pairs - i)));
}

void ink_rope_halves_avx512(float *x, const float *cosine, const float *sine, size_t n_pairs)
{
    for (size_t i = 0; i < n_pairs; i += LANES) {
        __mmask16 lanes = first_lanes(n_pairs - i);
        __m512 c = _mm512_maskz_loadu_ps(lanes, cosine + i);
        __m512 s = _mm512_maskz_loadu_ps(lanes, sine + i);
        __m512 x0 = _mm512_maskz_loadu_ps(lanes, x + i);
        __m512 x1 = _mm512_maskz_loadu_ps(lanes, x + i + n_pairs);
        __m512 first = _mm512_sub_ps(_mm512_mul_ps(x0, c), _mm512_mul_ps(x1, s));
        __m512 second = _mm512_add_ps(_mm512_mul_ps(x0, s), _mm512_mul_ps(x1, c));
        _mm512_mask_storeu_ps(x + i, lanes, first);
        _mm512_mask_storeu_ps(x + i + n_pairs, lanes, second);
    }
}
