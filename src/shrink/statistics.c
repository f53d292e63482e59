#include "shrink/statistics.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/file.h"
#include "base/size.h"
#include "format/gguf_writer.h"
#include "model/part.h"

#define SUMS ".in_sum2"
#define COUNTS ".counts"
#define TYPE_KEY "general.type"
#define TYPE "imatrix"

enum { NAME_BYTES = 256, PIECE = 1024, F32 = 0 /* GGUF's number of the type */ };

/* Of the mean, that the weight of a column is at least. */
static const double least_weight = 1e-5;

void ink_statistics_init(ink_statistics *s, const ink_allocator *allocator)
{
    *s = (ink_statistics){.allocator = allocator};
    ink_arena_init(&s->arena, allocator, SIZE_MAX);
}

ink_status ink_inputs_take_products(ink_inputs *inputs, const ink_allocator *allocator,
                                    ink_error *error)
{
    size_t n;
    inputs->rotated = false;
    if (ink_size_mul(inputs->k, inputs->k, &n)) {
        inputs->products = ink_resize(allocator, NULL, n, sizeof(float));
        inputs->factors = ink_resize(allocator, NULL, n, sizeof(float));
    }
    return inputs->products && inputs->factors ? INK_OK
                                               : ink_fail_memory(error, "the products of inputs");
}

void ink_statistics_forget_products(ink_statistics *s)
{
    for (size_t i = 0; i < s->n; i++) {
        ink_delete(s->allocator, s->all[i].products);
        ink_delete(s->allocator, s->all[i].factors);
        s->all[i].products = s->all[i].factors = NULL;
    }
}

void ink_statistics_deinit(ink_statistics *s)
{
    ink_statistics_forget_products(s);
    ink_delete(s->allocator, s->all);
    ink_arena_deinit(&s->arena);
    *s = (ink_statistics){.allocator = s->allocator};
}

static ink_status take_sums(ink_statistics *s, ink_inputs *inputs, const char *name,
                            ink_error *error)
{
    size_t n;
    inputs->name = ink_arena_string(&s->arena, name, strlen(name));
    if (ink_size_mul(inputs->n_experts, inputs->k, &n))
        inputs->squares = ink_arena_take(&s->arena, n, sizeof *inputs->squares);
    inputs->counts = ink_arena_take(&s->arena, inputs->n_experts, sizeof *inputs->counts);
    return inputs->name && inputs->squares && inputs->counts
               ? INK_OK
               : ink_fail_memory(error, "the statistics of inputs");
}

/* ---- Of a model ------------------------------------------------------------------------------ */

static ink_status take_role(ink_statistics *s, const ink_weight *weight, ink_role role,
                            uint32_t layer, ink_error *error)
{
    char stem[INK_PART_STEM_BYTES], name[INK_PART_STEM_BYTES + 8];
    const ink_matrix *matrix = &weight->matrix;
    if (matrix->n_rows == 0)
        return INK_OK;
    ink_inputs *inputs = &s->all[s->n++];
    *inputs = (ink_inputs){
        .matrix = matrix, .k = matrix->k, .n_rows = matrix->n_rows, .n_experts = matrix->n_experts};
    (void)snprintf(name, sizeof name, "%s.weight", ink_part_stem(role, layer, stem));
    return take_sums(s, inputs, name, error);
}

static ink_status take_roles(ink_statistics *s, const ink_weight *weights, bool in_layer,
                             uint32_t layer, ink_error *error)
{
    for (ink_role role = INK_WEIGHT_END + 1; role < INK_N_WEIGHT_ROLES; role++)
        if (ink_parts[role].in_layer == in_layer)
            INK_TRY(take_role(s, &weights[role], role, layer, error));
    return INK_OK;
}

ink_status ink_statistics_take(ink_statistics *s, const ink_model *model, ink_error *error)
{
    size_t n_layers = model->hparams.n_layers;
    size_t n = (n_layers + 1) * INK_N_WEIGHT_ROLES; /* at most INK_MAX_LAYERS */
    s->all = ink_new(s->allocator, n, sizeof *s->all);
    if (!s->all)
        return ink_fail_memory(error, "the statistics of inputs");
    INK_TRY(take_roles(s, model->weights, false, 0, error));
    for (uint32_t layer = 0; layer < n_layers; layer++)
        INK_TRY(take_roles(s, model->layers[layer], true, layer, error));
    return INK_OK;
}

/* A file may leave ".weight" out. */
static size_t stem_bytes(const char *name)
{
    size_t n = strlen(name), suffix = strlen(".weight");
    return n > suffix && strcmp(name + n - suffix, ".weight") == 0 ? n - suffix : n;
}

ink_inputs *ink_statistics_find(const ink_statistics *s, const char *name)
{
    size_t n = stem_bytes(name);
    for (size_t i = 0; i < s->n; i++)
        if (stem_bytes(s->all[i].name) == n && memcmp(s->all[i].name, name, n) == 0)
            return &s->all[i];
    return NULL;
}

ink_inputs *ink_statistics_owner(const ink_statistics *s, const char *name)
{
    ink_inputs *inputs = ink_statistics_find(s, name);
    return inputs && inputs->same_as ? inputs->same_as : inputs;
}

bool ink_inputs_weights(const ink_inputs *inputs, size_t expert, float *weights)
{
    const double *squares = inputs->squares + expert * inputs->k;
    double total = 0;
    for (size_t i = 0; i < inputs->k; i++)
        total += squares[i];
    double mean = total / (double)inputs->k;
    if (!(mean > 0))
        return false;
    for (size_t i = 0; i < inputs->k; i++)
        weights[i] = (float)(squares[i] / mean + least_weight);
    return true;
}

/* ---- Files ----------------------------------------------------------------------------------- */

static ink_status add_floats(ink_gguf_writer *writer, const ink_inputs *inputs, const char *suffix,
                             size_t k, ink_error *error)
{
    char name[NAME_BYTES];
    const uint64_t shape[2] = {k, inputs->n_experts};
    (void)snprintf(name, sizeof name, "%.200s%s", inputs->name, suffix);
    return ink_gguf_writer_add_tensor(writer, name, F32, 2, shape, error);
}

static ink_status write_floats(ink_gguf_writer *writer, const double *values, size_t n,
                               ink_error *error)
{
    for (size_t i = 0; i < n; i++) {
        float value = (float)values[i];
        INK_TRY(ink_gguf_writer_write(writer, &value, sizeof value, error));
    }
    return INK_OK;
}

/* Experts that read nothing are in the file, too, as zeros; matrices that did not are left out. */
static bool is_known(const ink_inputs *inputs)
{
    for (size_t i = 0; i < inputs->n_experts; i++)
        if (inputs->counts[i] > 0)
            return true;
    return false;
}

static ink_status write_all(const ink_statistics *s, ink_gguf_writer *writer, const char *path,
                            ink_error *error)
{
    uint32_t n_chunks = 1, chunk = (uint32_t)s->n_tokens;
    INK_TRY(ink_gguf_writer_set_text(writer, TYPE_KEY, TYPE, error));
    INK_TRY(ink_gguf_writer_set_strings(writer, "imatrix.datasets", NULL, 0, error));
    INK_TRY(ink_gguf_writer_set_u32(writer, "imatrix.chunk_count", n_chunks, error));
    INK_TRY(ink_gguf_writer_set_u32(writer, "imatrix.chunk_size", chunk, error));
    for (size_t i = 0; i < s->n; i++) {
        if (!is_known(&s->all[i]))
            continue;
        INK_TRY(add_floats(writer, &s->all[i], SUMS, s->all[i].k, error));
        INK_TRY(add_floats(writer, &s->all[i], COUNTS, 1, error));
    }
    INK_TRY(ink_gguf_writer_begin(writer, path, error));
    for (size_t i = 0; i < s->n; i++) {
        const ink_inputs *inputs = &s->all[i];
        if (!is_known(inputs))
            continue;
        INK_TRY(write_floats(writer, inputs->squares, inputs->n_experts * inputs->k, error));
        INK_TRY(write_floats(writer, inputs->counts, inputs->n_experts, error));
    }
    return ink_gguf_writer_commit(writer, error);
}

ink_status ink_statistics_write(const ink_statistics *s, const char *path, ink_error *error)
{
    ink_gguf_writer *writer = NULL;
    INK_TRY(ink_gguf_writer_new(&writer, 0, s->allocator, error));
    ink_status status = write_all(s, writer, path, error);
    ink_gguf_writer_free(writer);
    return status;
}

static ink_status read_floats(const ink_gguf *gguf, const ink_gguf_tensor *tensor, double *out,
                              size_t n, ink_error *error)
{
    float values[PIECE];
    for (size_t i = 0; i < n; i++) {
        size_t at = i % PIECE, n_piece = ink_size_min(n - i, PIECE);
        if (at == 0)
            INK_TRY(ink_gguf_read(gguf, tensor, i * sizeof *values, n_piece * sizeof *values,
                                  values, error));
        if (!(values[at] >= 0 && values[at] < INFINITY))
            return ink_fail(error, INK_CORRUPT, 0, "%s: %s holds %g, which is no sum of squares",
                            ink_gguf_name(gguf), tensor->name, (double)values[at]);
        out[i] = (double)values[at];
    }
    return INK_OK;
}

/* "NAME.in_sum2" with its counts. */
static ink_status read_inputs(ink_statistics *s, const ink_gguf *gguf, const ink_gguf_tensor *sums,
                              ink_error *error)
{
    char name[NAME_BYTES], counts_name[NAME_BYTES];
    int n_bytes = (int)(strlen(sums->name) - strlen(SUMS));
    (void)snprintf(name, sizeof name, "%.*s", n_bytes, sums->name);
    (void)snprintf(counts_name, sizeof counts_name, "%.200s" COUNTS, name);
    const ink_gguf_tensor *counts = ink_gguf_find_tensor(gguf, counts_name);
    size_t n_experts = (size_t)sums->shape[1];
    if (!counts || sums->format != INK_FORMAT_F32 || counts->format != INK_FORMAT_F32 ||
        sums->n_bytes != sums->shape[0] * n_experts * sizeof(float) ||
        counts->n_bytes != n_experts * sizeof(float))
        return ink_fail(error, INK_CORRUPT, 0,
                        "%s: %s has no counts, or not as many as it has rows", ink_gguf_name(gguf),
                        sums->name);
    ink_inputs *inputs = &s->all[s->n++];
    *inputs = (ink_inputs){.k = (size_t)sums->shape[0], .n_experts = n_experts};
    INK_TRY(take_sums(s, inputs, name, error));
    INK_TRY(read_floats(gguf, sums, inputs->squares, n_experts * inputs->k, error));
    return read_floats(gguf, counts, inputs->counts, n_experts, error);
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n > m && strcmp(text + n - m, end) == 0;
}

ink_status ink_statistics_read_from(ink_statistics *s, const ink_gguf *gguf, ink_error *error)
{
    size_t n = ink_gguf_n_tensors(gguf);
    ink_gguf_string type = {"", 0};
    INK_TRY(ink_gguf_get_string(gguf, TYPE_KEY, &type, error));
    if (type.n_bytes != strlen(TYPE) || memcmp(type.text, TYPE, type.n_bytes) != 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s: is no file of statistics (" TYPE_KEY " is not " TYPE ")",
                        ink_gguf_name(gguf));
    s->all = ink_new(s->allocator, n, sizeof *s->all);
    if (!s->all)
        return ink_fail_memory(error, "the statistics of inputs");
    for (size_t i = 0; i < n; i++) {
        const ink_gguf_tensor *tensor = ink_gguf_get_tensor(gguf, i);
        if (ends_with(tensor->name, SUMS))
            INK_TRY(read_inputs(s, gguf, tensor, error));
    }
    return INK_OK;
}

ink_status ink_statistics_read(ink_statistics *s, const char *path, ink_error *error)
{
    ink_gguf *gguf = NULL;
    INK_TRY(ink_gguf_open(&gguf, path, s->allocator, error));
    ink_status status = ink_statistics_read_from(s, gguf, error);
    ink_gguf_free(gguf);
    return status;
}

bool ink_statistics_is_file(const char *path, const ink_allocator *allocator)
{
    char magic[4] = "";
    ink_file *file = NULL;
    if (ink_file_open(&file, path, allocator, NULL) != INK_OK)
        return false;
    bool is = ink_file_size(file) >= sizeof magic &&
              ink_file_read(file, 0, sizeof magic, magic, NULL) == INK_OK &&
              memcmp(magic, "GGUF", sizeof magic) == 0;
    ink_file_close(file);
    return is;
}
