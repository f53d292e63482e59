/*
 * A model's file written anew in other formats. The parts: what each tensor is to become
 * (targets.h), what matters of it (statistics.h, calibrate.h), rounding (quant/), and writing
 * (model/rewrite.h).
 */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/pool.h"
#include "base/size.h"
#include "model/rewrite.h"
#include "quant/feedback.h"
#include "quant/quantize.h"
#include "quant/trellis.h"
#include "shrink/calibrate.h"
#include "shrink/learn_layers.h"
#include "shrink/quantizer.h"

#define ROUNDED ".rounded"

enum { NAMES_BYTES = 400, SHAPE = INK_SPREAD_BLOCK * INK_SPREAD_BLOCK };

typedef struct ink_quantizer {
    const ink_quantizing *options;
    const ink_chooser *chooser; /* NULL: formats are chosen here */
    const char *in;
    int n_threads;
    const ink_mixture *mixture; /* NULL: by a budget */
    ink_model *model;           /* without its weights */
    ink_statistics statistics;
    bool known;     /* there are statistics, */
    bool from_file; /* which texts[0] is */
    ink_calibration calibration;
    ink_targets targets;
    uint8_t digest[INK_SHA256_BYTES];
    /* Of the matrix that is being written. */
    float *weights;        /* [longest row] of its columns */
    bool weighted;         /* they are known */
    ink_feedback feedback; /* k 0: none */
    float *shapes;         /* [longest row / 256] of h and u, for rotated formats without it */
    bool shaped;           /* they are of this matrix */
    char *rooms;           /* [n_threads][room_bytes] for a row with feedback */
    size_t room_bytes;
    _Atomic int failed; /* 0, or 1 + the inputs whose products cannot be inverted */
} quantizing;

/* ---- What is asked for ----------------------------------------------------------------------- */

static ink_status check_options(quantizing *q, ink_error *error)
{
    const ink_quantizing *o = q->options;
    if ((o->type != NULL) + (o->n_bytes > 0) + (o->bits > 0) + (q->chooser != NULL) != 1)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "quantizing takes one of a type, a size and bits a parameter");
    if (!o->type && o->n_texts == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "formats are chosen by what they cost on a text; calibrate with one");
    if (o->own && o->type)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "own formats are for a size or bits to choose; a type names its formats");
    q->known = o->n_texts > 0;
    q->from_file = o->n_texts == 1 && ink_statistics_is_file(o->texts[0], o->allocator);
    if (o->feedback && (!q->known || q->from_file))
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "feedback needs to read a text itself: sums of squares are not enough");
    if (o->learn_steps && (!q->known || q->from_file))
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "learning needs to read a text itself: sums of squares are not enough");
    if (o->keep && (!q->known || q->from_file))
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "no text is read: there is nothing to keep");
    INK_TRY(ink_pool_choose_threads(o->n_threads, &q->n_threads, error));
    q->mixture = o->type ? ink_mixture_find(o->type) : NULL;
    return o->type ? ink_quantize_check_type(o->type, error) : INK_OK;
}

ink_status ink_quantize_check_type(const char *type, ink_error *error)
{
    char names[NAMES_BYTES];
    if (ink_mixture_find(type))
        return INK_OK;
    ink_mixture_list(names, sizeof names);
    return ink_fail(error, INK_BAD_ARGUMENT, 0, "there is no type \"%.40s\"; there are %s", type,
                    names);
}

/* ---- Calibration ----------------------------------------------------------------------------- */

/* Gradients say what an error costs; without them its part of a matrix's output does. */
static ink_status differentiate(quantizing *q, ink_error *error)
{
    const char *part = ink_model_untrainable(q->calibration.model);
    if (!part)
        return ink_calibration_differentiate(&q->calibration, &q->statistics, error);
    ink_warn(&q->options->log,
             "%s: no gradient goes through %s: formats are chosen by what is lost of each matrix's "
             "output",
             q->in, part);
    return INK_OK;
}

static ink_status calibrate(quantizing *q, ink_error *error)
{
    const ink_quantizing *o = q->options;
    const ink_calibration_options options = {
        .texts = o->texts,
        .n_texts = o->n_texts,
        .n_context = o->n_context,
        .n_tokens = o->n_tokens,
        .n_threads = q->n_threads,
        .allocator = o->allocator,
        .log = &o->log,
        .progress = &o->calibration_progress,
    };
    INK_TRY(ink_calibration_open(&q->calibration, q->in, &options, error));
    INK_TRY(ink_statistics_take(&q->statistics, q->calibration.model, error));
    INK_TRY(ink_calibration_run(&q->calibration, &q->statistics, error));
    if (o->keep)
        INK_TRY(ink_statistics_write(&q->statistics, o->keep, error));
    if (!q->mixture)
        INK_TRY(differentiate(q, error));
    if (!o->feedback)
        ink_calibration_close_model(&q->calibration);
    return INK_OK;
}

static ink_status learn(quantizing *q, ink_error *error)
{
    const ink_quantizing *o = q->options;
    ink_statistics_init(&q->statistics, o->allocator);
    if (q->from_file)
        return ink_statistics_read(&q->statistics, o->texts[0], error);
    return q->known ? calibrate(q, error) : INK_OK;
}

/* ---- Choosing -------------------------------------------------------------------------------- */

/* What stands in the file beside tensors stays about as long as it was. */
static uint64_t bytes_beside(const quantizing *q)
{
    const ink_gguf *gguf = q->model->gguf;
    uint64_t beside = ink_gguf_file_bytes(gguf) + (uint64_t)ink_gguf_alignment(gguf) * q->targets.n;
    for (size_t i = 0; i < q->targets.n; i++)
        beside -= q->targets.all[i].tensor->n_bytes;
    return beside;
}

static ink_status choose_by_budget(quantizing *q, ink_error *error)
{
    const ink_quantizing *o = q->options;
    uint64_t beside = bytes_beside(q);
    if (o->n_bytes > 0 && o->n_bytes <= beside)
        return ink_fail(error, INK_LIMIT, 0,
                        "%s: %llu bytes are too few: metadata and padding alone take %llu", q->in,
                        (unsigned long long)o->n_bytes, (unsigned long long)beside);
    const ink_budget_options options = {
        .n_bytes = o->n_bytes ? o->n_bytes - beside : 0,
        .bits = o->bits,
        .own = o->own,
        .n_threads = q->n_threads,
        .allocator = o->allocator,
        .progress = &o->choosing_progress,
    };
    return ink_targets_budget(&q->targets, &options, error);
}

static void tell(const quantizing *q, const ink_target *t)
{
    const ink_quantizing *o = q->options;
    const ink_gguf_tensor *tensor = t->tensor;
    if (o->chosen)
        o->chosen(o->chosen_context,
                  &(ink_quantized){
                      .name = tensor->name,
                      .from = tensor->type_name,
                      .to = t->matrix ? ink_formats[t->format].name : tensor->type_name,
                      .asked = t->matrix ? ink_formats[t->asked].name : tensor->type_name,
                      .n_parameters =
                          tensor->shape[0] * tensor->shape[1] * tensor->shape[2] * tensor->shape[3],
                      .n_bytes_before = tensor->n_bytes,
                      .n_bytes = t->matrix ? ink_target_bytes(t, t->format) : tensor->n_bytes,
                      .loss = t->loss,
                  });
}

/* Fewer bits than the format that it is to get: what was lost does not come back. */
static bool widens(const ink_target *t)
{
    const ink_format_info *from = &ink_formats[t->tensor->format], *to = &ink_formats[t->format];
    return from->block_bytes * to->block_elements < to->block_bytes * from->block_elements;
}

/* What is put up with, said once for all of it. */
static void warn(const quantizing *q)
{
    const ink_log *log = &q->options->log;
    size_t n_fallbacks = 0, n_coarse = 0;
    const ink_target *fallback = NULL;
    for (size_t i = 0; i < q->targets.n; i++) {
        const ink_target *t = &q->targets.all[i];
        if (t->format != t->asked) {
            n_fallbacks++;
            fallback = fallback ? fallback : t;
        }
        n_coarse += t->matrix && t->format != t->tensor->format && widens(t);
    }
    if (fallback)
        ink_warn(log,
                 "%s: %zu matrices have rows that blocks of the wanted format do not fill, %s for "
                 "one: %llu values; it gets %s for %s",
                 q->in, n_fallbacks, fallback->tensor->name,
                 (unsigned long long)fallback->tensor->shape[0], ink_formats[fallback->format].name,
                 ink_formats[fallback->asked].name);
    if (n_coarse > 0)
        ink_warn(log,
                 "%s: %zu matrices have fewer bits than they are to get; what was lost stays lost",
                 q->in, n_coarse);
}

static void warn_of_experts(const quantizing *q)
{
    const ink_log *log = &q->options->log;
    size_t n_idle = 0, n_matrices = 0;
    for (size_t i = 0; i < q->targets.n; i++) {
        const ink_inputs *inputs = q->targets.all[i].inputs;
        if (!inputs || inputs->n_experts == 1)
            continue;
        n_matrices++;
        for (size_t e = 0; e < inputs->n_experts; e++)
            n_idle += inputs->counts[e] == 0;
    }
    if (n_idle > 0)
        ink_warn(log,
                 "%s: %zu matrices of experts read nothing of the text, and all of their columns "
                 "count the same; a longer text would show more",
                 q->in, n_idle);
    if (q->options->feedback && n_matrices > 0)
        ink_warn(log, "%s: %zu tensors of experts go without feedback", q->in, n_matrices);
}

static ink_status choose(quantizing *q, ink_error *error)
{
    INK_TRY(ink_targets_init(&q->targets, q->model, q->known ? &q->statistics : NULL, error));
    if (q->chooser)
        INK_TRY(q->chooser->choose(q->chooser->context, q, &q->targets, bytes_beside(q), error));
    else if (q->mixture)
        ink_targets_mix(&q->targets, q->mixture);
    else
        INK_TRY(choose_by_budget(q, error));
    warn(q);
    warn_of_experts(q);
    for (size_t i = 0; i < q->targets.n; i++)
        tell(q, &q->targets.all[i]);
    return INK_OK;
}

/* What rows are rounded in, for the formats as they are chosen now. */
static ink_status take_rooms(quantizing *q, ink_error *error)
{
    const ink_quantizing *o = q->options;
    size_t longest = 1, most_blocks = 0, n;
    for (size_t i = 0; i < q->targets.n; i++) {
        const ink_target *t = &q->targets.all[i];
        longest = ink_size_max(longest, (size_t)t->tensor->shape[0]);
        if (q->known && ink_format_rotates(t->format))
            most_blocks = ink_size_max(most_blocks, (size_t)t->tensor->shape[0] / INK_SPREAD_BLOCK);
    }
    ink_delete(o->allocator, q->weights);
    ink_delete(o->allocator, q->rooms);
    ink_delete(o->allocator, q->shapes);
    q->rooms = NULL;
    q->shapes = NULL;
    q->weights = ink_new(o->allocator, longest, sizeof *q->weights);
    q->room_bytes = o->feedback ? ink_size_groups(ink_feedback_bytes(longest), 64) * 64 : 0;
    if (!ink_size_mul(q->room_bytes, (size_t)q->n_threads, &n))
        return ink_fail_memory(error, "quantizing");
    q->rooms = ink_new(o->allocator, n, 1);
    q->shapes = ink_new(o->allocator, most_blocks, 2 * SHAPE * sizeof(float)); /* checked */
    return q->weights && q->rooms && q->shapes ? INK_OK : ink_fail_memory(error, "quantizing");
}

/* ---- Feedback -------------------------------------------------------------------------------- */

/* Experts would need products of each; tables that are looked up have none. */
static bool feeds_back(const quantizing *q, const ink_target *t)
{
    return q->options->feedback && t->matrix && t->format != t->tensor->format &&
           ink_formats[t->format].block_elements > 1 && t->inputs && t->inputs->n_experts == 1 &&
           t->inputs->counts[0] > 0;
}

static ink_status take_products(quantizing *q, ink_inputs *inputs, size_t *used, ink_error *error)
{
    INK_TRY(ink_inputs_take_products(inputs, q->options->allocator, error));
    *used += inputs->k * inputs->k * sizeof(float);
    return INK_OK;
}

static void invert_task(void *context, size_t stage, size_t task, int thread)
{
    quantizing *q = context;
    ink_inputs *inputs = &q->statistics.all[task];
    int none = 0;
    (void)stage;
    if (inputs->products &&
        !ink_feedback_prepare(inputs->products, inputs->factors, inputs->k, INK_FEEDBACK_DAMPING,
                              (float *)(void *)(q->rooms + (size_t)thread * q->room_bytes)))
        atomic_compare_exchange_strong(&q->failed, &none, (int)task + 1);
}

static ink_status fail_to_invert(const quantizing *q, const ink_inputs *inputs, ink_error *error)
{
    return ink_fail(error, INK_CORRUPT, 0,
                    "%s: the products of what %s reads cannot be inverted; calibrate with a "
                    "longer text, or leave feedback out",
                    q->in, inputs->name);
}

/* A thread for each of them. */
static ink_status invert_products(quantizing *q, ink_error *error)
{
    ink_pool *pool = NULL;
    uint32_t n_tasks = (uint32_t)q->statistics.n;
    INK_TRY(ink_pool_new(&pool, q->n_threads, q->options->allocator, error));
    ink_status status = ink_pool_reserve(pool, 1, error);
    if (status == INK_OK)
        ink_pool_run(pool, &(ink_pool_work){invert_task, q, &n_tasks, 1});
    ink_pool_free(pool);
    int failed = atomic_load(&q->failed);
    if (status == INK_OK && failed)
        status = fail_to_invert(q, &q->statistics.all[failed - 1], error);
    return status;
}

/* R H R^T, which is dampened alike, or back. */
static ink_status turn_products(const quantizing *q, ink_inputs *inputs, ink_error *error)
{
    void (*turn)(float *, size_t) = inputs->rotated ? ink_unspread : ink_spread;
    float *h = inputs->products, *column = (float *)(void *)q->rooms;
    size_t k = inputs->k;
    for (size_t i = 0; i < k; i++)
        turn(h + i * k, k);
    for (size_t j = 0; j < k; j++) {
        for (size_t i = 0; i < k; i++)
            column[i] = h[i * k + j];
        turn(column, k);
        for (size_t i = 0; i < k; i++)
            h[i * k + j] = column[i];
    }
    inputs->rotated = !inputs->rotated;
    return ink_feedback_prepare(h, inputs->factors, k, 0, column)
               ? INK_OK
               : fail_to_invert(q, inputs, error);
}

/* Products for this matrix and for as many behind it as there is room for. */
static ink_status read_products(quantizing *q, const ink_target *first, ink_error *error)
{
    size_t used = 0;
    ink_statistics_forget_products(&q->statistics);
    for (const ink_target *t = first; t < q->targets.all + q->targets.n; t++) {
        if (!feeds_back(q, t))
            continue;
        ink_inputs *inputs = ink_statistics_owner(&q->statistics, t->tensor->name);
        if (inputs->products)
            continue;
        if (used > 0 && (INK_PRODUCTS_BYTES - ink_size_min(used, INK_PRODUCTS_BYTES)) /
                                sizeof(float) / inputs->k <
                            inputs->k)
            break;
        INK_TRY(take_products(q, inputs, &used, error));
    }
    INK_TRY(ink_calibration_multiply(&q->calibration, &q->statistics, error));
    return invert_products(q, error);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static ink_format format_of(void *context, const ink_gguf_tensor *tensor)
{
    const quantizing *q = context;
    const ink_target *t = ink_targets_find(&q->targets, tensor);
    return t->format == tensor->format ? INK_N_FORMATS : t->format;
}

static ink_status describe(void *context, ink_gguf_writer *writer, ink_error *error)
{
    const quantizing *q = context;
    uint64_t bytes[INK_N_FORMATS] = {0};
    ink_format most = INK_FORMAT_F32;
    for (size_t i = 0; i < q->targets.n; i++) {
        const ink_target *t = &q->targets.all[i];
        if (t->matrix)
            bytes[t->format] += ink_target_bytes(t, t->format);
    }
    for (ink_format f = 0; f < INK_N_FORMATS; f++)
        most = bytes[f] > bytes[most] ? f : most;
    const ink_mixture *mixture = q->mixture ? q->mixture : ink_mixture_find(ink_formats[most].name);
    INK_TRY(ink_gguf_writer_set_u32(writer, "general.quantization_version", 2, error));
    return ink_gguf_writer_set_u32(writer, "general.file_type", ink_mixture_file_type(mixture),
                                   error);
}

/* Of block `i` of a rotated row, for which only weights of columns are known. */
static ink_feedback shape_of(const quantizing *q, size_t i)
{
    float *h = q->shapes + 2 * SHAPE * i;
    return (ink_feedback){INK_SPREAD_BLOCK, h, h + SHAPE};
}

/* Where a rotated format is to know weights of columns. */
static bool shape_blocks(quantizing *q, size_t k)
{
    float row[INK_SPREAD_BLOCK];
    for (size_t i = 0; i < k / INK_SPREAD_BLOCK; i++) {
        float *h = q->shapes + 2 * SHAPE * i;
        if (!ink_trellis_prepare(h, h + SHAPE, q->weights + i * INK_SPREAD_BLOCK, row))
            return false;
    }
    return true;
}

static ink_status prepare(void *context, const ink_gguf_tensor *tensor, size_t expert,
                          ink_error *error)
{
    quantizing *q = context;
    const ink_target *t = ink_targets_find(&q->targets, tensor);
    q->weighted = t->inputs && ink_inputs_weights(t->inputs, expert, q->weights);
    q->feedback = (ink_feedback){.k = 0};
    q->shaped = false;
    if (!feeds_back(q, t)) {
        q->shaped = q->weighted && ink_format_rotates(t->format) &&
                    shape_blocks(q, (size_t)tensor->shape[0]);
        return INK_OK;
    }
    ink_inputs *owner = ink_statistics_owner(&q->statistics, t->tensor->name);
    if (!owner->products)
        INK_TRY(read_products(q, t, error));
    if (owner->products && owner->rotated != ink_format_rotates(t->format))
        INK_TRY(turn_products(q, owner, error));
    q->feedback = (ink_feedback){owner->k, owner->products, owner->factors};
    return INK_OK;
}

static void encode_shaped(const quantizing *q, const ink_rewrite_rows *rows, const float *row,
                          char *blocks)
{
    float room[4 * INK_SPREAD_BLOCK]; /* 3 floats and a byte a column */
    for (size_t i = 0; i < rows->k / INK_SPREAD_BLOCK; i++) {
        const ink_feedback by = shape_of(q, i);
        ink_trellis_feed(rows->format, blocks + i * ink_formats[rows->format].block_bytes,
                         row + i * INK_SPREAD_BLOCK, &by, room);
    }
}

static void encode(void *context, const ink_rewrite_rows *rows, int thread)
{
    const quantizing *q = context;
    void *room = q->rooms + (size_t)thread * q->room_bytes;
    const ink_format_info *info = &ink_formats[rows->format];
    size_t row_bytes = rows->k / info->block_elements * info->block_bytes;
    for (size_t i = 0; i < rows->n; i++) {
        const float *row = rows->values + i * rows->k;
        void *blocks = (char *)rows->blocks + i * row_bytes;
        if (q->feedback.k > 0)
            ink_feedback_quantize(rows->format, blocks, row, q->weights, &q->feedback, room);
        else if (q->shaped)
            encode_shaped(q, rows, row, blocks);
        else
            ink_quantize_straight(rows->format, blocks, row, q->weighted ? q->weights : NULL,
                                  rows->k);
    }
}

/* Formats are in the header that is written; here is what else decides the bytes. */
static void take_digest(quantizing *q)
{
    ink_sha256 sum;
    ink_sha256_init(&sum);
    ink_sha256_add(&sum, ink_version(), strlen(ink_version()) + 1);
    ink_sha256_add(&sum, &q->options->feedback, sizeof q->options->feedback);
    for (size_t i = 0; i < q->statistics.n; i++) {
        const ink_inputs *in = &q->statistics.all[i];
        ink_sha256_add(&sum, in->name, strlen(in->name) + 1);
        ink_sha256_add(&sum, in->squares, in->n_experts * in->k * sizeof *in->squares);
    }
    ink_sha256_finish(&sum, q->digest);
}

static ink_status write_out(quantizing *q, const char *out, ink_error *error)
{
    take_digest(q);
    return ink_rewrite(&(ink_rewriter){.gguf = q->model->gguf,
                                       .allocator = q->options->allocator,
                                       .progress = &q->options->progress,
                                       .n_threads = q->n_threads,
                                       .doing = "quantizing",
                                       .context = q,
                                       .format = format_of,
                                       .describe = describe,
                                       .prepare = prepare,
                                       .encode = encode,
                                       .digest = q->digest},
                       out, error);
}

ink_status ink_quantizer_write(quantizing *q, const char *out, ink_error *error)
{
    INK_TRY(take_rooms(q, error));
    return write_out(q, out, error);
}

/* What is rounded first stands beside `out` while its layers are learned. */
static ink_status write_learned(quantizing *q, const char *out, ink_error *error)
{
    const ink_quantizing *o = q->options;
    size_t n = strlen(out) + sizeof ROUNDED;
    char *rounded = ink_new(o->allocator, n, 1);
    if (!rounded)
        return ink_fail_memory(error, "learning");
    (void)snprintf(rounded, n, "%s" ROUNDED, out);
    ink_status status = ink_quantizer_write(q, rounded, error);
    ink_statistics_forget_products(&q->statistics);
    ink_calibration_close_model(&q->calibration);
    const ink_layer_learning learning = {.in = q->in,
                                         .rounded = rounded,
                                         .out = out,
                                         .text = &q->calibration,
                                         .n_steps = o->learn_steps,
                                         .n_threads = q->n_threads,
                                         .allocator = o->allocator,
                                         .progress = &o->learning_progress};
    if (status == INK_OK)
        status = ink_learn_layers(&learning, error);
    if (status == INK_OK)
        (void)unlink(rounded);
    ink_delete(o->allocator, rounded);
    return status;
}

static ink_status run(quantizing *q, const char *out, ink_error *error)
{
    const ink_quantizing *o = q->options;
    INK_TRY(check_options(q, error));
    INK_TRY(ink_model_open(
        &q->model, q->in,
        &(ink_model_options){
            .allocator = o->allocator, .log = o->log, .load = INK_LOAD_METADATA, .n_threads = 1},
        error));
    if (q->model->load != INK_LOAD_METADATA)
        return ink_fail(error, INK_UNSUPPORTED, 0, "%s: has a vocabulary only, no weights", q->in);
    INK_TRY(learn(q, error));
    INK_TRY(choose(q, error));
    if (o->learn_steps)
        INK_TRY(ink_learn_layers_check(&q->targets, &o->log, error));
    if (o->dry_run || !out)
        return INK_OK;
    return o->learn_steps ? write_learned(q, out, error) : ink_quantizer_write(q, out, error);
}

static ink_status quantize(const char *in, const char *out, const ink_quantizing *options,
                           const ink_chooser *chooser, ink_error *error)
{
    quantizing q = {.options = options, .chooser = chooser, .in = in};
    ink_status status = run(&q, out, error);
    ink_targets_deinit(&q.targets);
    ink_statistics_deinit(&q.statistics);
    ink_calibration_close(&q.calibration);
    ink_model_free(q.model);
    ink_delete(options->allocator, q.weights);
    ink_delete(options->allocator, q.rooms);
    ink_delete(options->allocator, q.shapes);
    return status;
}

ink_status ink_quantize_model(const char *in, const char *out, const ink_quantizing *options,
                              ink_error *error)
{
    return quantize(in, out, options, NULL, error);
}

ink_status ink_quantize_chosen(const char *in, const ink_quantizing *options,
                               const ink_chooser *chooser, ink_error *error)
{
    return quantize(in, NULL, options, chooser, error);
}
