/* The feed-forward of a layer: gated or plain, or a mixture of experts and perhaps a shared one. */
#include "model/blocks.h"

#include <math.h>

/* activation(gate) * up, or the clamped form of gpt-oss. */
static ink_array *gate_with(ink_builder *b, ink_array *gate, ink_array *up)
{
    static const float one = 1;
    float limit = b->model->arch->gate_limit;
    if (limit == 0)
        return ink_multiply(ink_activate(b->model->arch->activation, gate), up);
    gate = ink_clamp(gate, -INFINITY, limit);
    up = ink_add(ink_clamp(up, -limit, limit), ink_vector(b->graph, &one, 1));
    return ink_multiply(
        ink_multiply(gate, ink_activate(INK_ACTIVATION_SIGMOID, ink_scale(gate, 1.702f))), up);
}

/* up, gated where there is a gate of its own or one fused before it. */
static ink_array *gated(ink_builder *b, const ink_weight *gate, const ink_weight *up, ink_array *x,
                        size_t n_ff)
{
    ink_array *raised = ink_block_linear(b, up, x);
    if (ink_weight_present(gate))
        return gate_with(b, ink_block_linear(b, gate, x), raised);
    if (raised && raised->shape[1] == 2 * n_ff)
        return gate_with(b, ink_slice(raised, 0, n_ff), ink_slice(raised, n_ff, n_ff));
    return ink_activate(b->model->arch->activation, raised);
}

static ink_array *dense(ink_builder *b, ink_array *x)
{
    const ink_weight *w = b->weights;
    size_t n_ff = b->h->layers[b->layer].n_ff;
    ink_array *y = gated(b, &w[INK_WEIGHT_FFN_GATE], &w[INK_WEIGHT_FFN_UP], x, n_ff);
    y = y ? ink_block_norm(b, &w[INK_WEIGHT_FFN_SUB_NORM], y) : NULL;
    return ink_block_linear(b, &w[INK_WEIGHT_FFN_DOWN], y);
}

/* ---- Experts --------------------------------------------------------------------------------- */

/* Rows of floats, to be looked up. */
static const ink_matrix *constant_rows(ink_builder *b, const float *data, size_t n_rows, size_t k)
{
    ink_matrix *rows = ink_arena_take(&b->graph->arena, 1, sizeof *rows);
    if (!rows) {
        ink_fail_memory(&b->graph->error, "the biases of experts");
        return NULL;
    }
    *rows = (ink_matrix){
        .format = INK_FORMAT_F32, .n_rows = n_rows, .k = k, .n_experts = 1, .data = data};
    return rows;
}

typedef struct routing {
    ink_array *ids, *weights; /* [n, used] */
} routing;

/* A number for each expert, looked up for those chosen: [n, used]. */
static ink_array *number_of_chosen(ink_builder *b, const float *numbers, ink_array *ids)
{
    const ink_matrix *column = constant_rows(b, numbers, b->h->n_experts, 1);
    ink_array *y = column ? ink_embed(column, ids) : NULL;
    return y ? ink_reshape(y, 2, ids->shape) : NULL;
}

static routing route(ink_builder *b, ink_array *x)
{
    const ink_hparams *h = b->h;
    const float *bias = b->weights[INK_WEIGHT_ROUTER_BIAS].bias;
    ink_array *logits = ink_block_linear(b, &b->weights[INK_WEIGHT_ROUTER], x), *scores = logits;
    if (h->expert_gate == INK_GATE_SOFTMAX)
        scores = ink_softmax(logits);
    if (h->expert_gate == INK_GATE_SIGMOID)
        scores = ink_activate(INK_ACTIVATION_SIGMOID, logits);
    ink_array *chosen_by =
        bias ? ink_add(scores, ink_vector(b->graph, bias, h->n_experts)) : scores;
    routing y = {.ids = ink_top_k(chosen_by, h->n_experts_used)};
    y.weights = ink_gather(scores, y.ids);
    if (h->expert_gate == INK_GATE_SOFTMAX_OF_CHOSEN)
        y.weights = ink_softmax(y.weights);
    else if (h->expert_normalize)
        y.weights = ink_normalize(y.weights);
    const float *scales = b->weights[INK_WEIGHT_EXPERTS_SCALE].vector;
    if (scales && y.ids)
        y.weights = ink_multiply(y.weights, number_of_chosen(b, scales, y.ids));
    y.weights = ink_block_scale(y.weights, h->expert_scale);
    return y;
}

/* x times the matrices of the chosen experts, plus their biases: [n, used, n_rows]. */
static ink_array *linear_chosen(ink_builder *b, const ink_weight *weight, ink_array *x,
                                ink_array *ids)
{
    const ink_matrix *matrix = &weight->matrix;
    ink_array *y = ink_linear_experts(matrix, x, ids);
    if (!weight->bias || !y)
        return y;
    const ink_matrix *biases = constant_rows(b, weight->bias, matrix->n_experts, matrix->n_rows);
    return biases ? ink_add(y, ink_embed(biases, ids)) : NULL;
}

/* The expert of all tokens, which may have a gate for each of them. */
static ink_array *shared_expert(ink_builder *b, ink_array *x)
{
    const ink_weight *w = b->weights, *router = &w[INK_WEIGHT_SHARED_ROUTER];
    ink_array *y =
        gated(b, &w[INK_WEIGHT_SHARED_GATE], &w[INK_WEIGHT_SHARED_UP], x, b->h->n_shared_ff);
    y = ink_block_linear(b, &w[INK_WEIGHT_SHARED_DOWN], y);
    if (!ink_weight_present(router))
        return y;
    return ink_multiply(y, ink_activate(INK_ACTIVATION_SIGMOID, ink_block_linear(b, router, x)));
}

/* x to all experts that `router` chooses. */
static ink_array *experts(ink_builder *b, ink_array *x, ink_array *router)
{
    const ink_weight *w = b->weights;
    size_t n_ff = b->h->n_expert_ff;
    routing chosen = route(b, router);
    ink_array *y;
    if (ink_weight_present(&w[INK_WEIGHT_EXPERTS_GATE_UP])) {
        ink_array *both = linear_chosen(b, &w[INK_WEIGHT_EXPERTS_GATE_UP], x, chosen.ids);
        y = gate_with(b, ink_slice(both, 0, n_ff), ink_slice(both, n_ff, n_ff));
    } else {
        ink_array *gate = linear_chosen(b, &w[INK_WEIGHT_EXPERTS_GATE], x, chosen.ids);
        y = gate_with(b, gate, linear_chosen(b, &w[INK_WEIGHT_EXPERTS_UP], x, chosen.ids));
    }
    y = ink_combine(linear_chosen(b, &w[INK_WEIGHT_EXPERTS_DOWN], y, chosen.ids), chosen.weights);
    return ink_weight_present(&w[INK_WEIGHT_SHARED_DOWN]) ? ink_add(y, shared_expert(b, x)) : y;
}

ink_array *ink_block_feed_forward(ink_builder *b, ink_array *x)
{
    return ink_weight_present(&b->weights[INK_WEIGHT_ROUTER]) ? experts(b, x, x) : dense(b, x);
}

ink_array *ink_block_dense_and_experts(ink_builder *b, ink_array *x)
{
    const ink_weight *w = b->weights;
    ink_array *one = dense(b, ink_block_norm(b, &w[INK_WEIGHT_FFN_NORM], x));
    ink_array *router = ink_block_norm(b, &w[INK_WEIGHT_ROUTER_NORM], x);
    router = ink_scale(router, 1 / sqrtf((float)b->h->n_embedding));
    ink_array *other = experts(b, ink_block_norm(b, &w[INK_WEIGHT_EXPERTS_NORM], x), router);
    one = ink_block_norm(b, &w[INK_WEIGHT_DENSE_POST_NORM], one);
    return ink_add(one, ink_block_norm(b, &w[INK_WEIGHT_EXPERTS_POST_NORM], other));
}
