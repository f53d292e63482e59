/* The layers of a step, and both of its ends: embedding and logits. The blocks are in blocks.h. */
#include "model/decoder.h"

#include <math.h>
#include "array/backward.h"
#include "array/grad.h"
#include "model/blocks.h"
#include "model/rope.h"

/* ---- Layers ---------------------------------------------------------------------------------- */

/* x + part, the part scaled and the sum normalized where the model does so. */
static ink_array *residual(ink_builder *b, ink_array *x, ink_array *part, ink_role post_norm,
                           ink_role out_norm)
{
    if (!part)
        return NULL;
    part = ink_block_scale(ink_block_norm(b, &b->weights[post_norm], part), b->h->residual_scale);
    part = ink_dropout(part, b->step->seed, b->dropout);
    ink_array *y = ink_add(x, part);
    return y ? ink_block_norm(b, &b->weights[out_norm], y) : NULL;
}

/* What the layer mixes tokens with, by the parts that are present; several are added up. */
static ink_array *mix(ink_builder *b, ink_array *x)
{
    static const struct {
        ink_role part;
        ink_array *(*record)(ink_builder *b, ink_array *x);
    } mixers[] = {
        {INK_WEIGHT_CONV, ink_block_convolution},
        {INK_WEIGHT_ATTENTION_OUTPUT, ink_block_attention},
        {INK_WEIGHT_SCAN_IN, ink_block_scan},
        {INK_WEIGHT_DELTA_QKV, ink_block_delta},
    };
    ink_array *sum = NULL;
    for (size_t i = 0; i < sizeof mixers / sizeof *mixers; i++) {
        if (!ink_weight_present(&b->weights[mixers[i].part]))
            continue;
        ink_array *part = mixers[i].record(b, x);
        sum = sum ? ink_add(sum, part) : part;
    }
    return sum;
}

static ink_array *parallel_layer(ink_builder *b, ink_array *x)
{
    const ink_weight *w = b->weights;
    ink_array *normed = ink_block_norm(b, &w[INK_WEIGHT_ATTENTION_NORM], x);
    ink_array *for_attention = w[INK_WEIGHT_ATTENTION_NORM_2].vector
                                   ? ink_block_norm(b, &w[INK_WEIGHT_ATTENTION_NORM_2], x)
                                   : normed;
    ink_array *for_ff =
        w[INK_WEIGHT_FFN_NORM].vector ? ink_block_norm(b, &w[INK_WEIGHT_FFN_NORM], x) : normed;
    ink_array *seen = ink_dropout(ink_block_attention(b, for_attention), b->step->seed, b->dropout);
    ink_array *fed = ink_dropout(ink_block_feed_forward(b, for_ff), b->step->seed, b->dropout);
    return ink_add(ink_add(x, seen), fed);
}

static ink_array *record_layer(ink_builder *b, ink_array *x)
{
    const ink_weight *w = b->weights;
    if (b->h->parallel)
        return parallel_layer(b, x);
    ink_array *part = mix(b, ink_block_norm(b, &w[INK_WEIGHT_ATTENTION_NORM], x));
    ink_role ffn_norm =
        b->model->arch->ffn_norm ? (ink_role)b->model->arch->ffn_norm : INK_WEIGHT_FFN_NORM;
    ink_role post_norm = INK_WEIGHT_ATTENTION_POST_NORM;
    x = residual(b, x, part, ffn_norm == post_norm ? INK_WEIGHT_END : post_norm,
                 INK_WEIGHT_ATTENTION_OUT_NORM);
    if (!x)
        return NULL;
    if (!ink_weight_present(&w[INK_WEIGHT_FFN_DOWN]) && !ink_weight_present(&w[INK_WEIGHT_ROUTER]))
        return x;
    part = w[INK_WEIGHT_EXPERTS_NORM].vector
               ? ink_block_dense_and_experts(b, x)
               : ink_block_feed_forward(b, ink_block_norm(b, &w[ffn_norm], x));
    x = residual(b, x, part, INK_WEIGHT_FFN_POST_NORM, INK_WEIGHT_LAYER_OUT_NORM);
    if (b->per_layer)
        x = ink_add(x, ink_block_per_layer(b, x));
    const ink_weight *scale = &w[INK_WEIGHT_LAYER_OUT_SCALE];
    return scale->vector ? ink_multiply(x, ink_vector(b->graph, scale->vector, scale->n)) : x;
}

/* ---- Both ends ------------------------------------------------------------------------------- */

static ink_array *embed(ink_builder *b)
{
    const ink_weight *w = b->model->weights;
    const ink_weight *types = &w[INK_WEIGHT_TOKEN_TYPES];
    ink_array *x = ink_embed(&w[INK_WEIGHT_TOKEN_EMBEDDING].matrix, b->step->tokens);
    if (b->model->arch->scale_embedding_by_width)
        x = ink_scale(x, sqrtf((float)b->h->n_embedding));
    x = ink_block_scale(x, b->h->embedding_scale);
    if (b->step->token_types)
        x = ink_add(x, ink_embed(&types->matrix, b->step->token_types));
    else if (types->vector)
        x = ink_add(x, ink_vector(b->graph, types->vector, types->n));
    if (ink_weight_present(&w[INK_WEIGHT_POSITION_EMBEDDING]))
        x = ink_add(x, ink_embed(&w[INK_WEIGHT_POSITION_EMBEDDING].matrix, b->step->positions));
    return x ? ink_block_norm(b, &w[INK_WEIGHT_EMBEDDING_NORM], x) : NULL;
}

static ink_array *soft_cap(ink_array *x, float cap)
{
    return cap > 0 ? ink_scale(ink_activate(INK_ACTIVATION_TANH, ink_scale(x, 1 / cap)), cap) : x;
}

static ink_array *logits(ink_builder *b, ink_array *x)
{
    const ink_weight *w = b->model->weights;
    const ink_weight *output =
        &w[ink_weight_present(&w[INK_WEIGHT_OUTPUT]) ? INK_WEIGHT_OUTPUT
                                                     : INK_WEIGHT_TOKEN_EMBEDDING];
    ink_array *y = ink_block_linear(b, output, x);
    ink_logit_rule rule = b->model->arch->logits;
    if (rule != INK_LOGITS_PLAIN && b->h->logit_scale > 0)
        y = ink_scale(y, rule == INK_LOGITS_TIMES ? b->h->logit_scale : 1 / b->h->logit_scale);
    return soft_cap(y, b->h->final_soft_cap);
}

static ink_array *rope_table(ink_builder *b, bool windowed, size_t n_context, ink_array *positions)
{
    size_t n_pairs = ink_hparams_rope_dims(b->h, windowed) / 2;
    float magnitude, *frequencies = ink_arena_take(&b->graph->arena, n_pairs, sizeof *frequencies);
    if (!frequencies) {
        ink_fail_memory(&b->graph->error, "rotation frequencies");
        return NULL;
    }
    ink_rope_frequencies(b->model, windowed, n_context, frequencies, &magnitude);
    return ink_rope_table(positions, ink_vector(b->graph, frequencies, n_pairs), magnitude);
}

static void record_tables(ink_builder *b, size_t n_context, ink_array *positions,
                          ink_array *tables[2])
{
    tables[0] = tables[1] = rope_table(b, false, n_context, positions);
    if (ink_rope_differs(b->h))
        tables[1] = rope_table(b, true, n_context, positions);
}

static void record_inputs(ink_builder *b, ink_step_shape shape)
{
    const size_t n[1] = {shape.n_tokens};
    ink_step *step = b->step;
    *step = (ink_step){
        .tokens = ink_input(b->graph, INK_I32, 1, n),
        .positions = ink_input(b->graph, INK_I32, 1, n),
    };
    if (!shape.training)
        step->sequences = ink_input(b->graph, INK_POINTER, 1, n);
    if (shape.dropout > 0 || shape.adapter_dropout > 0)
        step->seed = ink_input(b->graph, INK_I32, 2, (size_t[]){1, 2});
    if (shape.n_outputs > 0 && shape.n_outputs < shape.n_tokens)
        step->chosen = ink_input(b->graph, INK_I32, 1, &shape.n_outputs);
    if (b->model->weights[INK_WEIGHT_TOKEN_TYPES].matrix.n_rows > 0)
        step->token_types = ink_input(b->graph, INK_I32, 1, n);
    if (b->model->arch->rope == INK_ROPE_NONE)
        return;
    if (shape.rolls) {
        step->turns = ink_input(b->graph, INK_I32, 1, n);
        record_tables(b, shape.n_context, step->positions, b->tables[1]);
    }
    record_tables(b, shape.n_context, shape.rolls ? step->turns : step->positions, b->tables[0]);
}

/* Inputs and tables; false: the graph says why not. */
static bool begin(ink_builder *b, ink_step_shape shape)
{
    record_inputs(b, shape);
    b->dropout = shape.dropout;
    b->adapter_dropout = shape.adapter_dropout;
    b->n_context = shape.n_context;
    b->rolls = shape.rolls;
    b->seen = ink_arena_take(&b->graph->arena, b->h->n_layers, sizeof *b->seen);
    if (!b->seen)
        ink_fail_memory(&b->graph->error, "the layers of a step");
    return b->seen;
}

void ink_model_record(const ink_model *model, ink_graph *graph, ink_step_shape shape,
                      ink_step *step)
{
    ink_builder b = {.model = model, .h = &model->hparams, .graph = graph, .step = step};
    if (!begin(&b, shape))
        return;
    ink_array *x = ink_dropout(embed(&b), step->seed, b.dropout);
    ink_block_per_layer_inputs(&b, x);
    for (b.layer = 0; x && b.layer < b.h->n_layers; b.layer++) {
        b.weights = model->layers[b.layer];
        if (shape.recompute)
            ink_checkpoint(x);
        x = record_layer(&b, x);
    }
    if (shape.n_outputs == 0) /* filling the cache is all that is wanted */
        return;
    if (step->chosen)
        x = ink_pick(x, step->chosen);
    ink_role norm =
        model->arch->output_norm ? (ink_role)model->arch->output_norm : INK_WEIGHT_OUTPUT_NORM;
    x = x ? ink_block_norm(&b, &model->weights[norm], x) : NULL;
    step->result = ink_output(model->arch->kind == INK_KIND_EMBEDDING ? x : logits(&b, x));
}

void ink_model_record_embedding(const ink_model *model, ink_graph *graph, ink_step_shape shape,
                                ink_step *step)
{
    ink_builder b = {.model = model, .h = &model->hparams, .graph = graph, .step = step};
    if (begin(&b, shape))
        step->result = ink_output(embed(&b));
}

ink_array *ink_model_record_layer(const ink_model *model, ink_graph *graph, uint32_t layer,
                                  ink_step_shape shape, ink_step *step)
{
    ink_builder b = {.model = model, .h = &model->hparams, .graph = graph, .step = step};
    if (!begin(&b, shape))
        return NULL;
    ink_array *x = ink_input(graph, INK_F32, 2, (size_t[]){shape.n_tokens, b.h->n_embedding});
    b.layer = layer;
    b.weights = model->layers[layer];
    step->result = x ? record_layer(&b, x) : NULL;
    return x;
}

const char *ink_layer_untrainable(const ink_model *model, size_t layer)
{
    for (ink_role role = INK_WEIGHT_END + 1; role < INK_N_WEIGHT_ROLES; role++)
        if (ink_weight_present(&model->layers[layer][role]) && ink_role_untrainable(role))
            return ink_role_untrainable(role);
    return NULL;
}

const char *ink_layer_dependent(const ink_model *model, size_t layer)
{
    if (model->hparams.layers[layer].kv_layer != layer)
        return "keys and values of another layer";
    return ink_weight_present(&model->weights[INK_WEIGHT_PER_LAYER_EMBEDDING])
               ? "embeddings by layer"
               : NULL;
}

const char *ink_model_untrainable(const ink_model *model)
{
    const char *part = NULL;
    for (size_t layer = 0; !part && layer < model->hparams.n_layers; layer++)
        part = ink_layer_untrainable(model, layer);
    return part;
}

void ink_model_kv_layout(const ink_model *model, size_t layer, ink_kv_layout *layout)
{
    const ink_layer_hparams *of = &model->hparams.layers[layer];
    layout->n_heads = of->kv_layer == layer ? of->n_kv_heads : 0;
    layout->k_dim = ink_hparams_k_dim(&model->hparams, of);
    layout->v_dim = ink_hparams_v_dim(&model->hparams, of);
}

size_t ink_model_window(const ink_model *model, size_t layer)
{
    return model->hparams.layers[layer].windowed ? model->hparams.window : 0;
}

size_t ink_model_state_floats(const ink_model *model, size_t layer)
{
    const ink_hparams *h = &model->hparams;
    const ink_weight *weights = model->layers[layer];
    if (weights[INK_WEIGHT_CONV].n > 0)
        return (size_t)(h->n_conv_taps - 1) * h->n_embedding;
    if (weights[INK_WEIGHT_SCAN_OUT].n > 0)
        return ink_convolution_floats(h) + (size_t)h->n_scan_state * h->n_scan;
    return 0;
}
