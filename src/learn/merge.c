/* Adapters built into weights: W + scale * B A, row by row, in floats, and back into blocks. */
#include <math.h>

#include "base/size.h"
#include "learn/card.h"
#include "model/lora.h"

#define STRIPE_BYTES ((size_t)1 << 20) /* of rows as floats */

typedef struct merge {
    const ink_merging *options;
    ink_model *model;
    ink_gguf_writer *writer;
    ink_format type; /* INK_N_FORMATS: each keeps its own */
    void *blocks;    /* [STRIPE_BYTES or a row] as read, and as written */
    float *rows;     /* the same as floats */
    size_t room;     /* floats that fit into them */
    uint64_t n_done, n_bytes;
} merge;

/* What is added to a tensor; NULL: it stays as it is. */
static const ink_lora_pair *adapters_of(const merge *m, const ink_gguf_tensor *tensor)
{
    const ink_weight *weight = ink_lora_find_weight(m->model, tensor->name);
    return weight ? weight->adapters : NULL;
}

/* ---- Planning -------------------------------------------------------------------------------- */

static ink_format format_of(const merge *m, const ink_gguf_tensor *tensor)
{
    return m->type == INK_N_FORMATS ? tensor->format : m->type;
}

/* Announces a tensor that changes. */
static ink_status add_changed(merge *m, const ink_gguf_tensor *tensor, ink_error *error)
{
    const char *file = ink_gguf_name(m->model->gguf);
    ink_format format = format_of(m, tensor);
    uint64_t row_bytes;
    if (!ink_can_encode(format))
        return ink_fail(error, INK_UNSUPPORTED, 0,
                        "%s: %s is %s, which cannot be written yet: name the format of what "
                        "changes (--type F32, F16, BF16, Q8_0 or Q4_0)",
                        file, tensor->name, ink_formats[format].name);
    if (!ink_format_row_bytes(format, tensor->shape[0], &row_bytes))
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s: %s has rows of %llu values, which blocks of %u (%s) do not fill", file,
                        tensor->name, (unsigned long long)tensor->shape[0],
                        ink_formats[format].block_elements, ink_formats[format].name);
    m->room = ink_size_max(m->room, (size_t)tensor->shape[0]);
    return ink_gguf_writer_add_tensor(m->writer, tensor->name, ink_formats[format].gguf_id,
                                      tensor->n_dims, tensor->shape, error);
}

static ink_status plan(merge *m, ink_error *error)
{
    const ink_gguf *gguf = m->model->gguf;
    m->room = STRIPE_BYTES / sizeof *m->rows;
    INK_TRY(ink_gguf_writer_set_all(m->writer, gguf, error));
    INK_TRY(ink_card_clear(m->writer, gguf, error));
    for (size_t i = 0; i < ink_gguf_n_tensors(gguf); i++) {
        const ink_gguf_tensor *tensor = ink_gguf_get_tensor(gguf, i);
        m->n_bytes += tensor->n_bytes;
        INK_TRY(adapters_of(m, tensor)
                    ? add_changed(m, tensor, error)
                    : ink_gguf_writer_add_tensor(m->writer, tensor->name, tensor->gguf_type,
                                                 tensor->n_dims, tensor->shape, error));
    }
    m->blocks = ink_resize(m->options->allocator, NULL, m->room, sizeof *m->rows);
    m->rows = ink_resize(m->options->allocator, NULL, m->room, sizeof *m->rows);
    return m->blocks && m->rows ? INK_OK : ink_fail_memory(error, "merging");
}

/* ---- Writing --------------------------------------------------------------------------------- */

static ink_status go_on(merge *m, uint64_t n_bytes, ink_error *error)
{
    const ink_progress *progress = &m->options->progress;
    m->n_done += n_bytes;
    if (progress->report &&
        !progress->report(progress->context, (float)((double)m->n_done / (double)m->n_bytes)))
        return ink_fail(error, INK_CANCELLED, 0, "merging was cancelled");
    return INK_OK;
}

static ink_status copy(merge *m, const ink_gguf_tensor *tensor, ink_error *error)
{
    for (uint64_t at = 0, n; at < tensor->n_bytes; at += n) {
        n = tensor->n_bytes - at;
        if (n > STRIPE_BYTES)
            n = STRIPE_BYTES;
        INK_TRY(ink_gguf_read(m->model->gguf, tensor, at, (size_t)n, m->blocks, error));
        INK_TRY(ink_gguf_writer_write(m->writer, m->blocks, (size_t)n, error));
        INK_TRY(go_on(m, n, error));
    }
    return INK_OK;
}

/* Adds scale * B[row] A to each of n rows from `first` on. */
static void add_pair(const ink_lora_pair *pair, float *rows, size_t first, size_t n)
{
    size_t k = pair->a.k, rank = pair->a.n_rows;
    const float *a = pair->a.data, *b = (const float *)pair->b.data + first * rank;
    for (size_t i = 0; i < n; i++, rows += k, b += rank) {
        for (size_t r = 0; r < rank; r++) {
            float factor = pair->scale * b[r];
            for (size_t j = 0; j < k; j++)
                rows[j] = fmaf(factor, a[r * k + j], rows[j]);
        }
    }
}

/* What rounds to infinity, or is it. */
static float limit_of(ink_format format)
{
    return format == INK_FORMAT_F16 ? 65520 : INFINITY;
}

static ink_status write_stripe(merge *m, const ink_gguf_tensor *tensor, size_t first, size_t n,
                               ink_error *error)
{
    const ink_format_info *from = &ink_formats[tensor->format];
    const ink_format_info *to = &ink_formats[format_of(m, tensor)];
    size_t k = (size_t)tensor->shape[0], n_values = n * k;
    size_t row_bytes = k / from->block_elements * from->block_bytes;
    INK_TRY(
        ink_gguf_read(m->model->gguf, tensor, first * row_bytes, n * row_bytes, m->blocks, error));
    ink_decode(tensor->format, m->rows, m->blocks, n_values / from->block_elements);
    for (const ink_lora_pair *pair = adapters_of(m, tensor); pair; pair = pair->next)
        add_pair(pair, m->rows, first, n);
    for (size_t i = 0; i < n_values; i++)
        if (!(fabsf(m->rows[i]) < limit_of(format_of(m, tensor))))
            return ink_fail(error, INK_CORRUPT, 0,
                            "%s: with its adapters row %zu holds %g, which %s cannot", tensor->name,
                            first + i / k, (double)m->rows[i], to->name);
    (void)ink_encode(format_of(m, tensor), m->blocks, m->rows, n_values);
    INK_TRY(ink_gguf_writer_write(m->writer, m->blocks,
                                  n_values / to->block_elements * to->block_bytes, error));
    return go_on(m, n * row_bytes, error);
}

static ink_status write_changed(merge *m, const ink_gguf_tensor *tensor, ink_error *error)
{
    size_t n_rows = (size_t)tensor->shape[1], fit = m->room / (size_t)tensor->shape[0];
    for (size_t first = 0; first < n_rows; first += fit)
        INK_TRY(write_stripe(m, tensor, first, ink_size_min(fit, n_rows - first), error));
    return INK_OK;
}

static ink_status write_all(merge *m, const char *out, ink_error *error)
{
    const ink_gguf *gguf = m->model->gguf;
    INK_TRY(ink_gguf_writer_new(&m->writer, 0, m->options->allocator, error));
    INK_TRY(plan(m, error));
    INK_TRY(ink_gguf_writer_begin(m->writer, out, error));
    for (size_t i = 0; i < ink_gguf_n_tensors(gguf); i++) {
        const ink_gguf_tensor *tensor = ink_gguf_get_tensor(gguf, i);
        INK_TRY(adapters_of(m, tensor) ? write_changed(m, tensor, error) : copy(m, tensor, error));
    }
    return ink_gguf_writer_commit(m->writer, error);
}

static ink_status open_all(merge *m, const char *in, ink_error *error)
{
    const ink_merging *o = m->options;
    m->type = INK_N_FORMATS;
    if (o->type)
        INK_TRY(ink_encode_format(o->type, &m->type, error));
    INK_TRY(ink_model_open(
        &m->model, in,
        &(ink_model_options){
            .allocator = o->allocator, .log = o->log, .load = INK_LOAD_METADATA, .n_threads = 1},
        error));
    if (m->model->load != INK_LOAD_METADATA)
        return ink_fail(error, INK_UNSUPPORTED, 0, "%s: has a vocabulary only, no weights", in);
    for (size_t i = 0; i < o->n_adapters; i++)
        INK_TRY(ink_lora_open(m->model, &o->adapters[i], INK_LOAD_TRAINABLE, error));
    return INK_OK;
}

ink_status ink_merge_adapters(const char *in, const char *out, const ink_merging *merging,
                              ink_error *error)
{
    merge m = {.options = merging};
    if (merging->n_adapters == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "there is no adapter to merge");
    ink_status status = open_all(&m, in, error);
    if (status == INK_OK)
        status = write_all(&m, out, error);
    ink_gguf_writer_free(m.writer);
    ink_delete(merging->allocator, m.blocks);
    ink_delete(merging->allocator, m.rows);
    ink_model_free(m.model);
    return status;
}
