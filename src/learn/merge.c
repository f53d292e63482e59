/* Adapters built into weights: W + scale * B A, row by row, in floats, and back into blocks. */
#include <math.h>

#include "base/pool.h"
#include "model/lora.h"
#include "model/rewrite.h"
#include "quant/quantize.h"

typedef struct merge {
    const ink_merging *options;
    ink_model *model;
    ink_format type; /* INK_N_FORMATS: each keeps its own */
} merge;

/* What is added to a tensor; NULL: it stays as it is. */
static const ink_lora_pair *adapters_of(const merge *m, const ink_gguf_tensor *tensor)
{
    const ink_weight *weight = ink_lora_find_weight(m->model, tensor->name);
    return weight ? weight->adapters : NULL;
}

static ink_format format_of(void *context, const ink_gguf_tensor *tensor)
{
    const merge *m = context;
    if (!adapters_of(m, tensor))
        return INK_N_FORMATS;
    return m->type == INK_N_FORMATS ? tensor->format : m->type;
}

/* Adds scale * B[row] A to each row. */
static void add_pair(const ink_lora_pair *pair, const ink_rewrite_rows *rows)
{
    size_t k = pair->a.k, rank = pair->a.n_rows;
    const float *a = pair->a.data, *b = (const float *)pair->b.data + rows->first * rank;
    float *row = rows->values;
    for (size_t i = 0; i < rows->n; i++, row += k, b += rank) {
        for (size_t r = 0; r < rank; r++) {
            float factor = pair->scale * b[r];
            for (size_t j = 0; j < k; j++)
                row[j] = fmaf(factor, a[r * k + j], row[j]);
        }
    }
}

static void change(void *context, const ink_rewrite_rows *rows)
{
    for (const ink_lora_pair *pair = adapters_of(context, rows->tensor); pair; pair = pair->next)
        add_pair(pair, rows);
}

static void encode(void *context, const ink_rewrite_rows *rows, int thread)
{
    (void)context, (void)thread;
    (void)ink_quantize(rows->format, rows->blocks, rows->values, NULL, rows->n * rows->k);
}

static ink_status choose_type(merge *m, ink_error *error)
{
    const char *type = m->options->type;
    m->type = INK_N_FORMATS;
    if (type && !ink_format_by_name(type, &m->type))
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "there is no format \"%.40s\"", type);
    return INK_OK;
}

static ink_status open_all(merge *m, const char *in, ink_error *error)
{
    const ink_merging *o = m->options;
    INK_TRY(choose_type(m, error));
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

static ink_status write_merged(merge *m, const char *out, ink_error *error)
{
    ink_rewriter rewriter = {
        .gguf = m->model->gguf,
        .allocator = m->options->allocator,
        .progress = &m->options->progress,
        .doing = "merging",
        .context = m,
        .format = format_of,
        .change = change,
        .encode = encode,
    };
    INK_TRY(ink_pool_choose_threads(m->options->n_threads, &rewriter.n_threads, error));
    return ink_rewrite(&rewriter, out, error);
}

ink_status ink_merge_adapters(const char *in, const char *out, const ink_merging *merging,
                              ink_error *error)
{
    merge m = {.options = merging};
    if (merging->n_adapters == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "there is no adapter to merge");
    ink_status status = open_all(&m, in, error);
    if (status == INK_OK)
        status = write_merged(&m, out, error);
    ink_model_free(m.model);
    return status;
}
