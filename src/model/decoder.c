#include "model/decoder.h"

#include <math.h>
#include "model/rope.h"

/* What the recording of one step carries along. */
typedef struct builder {
    const ink_model *model;
    const ink_hparams *h;
    const ink_weight *weights; /* of the current layer */
    ink_graph *graph;
    ink_step *step;
    ink_array *table, *window_table; /* rotations of layers that see all, and of windowed ones */
    uint32_t layer;
} builder;

static bool present(const ink_weight *weight)
{
    return weight->matrix.n_rows > 0 || weight->vector;
}

/* ---- Small parts ----------------------------------------------------------------------------- */

/* x times a matrix, plus its bias. */
static ink_array *linear(builder *b, const ink_weight *weight, ink_array *x)
{
    if (!x)
        return NULL;
    ink_array *y = ink_linear(&weight->matrix, x);
    return weight->bias ? ink_add(y, ink_vector(b->graph, weight->bias, weight->matrix.n_rows)) : y;
}

/* The norm with this weight, or x where there is none. */
static ink_array *norm(builder *b, const ink_weight *weight, ink_array *x)
{
    if (!weight->vector || !x)
        return x;
    return ink_norm(b->model->arch->norm, x, ink_vector(b->graph, weight->vector, weight->n),
                    ink_vector(b->graph, weight->bias, weight->n), b->h->epsilon);
}

static ink_array *scale(ink_array *x, float factor)
{
    return factor == 0 || factor == 1 ? x : ink_scale(x, factor);
}

static ink_array *soft_cap(ink_array *x, float cap)
{
    return cap > 0 ? ink_scale(ink_activate(INK_ACTIVATION_TANH, ink_scale(x, 1 / cap)), cap) : x;
}

static ink_array *split_heads(ink_array *x, size_t n_heads, size_t dim)
{
    return x ? ink_reshape(x, 3, (size_t[]){x->shape[0], n_heads, dim}) : NULL;
}

static ink_array *join_heads(ink_array *x)
{
    return x ? ink_reshape(x, 2, (size_t[]){x->shape[0], x->shape[1] * x->shape[2]}) : NULL;
}

/* ---- Attention ------------------------------------------------------------------------------- */

typedef struct qkv {
    ink_array *q, *k, *v; /* [n, heads, dim] */
} qkv;

static ink_attention attention_of(const builder *b)
{
    const ink_hparams *h = b->h;
    const ink_layer_hparams *layer = &h->layers[b->layer];
    return (ink_attention){
        .layer = b->layer,
        .n_heads = layer->n_heads,
        .n_kv_heads = layer->n_kv_heads,
        .k_dim = h->k_dim,
        .v_dim = h->v_dim,
        .scale = h->attention_scale,
        .soft_cap = h->attention_soft_cap,
        .window = layer->windowed ? h->window : 0,
        .causal = h->causal,
    };
}

/* Over each head, or over all heads together, as wide as the weight is. */
static ink_array *norm_heads(builder *b, const ink_weight *weight, ink_array *x)
{
    if (!weight->vector || weight->n == x->shape[2])
        return norm(b, weight, x);
    return split_heads(norm(b, weight, join_heads(x)), x->shape[1], x->shape[2]);
}

static qkv project(builder *b, ink_array *x, const ink_attention *a)
{
    const ink_weight *w = b->weights;
    size_t n_q = a->n_heads * a->k_dim, n_k = a->n_kv_heads * a->k_dim,
           n_v = a->n_kv_heads * a->v_dim;
    qkv y;
    if (present(&w[INK_WEIGHT_QKV])) {
        ink_array *all = linear(b, &w[INK_WEIGHT_QKV], x);
        y = (qkv){ink_slice(all, 0, n_q), ink_slice(all, n_q, n_k), ink_slice(all, n_q + n_k, n_v)};
    } else {
        y.q = linear(b, &w[INK_WEIGHT_QUERY], x);
        y.k = linear(b, &w[INK_WEIGHT_KEY], x);
        y.v = linear(b, &w[INK_WEIGHT_VALUE], x);
    }
    y.q = split_heads(y.q, a->n_heads, a->k_dim);
    y.k = split_heads(y.k, a->n_kv_heads, a->k_dim);
    y.v = split_heads(y.v, a->n_kv_heads, a->v_dim);
    return y;
}

static void rotate(builder *b, qkv *y)
{
    const ink_layer_hparams *layer = &b->h->layers[b->layer];
    if (!layer->rotated)
        return;
    bool neighbors = b->model->arch->rope == INK_ROPE_NEIGHBORS;
    ink_array *table = layer->windowed ? b->window_table : b->table;
    y->q = ink_rope(y->q, table, neighbors);
    y->k = ink_rope(y->k, table, neighbors);
}

static ink_array *plain_attention(builder *b, ink_array *x)
{
    const ink_weight *w = b->weights;
    ink_attention a = attention_of(b);
    qkv y = project(b, x, &a);
    if (!y.q || !y.k || !y.v)
        return NULL;
    y.q = norm_heads(b, &w[INK_WEIGHT_QUERY_NORM], y.q);
    y.k = norm_heads(b, &w[INK_WEIGHT_KEY_NORM], y.k);
    rotate(b, &y);
    const ink_step *step = b->step;
    ink_array *sinks = ink_vector(b->graph, w[INK_WEIGHT_SINKS].vector, w[INK_WEIGHT_SINKS].n);
    ink_array *stored = ink_output(ink_store(y.k, y.v, step->positions, step->sequences, &a));
    ink_array *seen =
        join_heads(ink_attend(y.q, stored, step->positions, step->sequences, sinks, &a));
    seen = seen ? norm(b, &w[INK_WEIGHT_ATTENTION_SUB_NORM], seen) : NULL;
    return linear(b, &w[INK_WEIGHT_ATTENTION_OUTPUT], seen);
}

/* ---- Latent attention (DeepSeek-V2, arXiv:2405.04434): keys and values of all heads come from one narrow vector; each
 * head's own matrices are applied to its query and to its result instead, so the cache holds the
 * narrow vector alone. */

/* Each head times a matrix of its own: x[n, heads, k] -> [n, heads, n_rows]. */
static ink_array *linear_heads(builder *b, const ink_weight *weight, ink_array *x)
{
    return x ? ink_linear_experts(&weight->matrix, x, ink_range(b->graph, x->shape[0], x->shape[1]))
             : NULL;
}

static ink_array *latent_queries(builder *b, ink_array *x, const ink_attention *a)
{
    const ink_weight *w = b->weights;
    const ink_role direct = INK_WEIGHT_QUERY;
    if (present(&w[INK_WEIGHT_QUERY_A]))
        x = norm(b, &w[INK_WEIGHT_QUERY_A_NORM], linear(b, &w[INK_WEIGHT_QUERY_A], x));
    x = linear(b, &w[present(&w[INK_WEIGHT_QUERY_B]) ? INK_WEIGHT_QUERY_B : direct], x);
    return split_heads(x, a->n_heads, b->h->k_dim_latent);
}

static ink_array *latent_attention(builder *b, ink_array *x)
{
    const ink_weight *w = b->weights;
    const ink_step *step = b->step;
    ink_attention a = attention_of(b);
    size_t rank = b->h->kv_rank, rotated = b->h->rope_dims, plain = b->h->k_dim_latent - rotated;
    ink_array *q = latent_queries(b, x, &a), *kv = linear(b, &w[INK_WEIGHT_KV_A], x);
    ink_array *shared =
        split_heads(norm(b, &w[INK_WEIGHT_KV_A_NORM], ink_slice(kv, 0, rank)), 1, rank);
    ink_array *k_rotated =
        ink_rope(split_heads(ink_slice(kv, rank, rotated), 1, rotated), b->table, true);
    ink_array *q_rotated = ink_rope(ink_slice(q, plain, rotated), b->table, true);
    q = ink_concat(linear_heads(b, &w[INK_WEIGHT_KEY_B], ink_slice(q, 0, plain)), q_rotated);
    ink_array *k = ink_concat(shared, k_rotated);
    ink_array *stored = ink_output(ink_store(k, shared, step->positions, step->sequences, &a));
    ink_array *seen = ink_attend(q, stored, step->positions, step->sequences, NULL, &a);
    return linear(b, &w[INK_WEIGHT_ATTENTION_OUTPUT],
                  join_heads(linear_heads(b, &w[INK_WEIGHT_VALUE_B], seen)));
}

/* ---- Feed-forward ---------------------------------------------------------------------------- */

/* activation(gate) * up, or the clamped form of gpt-oss. */
static ink_array *gate_with(builder *b, ink_array *gate, ink_array *up)
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
static ink_array *gated(builder *b, const ink_weight *gate, const ink_weight *up, ink_array *x,
                        size_t n_ff)
{
    ink_array *raised = linear(b, up, x);
    if (present(gate))
        return gate_with(b, linear(b, gate, x), raised);
    if (raised && raised->shape[1] == 2 * n_ff)
        return gate_with(b, ink_slice(raised, 0, n_ff), ink_slice(raised, n_ff, n_ff));
    return ink_activate(b->model->arch->activation, raised);
}

static ink_array *dense(builder *b, ink_array *x)
{
    const ink_weight *w = b->weights;
    size_t n_ff = b->h->layers[b->layer].n_ff;
    ink_array *y = gated(b, &w[INK_WEIGHT_FFN_GATE], &w[INK_WEIGHT_FFN_UP], x, n_ff);
    y = y ? norm(b, &w[INK_WEIGHT_FFN_SUB_NORM], y) : NULL;
    return linear(b, &w[INK_WEIGHT_FFN_DOWN], y);
}

typedef struct routing {
    ink_array *ids, *weights; /* [n, used] */
} routing;

static routing route(builder *b, ink_array *x)
{
    const ink_hparams *h = b->h;
    const float *bias = b->weights[INK_WEIGHT_ROUTER_BIAS].bias;
    ink_array *logits = linear(b, &b->weights[INK_WEIGHT_ROUTER], x), *scores = logits;
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
    y.weights = scale(y.weights, h->expert_scale);
    return y;
}

/* x times the matrices of the chosen experts, plus their biases: [n, used, n_rows]. */
static ink_array *linear_chosen(builder *b, const ink_weight *weight, ink_array *x, ink_array *ids)
{
    const ink_matrix *matrix = &weight->matrix;
    ink_array *y = ink_linear_experts(matrix, x, ids);
    if (!weight->bias || !y)
        return y;
    ink_matrix *biases = ink_arena_take(&b->graph->arena, 1, sizeof *biases);
    if (!biases) {
        ink_fail_memory(&b->graph->error, "the biases of experts");
        return NULL;
    }
    *biases = (ink_matrix){
        .format = INK_FORMAT_F32, .n_rows = matrix->n_experts, .k = matrix->n_rows, .n_experts = 1};
    biases->data = weight->bias;
    return ink_add(y, ink_embed(biases, ids));
}

static ink_array *experts(builder *b, ink_array *x)
{
    const ink_weight *w = b->weights;
    size_t n_ff = b->h->n_expert_ff;
    routing chosen = route(b, x);
    ink_array *y;
    if (present(&w[INK_WEIGHT_EXPERTS_GATE_UP])) {
        ink_array *both = linear_chosen(b, &w[INK_WEIGHT_EXPERTS_GATE_UP], x, chosen.ids);
        y = gate_with(b, ink_slice(both, 0, n_ff), ink_slice(both, n_ff, n_ff));
    } else {
        ink_array *gate = linear_chosen(b, &w[INK_WEIGHT_EXPERTS_GATE], x, chosen.ids);
        y = gate_with(b, gate, linear_chosen(b, &w[INK_WEIGHT_EXPERTS_UP], x, chosen.ids));
    }
    y = ink_combine(linear_chosen(b, &w[INK_WEIGHT_EXPERTS_DOWN], y, chosen.ids), chosen.weights);
    if (!present(&w[INK_WEIGHT_SHARED_DOWN]))
        return y;
    ink_array *shared =
        gated(b, &w[INK_WEIGHT_SHARED_GATE], &w[INK_WEIGHT_SHARED_UP], x, b->h->n_shared_ff);
    return ink_add(y, linear(b, &w[INK_WEIGHT_SHARED_DOWN], shared));
}

static ink_array *feed_forward(builder *b, ink_array *x)
{
    return present(&b->weights[INK_WEIGHT_ROUTER]) ? experts(b, x) : dense(b, x);
}

/* ---- Layers ---------------------------------------------------------------------------------- */

/* x + part, the part scaled and the sum normalized where the model does so. */
static ink_array *residual(builder *b, ink_array *x, ink_array *part, ink_role post_norm,
                           ink_role out_norm)
{
    if (!part)
        return NULL;
    part = scale(norm(b, &b->weights[post_norm], part), b->h->residual_scale);
    ink_array *y = ink_add(x, part);
    return y ? norm(b, &b->weights[out_norm], y) : NULL;
}

static ink_array *attention(builder *b, ink_array *x)
{
    return present(&b->weights[INK_WEIGHT_KV_A]) ? latent_attention(b, x) : plain_attention(b, x);
}

static ink_array *parallel_layer(builder *b, ink_array *x)
{
    const ink_weight *w = b->weights;
    ink_array *normed = norm(b, &w[INK_WEIGHT_ATTENTION_NORM], x);
    ink_array *for_attention = w[INK_WEIGHT_ATTENTION_NORM_2].vector
                                   ? norm(b, &w[INK_WEIGHT_ATTENTION_NORM_2], x)
                                   : normed;
    ink_array *for_ff =
        w[INK_WEIGHT_FFN_NORM].vector ? norm(b, &w[INK_WEIGHT_FFN_NORM], x) : normed;
    return ink_add(ink_add(x, attention(b, for_attention)), feed_forward(b, for_ff));
}

static ink_array *record_layer(builder *b, ink_array *x)
{
    const ink_weight *w = b->weights;
    if (b->h->parallel)
        return parallel_layer(b, x);
    ink_array *part = attention(b, norm(b, &w[INK_WEIGHT_ATTENTION_NORM], x));
    ink_role ffn_norm =
        b->model->arch->ffn_norm ? (ink_role)b->model->arch->ffn_norm : INK_WEIGHT_FFN_NORM;
    ink_role post_norm = INK_WEIGHT_ATTENTION_POST_NORM;
    x = residual(b, x, part, ffn_norm == post_norm ? INK_WEIGHT_END : post_norm,
                 INK_WEIGHT_ATTENTION_OUT_NORM);
    if (!x)
        return NULL;
    part = feed_forward(b, norm(b, &w[ffn_norm], x));
    return residual(b, x, part, INK_WEIGHT_FFN_POST_NORM, INK_WEIGHT_LAYER_OUT_NORM);
}

/* ---- Both ends ------------------------------------------------------------------------------- */

static ink_array *embed(builder *b)
{
    const ink_weight *w = b->model->weights;
    const ink_weight *types = &w[INK_WEIGHT_TOKEN_TYPES];
    ink_array *x = ink_embed(&w[INK_WEIGHT_TOKEN_EMBEDDING].matrix, b->step->tokens);
    if (b->model->arch->scale_embedding_by_width)
        x = ink_scale(x, sqrtf((float)b->h->n_embedding));
    x = scale(x, b->h->embedding_scale);
    if (b->step->token_types)
        x = ink_add(x, ink_embed(&types->matrix, b->step->token_types));
    else if (types->vector)
        x = ink_add(x, ink_vector(b->graph, types->vector, types->n));
    if (present(&w[INK_WEIGHT_POSITION_EMBEDDING]))
        x = ink_add(x, ink_embed(&w[INK_WEIGHT_POSITION_EMBEDDING].matrix, b->step->positions));
    return x ? norm(b, &w[INK_WEIGHT_EMBEDDING_NORM], x) : NULL;
}

static ink_array *logits(builder *b, ink_array *x)
{
    const ink_weight *w = b->model->weights;
    const ink_weight *output =
        &w[present(&w[INK_WEIGHT_OUTPUT]) ? INK_WEIGHT_OUTPUT : INK_WEIGHT_TOKEN_EMBEDDING];
    ink_array *y = linear(b, output, x);
    ink_logit_rule rule = b->model->arch->logits;
    if (rule != INK_LOGITS_PLAIN && b->h->logit_scale > 0)
        y = ink_scale(y, rule == INK_LOGITS_TIMES ? b->h->logit_scale : 1 / b->h->logit_scale);
    return soft_cap(y, b->h->final_soft_cap);
}

static ink_array *rope_table(builder *b, bool windowed, size_t n_context)
{
    size_t n_pairs = b->h->rope_dims / 2;
    float magnitude, *frequencies = ink_arena_take(&b->graph->arena, n_pairs, sizeof *frequencies);
    if (!frequencies) {
        ink_fail_memory(&b->graph->error, "rotation frequencies");
        return NULL;
    }
    ink_rope_frequencies(b->model, windowed, n_context, frequencies, &magnitude);
    return ink_rope_table(b->step->positions, ink_vector(b->graph, frequencies, n_pairs),
                          magnitude);
}

static void record_inputs(builder *b, ink_step_shape shape)
{
    const size_t n[1] = {shape.n_tokens};
    ink_step *step = b->step;
    *step = (ink_step){
        .tokens = ink_input(b->graph, INK_I32, 1, n),
        .positions = ink_input(b->graph, INK_I32, 1, n),
        .sequences = ink_input(b->graph, INK_POINTER, 1, n),
    };
    if (shape.n_outputs > 0 && shape.n_outputs < shape.n_tokens)
        step->chosen = ink_input(b->graph, INK_I32, 1, &shape.n_outputs);
    if (b->model->weights[INK_WEIGHT_TOKEN_TYPES].matrix.n_rows > 0)
        step->token_types = ink_input(b->graph, INK_I32, 1, n);
    if (b->model->arch->rope == INK_ROPE_NONE)
        return;
    b->table = b->window_table = rope_table(b, false, shape.n_context);
    if (b->h->rope_base_window != b->h->rope_base)
        b->window_table = rope_table(b, true, shape.n_context);
}

void ink_model_record(const ink_model *model, ink_graph *graph, ink_step_shape shape,
                      ink_step *step)
{
    builder b = {.model = model, .h = &model->hparams, .graph = graph, .step = step};
    record_inputs(&b, shape);
    ink_array *x = embed(&b);
    for (b.layer = 0; x && b.layer < b.h->n_layers; b.layer++) {
        b.weights = model->layers[b.layer];
        x = record_layer(&b, x);
    }
    if (shape.n_outputs == 0) /* filling the cache is all that is wanted */
        return;
    if (step->chosen)
        x = ink_pick(x, step->chosen);
    x = x ? norm(&b, &model->weights[INK_WEIGHT_OUTPUT_NORM], x) : NULL;
    step->result = ink_output(model->arch->kind == INK_KIND_EMBEDDING ? x : logits(&b, x));
}

void ink_model_kv_layout(const ink_model *model, size_t layer, ink_kv_layout *layout)
{
    layout->n_heads = model->hparams.layers[layer].n_kv_heads;
    layout->k_dim = model->hparams.k_dim;
    layout->v_dim = model->hparams.v_dim;
}

size_t ink_model_window(const ink_model *model, size_t layer)
{
    return model->hparams.layers[layer].windowed ? model->hparams.window : 0;
}
