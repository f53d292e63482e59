/*
 * Row one of softmax, over a whole vector and over the pages of attention scores. Largest score and
 * sum run in 16 lanes by index modulo 16 and one tree (kernel/math.h); a NaN score is passed over
 * by the maximum and seen in the sum.
 */
#include "kernel/kernel.h"

#include "kernel/math.h"

static float find_max(const float *x, size_t n)
{
    float lanes[INK_LANES];
    for (int l = 0; l < INK_LANES; l++)
        lanes[l] = -INFINITY;
    for (size_t i = 0; i < n; i++)
        lanes[i % INK_LANES] = ink_max(x[i], lanes[i % INK_LANES]);
    return ink_lanes_max(lanes);
}

/* y = exp(x - max), and its sum. */
static float exp_below(float *y, const float *x, size_t n, float max)
{
    float lanes[INK_LANES] = {0};
    for (size_t i = 0; i < n; i++) {
        y[i] = ink_expf(x[i] - max);
        lanes[i % INK_LANES] = lanes[i % INK_LANES] + y[i];
    }
    return ink_lanes_sum(lanes);
}

void ink_softmax_c(float *y, const float *x, size_t n)
{
    float sum = exp_below(y, x, n, find_max(x, n));
    for (size_t i = 0; i < n; i++)
        y[i] = y[i] / sum;
}

float ink_softmax_page_c(float *p, const float *scores, size_t n, ink_softmax_state *state)
{
    float max = ink_max(find_max(scores, n), state->max);
    float rescale = ink_expf(state->max - max);
    state->sum = fmaf(state->sum, rescale, exp_below(p, scores, n, max));
    state->max = max;
    return rescale;
}
