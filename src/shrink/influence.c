/*
 * What each layer does to the stream that it reads and adds to, seen while a text is read: how far
 * what leaves it points elsewhere (Men et al., ShortGPT, arXiv:2403.03853), and how much it adds.
 */
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/size.h"
#include "shrink/calibrate_internal.h"

typedef struct watching {
    const ink_model *model;
    ink_influence *layers;  /* [n_layers] */
    const ink_added *added; /* [n_added] */
    size_t n_added;
    ink_gemm_f32_fn *gemm;
    void *scratch;     /* of it */
    float *difference; /* [n_window][n_embedding] */
} watching;

static bool reads(const ink_array *node, const ink_weight *weight)
{
    return node->op == INK_OP_LINEAR && weight->matrix.n_rows > 0 &&
           node->parameters.matrix == &weight->matrix;
}

/* Whether a product is the first of a layer; of n_layers the one that makes the logits. */
static bool begins(const ink_model *model, const ink_array *node, size_t layer)
{
    const ink_weight *w = model->weights;
    if (layer < model->hparams.n_layers)
        return reads(node, &model->layers[layer][INK_WEIGHT_QUERY]) ||
               reads(node, &model->layers[layer][INK_WEIGHT_QKV]);
    return reads(node, &w[INK_WEIGHT_OUTPUT]) || reads(node, &w[INK_WEIGHT_TOKEN_EMBEDDING]);
}

/* The stream in front of a layer, before it is normed. */
static ink_array *stream_at(const watching *w, const ink_graph *graph, size_t layer)
{
    for (size_t i = 0; i < graph->n_nodes; i++) {
        if (!begins(w->model, graph->nodes[i], layer))
            continue;
        ink_array *x = ink_inputs_source(graph->nodes[i]);
        return x->op == INK_OP_NORM ? x->inputs[0] : x;
    }
    return NULL;
}

static void mark(void *context, ink_graph *graph)
{
    const watching *w = context;
    for (size_t layer = 0; layer <= w->model->hparams.n_layers; layer++)
        ink_output(stream_at(w, graph, layer));
}

/* One token's way through one layer. */
static void add_token(ink_influence *of, const float *in, const float *out, size_t n)
{
    double aa = 0, bb = 0, ab = 0;
    for (size_t i = 0; i < n; i++) {
        double a = (double)in[i], b = (double)out[i];
        aa += a * a;
        bb += b * b;
        ab += a * b;
    }
    of->n_tokens += 1;
    of->apart += 1 - (aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0);
    of->added += aa + bb - 2 * ab;
    of->stream += bb;
}

static ink_status sum_up(void *context, ink_program *program, const ink_graph *graph,
                         ink_error *error)
{
    const watching *w = context;
    (void)error;
    ink_array *in = stream_at(w, graph, 0);
    for (size_t layer = 0; layer < w->model->hparams.n_layers; layer++) {
        ink_array *out = stream_at(w, graph, layer + 1);
        if (!in || !out)
            return INK_OK; /* a step without logits */
        const float *a = ink_program_data(program, in);
        const float *b = ink_program_data(program, out);
        for (size_t token = 0; token < in->shape[0]; token++)
            add_token(&w->layers[layer], a + token * in->stride[0], b + token * out->stride[0],
                      in->shape[1]);
        in = out;
    }
    return INK_OK;
}

/* ---- What is added --------------------------------------------------------------------------- */

static ink_array *read_by(const ink_graph *graph, const ink_matrix *matrix)
{
    for (size_t i = 0; i < graph->n_nodes; i++)
        if (graph->nodes[i]->op == INK_OP_LINEAR && graph->nodes[i]->parameters.matrix == matrix)
            return ink_inputs_source(graph->nodes[i]);
    return NULL;
}

static void mark_added(void *context, ink_graph *graph)
{
    const watching *w = context;
    mark(context, graph);
    for (size_t i = 0; i < w->n_added; i++)
        ink_output(read_by(graph, w->added[i].matrix));
}

static void add_products(const watching *w, ink_program *program, const ink_graph *graph,
                         const ink_added *a)
{
    ink_array *x = read_by(graph, a->matrix), *in = stream_at(w, graph, a->first);
    ink_array *out = stream_at(w, graph, a->last);
    if (!x || !in || !out)
        return;
    const float *from = ink_program_data(program, in), *to = ink_program_data(program, out);
    size_t n = in->shape[1];
    for (size_t token = 0; token < in->shape[0]; token++)
        for (size_t i = 0; i < n; i++)
            w->difference[token * n + i] =
                to[token * out->stride[0] + i] - from[token * in->stride[0] + i];
    w->gemm(&(ink_gemm){.m = x->shape[1],
                        .n = n,
                        .k = x->shape[0],
                        .a = ink_program_data(program, x),
                        .a_row = 1,
                        .a_col = x->stride[0],
                        .b = w->difference,
                        .b_row = n,
                        .b_col = 1,
                        .c = a->sums,
                        .c_row = n,
                        .add = true,
                        .scratch = w->scratch});
}

static ink_status sum_added(void *context, ink_program *program, const ink_graph *graph,
                            ink_error *error)
{
    const watching *w = context;
    (void)error;
    for (size_t i = 0; i < w->n_added; i++)
        if (w->added[i].sums)
            add_products(w, program, graph, &w->added[i]);
    return INK_OK;
}

static ink_status take_room(watching *w, const ink_calibration *c, ink_error *error)
{
    ink_kernels kernels;
    uint32_t features;
    size_t n;
    INK_TRY(ink_cpu_select(&features, error));
    ink_kernels_init(&kernels, features);
    w->gemm = kernels.gemm_f32;
    w->scratch = ink_new_aligned(c->allocator, INK_GEMM_SCRATCH_BYTES, 64);
    if (ink_size_mul(c->n_window, c->model->hparams.n_embedding, &n))
        w->difference = ink_resize(c->allocator, NULL, n, sizeof(float));
    return w->scratch && w->difference ? INK_OK : ink_fail_memory(error, "what layers add");
}

ink_status ink_calibration_add(ink_calibration *c, const ink_added *all, size_t n, ink_error *error)
{
    watching w = {.model = c->model, .added = all, .n_added = n};
    const ink_observer observer = {&w, mark_added, sum_added};
    for (size_t i = 0; i < n; i++)
        if (all[i].sums)
            memset(all[i].sums, 0,
                   all[i].matrix->k * c->model->hparams.n_embedding * sizeof *all[i].sums);
    ink_status status = take_room(&w, c, error);
    if (status == INK_OK)
        status = ink_calibration_read(c, &observer, error);
    ink_delete_aligned(c->allocator, w.scratch);
    ink_delete(c->allocator, w.difference);
    return status;
}

ink_status ink_calibration_influence(ink_calibration *c, ink_influence *layers, ink_error *error)
{
    watching w = {.model = c->model, .layers = layers};
    const ink_observer observer = {&w, mark, sum_up};
    INK_TRY(ink_calibration_read(c, &observer, error));
    for (uint32_t i = 0; i < c->model->hparams.n_layers; i++) {
        ink_influence *of = &layers[i];
        if (!(of->n_tokens > 0) || !isfinite(of->apart) || !isfinite(of->stream))
            return ink_fail(error, INK_CORRUPT, 0,
                            "%s: what layer %u gives is not a number: are the weights damaged?",
                            ink_gguf_name(c->model->gguf), i);
        of->apart /= of->n_tokens;
    }
    return INK_OK;
}
