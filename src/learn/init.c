#include "learn/init.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/size.h"
#include "model/part.h"
#include "runtime/sampler_random.h"

enum { CHUNK_FLOATS = 1 << 16, NAME_BYTES = INK_PART_STEM_BYTES + 8, MAX_LETTERS = 4 };

typedef enum filling { FILL_ZEROS, FILL_ONES, FILL_NORMAL, FILL_PROJECTION } filling;

typedef struct init {
    const ink_config *config;
    ink_gguf_writer *writer;
    ink_error *error;
    uint64_t random[4];
    float *chunk; /* [CHUNK_FLOATS] */
    uint64_t n_parameters;
} init;

/* Tensors are visited twice: to be listed, then to be filled. */
typedef ink_status (*visitor)(init *w, const char *name, uint32_t n_dims, const uint64_t *shape,
                              filling how);

/* ---- What there is --------------------------------------------------------------------------- */

static const char *letters_of(const init *w, ink_role role)
{
    const ink_fresh *fresh = &w->config->arch->fresh;
    const char *letters = ink_parts[role].shape, *bar = strchr(letters, '|');
    bool second = role == INK_WEIGHT_FFN_UP ? fresh->fused_gate
                                            : fresh->wide_norms && (role == INK_WEIGHT_QUERY_NORM ||
                                                                    role == INK_WEIGHT_KEY_NORM);
    return second && bar ? bar + 1 : letters;
}

static bool has_bias(const init *w, ink_role role)
{
    const ink_config *config = w->config;
    ink_biases biases = config->biases;
    if (ink_parts[role].bias == INK_BIAS_NORM)
        return config->arch->norm == INK_NORM_LAYER && biases >= INK_BIASES_NORMS;
    if (ink_parts[role].bias != INK_BIAS_LINEAR)
        return false;
    if (role == INK_WEIGHT_OUTPUT)
        return biases == INK_BIASES_OUTPUT;
    if (role == INK_WEIGHT_QUERY || role == INK_WEIGHT_KEY || role == INK_WEIGHT_VALUE ||
        role == INK_WEIGHT_QKV)
        return biases == INK_BIASES_QKV || biases >= INK_BIASES_ALL;
    return biases >= INK_BIASES_ALL;
}

static bool is_projection(ink_role role)
{
    return role == INK_WEIGHT_ATTENTION_OUTPUT || role == INK_WEIGHT_FFN_DOWN;
}

static ink_status visit_part(init *w, ink_role role, uint32_t layer, visitor visit)
{
    char stem[INK_PART_STEM_BYTES], name[NAME_BYTES];
    uint64_t shape[MAX_LETTERS] = {0};
    const char *letters = letters_of(w, role);
    uint32_t n_dims = (uint32_t)ink_size_min(strcspn(letters, "|"), MAX_LETTERS);
    for (uint32_t i = 0; i < n_dims; i++)
        shape[i] = ink_part_dimension(&w->config->hparams, letters[n_dims - 1 - i], layer);
    (void)snprintf(name, sizeof name, "%s.weight", ink_part_stem(role, layer, stem));
    filling how = n_dims == 1 ? FILL_ONES : is_projection(role) ? FILL_PROJECTION : FILL_NORMAL;
    INK_TRY(visit(w, name, n_dims, shape, how));
    if (!has_bias(w, role))
        return INK_OK;
    (void)snprintf(name, sizeof name, "%s.bias", stem);
    return visit(w, name, 1, &shape[n_dims - 1], FILL_ZEROS);
}

static ink_status visit_parts(init *w, bool in_layer, uint32_t layer, visitor visit)
{
    for (ink_role role = INK_WEIGHT_END + 1; role < INK_N_WEIGHT_ROLES; role++)
        if (ink_parts[role].in_layer == in_layer && ink_config_has(w->config, role))
            INK_TRY(visit_part(w, role, layer, visit));
    return INK_OK;
}

static ink_status visit_all(init *w, visitor visit)
{
    INK_TRY(visit_parts(w, false, 0, visit));
    for (uint32_t layer = 0; layer < w->config->hparams.n_layers; layer++)
        INK_TRY(visit_parts(w, true, layer, visit));
    return INK_OK;
}

/* ---- Listing and filling --------------------------------------------------------------------- */

static ink_status add_tensor(init *w, const char *name, uint32_t n_dims, const uint64_t *shape,
                             filling how)
{
    uint64_t n = shape[0];
    (void)how;
    if ((n_dims > 1 && !ink_u64_mul(n, shape[1], &n)) ||
        !ink_u64_add(w->n_parameters, n, &w->n_parameters) ||
        w->n_parameters > INK_INIT_MAX_PARAMETERS)
        return ink_fail(w->error, INK_LIMIT, 0,
                        "%s: a model of more than %llu parameters; choose smaller lengths",
                        w->config->file, (unsigned long long)INK_INIT_MAX_PARAMETERS);
    return ink_gguf_writer_add_tensor(w->writer, name, ink_formats[INK_FORMAT_F32].gguf_id, n_dims,
                                      shape, w->error);
}

/*
 * Nearly normal, with a deviation of one, by additions alone, so that it is the same on every
 * machine: twelve uniform numbers of 16 bits summed up, less their mean.
 */
static float normal(uint64_t random[4])
{
    int64_t sum = 0;
    for (int i = 0; i < 3; i++)
        for (uint64_t bits = ink_random_next(random), j = 0; j < 4; j++, bits >>= 16)
            sum += (int64_t)(bits & 0xffff);
    return (float)((double)(sum - 6 * 65535) / 65536);
}

static void fill(init *w, size_t n, filling how)
{
    double n_projections = 2 * (double)w->config->hparams.n_layers;
    double deviation = (double)w->config->deviation;
    if (how == FILL_PROJECTION)
        deviation /= sqrt(n_projections);
    for (size_t i = 0; i < n; i++)
        w->chunk[i] = how == FILL_ZEROS  ? 0
                      : how == FILL_ONES ? 1
                                         : (float)(deviation * (double)normal(w->random));
}

static ink_status write_tensor(init *w, const char *name, uint32_t n_dims, const uint64_t *shape,
                               filling how)
{
    (void)name;
    for (uint64_t left = n_dims > 1 ? shape[0] * shape[1] : shape[0]; left > 0;) {
        size_t n = left < CHUNK_FLOATS ? (size_t)left : CHUNK_FLOATS;
        fill(w, n, how);
        INK_TRY(ink_gguf_writer_write(w->writer, w->chunk, n * sizeof *w->chunk, w->error));
        left -= n;
    }
    return INK_OK;
}

static ink_status write_file(init *w, const char *path)
{
    INK_TRY(visit_all(w, add_tensor));
    INK_TRY(ink_gguf_writer_begin(w->writer, path, w->error));
    INK_TRY(visit_all(w, write_tensor));
    return ink_gguf_writer_commit(w->writer, w->error);
}

ink_status ink_init_write(const ink_config *config, ink_gguf_writer *writer, int64_t seed,
                          const char *path, const ink_allocator *allocator, ink_error *error)
{
    init w = {.config = config, .writer = writer, .error = error};
    ink_random_init(w.random, seed);
    w.chunk = ink_new(allocator, CHUNK_FLOATS, sizeof *w.chunk);
    if (!w.chunk)
        return ink_fail_memory(error, "the weights of a new model");
    ink_status status = write_file(&w, path);
    ink_delete(allocator, w.chunk);
    return status;
}
