/*
 * The ops along a vector, 16 elements in two registers at a time; a short end is masked, so nothing
 * past it is read or written and reductions leave the upper lanes alone.
 */
#include "kernel/kernel.h"
#include "kernel/x86/math_avx2.h"

/* ---- Elementwise. */

typedef __m256 unary_fn(__m256 x);
typedef __m256 binary_fn(__m256 a, __m256 b);

/* Sixteen elements; n is constant but for a short end. */
TEMPLATE void each_16(float *y, const float *x, size_t n, unary_fn *f)
{
    foreach (h, 2)
        store_half(y, n, h, f(load_half(x, n, h)));
}

TEMPLATE void each(float *y, const float *x, size_t n, unary_fn *f)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        each_16(y + i, x + i, LANES, f);
    each_16(y + i, x + i, n - i, f);
}

TEMPLATE void each_pair_16(float *y, const float *a, const float *b, size_t n, binary_fn *f)
{
    foreach (h, 2)
        store_half(y, n, h, f(load_half(a, n, h), load_half(b, n, h)));
}

TEMPLATE void each_pair(float *y, const float *a, const float *b, size_t n, binary_fn *f)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        each_pair_16(y + i, a + i, b + i, LANES, f);
    each_pair_16(y + i, a + i, b + i, n - i, f);
}

#define EACH(op)                                             \
    void ink_##op##_avx2(float *y, const float *x, size_t n) \
    {                                                        \
        each(y, x, n, op##_lanes);                           \
    }
EACH(silu)
EACH(gelu)
EACH(relu)
EACH(relu_squared)
EACH(sigmoid)
EACH(tanh)
EACH(softplus)
EACH(exp)

TEMPLATE __m256 add_lanes(__m256 a, __m256 b)
{
    return _mm256_add_ps(a, b);
}

TEMPLATE __m256 multiply_lanes(__m256 a, __m256 b)
{
    return _mm256_mul_ps(a, b);
}

void ink_add_avx2(float *y, const float *a, const float *b, size_t n)
{
    each_pair(y, a, b, n, add_lanes);
}

void ink_multiply_avx2(float *y, const float *a, const float *b, size_t n)
{
    each_pair(y, a, b, n, multiply_lanes);
}

TEMPLATE void scale_16(float *y, const float *x, size_t n, __m256 factor)
{
    foreach (h, 2)
        store_half(y, n, h, _mm256_mul_ps(load_half(x, n, h), factor));
}

void ink_scale_avx2(float *y, const float *x, float factor, size_t n)
{
    const __m256 factors = _mm256_set1_ps(factor);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        scale_16(y + i, x + i, LANES, factors);
    scale_16(y + i, x + i, n - i, factors);
}

/* ---- Quantizing activations. */

#define SMALLEST_MAX 1e-30f
#define GROUP_VECTORS (INK_Q8_GROUP / HALF)

/* Of the bits without sign, which are in the order of the magnitudes. */
static uint32_t max_magnitude(const __m256 x[GROUP_VECTORS])
{
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    __m256i max = _mm256_setzero_si256();
    foreach (i, GROUP_VECTORS)
        max = _mm256_max_epi32(max, _mm256_and_si256(_mm256_castps_si256(x[i]), magnitude));
    __m128i four = _mm_max_epi32(_mm256_castsi256_si128(max), _mm256_extracti128_si256(max, 1));
    __m128i two = _mm_max_epi32(four, _mm_shuffle_epi32(four, _MM_SHUFFLE(1, 0, 3, 2)));
    __m128i one = _mm_max_epi32(two, _mm_shuffle_epi32(two, _MM_SHUFFLE(2, 3, 0, 1)));
    return (uint32_t)_mm_cvtsi128_si32(one);
}

TEMPLATE __m256i quantize_lanes(__m256 x, __m256 inverse)
{
    const __m256 round = _mm256_set1_ps(INK_ROUND);
    __m256 q = _mm256_sub_ps(_mm256_add_ps(_mm256_mul_ps(x, inverse), round), round);
    return _mm256_cvttps_epi32(q);
}

/* Packing works in halves of a register, so runs of four codes come out of order. */
TEMPLATE __m256i pack_codes(const __m256i q[GROUP_VECTORS])
{
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i low = _mm256_packs_epi32(q[0], q[1]), high = _mm256_packs_epi32(q[2], q[3]);
    return _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
}

/* Sums of 16 signed bytes, as absolute differences of bytes raised by 128 from 0. */
static void store_sums(ink_q8 *y, __m256i codes)
{
    __m256i raised = _mm256_xor_si256(codes, _mm256_set1_epi8(-128));
    __m256i eights = _mm256_sad_epu8(raised, _mm256_setzero_si256());
    __m256i sums = _mm256_add_epi64(eights, _mm256_srli_si256(eights, 8));
    y->isum[0] = (int16_t)(_mm256_extract_epi16(sums, 0) - 16 * 128);
    y->isum[1] = (int16_t)(_mm256_extract_epi16(sums, 8) - 16 * 128);
    for (int half = 0; half < 2; half++)
        y->sum[half] = y->d * (float)y->isum[half];
}

static void quantize_group(ink_q8 *y, const float *x)
{
    __m256 values[GROUP_VECTORS];
    __m256i q[GROUP_VECTORS];
    foreach (i, GROUP_VECTORS)
        values[i] = _mm256_loadu_ps(x + HALF * i);
    uint32_t max_bits = max_magnitude(values);
    float max = ink_float_from_bits(max_bits);
    if (max_bits >= 0x7f800000u || max < SMALLEST_MAX) {
        *y = (ink_q8){.d = 0};
        if (max_bits >= 0x7f800000u)
            y->d = y->sum[0] = y->sum[1] = ink_float_from_bits(0x7fc00000u);
        return;
    }
    const __m256 inverse = _mm256_set1_ps(127.0f / max);
    foreach (i, GROUP_VECTORS)
        q[i] = quantize_lanes(values[i], inverse);
    __m256i codes = pack_codes(q);
    _mm256_storeu_si256((__m256i *)(void *)y->q, codes);
    y->d = max / 127.0f;
    store_sums(y, codes);
}

void ink_quantize_q8_avx2(ink_q8 *y, const float *x, size_t n_groups)
{
    for (size_t g = 0; g < n_groups; g++)
        quantize_group(y + g, x + g * INK_Q8_GROUP);
}

/* ---- Norms. */

static float sum_squares(const float *x, size_t n, float center)
{
    const __m256 centers = _mm256_set1_ps(center);
    __m256 sums[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    for (size_t i = 0; i < n; i += LANES)
        foreach (h, 2) {
            __m256 distance = _mm256_sub_ps(load_half(x + i, n - i, h), centers);
            __m256 sum = _mm256_fmadd_ps(distance, distance, sums[h]);
            sums[h] = where_half(n - i, h, sum, sums[h]);
        }
    return lanes_sum(sums);
}

static float sum_values(const float *x, size_t n)
{
    __m256 sums[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    for (size_t i = 0; i < n; i += LANES)
        foreach (h, 2)
            sums[h] = _mm256_add_ps(sums[h], load_half(x + i, n - i, h));
    return lanes_sum(sums);
}

/* 1 / sqrt(squares / n + epsilon) */
static float norm_factor(float squares, size_t n, float epsilon)
{
    return 1.0f / sqrtf(squares / (float)n + epsilon);
}

void ink_rms_norm_avx2(float *y, const float *x, const float *weight, size_t n, float epsilon)
{
    const __m256 factor = _mm256_set1_ps(norm_factor(sum_squares(x, n, 0), n, epsilon));
    for (size_t i = 0; i < n; i += LANES)
        foreach (h, 2) {
            __m256 value = _mm256_mul_ps(load_half(x + i, n - i, h), factor);
            if (weight)
                value = _mm256_mul_ps(value, load_half(weight + i, n - i, h));
            store_half(y + i, n - i, h, value);
        }
}

void ink_layer_norm_avx2(float *y, const float *x, const float *weight, const float *bias, size_t n,
                         float epsilon)
{
    const float center = sum_values(x, n) / (float)n;
    const __m256 mean = _mm256_set1_ps(center);
    const __m256 factor = _mm256_set1_ps(norm_factor(sum_squares(x, n, center), n, epsilon));
    for (size_t i = 0; i < n; i += LANES)
        foreach (h, 2) {
            __m256 value = _mm256_sub_ps(load_half(x + i, n - i, h), mean);
            value = _mm256_mul_ps(value, factor);
            if (weight)
                value = _mm256_mul_ps(value, load_half(weight + i, n - i, h));
            if (bias)
                value = _mm256_add_ps(value, load_half(bias + i, n - i, h));
            store_half(y + i, n - i, h, value);
        }
}

/* ---- Softmax. */

static float find_max(const float *x, size_t n)
{
    __m256 max[2] = {_mm256_set1_ps(-INFINITY), _mm256_set1_ps(-INFINITY)};
    for (size_t i = 0; i < n; i += LANES)
        foreach (h, 2) {
            __m256 larger = _mm256_max_ps(load_half(x + i, n - i, h), max[h]);
            max[h] = where_half(n - i, h, larger, max[h]);
        }
    return lanes_max(max);
}

/* y = exp(x - max), and its sum. */
static float exp_below(float *y, const float *x, size_t n, float max)
{
    __m256 sums[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    for (size_t i = 0; i < n; i += LANES)
        foreach (h, 2) {
            __m256 e = exp_lanes(_mm256_sub_ps(load_half(x + i, n - i, h), _mm256_set1_ps(max)));
            store_half(y + i, n - i, h, e);
            sums[h] = where_half(n - i, h, _mm256_add_ps(sums[h], e), sums[h]);
        }
    return lanes_sum(sums);
}

void ink_softmax_avx2(float *y, const float *x, size_t n)
{
    const __m256 sum = _mm256_set1_ps(exp_below(y, x, n, find_max(x, n)));
    for (size_t i = 0; i < n; i += LANES)
        foreach (h, 2)
            store_half(y + i, n - i, h, _mm256_div_ps(load_half(y + i, n - i, h), sum));
}

float ink_softmax_page_avx2(float *p, const float *scores, size_t n, ink_softmax_state *state)
{
    float max = ink_max(find_max(scores, n), state->max);
    float rescale = ink_expf(state->max - max);
    state->sum = fmaf(state->sum, rescale, exp_below(p, scores, n, max));
    state->max = max;
    return rescale;
}

/* ---- Rope: each product is rounded before the sum. */

/* Four angles of n, each twice. */
TEMPLATE __m256 load_twice(const float *x, size_t n)
{
    const __m256i twice = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
    if (n < HALF / 2)
        return _mm256_permutevar8x32_ps(load_half(x, n, 0), twice);
    return _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(x)), twice);
}

/*
 * Lanes 2i and 2i + 1 are a pair: even ones get x0 cos - x1 sin, odd ones x1 cos + x0 sin. n counts
 * the pairs that are left, of which four are rotated.
 */
TEMPLATE void rotate_pairs(float *x, const float *cosine, const float *sine, size_t n)
{
    __m256 value = load_half(x, 2 * n, 0);
    __m256 crossed = _mm256_permute_ps(value, _MM_SHUFFLE(2, 3, 0, 1));
    crossed = _mm256_mul_ps(crossed, load_twice(sine, n));
    value = _mm256_mul_ps(value, load_twice(cosine, n));
    store_half(x, 2 * n, 0, _mm256_addsub_ps(value, crossed));
}

void ink_rope_pairs_avx2(float *x, const float *cosine, const float *sine, size_t n_pairs)
{
    const size_t step = HALF / 2;
    size_t i = 0;
    for (; i + step <= n_pairs; i += step)
        rotate_pairs(x + 2 * i, cosine + i, sine + i, step);
    if (i < n_pairs)
        rotate_pairs(x + 2 * i, cosine + i, sine + i, n_pairs - i);
}

/* Of n pairs that are left, the first eight; their second values begin at x1. */
TEMPLATE void rotate_halves(float *x0, float *x1, const float *cosine, const float *sine, size_t n)
{
    __m256 angle_cos = load_half(cosine, n, 0), angle_sin = load_half(sine, n, 0);
    __m256 first = load_half(x0, n, 0), second = load_half(x1, n, 0);
    __m256 y0 = _mm256_sub_ps(_mm256_mul_ps(first, angle_cos), _mm256_mul_ps(second, angle_sin));
    __m256 y1 = _mm256_add_ps(_mm256_mul_ps(first, angle_sin), _mm256_mul_ps(second, angle_cos));
    store_half(x0, n, 0, y0);
    store_half(x1, n, 0, y1);
}

void ink_rope_halves_avx2(float *x, const float *cosine, const float *sine, size_t n_pairs)
{
    size_t i = 0;
    for (; i + HALF <= n_pairs; i += HALF)
        rotate_halves(x + i, x + n_pairs + i, cosine + i, sine + i, HALF);
    if (i < n_pairs)
        rotate_halves(x + i, x + n_pairs + i, cosine + i, sine + i, n_pairs - i);
}
