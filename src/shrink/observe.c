/*
 * What matrices read, seen while a session reads: their inputs are marked as outputs of each step
 * when it is recorded, and summed up when it has run.
 */
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/pool.h"
#include "shrink/calibrate_internal.h"

ink_inputs *ink_inputs_of(const ink_statistics *s, const ink_array *node)
{
    if (node->op != INK_OP_LINEAR && node->op != INK_OP_LINEAR_EXPERTS)
        return NULL;
    for (size_t i = 0; i < s->n; i++)
        if (s->all[i].matrix == node->parameters.matrix)
            return &s->all[i];
    return NULL;
}

ink_array *ink_inputs_source(const ink_array *node)
{
    ink_array *x = node->inputs[0];
    return x->op == INK_OP_QUANTIZE ? x->inputs[0] : x;
}

/* Matrices that read the same array have one set of products. */
static void note_same(const ink_statistics *s, const ink_graph *graph, size_t index,
                      ink_inputs *inputs)
{
    const ink_array *x = ink_inputs_source(graph->nodes[index]);
    for (size_t i = 0; i < index && inputs->n_experts == 1; i++) {
        ink_inputs *other = ink_inputs_of(s, graph->nodes[i]);
        if (other && other != inputs && other->n_experts == 1 &&
            ink_inputs_source(graph->nodes[i]) == x)
            inputs->same_as = other->same_as ? other->same_as : other;
    }
}

static void mark(void *context, ink_graph *graph)
{
    const ink_statistics *s = ((ink_calibration *)context)->statistics;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        ink_inputs *inputs = ink_inputs_of(s, graph->nodes[i]);
        if (!inputs)
            continue;
        ink_output(ink_inputs_source(graph->nodes[i]));
        if (graph->nodes[i]->op == INK_OP_LINEAR_EXPERTS)
            ink_output(graph->nodes[i]->inputs[1]);
        else
            note_same(s, graph, i, inputs);
    }
}

void ink_inputs_add(ink_inputs *inputs, size_t expert, const float *x)
{
    double *sums = inputs->squares + expert * inputs->k;
    inputs->counts[expert] += 1;
    for (size_t i = 0; i < inputs->k; i++)
        sums[i] += (double)x[i] * (double)x[i];
}

/* Each token's input goes to the experts that were chosen for it. */
static void sum_experts(ink_inputs *inputs, ink_program *program, const ink_array *node)
{
    ink_array *x = ink_inputs_source(node), *ids = node->inputs[1];
    const float *values = ink_program_data(program, x);
    const int32_t *chosen = ink_program_data(program, ids);
    for (size_t token = 0; token < ids->shape[0]; token++)
        for (size_t i = 0; i < ids->shape[1]; i++)
            ink_inputs_add(inputs, (size_t)chosen[token * ids->stride[0] + i],
                           values + token * x->stride[0] + (x->n_dims == 3 ? i * x->stride[1] : 0));
}

static void sum_rows(ink_inputs *inputs, ink_program *program, const ink_array *node)
{
    ink_array *x = ink_inputs_source(node);
    const float *values = ink_program_data(program, x);
    for (size_t token = 0; token < x->shape[0]; token++)
        ink_inputs_add(inputs, 0, values + token * x->stride[0]);
}

static ink_status sum_squares(void *context, ink_program *program, const ink_graph *graph,
                              ink_error *error)
{
    const ink_statistics *s = ((ink_calibration *)context)->statistics;
    (void)error;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const ink_array *node = graph->nodes[i];
        ink_inputs *inputs = ink_inputs_of(s, node);
        if (inputs && node->op == INK_OP_LINEAR)
            sum_rows(inputs, program, node);
        else if (inputs)
            sum_experts(inputs, program, node);
    }
    return INK_OK;
}

ink_status ink_calibration_run(ink_calibration *c, ink_statistics *s, ink_error *error)
{
    const ink_observer observer = {c, mark, sum_squares};
    c->statistics = s;
    INK_TRY(ink_calibration_read(c, &observer, error));
    s->n_tokens = (uint64_t)c->n_windows * c->n_window;
    for (size_t i = 0; i < s->n; i++)
        for (size_t j = 0; j < s->all[i].n_experts * s->all[i].k; j++)
            if (!isfinite(s->all[i].squares[j]))
                return ink_fail(error, INK_CORRUPT, 0,
                                "%s: what %s reads is not a number: are the weights damaged?",
                                ink_gguf_name(c->model->gguf), s->all[i].name);
    return INK_OK;
}

/* ---- Products -------------------------------------------------------------------------------- */

enum { STRIPES = 16 }; /* of a matrix of products, which threads share */

typedef struct multiplying {
    ink_calibration calibration; /* first: it is the context of mark */
    ink_pool *pool;
    ink_gemm_f32_fn *gemm;
    char *scratch; /* [n_threads][INK_GEMM_SCRATCH_BYTES] */
    ink_program *program;
    const ink_graph *graph;
} multiplying;

/* One stripe of what one product of the graph read. */
static void multiply_stripe(void *context, size_t stage, size_t task, int thread)
{
    const multiplying *m = context;
    const ink_array *node = m->graph->nodes[task / STRIPES];
    const ink_inputs *inputs = ink_inputs_of(m->calibration.statistics, node);
    (void)stage;
    if (!inputs || !inputs->products)
        return;
    size_t k = inputs->k, first = k * (task % STRIPES) / STRIPES;
    size_t n = k * (task % STRIPES + 1) / STRIPES - first;
    ink_array *x = ink_inputs_source(node);
    const float *values = ink_program_data(m->program, x);
    if (n > 0)
        m->gemm(&(ink_gemm){.m = n,
                            .n = k,
                            .k = x->shape[0],
                            .a = values + first,
                            .a_row = 1,
                            .a_col = x->stride[0],
                            .b = values,
                            .b_row = x->stride[0],
                            .b_col = 1,
                            .c = inputs->products + first * k,
                            .c_row = k,
                            .add = true,
                            .scratch = m->scratch + (size_t)thread * INK_GEMM_SCRATCH_BYTES});
}

static ink_status sum_products(void *context, ink_program *program, const ink_graph *graph,
                               ink_error *error)
{
    multiplying *m = context;
    uint32_t n_tasks = (uint32_t)graph->n_nodes * STRIPES;
    (void)error;
    m->program = program;
    m->graph = graph;
    ink_pool_run(m->pool, &(ink_pool_work){multiply_stripe, m, &n_tasks, 1});
    return INK_OK;
}

static ink_status take_threads(multiplying *m, ink_error *error)
{
    const ink_calibration *c = &m->calibration;
    ink_kernels kernels;
    uint32_t features;
    INK_TRY(ink_cpu_select(&features, error));
    ink_kernels_init(&kernels, features);
    m->gemm = kernels.gemm_f32;
    size_t n_bytes = (size_t)c->n_threads * INK_GEMM_SCRATCH_BYTES; /* at most INK_MAX_THREADS */
    m->scratch = ink_new_aligned(c->allocator, n_bytes, 64);
    if (!m->scratch)
        return ink_fail_memory(error, "the products of inputs");
    INK_TRY(ink_pool_new(&m->pool, c->n_threads, c->allocator, error));
    return ink_pool_reserve(m->pool, 1, error);
}

ink_status ink_calibration_multiply(ink_calibration *c, ink_statistics *s, ink_error *error)
{
    multiplying m = {.calibration = *c};
    const ink_observer observer = {&m, mark, sum_products};
    m.calibration.statistics = s;
    for (size_t i = 0; i < s->n; i++)
        if (s->all[i].products)
            memset(s->all[i].products, 0, s->all[i].k * s->all[i].k * sizeof(float));
    ink_status status = take_threads(&m, error);
    if (status == INK_OK)
        status = ink_calibration_read(c, &observer, error);
    ink_pool_free(m.pool);
    ink_delete_aligned(c->allocator, m.scratch);
    return status;
}
