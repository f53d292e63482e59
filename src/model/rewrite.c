#include "model/rewrite.h"

#include <math.h>
#include "base/pool.h"
#include "base/size.h"
#include "kernel/kernel.h"
#include "quant/quantize.h"

#define PIECE_BYTES ((size_t)1 << 20)       /* of a copy */
#define STRIPE_VALUES ((size_t)1 << 20)     /* for each thread, or a row */
#define TASK_VALUES ((size_t)16 * 1024)     /* that a thread takes at once, or a row */
#define MAX_STRIPE_VALUES ((size_t)8 << 20) /* for all threads, or a row */

typedef struct rewrite {
    const ink_rewriter *r;
    ink_gguf_writer *writer;
    ink_pool *pool;
    size_t room;            /* values that fit into a stripe; 0: nothing changes */
    void *source, *blocks;  /* of [room] values, as read and as written */
    float *values;          /* [room] */
    uint64_t n_done, n_all; /* bytes of the source */
    ink_rewrite_rows stripe;
    size_t rows_of_task, source_row_bytes, row_bytes;
} rewrite;

/* ---- Planning -------------------------------------------------------------------------------- */

ink_status ink_rewrite_metadata(ink_gguf_writer *writer, const ink_gguf *gguf, ink_error *error)
{
    INK_TRY(ink_gguf_writer_set_all(writer, gguf, error));
    return ink_gguf_find(gguf, INK_CARD_KEY)
               ? ink_gguf_writer_set_text(writer, INK_CARD_KEY, "[]", error)
               : INK_OK;
}

static ink_format format_of(const rewrite *w, const ink_gguf_tensor *tensor)
{
    return w->r->format ? w->r->format(w->r->context, tensor) : INK_N_FORMATS;
}

static ink_status add_tensor(rewrite *w, const ink_gguf_tensor *tensor, ink_error *error)
{
    ink_format format = format_of(w, tensor);
    uint32_t type = tensor->gguf_type;
    uint64_t row_bytes;
    w->n_all += tensor->n_bytes;
    if (format != INK_N_FORMATS) {
        type = ink_formats[format].gguf_id;
        size_t least = ink_size_min(STRIPE_VALUES * (size_t)w->r->n_threads, MAX_STRIPE_VALUES);
        w->room = ink_size_max(ink_size_max(w->room, least), (size_t)tensor->shape[0]);
        if (!ink_format_row_bytes(format, tensor->shape[0], &row_bytes))
            return ink_fail(error, INK_BAD_ARGUMENT, 0,
                            "%s: %s has rows of %llu values, which blocks of %u (%s) do not fill",
                            ink_gguf_name(w->r->gguf), tensor->name,
                            (unsigned long long)tensor->shape[0],
                            ink_formats[format].block_elements, ink_formats[format].name);
    }
    return ink_gguf_writer_add_tensor(w->writer, tensor->name, type, tensor->n_dims, tensor->shape,
                                      error);
}

static ink_status plan(rewrite *w, ink_error *error)
{
    const ink_gguf *gguf = w->r->gguf;
    const ink_allocator *allocator = w->r->allocator;
    INK_TRY(ink_rewrite_metadata(w->writer, gguf, error));
    if (w->r->describe)
        INK_TRY(w->r->describe(w->r->context, w->writer, error));
    for (size_t i = 0; i < ink_gguf_n_tensors(gguf); i++)
        INK_TRY(add_tensor(w, ink_gguf_get_tensor(gguf, i), error));
    w->source = ink_resize(allocator, NULL, ink_size_max(w->room, PIECE_BYTES), sizeof *w->values);
    if (!w->source)
        return ink_fail_memory(error, w->r->doing);
    if (!w->room)
        return INK_OK;
    w->blocks = ink_resize(allocator, NULL, w->room, sizeof *w->values);
    w->values = ink_resize(allocator, NULL, w->room, sizeof *w->values);
    if (!w->blocks || !w->values)
        return ink_fail_memory(error, w->r->doing);
    INK_TRY(ink_pool_new(&w->pool, w->r->n_threads, allocator, error));
    return ink_pool_reserve(w->pool, 1, error);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static ink_status go_on(rewrite *w, uint64_t n_bytes, ink_error *error)
{
    const ink_progress *progress = w->r->progress;
    w->n_done += n_bytes;
    if (progress && progress->report &&
        !progress->report(progress->context, (float)((double)w->n_done / (double)w->n_all)))
        return ink_fail(error, INK_CANCELLED, 0, "%s was cancelled", w->r->doing);
    return INK_OK;
}

static ink_status copy(rewrite *w, const ink_gguf_tensor *tensor, ink_error *error)
{
    for (uint64_t at = 0, n; at < tensor->n_bytes; at += n) {
        n = tensor->n_bytes - at;
        if (n > PIECE_BYTES)
            n = PIECE_BYTES;
        INK_TRY(ink_gguf_read(w->r->gguf, tensor, at, (size_t)n, w->source, error));
        INK_TRY(ink_gguf_writer_write(w->writer, w->source, (size_t)n, error));
        INK_TRY(go_on(w, n, error));
    }
    return INK_OK;
}

/* The rows of one task: a part of the stripe. */
static ink_rewrite_rows rows_of(const rewrite *w, size_t task)
{
    ink_rewrite_rows rows = w->stripe;
    size_t first = task * w->rows_of_task;
    rows.first += first;
    rows.n = ink_size_min(w->rows_of_task, rows.n - first);
    rows.values += first * rows.k;
    rows.blocks = (char *)rows.blocks + first * w->row_bytes;
    return rows;
}

static bool holds(ink_format format, const float *values, size_t n)
{
    float limit = ink_quantize_limit(format);
    bool all = true;
    for (size_t i = 0; i < n; i++)
        all = all && fabsf(values[i]) <= limit; /* nor if it is no number */
    return all;
}

/* Rows with values that the format cannot hold are left alone; the caller's thread says so. */
static void run_task(void *context, size_t stage, size_t task, int thread)
{
    rewrite *w = context;
    ink_rewrite_rows rows = rows_of(w, task);
    ink_format from = rows.tensor->format;
    (void)stage;
    ink_decode(from, rows.values,
               (const char *)w->source + task * w->rows_of_task * w->source_row_bytes,
               rows.n * rows.k / ink_formats[from].block_elements);
    if (w->r->change)
        w->r->change(w->r->context, &rows);
    if (holds(rows.format, rows.values, rows.n * rows.k))
        w->r->encode(w->r->context, &rows, thread);
}

/* The first value of the stripe that cannot be written. */
static ink_status check_values(const rewrite *w, ink_error *error)
{
    const ink_rewrite_rows *s = &w->stripe;
    size_t row = 0, k = 0;
    while (row < s->n && holds(s->format, s->values + row * s->k, s->k))
        row++;
    if (row == s->n)
        return INK_OK;
    while (holds(s->format, s->values + row * s->k + k, 1))
        k++;
    return ink_fail(error, INK_CORRUPT, 0, "%s: row %llu holds %g, which %s cannot",
                    s->tensor->name,
                    (unsigned long long)(s->expert * s->tensor->shape[1] + s->first + row),
                    (double)s->values[row * s->k + k], ink_formats[s->format].name);
}

static ink_status write_stripe(rewrite *w, size_t first, size_t n, ink_error *error)
{
    ink_rewrite_rows *s = &w->stripe;
    uint64_t row = (uint64_t)s->expert * s->tensor->shape[1] + first;
    s->first = first;
    s->n = n;
    INK_TRY(ink_gguf_read(w->r->gguf, s->tensor, row * w->source_row_bytes, n * w->source_row_bytes,
                          w->source, error));
    uint32_t n_tasks = (uint32_t)ink_size_groups(n, w->rows_of_task);
    ink_pool_run(w->pool, &(ink_pool_work){run_task, w, &n_tasks, 1});
    INK_TRY(check_values(w, error));
    INK_TRY(ink_gguf_writer_write(w->writer, w->blocks, n * w->row_bytes, error));
    return go_on(w, n * w->source_row_bytes, error);
}

static ink_status write_matrix(rewrite *w, const ink_gguf_tensor *tensor, size_t expert,
                               ink_error *error)
{
    size_t n_rows = (size_t)tensor->shape[1], fit = w->room / (size_t)tensor->shape[0];
    w->stripe.expert = expert;
    if (w->r->prepare)
        INK_TRY(w->r->prepare(w->r->context, tensor, expert, error));
    for (size_t first = 0; first < n_rows; first += fit)
        INK_TRY(write_stripe(w, first, ink_size_min(fit, n_rows - first), error));
    return INK_OK;
}

static ink_status write_tensor(rewrite *w, const ink_gguf_tensor *tensor, ink_error *error)
{
    ink_format format = format_of(w, tensor);
    if (format == INK_N_FORMATS)
        return copy(w, tensor, error);
    const ink_format_info *from = &ink_formats[tensor->format], *to = &ink_formats[format];
    size_t k = (size_t)tensor->shape[0];
    w->stripe = (ink_rewrite_rows){
        .tensor = tensor, .format = format, .k = k, .values = w->values, .blocks = w->blocks};
    w->source_row_bytes = k / from->block_elements * from->block_bytes;
    w->row_bytes = k / to->block_elements * to->block_bytes;
    w->rows_of_task = ink_size_max(TASK_VALUES / k, 1);
    for (size_t expert = 0; expert < tensor->shape[2]; expert++)
        INK_TRY(write_matrix(w, tensor, expert, error));
    return INK_OK;
}

static ink_status begin(rewrite *w, const char *out, size_t *n_written, ink_error *error)
{
    const ink_gguf *gguf = w->r->gguf;
    ink_sha256 sum;
    uint8_t digest[INK_SHA256_BYTES];
    *n_written = 0;
    if (!w->r->digest)
        return ink_gguf_writer_begin(w->writer, out, error);
    ink_sha256_init(&sum);
    ink_sha256_add(&sum, w->r->digest, INK_SHA256_BYTES);
    for (uint32_t part = 0; part < ink_gguf_n_parts(gguf); part++) {
        uint64_t facts[2] = {ink_gguf_modified(gguf, part), ink_gguf_file_bytes(gguf)};
        ink_sha256_add(&sum, facts, sizeof facts);
    }
    for (size_t i = 0; i < ink_gguf_n_tensors(gguf); i++) {
        const ink_gguf_tensor *tensor = ink_gguf_get_tensor(gguf, i);
        uint64_t facts[2] = {tensor->gguf_type, tensor->offset};
        ink_sha256_add(&sum, facts, sizeof facts);
    }
    ink_sha256_finish(&sum, digest);
    return ink_gguf_writer_begin_kept(w->writer, out, digest, n_written, error);
}

static ink_status write_all(rewrite *w, const char *out, ink_error *error)
{
    const ink_gguf *gguf = w->r->gguf;
    size_t n_written;
    INK_TRY(ink_gguf_writer_new(&w->writer, 0, w->r->allocator, error));
    INK_TRY(plan(w, error));
    INK_TRY(begin(w, out, &n_written, error));
    for (size_t i = 0; i < ink_gguf_n_tensors(gguf); i++) {
        const ink_gguf_tensor *tensor = ink_gguf_get_tensor(gguf, i);
        if (i < n_written)
            w->n_done += tensor->n_bytes;
        else
            INK_TRY(write_tensor(w, tensor, error));
    }
    return ink_gguf_writer_commit(w->writer, error);
}

ink_status ink_rewrite(const ink_rewriter *rewriter, const char *out, ink_error *error)
{
    rewrite w = {.r = rewriter};
    ink_status status = write_all(&w, out, error);
    if (w.writer && (status == INK_CORRUPT || status == INK_BAD_ARGUMENT))
        ink_gguf_writer_discard(w.writer);
    ink_gguf_writer_free(w.writer);
    ink_pool_free(w.pool);
    ink_delete(rewriter->allocator, w.source);
    ink_delete(rewriter->allocator, w.blocks);
    ink_delete(rewriter->allocator, w.values);
    return status;
}
