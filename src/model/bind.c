#include "model/weights.h"

#include <stdio.h>
#include <string.h>
#include "base/size.h"
#include "model/part.h"

#define NAME_BYTES (INK_PART_STEM_BYTES + 8)
#define ALIGNMENT 64

typedef struct binder {
    struct ink_model *model;
    bool *claimed; /* [n_tensors] */
    ink_error *error;
} binder;

/*
 * Compares with one alternative, n_letters of it; dims are written rows first, the file has them
 * last.
 */
static bool has_shape(const binder *b, const ink_gguf_tensor *tensor, const char *letters,
                      size_t n_letters, uint32_t layer)
{
    if (tensor->n_dims > n_letters && tensor->shape[n_letters] != 1)
        return false;
    for (size_t i = 0; i < n_letters; i++)
        if (letters[i] != '?' && tensor->shape[n_letters - 1 - i] !=
                                     ink_part_dimension(&b->model->hparams, letters[i], layer))
            return false;
    return true;
}

static ink_status refuse_shape(const binder *b, const ink_gguf_tensor *tensor, const char *letters,
                               uint32_t layer)
{
    char wanted[64] = "";
    for (size_t i = strcspn(letters, "|"), used = 0; i-- > 0 && used < sizeof wanted;)
        used += (size_t)snprintf(
            wanted + used, sizeof wanted - used, "%s%llu", used ? " x " : "",
            (unsigned long long)ink_part_dimension(&b->model->hparams, letters[i], layer));
    return ink_fail(b->error, INK_CORRUPT, 0,
                    "%s: tensor %s is %llu x %llu x %llu, but the hyperparameters say %s",
                    ink_gguf_name(b->model->gguf), tensor->name,
                    (unsigned long long)tensor->shape[0], (unsigned long long)tensor->shape[1],
                    (unsigned long long)tensor->shape[2], wanted);
}

static ink_status check_shape(const binder *b, const ink_gguf_tensor *tensor, const char *shapes,
                              uint32_t layer, size_t *n_dims)
{
    for (const char *at = shapes; *at;) {
        size_t n_letters = strcspn(at, "|");
        if (has_shape(b, tensor, at, n_letters, layer)) {
            *n_dims = n_letters;
            return INK_OK;
        }
        at += n_letters + (at[n_letters] == '|');
    }
    return refuse_shape(b, tensor, shapes, layer);
}

static ink_status add_binding(binder *b, ink_binding binding)
{
    ink_bindings *bindings = b->model->bindings;
    size_t aligned;
    if (bindings->n == bindings->capacity)
        return ink_fail(b->error, INK_LIMIT, 0, "%s: tensor %s stands for two parts",
                        ink_gguf_name(b->model->gguf), binding.tensor->name);
    binding.offset = bindings->memory_bytes;
    if (!ink_size_align(binding.n_bytes, ALIGNMENT, &aligned) ||
        !ink_size_add(bindings->memory_bytes, aligned, &bindings->memory_bytes))
        return ink_fail(b->error, INK_LIMIT, 0, "%s: the weights are larger than the address space",
                        ink_gguf_name(b->model->gguf));
    bindings->all[bindings->n++] = binding;
    return INK_OK;
}

static const ink_gguf_tensor *claim(binder *b, const char *name)
{
    const ink_gguf *gguf = b->model->gguf;
    const ink_gguf_tensor *tensor = ink_gguf_find_tensor(gguf, name);
    if (tensor)
        b->claimed[tensor - ink_gguf_get_tensor(gguf, 0)] = true;
    return tensor;
}

static void count_use(binder *b, const ink_gguf_tensor *tensor)
{
    ink_format_use *use = &b->model->uses[tensor->format];
    uint64_t n = 1;
    for (uint32_t d = 0; d < tensor->n_dims; d++)
        n *= tensor->shape[d]; /* the reader has checked that the bytes of it fit */
    use->n_tensors++;
    use->n_bytes += tensor->n_bytes;
    use->n_parameters += n;
    b->model->n_parameters += n;
}

/* Floats that are kept as floats: norms, biases, factors. */
static ink_status bind_vector(binder *b, const ink_gguf_tensor *tensor, size_t n,
                              const float **vector)
{
    count_use(b, tensor);
    return add_binding(
        b, (ink_binding){.tensor = tensor, .vector = vector, .n_bytes = n * sizeof(float)});
}

/* Sets expert_bytes by shape and format; false: it is larger than the address space. */
static bool measure_matrix(ink_matrix *matrix, size_t *n_bytes)
{
    uint64_t expert_bytes, all;
    bool fits = matrix->packed ? ink_format_packed_bytes(matrix->format, matrix->n_rows, matrix->k,
                                                         &expert_bytes)
                               : ink_format_row_bytes(matrix->format, matrix->k, &expert_bytes) &&
                                     ink_u64_mul(expert_bytes, matrix->n_rows, &expert_bytes);
    if (!fits || !ink_u64_mul(expert_bytes, matrix->n_experts, &all) || all > SIZE_MAX)
        return false;
    matrix->expert_bytes = (size_t)expert_bytes;
    *n_bytes = (size_t)all;
    return true;
}

static ink_status refuse_size(const struct ink_model *model, const char *name, ink_error *error)
{
    return ink_fail(error, INK_LIMIT, 0, "%s: tensor %s is too large", ink_gguf_name(model->gguf),
                    name);
}

static ink_status bind_matrix(binder *b, const ink_gguf_tensor *tensor, bool packed,
                              ink_matrix *matrix)
{
    size_t n_bytes;
    bool trained = b->model->load == INK_LOAD_TRAINABLE;
    packed = packed && !trained;
    count_use(b, tensor);
    *matrix = (ink_matrix){
        .format = trained ? INK_FORMAT_F32 : tensor->format,
        .packed = packed,
        .trained = trained,
        .k = (size_t)tensor->shape[0],
        .n_rows = (size_t)tensor->shape[1],
        .n_experts = (size_t)tensor->shape[2],
    };
    if (!measure_matrix(matrix, &n_bytes))
        return refuse_size(b->model, tensor->name, b->error);
    return add_binding(b, (ink_binding){.tensor = tensor, .matrix = matrix, .n_bytes = n_bytes});
}

/* Norms by the root mean square have no bias. */
static bool reads_bias(const binder *b, const ink_part *p)
{
    return p->bias == INK_BIAS_NORM ? b->model->arch->norm == INK_NORM_LAYER
                                    : p->bias != INK_BIAS_NONE;
}

/*
 * A bias without the weight that it is added to. Some files have those of parts that their model
 * does not have, and the engine they were made for computes without them.
 */
static ink_status refuse_lone_bias(const binder *b, const ink_part *p, const char *name,
                                   const char *stem)
{
    static const ink_role known[] = {INK_WEIGHT_CLASSIFIER, INK_WEIGHT_CLASSIFIER_OUTPUT,
                                     INK_WEIGHT_ATTENTION_NORM_2};
    const char *file = ink_gguf_name(b->model->gguf);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (p == &ink_parts[known[i]]) {
            ink_warn(&b->model->log, "%s: tensor %s is left out: there is no %s.weight", file, name,
                     stem);
            return INK_OK;
        }
    }
    return ink_fail(b->error, INK_CORRUPT, 0,
                    "%s: tensor %s is there, but %s.weight, which it is added to, is missing", file,
                    name, stem);
}

static ink_status bind_bias(binder *b, const char *stem, const ink_part *p, uint32_t layer,
                            ink_weight *weight)
{
    const char *shape = p->shape;
    char name[NAME_BYTES], letters[3] = "";
    size_t n_letters = strcspn(shape, "|"), n_dims;
    (void)snprintf(name, sizeof name, "%s.bias", stem);
    const ink_gguf_tensor *tensor = reads_bias(b, p) ? claim(b, name) : NULL;
    if (!tensor)
        return INK_OK;
    if (weight->n == 0 && p->bias != INK_BIAS_ALONE)
        return refuse_lone_bias(b, p, name, stem);
    memcpy(letters, shape, n_letters == 3 ? 2 : 1);
    INK_TRY(ink_gguf_check_format(b->model->gguf, tensor, b->error));
    INK_TRY(check_shape(b, tensor, strcmp(shape, "FE|GE") == 0 ? "F|G" : letters, layer, &n_dims));
    size_t n = (size_t)(tensor->shape[0] * tensor->shape[1]);
    return bind_vector(b, tensor, n, &weight->bias);
}

/* What only looks rows up stays as it lies in the file; what multiplies is packed. */
static bool only_looked_up(const binder *b, ink_role role)
{
    return role == INK_WEIGHT_POSITION_EMBEDDING || role == INK_WEIGHT_TOKEN_TYPES ||
           role == INK_WEIGHT_PER_LAYER_EMBEDDING ||
           (role == INK_WEIGHT_TOKEN_EMBEDDING &&
            (b->model->arch->kind == INK_KIND_EMBEDDING ||
             ink_gguf_find_tensor(b->model->gguf, "output.weight")));
}

/* Kept as floats in the order of the file, in as many dimensions as they have. */
static bool kept_as_floats(ink_role role)
{
    return role == INK_WEIGHT_CONV || role == INK_WEIGHT_SCAN_CONV ||
           role == INK_WEIGHT_SCAN_DECAY || role == INK_WEIGHT_SCAN_SKIP ||
           role == INK_WEIGHT_SCAN_NORM;
}

/* Files may have what makes keys and values also in layers that see those of another. */
static bool is_shared(const binder *b, ink_role role, uint32_t layer)
{
    return ink_parts[role].in_layer && b->model->hparams.layers[layer].kv_layer != layer &&
           (role == INK_WEIGHT_KEY || role == INK_WEIGHT_KEY_NORM || role == INK_WEIGHT_VALUE);
}

static ink_status bind_part(binder *b, ink_role role, uint32_t layer, bool required,
                            ink_weight *weight)
{
    const ink_part *p = &ink_parts[role];
    char stem[INK_PART_STEM_BYTES], name[NAME_BYTES];
    size_t n_dims;
    (void)snprintf(name, sizeof name, "%s.weight", ink_part_stem(role, layer, stem));
    const ink_gguf_tensor *tensor = p->bias == INK_BIAS_ALONE ? NULL : claim(b, name);
    if (!tensor && p->bias != INK_BIAS_ALONE)
        tensor = claim(b, stem);
    if (is_shared(b, role, layer))
        return INK_OK;
    if (!tensor && required)
        return ink_fail(b->error, INK_CORRUPT, 0, "%s: tensor %s is missing, which %s needs",
                        ink_gguf_name(b->model->gguf), name, b->model->arch->name);
    if (tensor) {
        INK_TRY(ink_gguf_check_format(b->model->gguf, tensor, b->error));
        INK_TRY(check_shape(b, tensor, p->shape, layer, &n_dims));
        bool floats = n_dims == 1 || kept_as_floats(role);
        weight->n = (size_t)(floats ? tensor->shape[0] * tensor->shape[1] : tensor->shape[0]);
        INK_TRY(floats ? bind_vector(b, tensor, weight->n, &weight->vector)
                       : bind_matrix(b, tensor, !only_looked_up(b, role), &weight->matrix));
    }
    return bind_bias(b, stem, p, layer, weight);
}

static ink_status bind_list(binder *b, const uint8_t *roles, bool required, uint32_t layer,
                            bool in_layer, ink_weight *weights)
{
    for (size_t i = 0; i < INK_MAX_ROLES && roles[i] != INK_WEIGHT_END; i++)
        if (ink_parts[roles[i]].in_layer == in_layer)
            INK_TRY(bind_part(b, roles[i], layer, required, &weights[roles[i]]));
    return INK_OK;
}

static bool lists(const uint8_t *roles, ink_role role)
{
    for (size_t i = 0; i < INK_MAX_ROLES && roles[i] != INK_WEIGHT_END; i++)
        if (roles[i] == role)
            return true;
    return false;
}

/* What a layer has in one of several ways: all parts of the one, and none that only others have. */
typedef struct choice {
    ink_role decisive;   /* optional where there is a choice */
    uint8_t ways[3][10]; /* each ended by INK_WEIGHT_END */
} choice;

static const choice choices[] = {
    {INK_WEIGHT_FFN_DOWN,
     {{INK_GATED_PARTS},
      {INK_EXPERT_PARTS},
      {INK_WEIGHT_ROUTER, INK_WEIGHT_EXPERTS_GATE_UP, INK_WEIGHT_EXPERTS_DOWN}}},
    {INK_WEIGHT_SHARED_DOWN,
     {{INK_WEIGHT_END}, {INK_WEIGHT_SHARED_GATE, INK_WEIGHT_SHARED_UP, INK_WEIGHT_SHARED_DOWN}}},
    {INK_WEIGHT_SHARED_ROUTER,
     {{INK_EXPERT_PARTS, INK_GATED_SHARED_PARTS},
      {INK_WEIGHT_ROUTER, INK_WEIGHT_EXPERTS_GATE_UP, INK_WEIGHT_EXPERTS_DOWN,
       INK_GATED_SHARED_PARTS}}},
    {INK_WEIGHT_QKV, {{INK_WEIGHT_QKV}, {INK_WEIGHT_QUERY, INK_WEIGHT_KEY, INK_WEIGHT_VALUE}}},
    {INK_WEIGHT_EXPERTS_NORM,
     {{INK_WEIGHT_END},
      {INK_BESIDE_DENSE_PARTS, INK_WEIGHT_EXPERTS_GATE_UP, INK_WEIGHT_EXPERTS_DOWN},
      {INK_BESIDE_DENSE_PARTS, INK_WEIGHT_EXPERTS_GATE, INK_WEIGHT_EXPERTS_UP,
       INK_WEIGHT_EXPERTS_DOWN}}},
    {INK_WEIGHT_CONV,
     {{INK_CONV_PARTS, INK_WEIGHT_END},
      {INK_QKV_PARTS, INK_WEIGHT_QUERY_NORM, INK_WEIGHT_KEY_NORM}}},
    {INK_WEIGHT_SCAN_IN, {{INK_SCAN_PARTS}, {INK_QKV_PARTS}}},
    {INK_WEIGHT_DELTA_QKV,
     {{INK_DELTA_PARTS}, {INK_GATED_QKV_PARTS, INK_WEIGHT_QUERY_NORM, INK_WEIGHT_KEY_NORM}}},
    {INK_WEIGHT_QUERY_A,
     {{INK_WEIGHT_QUERY}, {INK_WEIGHT_QUERY_A, INK_WEIGHT_QUERY_A_NORM, INK_WEIGHT_QUERY_B}}},
};

/* The way that most parts are there of; the first among equals. */
static const uint8_t *chosen_way(const choice *c, const ink_weight *weights)
{
    size_t chosen = 0, most = 0;
    for (size_t way = 0; way < sizeof c->ways / sizeof *c->ways; way++) {
        size_t n = 0;
        for (const uint8_t *role = c->ways[way]; *role != INK_WEIGHT_END; role++)
            n += weights[*role].n > 0;
        if (n > most) {
            chosen = way;
            most = n;
        }
    }
    return c->ways[chosen];
}

static ink_status check_choice(const binder *b, const choice *c, uint32_t layer)
{
    const char *file = ink_gguf_name(b->model->gguf), *arch = b->model->arch->name;
    const ink_weight *weights = b->model->layers[layer];
    const uint8_t *wanted = chosen_way(c, weights);
    for (const uint8_t *role = wanted; *role != INK_WEIGHT_END; role++)
        if (weights[*role].n == 0)
            return ink_fail(b->error, INK_CORRUPT, 0,
                            "%s: tensor blk.%u.%s.weight is missing, which %s needs", file, layer,
                            ink_parts[*role].name, arch);
    for (size_t way = 0; way < sizeof c->ways / sizeof *c->ways; way++)
        for (const uint8_t *role = c->ways[way]; *role != INK_WEIGHT_END; role++)
            if (weights[*role].n > 0 && !lists(wanted, *role))
                return ink_fail(b->error, INK_CORRUPT, 0,
                                "%s: tensor blk.%u.%s.weight has no use beside blk.%u.%s.weight",
                                file, layer, ink_parts[*role].name, layer, ink_parts[*wanted].name);
    return INK_OK;
}

static ink_status check_choices(const binder *b, uint32_t layer)
{
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
        if (lists(b->model->arch->optional, choices[i].decisive))
            INK_TRY(check_choice(b, &choices[i], layer));
    return INK_OK;
}

/* A layer attends, and has a cache, exactly where the file counts heads of keys and values. */
static ink_status check_attention(const binder *b, uint32_t layer)
{
    const ink_weight *weights = b->model->layers[layer];
    uint32_t n = b->model->hparams.layers[layer].n_kv_heads;
    if ((n > 0) == (weights[INK_WEIGHT_ATTENTION_OUTPUT].n > 0))
        return INK_OK;
    return ink_fail(b->error, INK_CORRUPT, 0,
                    "%s: layer %u has %u heads of keys and values, but tensor "
                    "blk.%u.attn_output.weight is %s",
                    ink_gguf_name(b->model->gguf), layer, n, layer, n > 0 ? "missing" : "there");
}

/* All parts of embeddings by layer, or none, as the hyperparameters say. */
static ink_status check_per_layer(const binder *b, uint32_t layer)
{
    static const uint8_t roles[] = {INK_PER_LAYER_PARTS};
    const struct ink_model *model = b->model;
    bool wanted = model->hparams.n_per_layer > 0;
    char stem[INK_PART_STEM_BYTES];
    for (size_t i = 0; i < sizeof roles; i++) {
        bool in_layer = ink_parts[roles[i]].in_layer;
        const ink_weight *weight = &(in_layer ? model->layers[layer] : model->weights)[roles[i]];
        if (ink_arch_lists(model->arch, (ink_role)roles[i]) && wanted != (weight->n > 0))
            return ink_fail(
                b->error, INK_CORRUPT, 0,
                "%s: %s.embedding_length_per_layer_input is %u, but tensor %s.weight "
                "is %s",
                ink_gguf_name(model->gguf), model->arch->name, model->hparams.n_per_layer,
                ink_part_stem((ink_role)roles[i], layer, stem), wanted ? "missing" : "there");
    }
    return INK_OK;
}

static ink_status bind_all(binder *b)
{
    struct ink_model *model = b->model;
    const ink_arch *arch = model->arch;
    INK_TRY(bind_list(b, arch->required, true, 0, false, model->weights));
    INK_TRY(bind_list(b, arch->optional, false, 0, false, model->weights));
    for (uint32_t layer = 0; layer < model->hparams.n_layers; layer++) {
        INK_TRY(bind_list(b, arch->required, true, layer, true, model->layers[layer]));
        INK_TRY(bind_list(b, arch->optional, false, layer, true, model->layers[layer]));
        INK_TRY(check_choices(b, layer));
        INK_TRY(check_attention(b, layer));
        INK_TRY(check_per_layer(b, layer));
    }
    return INK_OK;
}

/* A tensor that nothing uses means that the file is not what the architecture's row describes. */
static ink_status check_claims(const binder *b)
{
    const ink_gguf *gguf = b->model->gguf;
    for (size_t i = 0; i < ink_gguf_n_tensors(gguf); i++)
        if (!b->claimed[i])
            return ink_fail(b->error, INK_UNSUPPORTED, 0,
                            "%s: tensor %s is not known as a part of architecture %s",
                            ink_gguf_name(gguf), ink_gguf_get_tensor(gguf, i)->name,
                            b->model->arch->name);
    return INK_OK;
}

ink_status ink_weights_bind(struct ink_model *model, ink_error *error)
{
    const ink_gguf_tensor *embedding = ink_gguf_find_tensor(model->gguf, "token_embd.weight");
    size_t n = ink_gguf_n_tensors(model->gguf);
    if (n == 0)
        return ink_fail(error, INK_UNSUPPORTED, 0, "%s: has a vocabulary only, no weights",
                        ink_gguf_name(model->gguf));
    if (!embedding || embedding->n_dims != 2 || embedding->shape[1] > UINT32_MAX)
        return ink_fail(error, INK_CORRUPT, 0,
                        "%s: tensor token_embd.weight is missing or has no two dimensions",
                        ink_gguf_name(model->gguf));
    model->hparams.n_vocab = (uint32_t)embedding->shape[1];
    binder b = {.model = model, .error = error};
    model->bindings = ink_arena_take(&model->arena, 1, sizeof *model->bindings);
    ink_binding *all = ink_arena_take(&model->arena, n, sizeof *all);
    b.claimed = ink_arena_take(&model->arena, n, sizeof *b.claimed);
    model->layers = ink_arena_take(&model->arena, model->hparams.n_layers, sizeof *model->layers);
    if (!model->bindings || !all || !b.claimed || !model->layers)
        return ink_fail_memory(error, "the table of weights");
    *model->bindings = (ink_bindings){.all = all, .capacity = n};
    INK_TRY(bind_all(&b));
    return check_claims(&b);
}

ink_status ink_matrix_assume(struct ink_model *model, ink_matrix *matrix, ink_format format,
                             ink_error *error)
{
    ink_matrix assumed = *matrix;
    size_t before, after;
    assumed.format = format;
    if (!measure_matrix(&assumed, &after) || !ink_size_align(after, ALIGNMENT, &after))
        return refuse_size(model, ink_formats[format].name, error);
    before = ink_size_groups(matrix->expert_bytes * matrix->n_experts, ALIGNMENT) * ALIGNMENT;
    *matrix = assumed;
    model->weight_bytes += after - before;
    return INK_OK;
}

void ink_bindings_keep_vectors(ink_bindings *bindings)
{
    size_t n = 0;
    bindings->memory_bytes = 0;
    for (size_t i = 0; i < bindings->n; i++) {
        if (bindings->all[i].matrix)
            continue;
        bindings->all[n] = bindings->all[i];
        bindings->all[n++].offset = bindings->memory_bytes;
        bindings->memory_bytes +=
            (bindings->all[i].n_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    bindings->n = n;
}
