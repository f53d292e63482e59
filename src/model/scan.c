/*
 * Layers that scan. From x come a gate, a step of time a head, and values, keys and queries, which
 * a convolution mixes with those before them. Time says how far a head's state decays.
 *
 * State space (Mamba-2: Dao & Gu, arXiv:2405.21060): time also says how much of the value goes into
 * the state. Gated delta net (Yang et al., arXiv:2412.06464): keys and queries have length one, and
 * what goes in is the value less what the state has for its key, at a rate of its own.
 *
 * The layer's state: the convolution's rows, then the scan's matrices.
 */
#include "model/blocks.h"

#include <math.h>

/* By group, each with weights of its own. */
static ink_array *norm_groups(ink_builder *b, const ink_weight *weight, ink_array *x)
{
    size_t n_groups = b->h->n_scan_groups, n = b->h->n_scan / n_groups;
    if (!weight->vector || !x)
        return x;
    ink_array *y = ink_reshape(x, 3, (size_t[]){x->shape[0], n_groups, n});
    y = ink_norm(b->model->arch->norm, y, NULL, NULL, b->h->epsilon);
    y = ink_multiply(y, ink_constant(b->graph, weight->vector, 2, (size_t[]){n_groups, n}));
    return y ? ink_reshape(y, 2, x->shape) : NULL;
}

static ink_array *convolve(ink_builder *b, ink_array *x)
{
    const ink_weight *taps = &b->weights[INK_WEIGHT_SCAN_CONV];
    size_t n = x ? x->shape[1] : 0;
    if (!x)
        return NULL;
    ink_array *weight = ink_constant(b->graph, taps->vector, 2, (size_t[]){n, b->h->n_scan_taps});
    ink_array *y = ink_convolve(x, weight, ink_vector(b->graph, taps->bias, n), b->step->sequences,
                                (ink_state_place){.layer = b->layer});
    return ink_activate(INK_ACTIVATION_SILU, y);
}

static ink_scan_layout layout_of(const ink_builder *b, bool in_turn)
{
    return (ink_scan_layout){{b->layer, ink_convolution_floats(b->h)}, in_turn};
}

/* exp(slope * time): slopes are below zero. */
static ink_array *decays_of(ink_builder *b, ink_array *time)
{
    const float *slopes = b->weights[INK_WEIGHT_SCAN_DECAY].vector;
    return ink_activate(INK_ACTIVATION_EXP,
                        ink_multiply(time, ink_vector(b->graph, slopes, b->h->n_scan_heads)));
}

/* softplus(x + bias) */
static ink_array *time_of(ink_builder *b, ink_array *x)
{
    const float *bias = b->weights[INK_WEIGHT_SCAN_TIME].vector;
    return ink_activate(INK_ACTIVATION_SOFTPLUS,
                        ink_add(x, ink_vector(b->graph, bias, b->h->n_scan_heads)));
}

/* values[n, heads, dim] by time[n, heads], keys and queries[n, groups, width] to [n, heads, dim] */
static ink_array *scan(ink_builder *b, ink_array *values, ink_array *time, ink_array *keys,
                       ink_array *queries)
{
    const ink_weight *w = b->weights;
    size_t n_heads = b->h->n_scan_heads;
    if (!values || !time)
        return NULL;
    ink_array *skip =
        ink_constant(b->graph, w[INK_WEIGHT_SCAN_SKIP].vector, 2, (size_t[]){n_heads, 1});
    ink_array *parts = ink_reshape(time, 3, (size_t[]){time->shape[0], n_heads, 1});
    ink_array *y = ink_scan(&(ink_scan_inputs){.values = ink_multiply(values, parts),
                                               .decays = decays_of(b, time),
                                               .keys = keys,
                                               .queries = queries,
                                               .sequences = b->step->sequences},
                            layout_of(b, false));
    return ink_add(y, ink_multiply(values, skip));
}

ink_array *ink_block_scan(ink_builder *b, ink_array *x)
{
    const ink_hparams *h = b->h;
    const ink_weight *w = b->weights;
    size_t n = h->n_scan, n_keys = (size_t)h->n_scan_groups * h->n_scan_state;
    size_t n_mixed = n + 2 * n_keys, n_heads = h->n_scan_heads;
    ink_array *all = ink_block_linear(b, &w[INK_WEIGHT_SCAN_IN], x);
    if (!all)
        return NULL;
    size_t heads[3] = {all->shape[0], n_heads, n / n_heads};
    size_t groups[3] = {all->shape[0], h->n_scan_groups, h->n_scan_state};
    ink_array *gate = ink_activate(INK_ACTIVATION_SILU, ink_slice(all, 0, n));
    ink_array *mixed = convolve(b, ink_slice(all, n, n_mixed));
    ink_array *y = scan(b, ink_reshape(ink_slice(mixed, 0, n), 3, heads),
                        time_of(b, ink_slice(all, n + n_mixed, n_heads)),
                        ink_reshape(ink_slice(mixed, n, n_keys), 3, groups),
                        ink_reshape(ink_slice(mixed, n + n_keys, n_keys), 3, groups));
    y = y ? ink_multiply(ink_reshape(y, 2, (size_t[]){heads[0], n}), gate) : NULL;
    return ink_block_linear(b, &w[INK_WEIGHT_SCAN_OUT],
                            norm_groups(b, &w[INK_WEIGHT_SCAN_NORM], y));
}

/* ---- Gated delta net ------------------------------------------------------------------------- */

/* Each vector over its length, times `factor`. */
static ink_array *unit(ink_builder *b, ink_array *x, float factor)
{
    float n = (float)b->h->n_scan_state;
    return ink_scale(ink_norm(INK_NORM_RMS, x, NULL, NULL, b->h->epsilon / n), factor / sqrtf(n));
}

ink_array *ink_block_delta(ink_builder *b, ink_array *x)
{
    const ink_hparams *h = b->h;
    const ink_weight *w = b->weights;
    size_t n = h->n_scan, n_keys = (size_t)h->n_scan_groups * h->n_scan_state;
    if (!x)
        return NULL;
    size_t heads[3] = {x->shape[0], h->n_scan_heads, n / h->n_scan_heads};
    size_t groups[3] = {x->shape[0], h->n_scan_groups, h->n_scan_state};
    ink_array *mixed = convolve(b, ink_block_linear(b, &w[INK_WEIGHT_DELTA_QKV], x));
    ink_array *queries = ink_reshape(ink_slice(mixed, 0, n_keys), 3, groups);
    ink_array *keys = ink_reshape(ink_slice(mixed, n_keys, n_keys), 3, groups);
    ink_array *rates = ink_block_linear(b, &w[INK_WEIGHT_DELTA_RATE], x);
    ink_array *y = ink_scan(
        &(ink_scan_inputs){
            .values = ink_reshape(ink_slice(mixed, 2 * n_keys, n), 3, heads),
            .decays = decays_of(b, time_of(b, ink_block_linear(b, &w[INK_WEIGHT_DELTA_TIME], x))),
            .rates = ink_activate(INK_ACTIVATION_SIGMOID, rates),
            .keys = unit(b, keys, 1),
            .queries = unit(b, queries, 1 / sqrtf((float)h->n_scan_state)),
            .sequences = b->step->sequences},
        layout_of(b, true));
    y = ink_block_norm(b, &w[INK_WEIGHT_DELTA_NORM], y);
    y = y ? ink_reshape(y, 2, (size_t[]){heads[0], n}) : NULL;
    ink_array *gate = ink_block_linear(b, &w[INK_WEIGHT_DELTA_GATE], x);
    y = ink_multiply(y, ink_activate(INK_ACTIVATION_SILU, gate));
    return ink_block_linear(b, &w[INK_WEIGHT_SCAN_OUT], y);
}
