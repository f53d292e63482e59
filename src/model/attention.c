/*
 * The attention of a layer: plain, with as many key heads as the model has, or latent.
 *
 * Latent attention (DeepSeek-V2, arXiv:2405.04434): keys and values of all heads come from one
 * narrow vector; each head's own matrices are applied to its query and to its result instead, so
 * the cache holds the narrow vector alone.
 */
#include "array/backward.h"
#include "model/blocks.h"

static ink_array *split_heads(ink_array *x, size_t n_heads, size_t dim)
{
    return x ? ink_reshape(x, 3, (size_t[]){x->shape[0], n_heads, dim}) : NULL;
}

static ink_array *join_heads(ink_array *x)
{
    return x ? ink_reshape(x, 2, (size_t[]){x->shape[0], x->shape[1] * x->shape[2]}) : NULL;
}

typedef struct qkv {
    ink_array *q, *k, *v; /* [n, heads, dim] */
    ink_array *gate;      /* [n, heads, dim], of the result; NULL: none */
} qkv;

static ink_attention attention_of(const ink_builder *b)
{
    const ink_hparams *h = b->h;
    const ink_layer_hparams *layer = &h->layers[b->layer];
    return (ink_attention){
        .layer = layer->kv_layer,
        .n_heads = layer->n_heads,
        .n_kv_heads = layer->n_kv_heads,
        .k_dim = ink_hparams_k_dim(h, layer),
        .v_dim = ink_hparams_v_dim(h, layer),
        .scale = h->attention_scale,
        .soft_cap = h->attention_soft_cap,
        .window = layer->windowed ? h->window : 0,
        .causal = h->causal,
        .n_context = b->n_context,
        .twofold = b->rolls,
    };
}

/* Over each head, or over all heads together, as wide as the weight is. */
static ink_array *norm_heads(ink_builder *b, const ink_weight *weight, ink_array *x)
{
    if (!weight->vector || weight->n == x->shape[2])
        return ink_block_norm(b, weight, x);
    return split_heads(ink_block_norm(b, weight, join_heads(x)), x->shape[1], x->shape[2]);
}

static qkv project(ink_builder *b, ink_array *x, const ink_attention *a)
{
    const ink_weight *w = b->weights;
    size_t n_q = a->n_heads * a->k_dim, n_k = a->n_kv_heads * a->k_dim,
           n_v = a->n_kv_heads * a->v_dim;
    qkv y = {.gate = NULL};
    if (ink_weight_present(&w[INK_WEIGHT_QKV])) {
        ink_array *all = ink_block_linear(b, &w[INK_WEIGHT_QKV], x);
        y = (qkv){.q = ink_slice(all, 0, n_q),
                  .k = ink_slice(all, n_q, n_k),
                  .v = ink_slice(all, n_q + n_k, n_v)};
    } else {
        bool gated = ink_weight_present(&w[INK_WEIGHT_QUERY_GATED]);
        y.q = ink_block_linear(b, &w[gated ? INK_WEIGHT_QUERY_GATED : INK_WEIGHT_QUERY], x);
        y.k = ink_weight_present(&w[INK_WEIGHT_KEY]) ? ink_block_linear(b, &w[INK_WEIGHT_KEY], x)
                                                     : NULL;
        y.v = ink_weight_present(&w[INK_WEIGHT_VALUE])
                  ? ink_block_linear(b, &w[INK_WEIGHT_VALUE], x)
                  : y.k;
    }
    y.q = split_heads(y.q, a->n_heads, y.q ? y.q->shape[1] / a->n_heads : 0);
    if (y.q && y.q->shape[2] == 2 * a->k_dim) {
        y.gate = ink_slice(y.q, a->k_dim, a->k_dim);
        y.q = ink_slice(y.q, 0, a->k_dim);
    }
    y.k = split_heads(y.k, a->n_kv_heads, a->k_dim);
    y.v = split_heads(y.v, a->n_kv_heads, a->v_dim);
    return y;
}

static ink_array *rotate(ink_builder *b, ink_array *x, bool by_position)
{
    const ink_layer_hparams *layer = &b->h->layers[b->layer];
    ink_array *table = b->tables[by_position][layer->windowed];
    return layer->rotated ? ink_rope(x, table, b->model->arch->rope == INK_ROPE_NEIGHBORS) : x;
}

/* In both forms, where there are two. */
static ink_array *rotate_queries(ink_builder *b, ink_array *q)
{
    ink_array *turned = rotate(b, q, false);
    return b->rolls ? ink_concat(turned, rotate(b, q, true)) : turned;
}

/* Puts the layer's keys and values where they are seen; in a layer that has none, those it sees. */
static ink_seen show(ink_builder *b, const qkv *y, const ink_attention *a)
{
    const ink_weight *w = b->weights;
    const ink_step *step = b->step;
    ink_seen *seen = &b->seen[a->layer];
    if (a->layer != b->layer || !y->k || !y->v)
        return *seen;
    seen->k = rotate(b, norm_heads(b, &w[INK_WEIGHT_KEY_NORM], y->k), false);
    seen->v = b->model->arch->norm_values
                  ? ink_norm(b->model->arch->norm, y->v, NULL, NULL, b->h->epsilon)
                  : y->v;
    seen->stored = ink_store(seen->k, seen->v, step->positions, step->sequences, a);
    return *seen;
}

static ink_array *attend(ink_builder *b, ink_array *q, ink_seen seen, ink_array *sinks,
                         const ink_attention *a)
{
    const ink_step *step = b->step;
    return step->sequences ? ink_attend(q, seen.stored, step->positions, step->sequences, sinks, a)
                           : ink_self_attend(q, seen.k, seen.v, step->positions, a);
}

static ink_array *plain_attention(ink_builder *b, ink_array *x)
{
    const ink_weight *w = b->weights;
    ink_attention a = attention_of(b);
    qkv y = project(b, x, &a);
    if (!y.q)
        return NULL;
    y.q = rotate_queries(b, norm_heads(b, &w[INK_WEIGHT_QUERY_NORM], y.q));
    ink_array *sinks = ink_vector(b->graph, w[INK_WEIGHT_SINKS].vector, w[INK_WEIGHT_SINKS].n);
    ink_array *seen = attend(b, y.q, show(b, &y, &a), sinks, &a);
    if (y.gate)
        seen = ink_multiply(seen, ink_activate(INK_ACTIVATION_SIGMOID, y.gate));
    seen = join_heads(seen);
    seen = seen ? ink_block_norm(b, &w[INK_WEIGHT_ATTENTION_SUB_NORM], seen) : NULL;
    return ink_block_linear(b, &w[INK_WEIGHT_ATTENTION_OUTPUT], seen);
}

/* ---- Latent ---------------------------------------------------------------------------------- */

/* Each head times a matrix of its own: x[n, heads, k] -> [n, heads, n_rows]. */
static ink_array *linear_heads(ink_builder *b, const ink_weight *weight, ink_array *x)
{
    return x ? ink_linear_experts(&weight->matrix, x, ink_range(b->graph, x->shape[0], x->shape[1]))
             : NULL;
}

static ink_array *latent_queries(ink_builder *b, ink_array *x, const ink_attention *a)
{
    const ink_weight *w = b->weights;
    const ink_role direct = INK_WEIGHT_QUERY;
    if (ink_weight_present(&w[INK_WEIGHT_QUERY_A]))
        x = ink_block_norm(b, &w[INK_WEIGHT_QUERY_A_NORM],
                           ink_block_linear(b, &w[INK_WEIGHT_QUERY_A], x));
    x = ink_block_linear(
        b, &w[ink_weight_present(&w[INK_WEIGHT_QUERY_B]) ? INK_WEIGHT_QUERY_B : direct], x);
    return split_heads(x, a->n_heads, b->h->k_dim_latent);
}

/* A query or a key in one form: what is not rotated, then what is. */
static ink_array *latent_form(ink_builder *b, ink_array *plain, ink_array *rest, bool by_position)
{
    return ink_concat(plain, ink_rope(rest, b->tables[by_position][0], true));
}

static ink_array *latent_attention(ink_builder *b, ink_array *x)
{
    const ink_weight *w = b->weights;
    const ink_step *step = b->step;
    ink_attention a = attention_of(b);
    size_t rank = b->h->kv_rank, rotated = b->h->rope_dims, plain = b->h->k_dim_latent - rotated;
    ink_array *q = latent_queries(b, x, &a), *kv = ink_block_linear(b, &w[INK_WEIGHT_KV_A], x);
    ink_array *shared =
        split_heads(ink_block_norm(b, &w[INK_WEIGHT_KV_A_NORM], ink_slice(kv, 0, rank)), 1, rank);
    ink_array *k =
        latent_form(b, shared, split_heads(ink_slice(kv, rank, rotated), 1, rotated), false);
    ink_array *q_rest = ink_slice(q, plain, rotated),
              *q_plain = linear_heads(b, &w[INK_WEIGHT_KEY_B], ink_slice(q, 0, plain));
    q = latent_form(b, q_plain, q_rest, false);
    if (b->rolls)
        q = ink_concat(q, latent_form(b, q_plain, q_rest, true));
    ink_array *stored = ink_store(k, shared, step->positions, step->sequences, &a);
    ink_array *seen = ink_attend(q, stored, step->positions, step->sequences, NULL, &a);
    return ink_block_linear(b, &w[INK_WEIGHT_ATTENTION_OUTPUT],
                            join_heads(linear_heads(b, &w[INK_WEIGHT_VALUE_B], seen)));
}

ink_array *ink_block_attention(ink_builder *b, ink_array *x)
{
    return ink_weight_present(&b->weights[INK_WEIGHT_KV_A]) ? latent_attention(b, x)
                                                            : plain_attention(b, x);
}
