#include "shrink/learn_layers.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/size.h"
#include "model/lora.h"
#include "model/rewrite.h"
#include "runtime/sampler_random.h"
#include "shrink/learn_internal.h"

#define BATCH_TOKENS 1024  /* of a step: whole windows, one at least */
#define LEVEL_TRAVEL 0.5f  /* of a weight over all steps, in levels */
#define SCALE_TRAVEL 0.05f /* of a scale, in parts of it */

enum {
    ROWS_OF_TASK = 64,
    N_MEASURED = 4 /* times that the loss of all of the text is measured on the way */
};

/* ---- What can be learned --------------------------------------------------------------------- */

/* Layers before the first that no gradient goes through, or that reads what others do; why. */
static uint32_t count_layers(const ink_model *model, const char **why)
{
    uint32_t layer = 0;
    for (*why = NULL; layer < model->hparams.n_layers; layer++) {
        *why = ink_layer_untrainable(model, layer);
        *why = *why ? *why : ink_layer_dependent(model, layer);
        if (*why)
            break;
    }
    return layer;
}

static bool takes(ink_role role, ink_format from, ink_format to)
{
    return ink_parts[role].in_layer && ink_parts[role].bias == INK_BIAS_LINEAR && from != to &&
           ink_learned_takes(to);
}

ink_status ink_learn_layers_check(const ink_targets *targets, const ink_log *log, ink_error *error)
{
    const char *why, *in = ink_gguf_name(targets->model->gguf);
    uint32_t n_layers = count_layers(targets->model, &why);
    const ink_target *other = NULL;
    size_t n = 0, n_others = 0;
    for (size_t i = 0; i < targets->n; i++) {
        const ink_target *t = &targets->all[i];
        if (!t->matrix || !ink_parts[t->role].in_layer || t->layer >= n_layers)
            continue;
        bool taken = takes(t->role, t->tensor->format, t->format);
        n += taken;
        n_others += !taken;
        other = taken || other ? other : t;
    }
    if (why)
        ink_warn(log, "%s: layers from %u on are not learned: no gradient goes through %s alone",
                 in, n_layers, why);
    if (n == 0)
        return ink_fail(error, INK_UNSUPPORTED, 0,
                        "%s: nothing can be learned: %s; leave --learn out, or take a format of "
                        "codes and scales (Q4_0, Q4_K, IQ4_NL, ...)",
                        in, why ? why : "no matrix of a layer gets a format of codes and scales");
    if (n_others > 0)
        ink_warn(log, "%s: %zu matrices of layers are not learned, %s for one, which gets %s", in,
                 n_others, other->tensor->name, ink_formats[other->format].name);
    return INK_OK;
}

/* ---- Learning a layer ------------------------------------------------------------------------ */

/* An error counts by the size of what the token's row should be: few tokens have most of it. */
static float share_of(const float *wanted, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)wanted[i] * (double)wanted[i];
    return sum > 0 ? (float)(1 / sqrt(sum)) : 0;
}

/* One window into place `at` of a batch; none is left as zeros that do not count. */
static void fill_window(const ink_learning *l, const ink_layer_pass *p, size_t at, size_t window)
{
    size_t n = l->n_window * l->width;
    float *x = (float *)ink_program_data(p->program, p->x) + at * n;
    float *wanted = (float *)ink_program_data(p->program, p->wanted) + at * n;
    float *shares = (float *)ink_program_data(p->program, p->shares) + at * l->n_window;
    bool none = window >= l->n_windows;
    const float *from = ink_learning_window(l, l->of_rounded, none ? 0 : window);
    const float *to = ink_learning_window(l, l->of_original, none ? 0 : window);
    memcpy(x, from, n * sizeof *x);
    for (size_t i = 0; i < n; i++)
        wanted[i] = -to[i];
    for (size_t i = 0; i < l->n_window; i++)
        shares[i] = none ? 0 : share_of(to + i * l->width, l->width);
}

/* The loss over all of the text, a token. */
static ink_status measure(const ink_learning *l, const ink_layer_pass *p, double *loss,
                          ink_error *error)
{
    *loss = 0;
    for (size_t at = 0; at < l->n_windows; at += l->n_batch) {
        for (size_t i = 0; i < l->n_batch; i++)
            fill_window(l, p, i, at + i);
        ink_layer_pass_place(p, l->n_batch * l->n_window, l->n_window);
        INK_TRY(ink_program_run(p->program, error));
        *loss += (double)*(const float *)ink_program_data(p->program, p->loss);
    }
    *loss /= (double)(l->n_windows * l->n_window);
    return INK_OK;
}

/* Some rows of the product's matrix: their gradient, a step, and their blocks anew. */
static void move_rows(void *context, size_t stage, size_t task, int thread)
{
    const ink_learning *l = context;
    const ink_layer_product *p = l->product;
    const ink_matrix *m = p->matrix;
    char *room = l->rooms + (size_t)thread * l->room_bytes, *blocks = room + l->row_bytes;
    float *gradient = (float *)(void *)(blocks + l->row_bytes);
    size_t first = task * ROWS_OF_TASK, n = ink_size_min(ROWS_OF_TASK, m->n_rows - first);
    (void)stage;
    l->gemm(&(ink_gemm){
        .m = n,
        .n = m->k,
        .k = p->x->shape[0],
        .a = (const float *)ink_program_data(l->pass->program, p->gradient) + first,
        .a_row = 1,
        .a_col = p->gradient->stride[0],
        .b = ink_program_data(l->pass->program, p->x),
        .b_row = p->x->stride[0],
        .b_col = 1,
        .c = gradient,
        .c_row = m->k,
        .scratch = gradient + ROWS_OF_TASK * ink_size_groups(l->longest, 16) * 16,
    });
    for (size_t row = first; row < first + n; row++) {
        ink_learned_move(&l->subject->learned, row, gradient + (row - first) * m->k, l->step);
        ink_learned_get_row(l->subject, row, blocks);
        ink_learned_encode(&l->subject->learned, row, blocks);
        ink_learned_put_row(l->subject, row, blocks);
    }
}

static ink_learned_matrix *subject_of(const ink_learning *l, const ink_matrix *matrix)
{
    for (size_t i = 0; i < l->n_subjects; i++)
        if (l->subjects[i].matrix == matrix)
            return &l->subjects[i];
    return NULL;
}

static ink_status take_step(ink_learning *l, const ink_layer_pass *p, uint64_t random[4],
                            ink_error *error)
{
    for (size_t i = 0; i < l->n_batch; i++)
        fill_window(l, p, i, (size_t)(ink_random_next(random) % l->n_windows));
    ink_layer_pass_place(p, l->n_batch * l->n_window, l->n_window);
    INK_TRY(ink_program_run(p->program, error));
    l->pass = p;
    for (size_t i = 0; i < p->n_products; i++) {
        l->product = &p->products[i];
        l->subject = subject_of(l, l->product->matrix);
        uint32_t n_tasks = (uint32_t)ink_size_groups(l->product->matrix->n_rows, ROWS_OF_TASK);
        if (l->subject && l->product->gradient)
            ink_pool_run(l->pool, &(ink_pool_work){move_rows, l, &n_tasks, 1});
    }
    return INK_OK;
}

static ink_status go_on(const ink_learning *l, uint32_t n_done, ink_error *error)
{
    const ink_progress *p = l->o->progress;
    double done = (double)l->layer + (double)n_done / (double)l->o->n_steps;
    if (p && p->report && !p->report(p->context, (float)(done / (double)l->n_layers)))
        return ink_fail(error, INK_CANCELLED, 0, "learning was cancelled");
    return INK_OK;
}

static void copy_all(const ink_learning *l, bool keep)
{
    for (size_t i = 0; i < l->n_subjects; i++) {
        const ink_learned_matrix *s = &l->subjects[i];
        memcpy(keep ? s->best : s->now, keep ? s->now : s->best, s->n_bytes);
    }
}

/* Steps that fall to zero. The best of what was measured stays, be it what it began with. */
static ink_status descend(ink_learning *l, const ink_layer_pass *learn, const ink_layer_pass *look,
                          ink_error *error)
{
    uint32_t n = l->o->n_steps, every = (n + N_MEASURED - 1) / N_MEASURED;
    uint64_t random[4];
    double best, now;
    ink_random_init(random, l->layer);
    INK_TRY(measure(l, look, &best, error));
    copy_all(l, true);
    for (uint32_t i = 0; i < n; i++) {
        float part = 2 * (float)(n - i) / ((float)n * ((float)n + 1));
        l->step = (ink_learned_step){part * LEVEL_TRAVEL, part * SCALE_TRAVEL};
        INK_TRY(take_step(l, learn, random, error));
        INK_TRY(go_on(l, i + 1, error));
        if ((i + 1) % every != 0 && i + 1 < n)
            continue;
        INK_TRY(measure(l, look, &now, error));
        if (now < best) {
            best = now;
            copy_all(l, true);
        }
    }
    copy_all(l, false);
    return INK_OK;
}

static ink_status run_passes(ink_learning *l, ink_error *error)
{
    ink_layer_pass learn, look = {.program = NULL};
    size_t n_tokens = l->n_batch * l->n_window;
    ink_status status = ink_layer_pass_init(&learn, l->device, l->rounded, l->layer, n_tokens,
                                            l->n_window, INK_LAYER_GRADIENT, error);
    if (status == INK_OK)
        status = ink_layer_pass_init(&look, l->device, l->rounded, l->layer, n_tokens, l->n_window,
                                     INK_LAYER_LOSS, error);
    if (status == INK_OK)
        status = descend(l, &learn, &look, error);
    ink_layer_pass_deinit(&look);
    ink_layer_pass_deinit(&learn);
    return status;
}

/* ---- Matrices of a layer --------------------------------------------------------------------- */

static void drop_subjects(ink_learning *l)
{
    for (size_t i = 0; i < l->n_subjects; i++) {
        ink_learned_deinit(&l->subjects[i].learned, l->o->allocator);
        ink_delete(l->o->allocator, l->subjects[i].best);
    }
    ink_delete(l->o->allocator, l->subjects);
    ink_delete_aligned(l->o->allocator, l->rooms);
    l->subjects = NULL;
    l->n_subjects = 0;
    l->rooms = NULL;
}

static ink_status list_subjects(ink_learning *l, ink_error *error)
{
    ink_weight *weights = l->rounded->layers[l->layer];
    l->longest = 1;
    l->subjects = ink_new(l->o->allocator, INK_N_WEIGHT_ROLES, sizeof *l->subjects);
    if (!l->subjects)
        return ink_fail_memory(error, "the matrices of a layer");
    for (ink_role role = INK_WEIGHT_END + 1; role < INK_N_WEIGHT_ROLES; role++) {
        const ink_matrix *m = &weights[role].matrix;
        if (m->n_rows == 0)
            continue;
        const ink_gguf_tensor *from = ink_learning_tensor(l->original, role, l->layer);
        if (!takes(role, from->format, m->format))
            continue;
        const size_t n_blocks = m->k / ink_formats[m->format].block_elements;
        l->longest = ink_size_max(l->longest, m->k);
        l->subjects[l->n_subjects++] =
            (ink_learned_matrix){.from = from,
                                 .tensor = ink_learning_tensor(l->rounded, role, l->layer),
                                 .matrix = m,
                                 .n_bytes = m->expert_bytes,
                                 .n_blocks = n_blocks,
                                 .row_bytes = n_blocks * ink_formats[m->format].block_bytes,
                                 .now = (char *)m->data};
    }
    size_t longest = ink_size_groups(l->longest, 16) * 16, n_bytes;
    l->row_bytes = longest * sizeof(float);
    l->room_bytes = (ROWS_OF_TASK + 2) * l->row_bytes + INK_GEMM_SCRATCH_BYTES;
    if (ink_size_mul((size_t)l->o->n_threads, l->room_bytes, &n_bytes))
        l->rooms = ink_new_aligned(l->o->allocator, n_bytes, INK_LEARNING_ALIGNMENT);
    return l->rooms ? INK_OK : ink_fail_memory(error, "the matrices of a layer");
}

/* Where its weights stand between levels: of what they were, and what they were rounded to. */
static ink_status begin_subject(ink_learning *l, ink_learned_matrix *s, ink_error *error)
{
    const ink_matrix *m = s->matrix;
    size_t from_bytes = (size_t)(s->from->n_bytes / s->from->shape[1]);
    char *blocks = l->rooms + l->row_bytes;
    float *x = (float *)(void *)(blocks + l->row_bytes);
    s->best = ink_resize(l->o->allocator, NULL, s->n_bytes, 1);
    if (!ink_learned_init(&s->learned, m->format, m->n_rows, m->k, l->o->allocator) || !s->best)
        return ink_fail_memory(error, "the matrices of a layer");
    for (size_t row = 0; row < m->n_rows; row++) {
        INK_TRY(ink_gguf_read(l->original->gguf, s->from, row * from_bytes, from_bytes, l->rooms,
                              error));
        ink_decode(s->from->format, x, l->rooms,
                   m->k / ink_formats[s->from->format].block_elements);
        ink_learned_get_row(s, row, blocks);
        ink_learned_begin(&s->learned, row, x, blocks);
    }
    return INK_OK;
}

static ink_status learn_subjects(ink_learning *l, ink_error *error)
{
    for (size_t i = 0; i < l->n_subjects; i++)
        INK_TRY(begin_subject(l, &l->subjects[i], error));
    INK_TRY(run_passes(l, error));
    return ink_learning_keep(l, error);
}

static ink_status take_layer(ink_learning *l, ink_error *error)
{
    INK_TRY(list_subjects(l, error));
    if (l->n_subjects == 0)
        return INK_OK;
    ink_gguf *done = ink_learning_find(l, l->layer);
    if (!done)
        return learn_subjects(l, error);
    ink_status status = INK_OK;
    for (size_t i = 0; status == INK_OK && i < l->n_subjects; i++)
        status = ink_learning_read(l, done, &l->subjects[i], error);
    ink_gguf_free(done);
    return status;
}

static ink_status run_layer(ink_learning *l, ink_error *error)
{
    INK_TRY(ink_learning_load(l, l->original, error));
    INK_TRY(ink_learning_go_through(l, l->original, l->of_original, error));
    ink_learning_drop(l);
    INK_TRY(ink_learning_load(l, l->rounded, error));
    INK_TRY(take_layer(l, error));
    drop_subjects(l);
    INK_TRY(ink_learning_go_through(l, l->rounded, l->of_rounded, error));
    ink_learning_drop(l);
    return go_on(l, l->o->n_steps, error);
}

/* ---- The model ------------------------------------------------------------------------------- */

/* Whether a tensor of the rounded model has been learned, and with which layer. */
static bool was_learned(const ink_learning *l, const ink_gguf_tensor *tensor, uint32_t *layer)
{
    ink_role role;
    const ink_weight *weight = ink_lora_find_part(l->rounded, tensor->name, &role, layer);
    const ink_gguf_tensor *from = ink_gguf_find_tensor(l->original->gguf, tensor->name);
    return weight && weight->matrix.n_rows > 0 && from && *layer < l->n_layers &&
           takes(role, from->format, tensor->format);
}

static ink_format format_of(void *context, const ink_gguf_tensor *tensor)
{
    uint32_t layer;
    return was_learned(context, tensor, &layer) ? tensor->format : INK_N_FORMATS;
}

static ink_status prepare(void *context, const ink_gguf_tensor *tensor, size_t expert,
                          ink_error *error)
{
    ink_learning *l = context;
    uint32_t layer = 0;
    (void)expert;
    (void)was_learned(l, tensor, &layer);
    ink_learning_drop(l);
    l->memory = ink_new_large(l->o->allocator, (size_t)tensor->n_bytes);
    if (!l->memory)
        return ink_fail_memory(error, "a matrix");
    ink_gguf *done = ink_learning_find(l, layer);
    const ink_gguf_tensor *found = done ? ink_gguf_find_tensor(done, tensor->name) : NULL;
    ink_status status =
        found && found->n_bytes == tensor->n_bytes
            ? ink_gguf_read(done, found, 0, (size_t)tensor->n_bytes, l->memory, error)
            : ink_fail(error, INK_IO, 0, "%s: is gone or damaged; begin anew", l->path);
    ink_gguf_free(done);
    return status;
}

static void encode(void *context, const ink_rewrite_rows *rows, int thread)
{
    const ink_learning *l = context;
    uint64_t row_bytes = rows->tensor->n_bytes / rows->tensor->shape[1];
    (void)thread;
    memcpy(rows->blocks, (const char *)l->memory + rows->first * row_bytes,
           rows->n * (size_t)row_bytes);
}

static ink_status write_out(ink_learning *l, ink_error *error)
{
    INK_TRY(ink_rewrite(&(ink_rewriter){.gguf = l->rounded->gguf,
                                        .allocator = l->o->allocator,
                                        .n_threads = l->o->n_threads,
                                        .doing = "learning",
                                        .context = l,
                                        .format = format_of,
                                        .prepare = prepare,
                                        .encode = encode},
                        l->o->out, error));
    for (uint32_t layer = 0; layer < l->n_layers; layer++)
        (void)unlink(ink_learning_layer_path(l, layer));
    return INK_OK;
}

static ink_status open_model(const ink_learning *l, ink_model **out, const char *path,
                             ink_error *error)
{
    return ink_model_open(out, path,
                          &(ink_model_options){.allocator = l->o->allocator,
                                               .load = INK_LOAD_METADATA,
                                               .n_threads = 1},
                          error);
}

static ink_status prepare_all(ink_learning *l, ink_error *error)
{
    const ink_layer_learning *o = l->o;
    const char *why;
    uint32_t features;
    ink_kernels kernels;
    INK_TRY(open_model(l, &l->original, o->in, error));
    INK_TRY(open_model(l, &l->rounded, o->rounded, error));
    l->path = ink_new(o->allocator, strlen(o->out) + INK_LEARNING_SUFFIX_BYTES, 1);
    if (!l->path)
        return ink_fail_memory(error, "learning");
    l->width = l->original->hparams.n_embedding;
    l->n_window = o->text->n_window;
    l->n_windows = o->text->n_windows;
    l->n_batch = ink_size_min(ink_size_max(BATCH_TOKENS / l->n_window, 1), l->n_windows);
    l->n_layers = count_layers(l->original, &why);
    INK_TRY(ink_cpu_select(&features, error));
    ink_kernels_init(&kernels, features);
    l->gemm = kernels.gemm_f32;
    INK_TRY(ink_device_cpu_new(&l->device, o->n_threads, features, o->allocator, error));
    INK_TRY(ink_pool_new(&l->pool, o->n_threads, o->allocator, error));
    INK_TRY(ink_pool_reserve(l->pool, 1, error));
    INK_TRY(ink_learning_digest(l, error));
    return ink_learning_open_activations(l, error);
}

ink_status ink_learn_layers(const ink_layer_learning *options, ink_error *error)
{
    ink_learning l = {.o = options};
    ink_status status = prepare_all(&l, error);
    for (; status == INK_OK && l.layer < l.n_layers; l.layer++)
        status = run_layer(&l, error);
    ink_file_writer_close(l.file);
    ink_device_free(l.device);
    if (status == INK_OK)
        status = write_out(&l, error);
    drop_subjects(&l);
    ink_learning_drop(&l);
    ink_pool_free(l.pool);
    ink_model_free(l.rounded);
    ink_model_free(l.original);
    ink_delete(options->allocator, l.path);
    return status;
}
