/* Ops that training adds and that go row by row: gradients of those in rows.c, and dropout. */
#include "device/cpu/cpu.h"

#include <math.h>
#include <string.h>
#include "device/cpu/sum.h"

/* A line of floats, for two of them. */
size_t ink_cpu_two_lines_scratch(const ink_array *node)
{
    return 2 * ink_line_length(node) * sizeof(float);
}

void ink_cpu_insert(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node, *dy = node->inputs[0];
    size_t begin = node->parameters.offset, n = ink_line_length(dy);
    INK_FOR_LINES(node, first_row, n_rows)
    {
        float *y = ink_line(node, row, line);
        memset(y, 0, ink_line_length(node) * sizeof *y);
        memcpy(y + begin, ink_line(dy, row, line), n * sizeof *y);
    }
}

void ink_cpu_repeat(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node, *x = node->inputs[0];
    size_t n = ink_line_length(node), n_x = ink_line_length(x);
    INK_FOR_LINES(node, first_row, n_rows)
    {
        const float *from = ink_broadcast_line(x, node, row, line);
        float *y = ink_line(node, row, line);
        for (size_t i = 0; i < n; i++)
            y[i] = from[n_x == n ? i : 0];
    }
}

/* ---- Norms ----------------------------------------------------------------------------------- */

/*
 * With g = dy * weight and z = x normed: dx = (g - mean(g z) z) / deviation, and without mean(g)
 * where the norm takes a mean away.
 */
void ink_cpu_norm_gradient(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node;
    const ink_kernels *kernels = &call->cpu->kernels;
    const float *weight = node->inputs[2] ? node->inputs[2]->data : NULL;
    size_t n = ink_line_length(node);
    float *z = call->scratch, *g = z + n, epsilon = node->parameters.norm.epsilon;
    bool centered = node->parameters.norm.kind == INK_NORM_LAYER;
    INK_FOR_LINES(node, first_row, n_rows)
    {
        const float *x = ink_line(node->inputs[0], row, line);
        const float *dy = ink_line(node->inputs[1], row, line);
        float *dx = ink_line(node, row, line), mean = 0, shift = 0;
        if (centered) {
            kernels->layer_norm(z, x, NULL, NULL, n, epsilon);
            mean = ink_sum(x, n) / (float)n;
        } else {
            kernels->rms_norm(z, x, NULL, n, epsilon);
        }
        for (size_t i = 0; i < n; i++) {
            g[i] = weight ? dy[i] * weight[i] : dy[i];
            dx[i] = x[i] - mean;
        }
        float deviation = sqrtf(ink_sum_of_products(dx, dx, n) / (float)n + epsilon);
        float slope = ink_sum_of_products(g, z, n) / (float)n;
        if (centered)
            shift = ink_sum(g, n) / (float)n;
        for (size_t i = 0; i < n; i++)
            dx[i] = (g[i] - shift - slope * z[i]) / deviation;
    }
}

/* ---- Elementwise ----------------------------------------------------------------------------- */

void ink_cpu_clamp_gradient(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node;
    float low = node->parameters.clamp.low, high = node->parameters.clamp.high;
    INK_FOR_LINES(node, first_row, n_rows)
    {
        const float *x = ink_line(node->inputs[0], row, line);
        const float *dy = ink_line(node->inputs[1], row, line);
        float *dx = ink_line(node, row, line);
        for (size_t i = 0; i < ink_line_length(node); i++)
            dx[i] = x[i] < low || x[i] > high ? 0 : dy[i];
    }
}

/* Each multiplies dy by the slope at x; t holds what `prepare` made of x. */
typedef void slope_fn(float *dx, const float *dy, const float *x, const float *t, size_t n);

static void silu_slope(float *dx, const float *dy, const float *x, const float *t, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dx[i] = dy[i] * (t[i] * (1 + x[i] * (1 - t[i])));
}

#define GELU_A 0.7978845608f /* sqrt(2 / pi), as in gelu's own kernel */
#define GELU_B 0.044715f

static void gelu_inner(float *t, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        t[i] = GELU_A * (x[i] + GELU_B * x[i] * x[i] * x[i]);
}

static void gelu_slope(float *dx, const float *dy, const float *x, const float *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float inner = GELU_A * (1 + 3 * GELU_B * x[i] * x[i]), bend = 1 - t[i] * t[i];
        float bent = bend == 0 ? 0 : 0.5f * x[i] * bend * inner; /* inner may be infinite there */
        dx[i] = dy[i] * (0.5f * (1 + t[i]) + bent);
    }
}

static void relu_slope(float *dx, const float *dy, const float *x, const float *t, size_t n)
{
    (void)t;
    for (size_t i = 0; i < n; i++)
        dx[i] = x[i] > 0 ? dy[i] : 0;
}

static void relu_squared_slope(float *dx, const float *dy, const float *x, const float *t, size_t n)
{
    (void)t;
    for (size_t i = 0; i < n; i++)
        dx[i] = x[i] > 0 ? dy[i] * (2 * x[i]) : 0;
}

static void sigmoid_slope(float *dx, const float *dy, const float *x, const float *t, size_t n)
{
    (void)x;
    for (size_t i = 0; i < n; i++)
        dx[i] = dy[i] * (t[i] * (1 - t[i]));
}

static void tanh_slope(float *dx, const float *dy, const float *x, const float *t, size_t n)
{
    (void)x;
    for (size_t i = 0; i < n; i++)
        dx[i] = dy[i] * (1 - t[i] * t[i]);
}

static void own_slope(float *dx, const float *dy, const float *x, const float *t, size_t n)
{
    (void)x;
    for (size_t i = 0; i < n; i++)
        dx[i] = dy[i] * t[i];
}

void ink_cpu_activate_gradient(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_kernels *kernels = &call->cpu->kernels;
    const struct {
        ink_silu_fn *prepare; /* NULL: nothing */
        slope_fn *slope;
    } ways[INK_N_ACTIVATIONS] = {
        [INK_ACTIVATION_SILU] = {kernels->sigmoid, silu_slope},
        [INK_ACTIVATION_GELU] = {kernels->tanh, gelu_slope},
        [INK_ACTIVATION_RELU] = {NULL, relu_slope},
        [INK_ACTIVATION_RELU_SQUARED] = {NULL, relu_squared_slope},
        [INK_ACTIVATION_SIGMOID] = {kernels->sigmoid, sigmoid_slope},
        [INK_ACTIVATION_TANH] = {kernels->tanh, tanh_slope},
        [INK_ACTIVATION_SOFTPLUS] = {kernels->sigmoid, own_slope},
        [INK_ACTIVATION_EXP] = {kernels->exp, own_slope},
    };
    const ink_array *node = call->node;
    ink_activation activation = node->parameters.activation;
    size_t n = ink_line_length(node);
    float *t = call->scratch;
    INK_FOR_LINES(node, first_row, n_rows)
    {
        const float *x = ink_line(node->inputs[0], row, line), *inner = x;
        if (activation == INK_ACTIVATION_GELU) {
            gelu_inner(t, x, n);
            inner = t;
        }
        if (ways[activation].prepare)
            ways[activation].prepare(t, inner, n);
        ways[activation].slope(ink_line(node, row, line), ink_line(node->inputs[1], row, line), x,
                               t, n);
    }
}

void ink_cpu_softmax_gradient(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node;
    size_t n = ink_line_length(node);
    INK_FOR_LINES(node, first_row, n_rows)
    {
        const float *y = ink_line(node->inputs[0], row, line);
        const float *dy = ink_line(node->inputs[1], row, line);
        float *dx = ink_line(node, row, line), mean = ink_sum_of_products(y, dy, n);
        for (size_t i = 0; i < n; i++)
            dx[i] = y[i] * (dy[i] - mean);
    }
}

/* ---- Dropout --------------------------------------------------------------------------------- */

/* SplitMix64 (Steele et al., OOPSLA 2014): the i-th number of a stream. */
static uint64_t random_bits(uint64_t stream, uint64_t i)
{
    uint64_t z = stream + (i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

void ink_cpu_dropout(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node;
    const uint32_t *seed = node->inputs[1]->data;
    size_t n = ink_line_length(node), n_lines = ink_lines_of_row(node);
    float rate = node->parameters.dropout.rate, raise = 1 / (1 - rate);
    uint64_t limit = (uint64_t)((double)rate * 0x1p32);
    uint64_t stream = random_bits((uint64_t)seed[1] << 32 | seed[0], node->parameters.dropout.salt);
    INK_FOR_LINES(node, first_row, n_rows)
    {
        const float *x = ink_line(node->inputs[0], row, line);
        float *y = ink_line(node, row, line);
        uint64_t first = (row * n_lines + line) * n;
        for (size_t i = 0; i < n; i++)
            y[i] = random_bits(stream, first + i) >> 32 < limit ? 0 : x[i] * raise;
    }
}
