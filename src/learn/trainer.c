#include "learn/trainer.h"

#include <math.h>
#include <string.h>
#include "array/backward.h"
#include "array/grad.h"
#include "base/cpu.h"
#include "base/pool.h"

/* ---- Recording ------------------------------------------------------------------------------- */

static ink_array *record_loss(const ink_objective *objective, ink_learning_graph *g)
{
    ink_array *logits = g->step.result;
    if (!logits)
        return NULL;
    logits->output = false; /* nobody reads them */
    ink_array *losses = objective ? objective->record(objective->context, logits, g->targets)
                                  : ink_cross_entropy(logits, g->targets);
    return ink_output(ink_multiply(ink_reduce(losses, 2, (size_t[]){1, 1}), g->share));
}

static void record_gradients(const ink_trainer *t, ink_learning_graph *g)
{
    size_t n = t->parameters->n;
    ink_array **of = ink_arena_take(&g->graph.arena, n, sizeof(ink_array *));
    g->gradients = ink_arena_take(&g->graph.arena, n, sizeof(ink_array *));
    if (!of || !g->gradients) {
        (void)ink_fail_memory(&g->graph.error, "the gradients of a step");
        return;
    }
    for (size_t i = 0; i < n; i++)
        of[i] = ink_find_constant(&g->graph, t->parameters->all[i].data);
    ink_grad(g->loss, n, of, g->gradients);
    for (size_t i = 0; i < n; i++)
        ink_output(g->gradients[i]);
}

static ink_status record(ink_trainer *t, ink_learning_graph *g, bool learns, ink_error *error)
{
    size_t n = t->options.n_tokens;
    ink_step_shape shape = {
        .n_tokens = n,
        .n_outputs = n,
        .n_context = t->options.n_context,
        .training = true,
        .recompute = learns && t->options.recompute,
        .dropout = learns ? t->options.dropout : 0,
        .adapter_dropout = learns ? t->options.adapter_dropout : 0,
    };
    ink_graph_init(&g->graph, t->allocator);
    g->graph.precision = t->options.precision;
    ink_model_record(t->model, &g->graph, shape, &g->step);
    g->targets = ink_input(&g->graph, INK_I32, 1, &n);
    g->share = ink_input(&g->graph, INK_F32, 2, (size_t[]){1, 1});
    g->loss = record_loss(learns ? t->options.objective : NULL, g);
    if (learns)
        record_gradients(t, g);
    return ink_program_new(&g->program, t->device, &g->graph, error);
}

static void forget(ink_learning_graph *g)
{
    ink_program_free(g->program);
    ink_graph_deinit(&g->graph);
}

/* ---- Running --------------------------------------------------------------------------------- */

static size_t count_targets(const ink_batch *batch)
{
    size_t n = 0;
    for (size_t i = 0; i < batch->n_tokens; i++)
        n += batch->targets[i] >= 0;
    return n;
}

static void fill(const ink_learning_graph *g, ink_array *input, const void *data, size_t n_bytes)
{
    memcpy(ink_program_data(g->program, input), data, n_bytes);
}

/* A number for each batch that was ever learned from. */
static uint64_t batch_seed(const ink_trainer *t)
{
    return t->options.seed + (t->optimizer.n_steps << 20) + t->n_summed;
}

static ink_status run(ink_trainer *t, ink_learning_graph *g, const ink_batch *batch, float *loss,
                      ink_error *error)
{
    size_t n_bytes = batch->n_tokens * sizeof(int32_t), n_counted = count_targets(batch);
    float share = n_counted ? 1 / (float)n_counted : 0;
    fill(g, g->step.tokens, batch->tokens, n_bytes);
    fill(g, g->step.positions, batch->positions, n_bytes);
    fill(g, g->targets, batch->targets, n_bytes);
    fill(g, g->share, &share, sizeof share);
    if (g->step.seed) {
        uint64_t seed = batch_seed(t);
        fill(g, g->step.seed, &seed, sizeof seed);
    }
    const ink_objective *objective = g == &t->learning ? t->options.objective : NULL;
    if (objective && objective->fill)
        INK_TRY(objective->fill(objective->context, g->program, batch, error));
    INK_TRY(ink_program_run(g->program, error));
    *loss = *(const float *)ink_program_data(g->program, g->loss);
    return INK_OK;
}

/* Where this batch's gradients are, until the next program runs. */
static void find_gradients(const ink_trainer *t, const ink_learning_graph *g)
{
    for (size_t i = 0; i < t->parameters->n; i++)
        t->gradients[i] = g->gradients[i] ? ink_program_data(g->program, g->gradients[i]) : NULL;
}

/* A weight that the loss does not depend on has no gradient: zeros are in the sums, or nowhere. */
static ink_status sum_up(ink_trainer *t, bool last, ink_error *error)
{
    bool missing = false;
    for (size_t i = 0; i < t->parameters->n; i++)
        missing = missing || !t->gradients[i];
    if (t->n_summed == 0 && last && !missing)
        return INK_OK;
    if (!t->sums)
        t->sums = ink_new(t->allocator, t->parameters->n_floats, sizeof *t->sums);
    if (!t->sums)
        return ink_fail_memory(error, "the gradients of several batches");
    float *sum = t->sums;
    for (size_t i = 0; i < t->parameters->n; sum += t->parameters->all[i++].n) {
        size_t n = t->parameters->all[i].n;
        const float *gradient = t->gradients[i];
        if (t->n_summed == 0)
            memset(sum, 0, n * sizeof *sum);
        for (size_t j = 0; gradient && j < n; j++)
            sum[j] += gradient[j];
        t->gradients[i] = sum;
    }
    return INK_OK;
}

ink_status ink_trainer_learn(ink_trainer *t, const ink_batch *batch, bool last, float *loss,
                             ink_error *error)
{
    INK_TRY(run(t, &t->learning, batch, loss, error));
    find_gradients(t, &t->learning);
    INK_TRY(sum_up(t, last, error));
    t->n_summed++;
    return INK_OK;
}

ink_status ink_trainer_step(ink_trainer *t, float rate, double *norm, ink_error *error)
{
    float scale = 1 / (float)t->n_summed;
    t->n_summed = 0;
    *norm = ink_optimizer_step(&t->optimizer, t->gradients, scale, rate);
    if (!isfinite(*norm))
        return ink_fail(error, INK_CORRUPT, 0,
                        "the gradients of step %llu are not finite numbers: the learning rate is "
                        "too high, or a weight or a text is damaged",
                        (unsigned long long)t->optimizer.n_steps + 1);
    return INK_OK;
}

ink_status ink_trainer_evaluate(ink_trainer *t, const ink_batch *batch, float *loss,
                                ink_error *error)
{
    return run(t, &t->evaluating, batch, loss, error);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static ink_status fill_trainer(ink_trainer *t, ink_error *error)
{
    uint32_t features;
    INK_TRY(ink_cpu_select(&features, error));
    INK_TRY(ink_device_cpu_new(&t->device, t->options.n_threads, features, t->allocator, error));
    INK_TRY(ink_pool_new(&t->pool, t->options.n_threads, t->allocator, error));
    INK_TRY(ink_pool_reserve(t->pool, 1, error));
    INK_TRY(ink_optimizer_init(&t->optimizer, t->options.adam, t->parameters, t->pool, t->allocator,
                               error));
    t->gradients = ink_new(t->allocator, t->parameters->n, sizeof *t->gradients);
    if (!t->gradients)
        return ink_fail_memory(error, "a trainer");
    INK_TRY(record(t, &t->learning, true, error));
    return record(t, &t->evaluating, false, error);
}

ink_status ink_trainer_init(ink_trainer *t, ink_model *model, const ink_parameter_list *parameters,
                            const ink_trainer_options *options, ink_error *error)
{
    *t = (ink_trainer){.allocator = model->allocator,
                       .model = model,
                       .parameters = parameters,
                       .options = *options};
    INK_TRY(ink_pool_choose_threads(options->n_threads, &t->options.n_threads, error));
    ink_status status = fill_trainer(t, error);
    if (status != INK_OK)
        ink_trainer_deinit(t);
    return status;
}

void ink_trainer_deinit(ink_trainer *t)
{
    forget(&t->learning);
    forget(&t->evaluating);
    ink_optimizer_deinit(&t->optimizer);
    ink_delete(t->allocator, t->gradients);
    ink_delete(t->allocator, t->sums);
    ink_pool_free(t->pool);
    ink_device_free(t->device);
    *t = (ink_trainer){.allocator = t->allocator};
}

size_t ink_trainer_memory_bytes(const ink_trainer *t)
{
    size_t n_floats = t->parameters->n_floats;
    return ink_device_memory_bytes(t->device) + (t->sums ? 3 : 2) * n_floats * sizeof(float);
}
