/*
 * The work of pruning: what a text shows of layers, and of each matrix behind groups or channels
 * the order in which its columns are missed, or what is left of it.
 */
#include <math.h>

#include "base/pool.h"
#include "base/size.h"
#include "kernel/kernel.h"
#include "quant/feedback.h"
#include "shrink/prune_internal.h"

/* ---- What zeros need, too -------------------------------------------------------------------- */

ink_status ink_prune_open(ink_model **out, const char *in, const ink_pruning *o, ink_error *error)
{
    INK_TRY(ink_model_open(
        out, in,
        &(ink_model_options){
            .allocator = o->allocator, .log = o->log, .load = INK_LOAD_METADATA, .n_threads = 1},
        error));
    return (*out)->load == INK_LOAD_METADATA
               ? INK_OK
               : ink_fail(error, INK_UNSUPPORTED, 0, "%s: has a vocabulary only, no weights", in);
}

ink_status ink_prune_calibrate(ink_calibration *calibration, ink_statistics *statistics,
                               const char *in, const ink_pruning *o, int n_threads,
                               ink_error *error)
{
    const ink_calibration_options options = {
        .texts = o->texts,
        .n_texts = o->n_texts,
        .n_context = o->n_context,
        .n_tokens = o->n_tokens,
        .n_threads = n_threads,
        .allocator = o->allocator,
        .log = &o->log,
        .progress = &o->calibration_progress,
    };
    INK_TRY(ink_calibration_open(calibration, in, &options, error));
    return ink_statistics_take(statistics, calibration->model, error);
}

ink_status ink_prune_factor(const ink_inputs *inputs, float *room, ink_error *error)
{
    return ink_feedback_prepare(inputs->products, inputs->factors, inputs->k, INK_FEEDBACK_DAMPING,
                                room)
               ? INK_OK
               : ink_fail(error, INK_CORRUPT, 0,
                          "the products of what %s reads cannot be inverted; calibrate with a "
                          "longer text",
                          inputs->name);
}

/* ---- Taking out columns ---------------------------------------------------------------------- */

/* Those that are to go: of the layers that stay, as many as was chosen. */
uint32_t ink_prune_n_gone(const ink_prune *p, const ink_prune_job *j)
{
    return p->cut.stays[INK_CUT_LAYERS][j->layer] ? p->cut.n[j->kind] - p->cut.kept[j->kind] : 0;
}

/*
 * The layer behind those that go with the next one, or in learning, that would: what they add can
 * be given by this matrix in part, where its output goes into the stream as it is.
 */
static uint32_t replaces_to(const ink_prune *p, const ink_prune_job *j)
{
    const ink_weight *weights = p->model->layers[j->layer];
    const bool *stays = p->cut.stays[INK_CUT_LAYERS];
    uint32_t last = j->layer + 1;
    if (!p->options->repair || !p->costs.allowed[INK_CUT_LAYERS] || j->kind != INK_CUT_CHANNELS ||
        weights[INK_WEIGHT_FFN_POST_NORM].n > 0 || weights[INK_WEIGHT_LAYER_OUT_NORM].n > 0 ||
        weights[INK_WEIGHT_LAYER_OUT_SCALE].n > 0 || p->model->hparams.residual_scale > 0)
        return last;
    if (!p->chosen)
        return last < p->cut.n[INK_CUT_LAYERS] ? last + 1 : last;
    while (stays[j->layer] && last < p->cut.n[INK_CUT_LAYERS] && !stays[last])
        last++;
    return last;
}

/* Whether there is work on it: in learning always. */
bool ink_prune_changes(const ink_prune *p, const ink_prune_job *j)
{
    return !p->chosen || ink_prune_n_gone(p, j) > 0 || replaces_to(p, j) > j->layer + 1;
}

static ink_status load_columns(const ink_prune *p, ink_prune_job *j)
{
    const ink_elimination *e = &j->work;
    const ink_format_info *info = &ink_formats[j->tensor->format];
    size_t n_blocks = e->k / info->block_elements, n_bytes = n_blocks * info->block_bytes;
    float *values = e->room, *source = values + e->k;
    for (size_t row = 0; row < e->n_rows; row++) {
        INK_TRY(ink_gguf_read(p->model->gguf, j->tensor, (uint64_t)row * n_bytes, n_bytes, source,
                              &j->error));
        ink_decode(j->tensor->format, values, source, n_blocks);
        for (size_t i = 0; i < e->k; i++)
            e->columns[i * e->n_rows + row] = values[i];
    }
    return INK_OK;
}

/* All of them, the one that is missed least first. */
static void learn_order(const ink_prune *p, ink_prune_job *j)
{
    bool *stays = ink_cut_stays(&p->cut, j->kind, j->layer); /* which nobody else looks at yet */
    for (uint32_t n = 0; n < p->cut.n[j->kind]; n++) {
        double least = NAN; /* the first is taken for less, whatever it is */
        for (uint32_t unit = 0; unit < p->cut.n[j->kind]; unit++) {
            double cost = stays[unit] ? ink_eliminate_cost(&j->work, unit) : 0;
            if (stays[unit] && !(cost >= least)) {
                least = cost;
                j->order[n] = unit;
            }
        }
        stays[j->order[n]] = false;
        j->losses[n] = ink_eliminate(&j->work, j->order[n]);
    }
}

static void run_job(void *context, size_t stage, size_t task, int thread)
{
    ink_prune *p = context;
    ink_prune_job *j = &p->jobs[task];
    const ink_inputs *inputs = j->inputs;
    (void)stage, (void)thread;
    if (!j->work.columns || !inputs->products)
        return;
    if (ink_prune_factor(inputs, j->work.room, &j->error) != INK_OK)
        return;
    ink_eliminate_begin(inputs->factors, inputs->products, inputs->k);
    j->work.inverse = inputs->products;
    if (load_columns(p, j) != INK_OK)
        return;
    double gained = j->sums ? ink_eliminate_add(&j->work, j->sums) : 0;
    if (!p->chosen) {
        j->regained = gained;
        if (j->sums && load_columns(p, j) != INK_OK) /* as it was: both are not the same cost */
            return;
        if (p->costs.allowed[j->kind])
            learn_order(p, j);
    }
    for (uint32_t n = 0; p->chosen && n < ink_prune_n_gone(p, j); n++)
        (void)ink_eliminate(&j->work, j->order[n]);
}

void ink_prune_drop_work(ink_prune *p)
{
    for (size_t i = 0; i < p->n_jobs; i++) {
        ink_delete(p->options->allocator, p->jobs[i].work.columns);
        ink_delete(p->options->allocator, p->jobs[i].work.room);
        ink_delete(p->options->allocator, p->jobs[i].sums);
        p->jobs[i].work.columns = p->jobs[i].work.room = p->jobs[i].sums = NULL;
    }
    ink_statistics_forget_products(&p->statistics);
}

static ink_status take_work(ink_prune *p, ink_prune_job *j, ink_error *error)
{
    const ink_allocator *allocator = p->options->allocator;
    ink_elimination *e = &j->work;
    size_t n_columns, n_room, n_row = 2 * e->k; /* of floats, and as it is in the file */
    INK_TRY(ink_inputs_take_products(j->inputs, allocator, error));
    if (!ink_size_mul(e->k, e->n_rows, &n_columns) ||
        !ink_size_mul(e->width, e->width + e->n_rows, &n_room))
        return ink_fail_memory(error, "the columns of a matrix");
    e->columns = ink_resize(allocator, NULL, n_columns, sizeof(float));
    e->room = ink_resize(allocator, NULL, ink_size_max(n_room, n_row), sizeof(float));
    bool adds = replaces_to(p, j) > j->layer + 1;
    if (adds)
        j->sums = ink_resize(allocator, NULL, n_columns, sizeof(float));
    return e->columns && e->room && (j->sums || !adds)
               ? INK_OK
               : ink_fail_memory(error, "the columns of a matrix");
}

static ink_status run_jobs(ink_prune *p, ink_error *error)
{
    ink_pool *pool = NULL;
    uint32_t n_tasks = (uint32_t)p->n_jobs;
    INK_TRY(ink_pool_new(&pool, p->n_threads, p->options->allocator, error));
    ink_status status = ink_pool_reserve(pool, 1, error);
    if (status == INK_OK)
        ink_pool_run(pool, &(ink_pool_work){run_job, p, &n_tasks, 1});
    ink_pool_free(pool);
    for (size_t i = 0; status == INK_OK && i < p->n_jobs; i++) {
        status = p->jobs[i].error.status;
        if (error && status != INK_OK)
            *error = p->jobs[i].error;
    }
    return status;
}

/* What layers behind the matrices at hand add. */
static ink_status read_added(ink_prune *p, ink_error *error)
{
    bool wanted = false;
    for (size_t i = 0; i < p->n_jobs; i++) {
        const ink_prune_job *j = &p->jobs[i];
        p->added[i] = (ink_added){.matrix = j->inputs->matrix,
                                  .first = j->layer + 1,
                                  .last = replaces_to(p, j),
                                  .sums = j->sums};
        wanted = wanted || j->sums;
    }
    return wanted ? ink_calibration_add(&p->calibration, p->added, p->n_jobs, error) : INK_OK;
}

/* Work on this matrix and on as many behind it as there is room for; *next: the one after them. */
ink_status ink_prune_work_from(ink_prune *p, size_t first, size_t *next, ink_error *error)
{
    uint64_t used = 0;
    ink_prune_drop_work(p);
    for (*next = first; *next < p->n_jobs; ++*next) {
        ink_prune_job *j = &p->jobs[*next];
        uint64_t k = j->work.k, n_bytes = 2 * k * (k + j->work.n_rows) * sizeof(float);
        if (!ink_prune_changes(p, j))
            continue;
        if (used > 0 && used + n_bytes > INK_PRODUCTS_BYTES)
            break;
        used += n_bytes;
        INK_TRY(take_work(p, j, error));
    }
    INK_TRY(ink_calibration_multiply(&p->calibration, &p->statistics, error));
    INK_TRY(read_added(p, error));
    return run_jobs(p, error);
}

/* ---- What the text shows --------------------------------------------------------------------- */

static ink_status add_job(ink_prune *p, size_t index, ink_error *error)
{
    static const ink_role reads[INK_N_CUTS] = {
        [INK_CUT_GROUPS] = INK_WEIGHT_ATTENTION_OUTPUT, [INK_CUT_CHANNELS] = INK_WEIGHT_FFN_DOWN};
    const ink_cut_place *place = &p->cut.places[index];
    for (ink_cut_kind kind = INK_CUT_GROUPS; kind < INK_N_CUTS; kind++) {
        uint32_t n = p->cut.n[kind];
        bool wanted = p->costs.allowed[kind] && n > 1;
        if (kind == INK_CUT_CHANNELS && p->options->repair)
            wanted = wanted || p->costs.allowed[INK_CUT_LAYERS];
        if (place->role != reads[kind] || !place->rows || !wanted)
            continue;
        ink_prune_job *j = &p->jobs[p->n_jobs++];
        *j = (ink_prune_job){.tensor = ink_gguf_get_tensor(p->model->gguf, index),
                             .kind = kind,
                             .layer = place->layer,
                             .order = ink_arena_take(&p->arena, n, sizeof *j->order),
                             .losses = ink_arena_take(&p->arena, n, sizeof *j->losses)};
        j->inputs = ink_statistics_find(&p->statistics, j->tensor->name);
        j->work = (ink_elimination){.n_rows = (size_t)j->tensor->shape[1],
                                    .k = (size_t)j->tensor->shape[0],
                                    .width = ink_cut_width(&p->cut, place->columns, kind)};
        if (!j->order || !j->losses || !j->inputs)
            return ink_fail_memory(error, "what a text shows");
    }
    return INK_OK;
}

ink_status ink_prune_read_text(ink_prune *p, ink_error *error)
{
    size_t n_layers = p->cut.n[INK_CUT_LAYERS], most_jobs = n_layers * INK_N_CUTS;
    INK_TRY(ink_prune_calibrate(&p->calibration, &p->statistics, p->in, p->options, p->n_threads,
                                error));
    p->influence = ink_arena_take(&p->arena, n_layers, sizeof *p->influence);
    p->jobs = ink_arena_take(&p->arena, most_jobs, sizeof *p->jobs);
    p->added = ink_arena_take(&p->arena, most_jobs, sizeof *p->added);
    if (!p->influence || !p->jobs || !p->added)
        return ink_fail_memory(error, "what a text shows");
    INK_TRY(ink_calibration_influence(&p->calibration, p->influence, error));
    if (!ink_model_untrainable(p->calibration.model))
        INK_TRY(ink_calibration_differentiate(&p->calibration, &p->statistics, error));
    for (size_t i = 0; i < p->cut.n_tensors; i++)
        INK_TRY(add_job(p, i, error));
    for (size_t next = 0; next < p->n_jobs;)
        INK_TRY(ink_prune_work_from(p, next, &next, error));
    return INK_OK;
}
