/*
 * Losses and their gradients, row by row: from logits against a target, or against a teacher.
 *
 * With q = softmax(logits) and a loss L of q, dL/dlogits = q (g - sum(q g)), where g = dL/dq.
 */
#include "device/cpu/cpu.h"

#include <math.h>
#include <string.h>
#include "kernel/math.h"

/* Softmax of a row into p. Returns the logarithm of what exp(logits) was divided by. */
static double soften(const ink_cpu_call *call, float *p, const float *logits, size_t n)
{
    ink_softmax_state state = {-INFINITY, 0};
    const ink_kernels *kernels = &call->cpu->kernels;
    kernels->softmax_page(p, logits, n, &state);
    kernels->scale(p, p, 1 / state.sum, n);
    return (double)state.max + (double)ink_logf(state.sum);
}

/* ---- Cross-entropy --------------------------------------------------------------------------- */

size_t ink_cpu_cross_entropy_scratch(const ink_array *node)
{
    return ink_line_length(node->inputs[0]) * sizeof(float);
}

void ink_cpu_cross_entropy(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node, *logits = node->inputs[0];
    const int32_t *targets = node->inputs[1]->data;
    for (size_t row = first_row; row < first_row + n_rows; row++) {
        const float *x = ink_line(logits, row, 0);
        float *loss = ink_line(node, row, 0);
        *loss = 0;
        if (targets[row] < 0)
            continue;
        *loss = (float)(soften(call, call->scratch, x, ink_line_length(logits)) -
                        (double)x[targets[row]]);
    }
}

void ink_cpu_cross_entropy_gradient(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node;
    const int32_t *targets = node->inputs[1]->data;
    size_t n = ink_line_length(node);
    for (size_t row = first_row; row < first_row + n_rows; row++) {
        float *dx = ink_line(node, row, 0);
        if (targets[row] < 0) {
            memset(dx, 0, n * sizeof *dx);
            continue;
        }
        (void)soften(call, dx, ink_line(node->inputs[0], row, 0), n);
        dx[targets[row]] -= 1;
        call->cpu->kernels.scale(dx, dx, *(const float *)ink_line(node->inputs[2], row, 0), n);
    }
}

/* ---- Divergence ------------------------------------------------------------------------------ */

/* One row: both distributions, and their logarithms. */
typedef struct pair {
    float *p, *log_p; /* [n] the teacher's */
    float *q, *log_q; /* [n] the student's */
    size_t n;
} pair;

size_t ink_cpu_divergence_scratch(const ink_array *node)
{
    return 4 * ink_line_length(node->inputs[0]) * sizeof(float);
}

static void soften_both(const ink_cpu_call *call, float *p, float *log_p, const float *logits,
                        size_t n)
{
    float total = (float)soften(call, p, logits, n);
    for (size_t i = 0; i < n; i++)
        log_p[i] = logits[i] - total;
}

/*
 * The teacher named k tokens. Its others share what is left as the student would have it, so that
 * they count as one.
 */
static void share_out(const pair *r, const int32_t *ids, const float *log_named, size_t k)
{
    double p_named = 0, q_named = 0;
    for (size_t i = 0; i < k; i++) {
        p_named += (double)ink_expf(log_named[i]);
        q_named += (double)r->q[ids[i]];
    }
    float p_left = (float)fmax(1 - p_named, 0x1p-40), q_left = (float)fmax(1 - q_named, 0x1p-40);
    float log_factor = ink_logf(p_left) - ink_logf(q_left), factor = p_left / q_left;
    for (size_t i = 0; i < r->n; i++) {
        r->p[i] = r->q[i] * factor;
        r->log_p[i] = r->log_q[i] + log_factor;
    }
    for (size_t i = 0; i < k; i++) {
        r->p[ids[i]] = ink_expf(log_named[i]);
        r->log_p[ids[i]] = log_named[i];
    }
}

static pair read_row(const ink_cpu_call *call, size_t row)
{
    const ink_array *node = call->node, *logits = node->inputs[0], *ids = node->inputs[3];
    size_t n = ink_line_length(logits);
    float *scratch = call->scratch;
    pair r = {scratch, scratch + n, scratch + 2 * n, scratch + 3 * n, n};
    const float *teacher = ink_line(node->inputs[2], row, 0);
    soften_both(call, r.q, r.log_q, ink_line(logits, row, 0), n);
    if (ids)
        share_out(&r, ink_line(ids, row, 0), teacher, ink_line_length(ids));
    else
        soften_both(call, r.p, r.log_p, teacher, n);
    return r;
}

/* log((1 - skew) a + skew b), from the logarithm where nothing is mixed in. */
static float log_mixture(float a, float log_a, float b, float skew)
{
    return skew > 0 ? ink_logf((1 - skew) * a + skew * b) : log_a;
}

void ink_cpu_divergence(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node;
    const int32_t *targets = node->inputs[1]->data;
    float skew = node->parameters.divergence.skew;
    bool forward = node->parameters.divergence.kind == INK_DIVERGENCE_FORWARD;
    for (size_t row = first_row; row < first_row + n_rows; row++) {
        double sum = 0;
        pair r = {.n = 0};
        if (targets[row] >= 0)
            r = read_row(call, row);
        for (size_t i = 0; i < r.n; i++) {
            float p = r.p[i], q = r.q[i];
            if (forward && p > 0)
                sum += (double)(p * (r.log_p[i] - log_mixture(q, r.log_q[i], p, skew)));
            if (!forward && q > 0)
                sum += (double)(q * (r.log_q[i] - log_mixture(p, r.log_p[i], q, skew)));
        }
        *(float *)ink_line(node, row, 0) = (float)sum;
    }
}

/* g = dL/dq, times q, so that a q of nothing does not divide. */
static float slope(const ink_array *node, const pair *r, size_t i)
{
    float skew = node->parameters.divergence.skew, p = r->p[i], q = r->q[i];
    if (node->parameters.divergence.kind == INK_DIVERGENCE_FORWARD) {
        float mixture = (1 - skew) * q + skew * p;
        if (skew == 0)
            return -p;
        return mixture > 0 ? -p * ((1 - skew) * q / mixture) : 0;
    }
    if (q == 0)
        return 0;
    float mixture = (1 - skew) * p + skew * q;
    float part = skew > 0 ? skew * q / mixture : 0;
    return q * (r->log_q[i] - log_mixture(p, r->log_p[i], q, skew) + 1 - part);
}

void ink_cpu_divergence_gradient(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node;
    const int32_t *targets = node->inputs[1]->data;
    for (size_t row = first_row; row < first_row + n_rows; row++) {
        float *dx = ink_line(node, row, 0), dy = *(const float *)ink_line(node->inputs[4], row, 0);
        double sum = 0;
        if (targets[row] < 0) {
            memset(dx, 0, ink_line_length(node) * sizeof *dx);
            continue;
        }
        pair r = read_row(call, row);
        for (size_t i = 0; i < r.n; i++) {
            dx[i] = slope(node, &r, i);
            sum += (double)dx[i];
        }
        for (size_t i = 0; i < r.n; i++)
            dx[i] = (dx[i] - r.q[i] * (float)sum) * dy;
    }
}
