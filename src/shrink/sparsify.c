#include "shrink/sparsify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "base/size.h"
#include "model/part.h"
#include "model/rewrite.h"
#include "quant/quantize.h"
#include "quant/vector.h"
#include "shrink/prune_internal.h"
#include "shrink/targets.h"

#define BLOCK 128 /* columns that SparseGPT chooses among, unless a pattern is shorter */

typedef enum method { MAGNITUDE, WANDA, SPARSEGPT, N_METHODS } method;

static const char *const methods[N_METHODS] = {"magnitude", "wanda", "sparsegpt"};

typedef struct sparsifying {
    const ink_pruning *options;
    const char *in;
    int n_threads;
    method method;
    size_t n_zeros, n_among; /* of each run of n_among columns; 0: of a row, by `part` */
    double part;
    ink_model *model; /* without its weights */
    ink_calibration calibration;
    ink_statistics statistics;
    ink_targets targets;
    /* Of the matrix that is being written. */
    size_t k;
    const float *u; /* [k][k] of its inputs' products; NULL: no need of it */
    float *weights; /* [longest row] of its columns; ones where nothing is known */
    float *rooms;   /* [n_threads][3][longest row] */
    size_t longest;
} sparsifying;

/* ---- What is asked for ----------------------------------------------------------------------- */

/* "50%", or "2:4": as many zeros in each run of so many. */
static ink_status read_pattern(sparsifying *s, ink_error *error)
{
    const char *text = s->options->sparsity;
    char *end, *rest;
    double first = strtod(text, &end);
    s->part = first / 100;
    if (*end == '%' && end[1] == '\0' && first > 0 && first < 100)
        return INK_OK;
    rest = end;
    double among = *end == ':' ? strtod(end + 1, &rest) : 0;
    if (rest > end && *rest == '\0' && first >= 1 && among > first && among <= BLOCK &&
        first == floor(first) && among == floor(among)) {
        s->n_zeros = (size_t)first;
        s->n_among = (size_t)among;
        return INK_OK;
    }
    return ink_fail(error, INK_BAD_ARGUMENT, 0,
                    "\"%.40s\" is no sparsity: a part like 50%%, or zeros of so many, like 2:4",
                    text);
}

static ink_status read_method(sparsifying *s, ink_error *error)
{
    const ink_pruning *o = s->options;
    const char *name = o->method ? o->method : methods[o->n_texts ? SPARSEGPT : MAGNITUDE];
    while (s->method < N_METHODS && strcmp(methods[s->method], name) != 0)
        s->method++;
    if (s->method == N_METHODS)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "there is no method \"%.40s\"; there are magnitude, wanda and sparsegpt",
                        name);
    if (s->method == MAGNITUDE && o->n_texts > 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "by magnitude no text is read; leave it out");
    if (s->method != MAGNITUDE && o->n_texts == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s goes by what a text shows; calibrate with one", name);
    return INK_OK;
}

/* ---- Matrices -------------------------------------------------------------------------------- */

/* Those of layers, but for experts: of what is looked up each row counts by itself. */
static bool is_thinned(const ink_target *t)
{
    return t->matrix && ink_parts[t->role].in_layer && ink_parts[t->role].bias == INK_BIAS_LINEAR &&
           t->matrix->n_experts == 1;
}

static ink_status check_matrices(sparsifying *s, ink_error *error)
{
    size_t n_thinned = 0, n_experts = 0;
    for (size_t i = 0; i < s->targets.n; i++) {
        const ink_target *t = &s->targets.all[i];
        n_experts += t->matrix && t->matrix->n_experts > 1;
        if (!is_thinned(t))
            continue;
        n_thinned++;
        s->longest = ink_size_max(s->longest, (size_t)t->tensor->shape[0]);
        if (!ink_quantize_holds_zero(t->tensor->format))
            return ink_fail(
                error, INK_UNSUPPORTED, 0,
                "%s: %s is %s, whose blocks hold no exact zero; write it as F16 or Q8_0 "
                "first (inkling quantize), and quantize what comes of it",
                s->in, t->tensor->name, ink_formats[t->tensor->format].name);
        if (s->method != MAGNITUDE && !(t->inputs && t->inputs->counts[0] > 0))
            return ink_fail(error, INK_UNSUPPORTED, 0, "%s: nothing is known of what %s reads",
                            s->in, t->tensor->name);
    }
    if (n_thinned == 0)
        return ink_fail(error, INK_UNSUPPORTED, 0, "%s: no matrix of a layer can be thinned",
                        s->in);
    if (n_experts > 0)
        ink_warn(&s->options->log, "%s: %zu tensors of experts stay as they are", s->in, n_experts);
    return INK_OK;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Marks the n least of m scores by -1, of equal ones the first. */
static void mark_least(float *scores, size_t m, size_t n, float *sorted)
{
    if (n == 0)
        return;
    memcpy(sorted, scores, m * sizeof *sorted);
    qsort(sorted, m, sizeof *sorted, by_value);
    float last = sorted[n - 1];
    size_t n_equal = n;
    for (size_t i = 0; i < m; i++)
        n_equal -= scores[i] < last;
    for (size_t i = 0; i < m; i++)
        if (scores[i] < last || (scores[i] == last && n_equal > 0 && n_equal--))
            scores[i] = -1;
}

/* Columns that are chosen among together. */
static size_t run_of(const sparsifying *s)
{
    return s->n_among ? s->n_among : s->u ? BLOCK : s->k;
}

/* A row to one with zeros; those behind a column make good what it gave, where that is known. */
static void thin_out(const sparsifying *s, float *x, float *scores, float *sorted)
{
    for (size_t at = 0, n; at < s->k; at += n) {
        n = ink_size_min(run_of(s), s->k - at);
        for (size_t i = at; i < at + n; i++) {
            float d = s->u ? s->u[i * s->k + i] : 1;
            scores[i - at] = x[i] * x[i] * (s->u ? 1 / (d * d) : s->weights[i]);
        }
        size_t n_zeros =
            s->n_among ? s->n_zeros * n / s->n_among : (size_t)(s->part * (double)n + 0.5);
        mark_least(scores, n, n_zeros, sorted);
        for (size_t i = at; i < at + n; i++) {
            if (scores[i - at] >= 0)
                continue;
            const float *u = s->u ? s->u + i * s->k : NULL;
            if (u)
                ink_add_times(x + i + 1, u + i + 1, -(x[i] / u[i]), s->k - i - 1);
            x[i] = 0;
        }
    }
}

/* ---- Writing --------------------------------------------------------------------------------- */

static ink_format format_of(void *context, const ink_gguf_tensor *tensor)
{
    const sparsifying *s = context;
    return is_thinned(ink_targets_find(&s->targets, tensor)) ? tensor->format : INK_N_FORMATS;
}

/* For this matrix and for as many behind it as there is room for. */
static ink_status read_products(sparsifying *s, const ink_target *first, ink_error *error)
{
    uint64_t used = 0;
    ink_statistics_forget_products(&s->statistics);
    for (const ink_target *t = first; t < s->targets.all + s->targets.n; t++) {
        ink_inputs *owner =
            is_thinned(t) ? ink_statistics_owner(&s->statistics, t->tensor->name) : NULL;
        if (!owner || owner->products)
            continue;
        uint64_t k = owner->k, n_bytes = 2 * k * k * sizeof(float);
        if (used > 0 && used + n_bytes > INK_PRODUCTS_BYTES)
            break;
        used += n_bytes;
        INK_TRY(ink_inputs_take_products(owner, s->options->allocator, error));
    }
    INK_TRY(ink_calibration_multiply(&s->calibration, &s->statistics, error));
    for (size_t i = 0; i < s->statistics.n; i++) {
        const ink_inputs *of = &s->statistics.all[i];
        if (of->products)
            INK_TRY(ink_prune_factor(of, s->rooms, error));
    }
    return INK_OK;
}

static ink_status prepare(void *context, const ink_gguf_tensor *tensor, size_t expert,
                          ink_error *error)
{
    sparsifying *s = context;
    const ink_target *t = ink_targets_find(&s->targets, tensor);
    s->k = (size_t)tensor->shape[0];
    if (s->method == MAGNITUDE || !ink_inputs_weights(t->inputs, expert, s->weights))
        for (size_t i = 0; i < s->k; i++)
            s->weights[i] = 1;
    if (s->method != SPARSEGPT)
        return INK_OK;
    ink_inputs *owner = ink_statistics_owner(&s->statistics, tensor->name);
    if (!owner->products)
        INK_TRY(read_products(s, t, error));
    s->u = owner->factors;
    return INK_OK;
}

static void encode(void *context, const ink_rewrite_rows *rows, int thread)
{
    const sparsifying *s = context;
    float *room = s->rooms + (size_t)thread * 3 * s->longest;
    const ink_format_info *info = &ink_formats[rows->format];
    size_t row_bytes = rows->k / info->block_elements * info->block_bytes;
    for (size_t i = 0; i < rows->n; i++) {
        memcpy(room, rows->values + i * rows->k, rows->k * sizeof *room);
        thin_out(s, room, room + s->longest, room + 2 * s->longest);
        ink_quantize_straight(rows->format, (char *)rows->blocks + i * row_bytes, room, NULL,
                              rows->k);
    }
}

static ink_status calibrate(sparsifying *s, ink_error *error)
{
    INK_TRY(ink_prune_calibrate(&s->calibration, &s->statistics, s->in, s->options, s->n_threads,
                                error));
    return ink_calibration_run(&s->calibration, &s->statistics, error);
}

static ink_status run(sparsifying *s, const char *out, ink_error *error)
{
    const ink_pruning *o = s->options;
    size_t n;
    INK_TRY(read_pattern(s, error));
    INK_TRY(read_method(s, error));
    INK_TRY(ink_prune_open(&s->model, s->in, o, error));
    if (s->method != MAGNITUDE)
        INK_TRY(calibrate(s, error));
    INK_TRY(ink_targets_init(&s->targets, s->model, o->n_texts ? &s->statistics : NULL, error));
    INK_TRY(check_matrices(s, error));
    s->weights = ink_new(o->allocator, s->longest, sizeof *s->weights);
    if (ink_size_mul(3 * s->longest, (size_t)s->n_threads, &n))
        s->rooms = ink_new(o->allocator, n, sizeof *s->rooms);
    if (!s->weights || !s->rooms)
        return ink_fail_memory(error, "rows with zeros");
    return ink_rewrite(&(ink_rewriter){.gguf = s->model->gguf,
                                       .allocator = o->allocator,
                                       .progress = &o->progress,
                                       .n_threads = s->n_threads,
                                       .doing = "pruning",
                                       .context = s,
                                       .format = format_of,
                                       .prepare = prepare,
                                       .encode = encode},
                       out, error);
}

ink_status ink_sparsify_model(const char *in, const char *out, const ink_pruning *options,
                              int n_threads, ink_error *error)
{
    sparsifying s = {.options = options, .in = in, .n_threads = n_threads};
    ink_statistics_init(&s.statistics, options->allocator);
    ink_status status = run(&s, out, error);
    ink_targets_deinit(&s.targets);
    ink_statistics_deinit(&s.statistics);
    ink_calibration_close(&s.calibration);
    ink_model_free(s.model);
    ink_delete(options->allocator, s.weights);
    ink_delete(options->allocator, s.rooms);
    return status;
}
