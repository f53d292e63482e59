#include "model/rewrite.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
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
    ink_rewrite_part part; /* of the tensor that is written */
    size_t source_k;       /* values of a row of it before columns go */
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

/* Sets w->part; false: nothing of the tensor is written. */
static bool select_part(rewrite *w, const ink_gguf_tensor *tensor)
{
    w->part = (ink_rewrite_part){.name = tensor->name};
    memcpy(w->part.shape, tensor->shape, sizeof w->part.shape);
    return !w->r->select || w->r->select(w->r->context, tensor, &w->part);
}

static ink_format format_of(const rewrite *w, const ink_gguf_tensor *tensor)
{
    ink_format format = w->r->format ? w->r->format(w->r->context, tensor) : INK_N_FORMATS;
    return format == INK_N_FORMATS && w->part.columns ? tensor->format : format;
}

static uint64_t row_bytes_of(const ink_gguf_tensor *tensor)
{
    return tensor->n_bytes / (tensor->shape[1] * tensor->shape[2] * tensor->shape[3]);
}

static ink_status add_tensor(rewrite *w, const ink_gguf_tensor *tensor, ink_error *error)
{
    uint32_t type = tensor->gguf_type;
    uint64_t row_bytes;
    if (!select_part(w, tensor))
        return INK_OK;
    const uint64_t *shape = w->part.shape;
    ink_format format = format_of(w, tensor);
    w->n_all += row_bytes_of(tensor) * shape[1] * shape[2] * shape[3];
    if (format != INK_N_FORMATS) {
        type = ink_formats[format].gguf_id;
        size_t least = ink_size_min(STRIPE_VALUES * (size_t)w->r->n_threads, MAX_STRIPE_VALUES);
        w->room = ink_size_max(ink_size_max(w->room, least), (size_t)tensor->shape[0]);
        if (!ink_format_row_bytes(format, shape[0], &row_bytes))
            return ink_fail(error, INK_BAD_ARGUMENT, 0,
                            "%s: %s has rows of %llu values, which blocks of %u (%s) do not fill",
                            ink_gguf_name(w->r->gguf), tensor->name, (unsigned long long)shape[0],
                            ink_formats[format].block_elements, ink_formats[format].name);
    }
    return ink_gguf_writer_add_tensor(w->writer, w->part.name, type, tensor->n_dims, shape, error);
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

/* Rows that stay of a tensor whose format does. */
static ink_status copy_rows(rewrite *w, const ink_gguf_tensor *tensor, ink_error *error)
{
    size_t n_bytes = (size_t)row_bytes_of(tensor); /* no more than a row of floats */
    for (uint64_t row = 0; row < w->part.shape[1]; row++) {
        INK_TRY(ink_gguf_read(w->r->gguf, tensor, w->part.rows[row] * (uint64_t)n_bytes, n_bytes,
                              w->source, error));
        INK_TRY(ink_gguf_writer_write(w->writer, w->source, n_bytes, error));
        INK_TRY(go_on(w, n_bytes, error));
    }
    return INK_OK;
}

static ink_status copy(rewrite *w, const ink_gguf_tensor *tensor, ink_error *error)
{
    if (w->part.rows)
        return copy_rows(w, tensor, error);
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
    rows.values += first * w->source_k;
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

/* Closes up what stays of each row. */
static void gather_columns(const rewrite *w, const ink_rewrite_rows *rows)
{
    const uint32_t *columns = w->part.columns;
    for (size_t i = 0; columns && i < rows->n; i++)
        for (size_t j = 0; j < rows->k; j++)
            rows->values[i * rows->k + j] = rows->values[i * w->source_k + columns[j]];
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
               rows.n * w->source_k / ink_formats[from].block_elements);
    gather_columns(w, &rows);
    if (w->r->change)
        w->r->change(w->r->context, &rows);
    if (holds(rows.format, rows.values, rows.n * rows.k))
        w->r->encode(w->r->context, &rows, thread);
}

/* A row of the stripe: rows are closed up within the tasks. */
static const float *values_of(const rewrite *w, size_t row)
{
    size_t in_task = row % w->rows_of_task;
    return w->stripe.values + (row - in_task) * w->source_k + in_task * w->stripe.k;
}

/* The first value of the stripe that cannot be written. */
static ink_status check_values(const rewrite *w, ink_error *error)
{
    const ink_rewrite_rows *s = &w->stripe;
    size_t row = 0, k = 0;
    while (row < s->n && holds(s->format, values_of(w, row), s->k))
        row++;
    if (row == s->n)
        return INK_OK;
    while (holds(s->format, values_of(w, row) + k, 1))
        k++;
    uint64_t at = s->expert * s->tensor->shape[1] + s->first + row;
    return ink_fail(error, INK_CORRUPT, 0, "%s: row %" PRIu64 " holds %g, which %s cannot",
                    s->tensor->name, at, (double)values_of(w, row)[k], ink_formats[s->format].name);
}

/* Those of the stripe, one by one where not all of the tensor's stay. */
static ink_status read_rows(const rewrite *w, ink_error *error)
{
    const ink_rewrite_rows *s = &w->stripe;
    size_t n_bytes = w->source_row_bytes;
    uint64_t before = (uint64_t)s->expert * s->tensor->shape[1];
    if (!w->part.rows)
        return ink_gguf_read(w->r->gguf, s->tensor, (before + s->first) * n_bytes, s->n * n_bytes,
                             w->source, error);
    for (size_t i = 0; i < s->n; i++)
        INK_TRY(ink_gguf_read(w->r->gguf, s->tensor,
                              (before + w->part.rows[s->first + i]) * n_bytes, n_bytes,
                              (char *)w->source + i * n_bytes, error));
    return INK_OK;
}

static ink_status write_stripe(rewrite *w, size_t first, size_t n, ink_error *error)
{
    ink_rewrite_rows *s = &w->stripe;
    s->first = first;
    s->n = n;
    INK_TRY(read_rows(w, error));
    uint32_t n_tasks = (uint32_t)ink_size_groups(n, w->rows_of_task);
    ink_pool_run(w->pool, &(ink_pool_work){run_task, w, &n_tasks, 1});
    INK_TRY(check_values(w, error));
    INK_TRY(ink_gguf_writer_write(w->writer, w->blocks, n * w->row_bytes, error));
    return go_on(w, n * w->source_row_bytes, error);
}

static ink_status write_matrix(rewrite *w, const ink_gguf_tensor *tensor, size_t expert,
                               ink_error *error)
{
    size_t n_rows = (size_t)w->part.shape[1], fit = w->room / w->source_k;
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
    size_t k = (size_t)w->part.shape[0];
    w->source_k = (size_t)tensor->shape[0];
    w->stripe = (ink_rewrite_rows){
        .tensor = tensor, .format = format, .k = k, .values = w->values, .blocks = w->blocks};
    w->source_row_bytes = w->source_k / from->block_elements * from->block_bytes;
    w->row_bytes = k / to->block_elements * to->block_bytes;
    w->rows_of_task = ink_size_max(TASK_VALUES / w->source_k, 1);
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
        if (!select_part(w, tensor))
            continue;
        if (n_written == 0) {
            INK_TRY(write_tensor(w, tensor, error));
        } else {
            w->n_done += tensor->n_bytes;
            n_written--;
        }
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
