/*
 * Adapters in files: GGUF with general.type "adapter", adapter.type "lora", and for each weight
 * they change two tensors, named as the weight with ".lora_a" [rank][k] and ".lora_b"
 * [n_rows][rank] behind it; what is added is scaled by adapter.lora.alpha / rank. Nothing of a
 * file is believed before it was compared with the model.
 *
 * Source: the GGUF keys for adapters (ggml-org/llama.cpp, gguf-py/gguf/constants.py).
 */
#include <math.h>
#include <string.h>

#include "kernel/kernel.h"
#include "model/lora.h"

#define A ".lora_a"
#define B ".lora_b"
enum { SUFFIX_BYTES = sizeof A - 1, NAME_BYTES = 256 };

typedef struct reader {
    ink_model *model;
    const ink_gguf *gguf;
    ink_load load;
    float scale, alpha;
    ink_error *error;
} reader;

/* ---- Metadata -------------------------------------------------------------------------------- */

static ink_status check_text(const reader *r, const char *key, const char *wanted,
                             ink_status status, const char *meaning)
{
    ink_gguf_string text = {NULL, 0};
    INK_TRY(ink_gguf_need(r->gguf, key, r->error));
    INK_TRY(ink_gguf_get_string(r->gguf, key, &text, r->error));
    if (strcmp(text.text, wanted) == 0)
        return INK_OK;
    return ink_fail(r->error, status, 0, "%s: %s is \"%.60s\", not \"%s\": %s",
                    ink_gguf_name(r->gguf), key, text.text, wanted, meaning);
}

static ink_status read_metadata(reader *r)
{
    const char *file = ink_gguf_name(r->gguf);
    INK_TRY(check_text(r, "general.type", "adapter", INK_UNSUPPORTED, "it is no adapter"));
    INK_TRY(check_text(r, "adapter.type", "lora", INK_UNSUPPORTED,
                       "this kind of adapter is not known"));
    INK_TRY(check_text(r, "general.architecture", r->model->arch->name, INK_BAD_ARGUMENT,
                       "it is for another model"));
    if (ink_gguf_find(r->gguf, "adapter.alora.invocation_tokens"))
        return ink_fail(r->error, INK_UNSUPPORTED, 0,
                        "%s: takes effect behind some tokens only "
                        "(adapter.alora.invocation_tokens), which is not supported",
                        file);
    INK_TRY(ink_gguf_get_f32(r->gguf, "adapter.lora.alpha", &r->alpha, r->error));
    if (!isfinite(r->alpha) || !isfinite(r->alpha * r->scale))
        return ink_fail(r->error, INK_CORRUPT, 0, "%s: adapter.lora.alpha is %g", file,
                        (double)r->alpha);
    return INK_OK;
}

/* ---- Tensors --------------------------------------------------------------------------------- */

static bool ends_with(const char *name, const char *suffix)
{
    size_t n_bytes = strlen(name);
    return n_bytes > SUFFIX_BYTES && strcmp(name + n_bytes - SUFFIX_BYTES, suffix) == 0;
}

/* The tensor beside this one, of the other suffix. */
static const ink_gguf_tensor *partner_of(const reader *r, const ink_gguf_tensor *tensor,
                                         const char *suffix)
{
    char name[NAME_BYTES];
    size_t n_bytes = strlen(tensor->name);
    if (n_bytes >= sizeof name)
        return NULL;
    memcpy(name, tensor->name, n_bytes + 1);
    memcpy(name + n_bytes - SUFFIX_BYTES, suffix, SUFFIX_BYTES);
    return ink_gguf_find_tensor(r->gguf, name);
}

/* Tensors come in pairs. */
static ink_status count_pairs(const reader *r, size_t *n_pairs)
{
    *n_pairs = 0;
    for (size_t i = 0; i < ink_gguf_n_tensors(r->gguf); i++) {
        const ink_gguf_tensor *tensor = ink_gguf_get_tensor(r->gguf, i);
        bool is_a = ends_with(tensor->name, A), is_b = ends_with(tensor->name, B);
        if (!is_a && !is_b)
            return ink_fail(r->error, INK_UNSUPPORTED, 0,
                            "%s: tensor %s is neither " A " nor " B " of a matrix",
                            ink_gguf_name(r->gguf), tensor->name);
        if (!partner_of(r, tensor, is_a ? B : A))
            return ink_fail(r->error, INK_CORRUPT, 0, "%s: tensor %s stands without its %s",
                            ink_gguf_name(r->gguf), tensor->name, is_a ? B : A);
        *n_pairs += is_a;
    }
    if (*n_pairs == 0)
        return ink_fail(r->error, INK_CORRUPT, 0, "%s: has no tensors", ink_gguf_name(r->gguf));
    return INK_OK;
}

static ink_status check_shapes(const reader *r, const ink_lora_pair *pair, const ink_gguf_tensor *a,
                               const ink_gguf_tensor *b)
{
    const ink_matrix *matrix = &pair->weight->matrix;
    const char *file = ink_gguf_name(r->gguf);
    if (a->n_dims != 2 || b->n_dims != 2 || a->shape[1] != b->shape[0])
        return ink_fail(r->error, INK_CORRUPT, 0,
                        "%s: tensors " A " and " B " of %s are %llu x %llu and %llu x %llu, which "
                        "have no rank in common",
                        file, pair->name, (unsigned long long)a->shape[0],
                        (unsigned long long)a->shape[1], (unsigned long long)b->shape[0],
                        (unsigned long long)b->shape[1]);
    if (a->shape[0] != matrix->k || b->shape[1] != matrix->n_rows)
        return ink_fail(r->error, INK_BAD_ARGUMENT, 0,
                        "%s: %s is %zu x %zu in the model, but the adapter is for one of %llu x "
                        "%llu: it belongs to another model",
                        file, pair->name, matrix->k, matrix->n_rows,
                        (unsigned long long)a->shape[0], (unsigned long long)b->shape[1]);
    INK_TRY(ink_gguf_check_format(r->gguf, a, r->error));
    return ink_gguf_check_format(r->gguf, b, r->error);
}

static ink_status bind_pair(const reader *r, const ink_gguf_tensor *a, ink_lora_pair *pair)
{
    const ink_gguf_tensor *b = partner_of(r, a, B);
    const char *file = ink_gguf_name(r->gguf);
    pair->name = ink_arena_string(&r->model->arena, a->name, strlen(a->name) - SUFFIX_BYTES);
    if (!pair->name)
        return ink_fail_memory(r->error, "an adapter");
    pair->weight = ink_lora_find_weight(r->model, pair->name);
    if (!pair->weight)
        return ink_fail(r->error, INK_BAD_ARGUMENT, 0,
                        "%s: is for %s, which the model does not have: it belongs to another model",
                        file, pair->name);
    const char *refusal = ink_lora_refusal(r->model, pair->weight);
    if (refusal)
        return ink_fail(r->error, INK_UNSUPPORTED, 0, "%s: is for %s, which is not supported: %s",
                        file, pair->name, refusal);
    INK_TRY(check_shapes(r, pair, a, b));
    pair->a.n_rows = pair->b.k = (size_t)a->shape[1];
    pair->a.k = pair->weight->matrix.k;
    pair->b.n_rows = pair->weight->matrix.n_rows;
    pair->scale = r->alpha == 0 ? r->scale : r->scale * (r->alpha / (float)pair->a.n_rows);
    return INK_OK;
}

/* ---- Values ---------------------------------------------------------------------------------- */

static void pack_rows(const ink_kernels *kernels, const ink_matrix *matrix, const float *rows)
{
    size_t tile_floats = INK_TILE_ROWS * matrix->k;
    float *out = (float *)(uintptr_t)matrix->data;
    for (size_t row = 0; row < matrix->n_rows; row += INK_TILE_ROWS, out += tile_floats) {
        size_t left = matrix->n_rows - row;
        kernels->pack(INK_FORMAT_F32, out, rows + row * matrix->k,
                      left < INK_TILE_ROWS ? left : INK_TILE_ROWS, matrix->k);
    }
}

static ink_status check_values(const reader *r, const ink_gguf_tensor *tensor, const float *values,
                               size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i]))
            return ink_fail(r->error, INK_CORRUPT, 0, "%s: tensor %s holds %g at %zu",
                            ink_gguf_name(r->gguf), tensor->name, (double)values[i], i);
    return INK_OK;
}

/* blocks[n_bytes of the tensor], values[n_rows * k]: work space. */
static ink_status decode(const reader *r, const ink_gguf_tensor *tensor, const ink_matrix *matrix,
                         void *blocks, float *values)
{
    size_t n = matrix->n_rows * matrix->k;
    INK_TRY(ink_gguf_read(r->gguf, tensor, 0, (size_t)tensor->n_bytes, blocks, r->error));
    ink_decode(tensor->format, values, blocks, n / ink_formats[tensor->format].block_elements);
    return check_values(r, tensor, values, n);
}

static ink_status read_matrix(const reader *r, const ink_gguf_tensor *tensor,
                              const ink_matrix *matrix, const ink_kernels *kernels)
{
    const ink_allocator *allocator = r->model->allocator;
    void *blocks = ink_resize(allocator, NULL, (size_t)tensor->n_bytes, 1);
    float *rows = (float *)(uintptr_t)matrix->data, *values = rows;
    size_t n = matrix->n_rows * matrix->k; /* as many floats as ink_lora_place has made room for */
    if (matrix->packed)
        values = ink_resize(allocator, NULL, n, sizeof *values);
    ink_status status = blocks && values ? decode(r, tensor, matrix, blocks, values)
                                         : ink_fail_memory(r->error, "reading an adapter");
    if (status == INK_OK && matrix->packed)
        pack_rows(kernels, matrix, values);
    ink_delete(allocator, blocks);
    if (values != rows)
        ink_delete(allocator, values);
    return status;
}

static ink_status read_values(const reader *r, const ink_lora *lora)
{
    ink_kernels kernels;
    uint32_t features;
    size_t at = 0;
    INK_TRY(ink_cpu_select(&features, r->error));
    ink_kernels_init(&kernels, features);
    for (size_t i = 0; i < ink_gguf_n_tensors(r->gguf); i++) {
        const ink_gguf_tensor *a = ink_gguf_get_tensor(r->gguf, i);
        if (!ends_with(a->name, A))
            continue;
        const ink_lora_pair *pair = &lora->pairs[at++];
        INK_TRY(read_matrix(r, a, &pair->a, &kernels));
        INK_TRY(read_matrix(r, partner_of(r, a, B), &pair->b, &kernels));
    }
    return INK_OK;
}

/* ---- Together -------------------------------------------------------------------------------- */

static ink_status fill(const reader *r, ink_lora *lora)
{
    size_t at = 0;
    for (size_t i = 0; i < ink_gguf_n_tensors(r->gguf); i++) {
        const ink_gguf_tensor *tensor = ink_gguf_get_tensor(r->gguf, i);
        if (ends_with(tensor->name, A))
            INK_TRY(bind_pair(r, tensor, &lora->pairs[at++]));
    }
    INK_TRY(ink_lora_place(r->model, lora, r->load, r->error));
    return lora->memory ? read_values(r, lora) : INK_OK;
}

ink_status ink_lora_read(ink_model *model, const ink_gguf *gguf, float scale, ink_load load,
                         ink_error *error)
{
    reader r = {.model = model, .gguf = gguf, .load = load, .scale = scale, .error = error};
    size_t n_pairs;
    if (!isfinite(scale))
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "%s: its scale is %g", ink_gguf_name(gguf),
                        (double)scale);
    INK_TRY(read_metadata(&r));
    INK_TRY(count_pairs(&r, &n_pairs));
    ink_lora *lora = ink_lora_take(model, n_pairs);
    if (!lora)
        return ink_fail_memory(error, "an adapter");
    ink_status status = fill(&r, lora);
    if (status != INK_OK || scale == 0)
        ink_delete_aligned(model->allocator, lora->memory);
    else
        ink_lora_add(model, lora);
    return status;
}

ink_status ink_lora_open(ink_model *model, const ink_adapter *adapter, ink_load load,
                         ink_error *error)
{
    ink_gguf *gguf;
    INK_TRY(ink_gguf_open(&gguf, adapter->path, model->allocator, error));
    ink_status status = ink_lora_read(model, gguf, adapter->scale, load, error);
    ink_gguf_free(gguf);
    return status;
}
