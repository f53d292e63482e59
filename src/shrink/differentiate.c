/*
 * How much the loss depends on what matrices give: a step of training is recorded on the packed
 * weights, and the gradients of all products come out of it.
 */
#include "array/backward.h"
#include "array/grad.h"
#include "base/cpu.h"
#include "shrink/calibrate_internal.h"

typedef struct differentiating {
    const ink_calibration *calibration;
    ink_statistics *statistics;
    ink_device *device;
    ink_graph graph;
    ink_program *program;
    ink_step step;
    ink_array *targets, *loss;
    size_t n;             /* products of the forward step */
    ink_array **outputs;  /* [n] */
    ink_array **gradient; /* [n] of them */
} differentiating;

/* A table of embeddings that makes no logits: its rows are looked up, and that is all. */
static ink_inputs *looked_up(const differentiating *d, const ink_array *node)
{
    const ink_model *model = d->calibration->model;
    const ink_matrix *table = &model->weights[INK_WEIGHT_TOKEN_EMBEDDING].matrix;
    if (node->op != INK_OP_EMBED || node->parameters.matrix != table ||
        model->weights[INK_WEIGHT_OUTPUT].matrix.n_rows == 0)
        return NULL;
    for (size_t i = 0; i < d->statistics->n; i++)
        if (d->statistics->all[i].matrix == table)
            return &d->statistics->all[i];
    return NULL;
}

/* All products and rows that the loss depends on, up to here. */
static void list_outputs(differentiating *d)
{
    ink_graph *graph = &d->graph;
    size_t n_nodes = graph->n_nodes;
    d->outputs = ink_arena_take(&graph->arena, n_nodes, sizeof(ink_array *));
    d->gradient = ink_arena_take(&graph->arena, n_nodes, sizeof(ink_array *));
    if (!d->outputs || !d->gradient) {
        (void)ink_fail_memory(&graph->error, "the gradients of a text");
        return;
    }
    for (size_t i = 0; i < n_nodes; i++)
        if (ink_inputs_of(d->statistics, graph->nodes[i]) || looked_up(d, graph->nodes[i]))
            d->outputs[d->n++] = graph->nodes[i];
}

/* The sum over tokens: its gradient at a token is that of all losses that depend on it. */
static ink_status record(differentiating *d, ink_error *error)
{
    const ink_calibration *c = d->calibration;
    size_t n = c->n_window;
    ink_model_record(
        c->model, &d->graph,
        (ink_step_shape){
            .n_tokens = n, .n_outputs = n, .n_context = n, .training = true, .recompute = false},
        &d->step);
    d->targets = ink_input(&d->graph, INK_I32, 1, &n);
    if (d->step.result)
        d->step.result->output = false;
    d->loss =
        ink_output(ink_reduce(ink_cross_entropy(d->step.result, d->targets), 2, (size_t[]){1, 1}));
    list_outputs(d);
    if (d->graph.error.status == INK_OK)
        ink_grad(d->loss, d->n, d->outputs, d->gradient);
    for (size_t i = 0; i < d->n; i++)
        ink_output(d->gradient[i]);
    return ink_program_new(&d->program, d->device, &d->graph, error);
}

/*
 * An error of a row that is looked up is an error of the result: its columns matter as their
 * gradients do, and any row is as likely to be met as another.
 */
static void sum_looked_up(const differentiating *d, size_t index, ink_inputs *inputs)
{
    const ink_array *dy = d->gradient[index];
    const float *values = ink_program_data(d->program, d->gradient[index]);
    for (size_t token = 0; token < dy->shape[0]; token++)
        ink_inputs_add(inputs, 0, values + token * dy->stride[0]);
    inputs->n_gradients = (double)inputs->n_rows;
    for (size_t row = 0; row < inputs->n_rows; row++)
        inputs->gradients[row] = 1;
}

static void sum_gradient(const differentiating *d, size_t index)
{
    ink_inputs *inputs = ink_inputs_of(d->statistics, d->outputs[index]);
    const ink_array *dy = d->gradient[index];
    if (!dy)
        return;
    if (!inputs) {
        sum_looked_up(d, index, looked_up(d, d->outputs[index]));
        return;
    }
    const float *values = ink_program_data(d->program, d->gradient[index]);
    inputs->n_gradients += (double)dy->shape[0];
    for (size_t token = 0; token < dy->shape[0]; token++, values += dy->stride[0])
        for (size_t row = 0; row < inputs->n_rows; row++)
            inputs->gradients[row] += (double)values[row] * (double)values[row];
}

static ink_status run_window(differentiating *d, const int32_t *ids, ink_error *error)
{
    size_t n = d->calibration->n_window;
    int32_t *tokens = ink_program_data(d->program, d->step.tokens);
    int32_t *positions = ink_program_data(d->program, d->step.positions);
    int32_t *targets = ink_program_data(d->program, d->targets);
    for (size_t i = 0; i < n; i++) {
        tokens[i] = ids[i];
        positions[i] = (int32_t)i;
        targets[i] = i + 1 < n ? ids[i + 1] : -1;
    }
    INK_TRY(ink_program_run(d->program, error));
    for (size_t i = 0; i < d->n; i++)
        sum_gradient(d, i);
    return INK_OK;
}

static ink_status differentiate(differentiating *d, ink_error *error)
{
    const ink_calibration *c = d->calibration;
    uint32_t features;
    INK_TRY(ink_cpu_select(&features, error));
    INK_TRY(ink_device_cpu_new(&d->device, c->n_threads, features, c->allocator, error));
    INK_TRY(record(d, error));
    for (size_t i = 0; i < d->statistics->n; i++) {
        ink_inputs *inputs = &d->statistics->all[i];
        inputs->gradients =
            ink_arena_take(&d->statistics->arena, inputs->n_rows, sizeof *inputs->gradients);
        if (!inputs->gradients)
            return ink_fail_memory(error, "the gradients of a text");
    }
    for (size_t i = 0; i < c->n_windows; i++) {
        INK_TRY(run_window(d, c->tokens.ids + i * c->n_window, error));
        INK_TRY(ink_calibration_go_on(c, i + 1, error));
    }
    return INK_OK;
}

ink_status ink_calibration_differentiate(ink_calibration *c, ink_statistics *s, ink_error *error)
{
    const char *part = ink_model_untrainable(c->model);
    differentiating d = {.calibration = c, .statistics = s};
    if (part)
        return ink_fail(error, INK_UNSUPPORTED, 0, "no gradient goes through %s", part);
    ink_graph_init(&d.graph, c->allocator);
    ink_status status = differentiate(&d, error);
    ink_program_free(d.program);
    ink_graph_deinit(&d.graph);
    ink_device_free(d.device);
    return status;
}
