/*
 * The ops along a vector, 16 elements in four registers at a time. Each has a body for 16 elements
 * of which n exist: n is constant in the loop, and only a short end pays for its edge.
 */
#include "kernel/arm/math_neon.h"
#include "kernel/kernel.h"

/* `call` for all of n elements, `left` of them from i on: `size` at a time, then what remains. */
#define EACH_PIECE(i, left, n, size, call) \
    do {                                   \
        size_t i = 0;                      \
        for (; i + size <= n; i += size) { \
            const size_t left = size;      \
            call;                          \
        }                                  \
        if (i < n) {                       \
            const size_t left = n - i;     \
            call;                          \
        }                                  \
    } while (0)

/* ---- Elementwise. */

typedef float32x4_t unary_fn(float32x4_t x);
typedef float32x4_t binary_fn(float32x4_t a, float32x4_t b);

TEMPLATE void each_16(float *y, const float *x, size_t n, unary_fn *f)
{
    foreach (q, QUARTERS)
        if (in_quarter(n, q))
            store_quarter(y, n, q, f(load_quarter(x, n, q)));
}

TEMPLATE void each(float *y, const float *x, size_t n, unary_fn *f)
{
    EACH_PIECE(i, left, n, LANES, each_16(y + i, x + i, left, f));
}

TEMPLATE void each_pair_16(float *y, const float *a, const float *b, size_t n, binary_fn *f)
{
    foreach (q, QUARTERS)
        if (in_quarter(n, q))
            store_quarter(y, n, q, f(load_quarter(a, n, q), load_quarter(b, n, q)));
}

TEMPLATE void each_pair(float *y, const float *a, const float *b, size_t n, binary_fn *f)
{
    EACH_PIECE(i, left, n, LANES, each_pair_16(y + i, a + i, b + i, left, f));
}

#define EACH(op)                                             \
    void ink_##op##_neon(float *y, const float *x, size_t n) \
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

TEMPLATE float32x4_t add_lanes(float32x4_t a, float32x4_t b)
{
    return vaddq_f32(a, b);
}

TEMPLATE float32x4_t multiply_lanes(float32x4_t a, float32x4_t b)
{
    return vmulq_f32(a, b);
}

void ink_add_neon(float *y, const float *a, const float *b, size_t n)
{
    each_pair(y, a, b, n, add_lanes);
}

void ink_multiply_neon(float *y, const float *a, const float *b, size_t n)
{
    each_pair(y, a, b, n, multiply_lanes);
}

TEMPLATE void scale_16(float *y, const float *x, size_t n, float factor)
{
    foreach (q, QUARTERS)
        store_quarter(y, n, q, vmulq_n_f32(load_quarter(x, n, q), factor));
}

void ink_scale_neon(float *y, const float *x, float factor, size_t n)
{
    EACH_PIECE(i, left, n, LANES, scale_16(y + i, x + i, left, factor));
}

/* ---- Quantizing activations. */

#define SMALLEST_MAX 1e-30f
#define GROUP_VECTORS (INK_Q8_GROUP / QUARTER)

/* Of the bits without sign, which are in the order of the magnitudes. */
TEMPLATE uint32_t max_magnitude(const float32x4_t x[GROUP_VECTORS])
{
    uint32x4_t max = vreinterpretq_u32_f32(vabsq_f32(x[0]));
    foreach (i, GROUP_VECTORS)
        max = vmaxq_u32(max, vreinterpretq_u32_f32(vabsq_f32(x[i])));
    return vmaxvq_u32(max);
}

/* Sixteen codes; the conversion rounds half to even, as adding and taking INK_ROUND does. */
TEMPLATE int8x16_t quantize_16(const float32x4_t x[QUARTERS], float inverse)
{
    int32x4_t q[QUARTERS];
    foreach (i, QUARTERS)
        q[i] = vcvtnq_s32_f32(vmulq_n_f32(x[i], inverse));
    int16x8_t first = vuzp1q_s16(vreinterpretq_s16_s32(q[0]), vreinterpretq_s16_s32(q[1]));
    int16x8_t second = vuzp1q_s16(vreinterpretq_s16_s32(q[2]), vreinterpretq_s16_s32(q[3]));
    return vuzp1q_s8(vreinterpretq_s8_s16(first), vreinterpretq_s8_s16(second));
}

TEMPLATE void quantize_group(ink_q8 *y, const float *x)
{
    float32x4_t values[GROUP_VECTORS];
    foreach (i, GROUP_VECTORS)
        values[i] = vld1q_f32(x + QUARTER * i);
    uint32_t max_bits = max_magnitude(values);
    float max = ink_float_from_bits(max_bits);
    if (max_bits >= 0x7f800000u || max < SMALLEST_MAX) {
        *y = (ink_q8){.d = 0};
        if (max_bits >= 0x7f800000u)
            y->d = y->sum[0] = y->sum[1] = ink_float_from_bits(0x7fc00000u);
        return;
    }
    const float inverse = 127.0f / max;
    y->d = max / 127.0f;
    foreach (half, 2) {
        int8x16_t q = quantize_16(values + QUARTERS * half, inverse);
        vst1q_s8(y->q + LANES * half, q);
        y->isum[half] = vaddlvq_s8(q);
        y->sum[half] = y->d * (float)y->isum[half];
    }
}

void ink_quantize_q8_neon(ink_q8 *y, const float *x, size_t n_groups)
{
    for (size_t g = 0; g < n_groups; g++)
        quantize_group(y + g, x + g * INK_Q8_GROUP);
}

/* ---- Norms. */

TEMPLATE void set_lanes(float32x4_t lanes[QUARTERS], float value)
{
    foreach (q, QUARTERS)
        lanes[q] = vdupq_n_f32(value);
}

TEMPLATE void add_squares_16(float32x4_t sums[QUARTERS], const float *x, size_t n, float center)
{
    foreach (q, QUARTERS) {
        float32x4_t distance = vsubq_f32(load_quarter(x, n, q), vdupq_n_f32(center));
        sums[q] = where_quarter(n, q, vfmaq_f32(sums[q], distance, distance), sums[q]);
    }
}

static float sum_squares(const float *x, size_t n, float center)
{
    float32x4_t sums[QUARTERS];
    set_lanes(sums, 0);
    EACH_PIECE(i, left, n, LANES, add_squares_16(sums, x + i, left, center));
    return lanes_sum(sums);
}

TEMPLATE void add_values_16(float32x4_t sums[QUARTERS], const float *x, size_t n)
{
    foreach (q, QUARTERS)
        sums[q] = vaddq_f32(sums[q], load_quarter(x, n, q));
}

static float sum_values(const float *x, size_t n)
{
    float32x4_t sums[QUARTERS];
    set_lanes(sums, 0);
    EACH_PIECE(i, left, n, LANES, add_values_16(sums, x + i, left));
    return lanes_sum(sums);
}

/* 1 / sqrt(squares / n + epsilon) */
static float norm_factor(float squares, size_t n, float epsilon)
{
    return 1.0f / sqrtf(squares / (float)n + epsilon);
}

TEMPLATE void rms_norm_16(float *y, const float *x, const float *weight, size_t n, float factor)
{
    foreach (q, QUARTERS) {
        float32x4_t value = vmulq_n_f32(load_quarter(x, n, q), factor);
        if (weight)
            value = vmulq_f32(value, load_quarter(weight, n, q));
        store_quarter(y, n, q, value);
    }
}

void ink_rms_norm_neon(float *y, const float *x, const float *weight, size_t n, float epsilon)
{
    const float factor = norm_factor(sum_squares(x, n, 0), n, epsilon);
    EACH_PIECE(i, left, n, LANES,
               rms_norm_16(y + i, x + i, weight ? weight + i : NULL, left, factor));
}

/* y = (x - mean) * factor, then * weight, then + bias, where there is one. */
typedef struct layer_norm {
    const float *weight, *bias;
    float mean, factor;
} layer_norm;

TEMPLATE void layer_norm_16(const layer_norm *norm, float *y, const float *x, size_t i, size_t n)
{
    foreach (q, QUARTERS) {
        float32x4_t value = vsubq_f32(load_quarter(x + i, n, q), vdupq_n_f32(norm->mean));
        value = vmulq_n_f32(value, norm->factor);
        if (norm->weight)
            value = vmulq_f32(value, load_quarter(norm->weight + i, n, q));
        if (norm->bias)
            value = vaddq_f32(value, load_quarter(norm->bias + i, n, q));
        store_quarter(y + i, n, q, value);
    }
}

void ink_layer_norm_neon(float *y, const float *x, const float *weight, const float *bias, size_t n,
                         float epsilon)
{
    const float mean = sum_values(x, n) / (float)n;
    const layer_norm norm = {weight, bias, mean, norm_factor(sum_squares(x, n, mean), n, epsilon)};
    EACH_PIECE(i, left, n, LANES, layer_norm_16(&norm, y, x, i, left));
}

/* ---- Softmax. */

TEMPLATE void find_max_16(float32x4_t max[QUARTERS], const float *x, size_t n)
{
    foreach (q, QUARTERS)
        max[q] = where_quarter(n, q, max_lanes(load_quarter(x, n, q), max[q]), max[q]);
}

static float find_max(const float *x, size_t n)
{
    float32x4_t max[QUARTERS];
    set_lanes(max, -INFINITY);
    EACH_PIECE(i, left, n, LANES, find_max_16(max, x + i, left));
    return lanes_max(max);
}

TEMPLATE void exp_below_16(float32x4_t sums[QUARTERS], float *y, const float *x, size_t n,
                           float max)
{
    foreach (q, QUARTERS) {
        float32x4_t e = exp_lanes(vsubq_f32(load_quarter(x, n, q), vdupq_n_f32(max)));
        store_quarter(y, n, q, e);
        sums[q] = where_quarter(n, q, vaddq_f32(sums[q], e), sums[q]);
    }
}

/* y = exp(x - max), and its sum. */
static float exp_below(float *y, const float *x, size_t n, float max)
{
    float32x4_t sums[QUARTERS];
    set_lanes(sums, 0);
    EACH_PIECE(i, left, n, LANES, exp_below_16(sums, y + i, x + i, left, max));
    return lanes_sum(sums);
}

TEMPLATE void divide_16(float *y, size_t n, float divisor)
{
    foreach (q, QUARTERS)
        store_quarter(y, n, q, vdivq_f32(load_quarter(y, n, q), vdupq_n_f32(divisor)));
}

void ink_softmax_neon(float *y, const float *x, size_t n)
{
    const float total = exp_below(y, x, n, find_max(x, n));
    EACH_PIECE(i, left, n, LANES, divide_16(y + i, left, total));
}

float ink_softmax_page_neon(float *p, const float *scores, size_t n, ink_softmax_state *state)
{
    float max = ink_max(find_max(scores, n), state->max);
    float rescale = ink_expf(state->max - max);
    state->sum = fmaf(state->sum, rescale, exp_below(p, scores, n, max));
    state->max = max;
    return rescale;
}

/* ---- Rope: each product is rounded before the sum. */

TEMPLATE float32x4x2_t rotate(float32x4x2_t x, float32x4_t cosine, float32x4_t sine)
{
    float32x4x2_t y;
    y.val[0] = vsubq_f32(vmulq_f32(x.val[0], cosine), vmulq_f32(x.val[1], sine));
    y.val[1] = vaddq_f32(vmulq_f32(x.val[0], sine), vmulq_f32(x.val[1], cosine));
    return y;
}

void ink_rope_pairs_neon(float *x, const float *cosine, const float *sine, size_t n_pairs)
{
    size_t i = 0;
    for (; i + QUARTER <= n_pairs; i += QUARTER)
        vst2q_f32(x + 2 * i,
                  rotate(vld2q_f32(x + 2 * i), vld1q_f32(cosine + i), vld1q_f32(sine + i)));
    for (; i < n_pairs; i++) {
        float x0 = x[2 * i], x1 = x[2 * i + 1];
        x[2 * i] = x0 * cosine[i] - x1 * sine[i];
        x[2 * i + 1] = x0 * sine[i] + x1 * cosine[i];
    }
}

TEMPLATE void rotate_halves_4(float *x, const float *cosine, const float *sine, size_t n,
                              size_t n_pairs)
{
    float32x4x2_t value = {{load_quarter(x, n, 0), load_quarter(x + n_pairs, n, 0)}};
    value = rotate(value, load_quarter(cosine, n, 0), load_quarter(sine, n, 0));
    store_quarter(x, n, 0, value.val[0]);
    store_quarter(x + n_pairs, n, 0, value.val[1]);
}

void ink_rope_halves_neon(float *x, const float *cosine, const float *sine, size_t n_pairs)
{
    EACH_PIECE(i, left, n_pairs, QUARTER,
               rotate_halves_4(x + i, cosine + i, sine + i, left, n_pairs));
}
