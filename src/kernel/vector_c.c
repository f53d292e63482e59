/*
 * Row one of the ops along a vector: quantizing activations, norms, elementwise functions, rope.
 * Sums run in 16 lanes by index modulo 16 and one tree (kernel/math.h). Nothing is fused where no
 * fmaf is written.
 */
#include "kernel/kernel.h"

#include "kernel/math.h"

/* Below this the quotient 127 / max would near the largest float; such a group is zero. */
#define SMALLEST_MAX 1e-30f

/* Compared as integers: NaN is above infinity is above every number, in each instruction set. */
static uint32_t max_magnitude(const float *x)
{
    uint32_t max = 0;
    for (int k = 0; k < INK_Q8_GROUP; k++) {
        uint32_t bits = ink_float_bits(x[k]) & 0x7fffffffu;
        max = bits > max ? bits : max;
    }
    return max;
}

static void quantize_group(ink_q8 *y, const float *x)
{
    uint32_t max_bits = max_magnitude(x);
    float max = ink_float_from_bits(max_bits);
    *y = (ink_q8){.d = 0};
    if (max_bits >= 0x7f800000u) {
        y->d = y->sum[0] = y->sum[1] = ink_float_from_bits(0x7fc00000u);
        return;
    }
    if (max < SMALLEST_MAX)
        return;
    float inverse = 127.0f / max;
    y->d = max / 127.0f;
    for (int k = 0; k < INK_Q8_GROUP; k++) {
        int q = (int)(x[k] * inverse + INK_ROUND - INK_ROUND);
        y->q[k] = (int8_t)q;
        y->isum[k / 16] = (int16_t)(y->isum[k / 16] + q);
    }
    for (int half = 0; half < 2; half++)
        y->sum[half] = y->d * (float)y->isum[half];
}

void ink_quantize_q8_c(ink_q8 *y, const float *x, size_t n_groups)
{
    for (size_t g = 0; g < n_groups; g++)
        quantize_group(y + g, x + g * INK_Q8_GROUP);
}

/* The sum of (x[i] - center)^2. */
static float sum_squares(const float *x, size_t n, float center)
{
    float lanes[INK_LANES] = {0};
    for (size_t i = 0; i < n; i++) {
        float distance = x[i] - center;
        lanes[i % INK_LANES] = fmaf(distance, distance, lanes[i % INK_LANES]);
    }
    return ink_lanes_sum(lanes);
}

static float sum(const float *x, size_t n)
{
    float lanes[INK_LANES] = {0};
    for (size_t i = 0; i < n; i++)
        lanes[i % INK_LANES] = lanes[i % INK_LANES] + x[i];
    return ink_lanes_sum(lanes);
}

void ink_rms_norm_c(float *y, const float *x, const float *weight, size_t n, float epsilon)
{
    float factor = 1.0f / sqrtf(sum_squares(x, n, 0) / (float)n + epsilon);
    for (size_t i = 0; i < n; i++)
        y[i] = weight ? x[i] * factor * weight[i] : x[i] * factor;
}

void ink_layer_norm_c(float *y, const float *x, const float *weight, const float *bias, size_t n,
                      float epsilon)
{
    float mean = sum(x, n) / (float)n;
    float factor = 1.0f / sqrtf(sum_squares(x, n, mean) / (float)n + epsilon);
    for (size_t i = 0; i < n; i++) {
        float value = (x[i] - mean) * factor;
        if (weight)
            value = value * weight[i];
        if (bias)
            value = value + bias[i];
        y[i] = value;
    }
}

void ink_add_c(float *y, const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a[i] + b[i];
}

void ink_multiply_c(float *y, const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a[i] * b[i];
}

void ink_scale_c(float *y, const float *x, float factor, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * factor;
}

/* The operands in this order let a NaN through. */
static float reluf(float x)
{
    return ink_max(0.0f, x);
}

static float relu_squaredf(float x)
{
    return reluf(x) * reluf(x);
}

#define EACH(op, function)                                \
    void ink_##op##_c(float *y, const float *x, size_t n) \
    {                                                     \
        for (size_t i = 0; i < n; i++)                    \
            y[i] = function(x[i]);                        \
    }
EACH(silu, ink_siluf)
EACH(gelu, ink_geluf)
EACH(relu, reluf)
EACH(relu_squared, relu_squaredf)
EACH(sigmoid, ink_sigmoidf)
EACH(tanh, ink_tanhf)
EACH(softplus, ink_softplusf)
EACH(exp, ink_expf)

static void rotate(float *first, float *second, float cosine, float sine)
{
    float x0 = *first, x1 = *second;
    *first = x0 * cosine - x1 * sine;
    *second = x0 * sine + x1 * cosine;
}

void ink_rope_pairs_c(float *x, const float *cosine, const float *sine, size_t n_pairs)
{
    for (size_t i = 0; i < n_pairs; i++)
        rotate(x + 2 * i, x + 2 * i + 1, cosine[i], sine[i]);
}

void ink_rope_halves_c(float *x, const float *cosine, const float *sine, size_t n_pairs)
{
    for (size_t i = 0; i < n_pairs; i++)
        rotate(x + i, x + i + n_pairs, cosine[i], sine[i]);
}
