#include "model/lora.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "array/backward.h"
#include "base/size.h"
#include "model/part.h"

#define ALIGNMENT 64
#define SUFFIX ".weight"

ink_array *ink_lora_record(const ink_lora_pair *pair, ink_array *x, ink_array *seed, float rate)
{
    ink_array *narrow = ink_linear(&pair->a, ink_dropout(x, seed, rate));
    return narrow ? ink_linear(&pair->b, ink_scale(narrow, pair->scale)) : NULL;
}

/* ---- Weights by name ------------------------------------------------------------------------- */

static bool has_matrix(const ink_weight *weight)
{
    return weight->matrix.n_rows > 0;
}

/* The layer of "blk.N.", or 0. */
static uint32_t layer_of(const char *name)
{
    uint32_t layer = 0;
    if (strncmp(name, "blk.", 4) != 0)
        return 0;
    for (const char *digit = name + 4; *digit >= '0' && *digit <= '9'; digit++) {
        if (layer > INK_MAX_LAYERS)
            return layer;
        layer = 10 * layer + (uint32_t)(*digit - '0');
    }
    return layer;
}

ink_weight *ink_lora_find_part(const ink_model *model, const char *name, ink_role *found,
                               uint32_t *found_layer)
{
    size_t n_bytes = strlen(name), n_suffix = sizeof SUFFIX - 1;
    uint32_t layer = layer_of(name);
    char stem[INK_PART_STEM_BYTES];
    if (n_bytes > n_suffix && strcmp(name + n_bytes - n_suffix, SUFFIX) == 0)
        n_bytes -= n_suffix;
    if (layer >= model->hparams.n_layers)
        return NULL;
    for (ink_role role = INK_WEIGHT_END + 1; role < INK_N_WEIGHT_ROLES; role++) {
        const ink_weight *weights =
            ink_parts[role].in_layer ? model->layers[layer] : model->weights;
        ink_part_stem(role, layer, stem);
        if ((has_matrix(&weights[role]) || weights[role].n > 0) && strlen(stem) == n_bytes &&
            memcmp(stem, name, n_bytes) == 0) {
            *found = role;
            *found_layer = layer;
            return (ink_weight *)(uintptr_t)&weights[role];
        }
    }
    return NULL;
}

ink_weight *ink_lora_find_weight(const ink_model *model, const char *name)
{
    ink_role role;
    uint32_t layer;
    return ink_lora_find_part(model, name, &role, &layer);
}

const char *ink_lora_refusal(const ink_model *model, const ink_weight *weight)
{
    static const struct {
        ink_role role;
        const char *reason;
    } others[] = {
        {INK_WEIGHT_TOKEN_EMBEDDING, "it is a table of embeddings"},
        {INK_WEIGHT_POSITION_EMBEDDING, "it is a table of embeddings"},
        {INK_WEIGHT_TOKEN_TYPES, "it is a table of embeddings"},
        {INK_WEIGHT_PER_LAYER_EMBEDDING, "it is a table of embeddings"},
        {INK_WEIGHT_CLASSIFIER, "nothing is computed with it"},
        {INK_WEIGHT_CLASSIFIER_OUTPUT, "nothing is computed with it"},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (weight == &model->weights[others[i].role])
            return others[i].reason;
    if (!has_matrix(weight))
        return "it is no matrix";
    return weight->matrix.n_experts > 1 ? "it is the matrices of experts" : NULL;
}

/* ---- Memory ---------------------------------------------------------------------------------- */

ink_lora *ink_lora_take(ink_model *model, size_t n)
{
    ink_lora *lora = ink_arena_take(&model->arena, 1, sizeof *lora);
    if (!lora)
        return NULL;
    lora->pairs = ink_arena_take(&model->arena, n, sizeof *lora->pairs);
    lora->n_pairs = n;
    return lora->pairs ? lora : NULL;
}

/* Its format and, behind what *n_bytes counts, its size. */
static bool measure(ink_matrix *matrix, ink_load load, size_t *n_bytes)
{
    uint64_t bytes;
    size_t aligned;
    matrix->format = INK_FORMAT_F32;
    matrix->n_experts = 1;
    matrix->packed = load != INK_LOAD_TRAINABLE;
    matrix->trained = !matrix->packed;
    bool fits = matrix->packed
                    ? ink_format_packed_bytes(INK_FORMAT_F32, matrix->n_rows, matrix->k, &bytes)
                    : ink_format_row_bytes(INK_FORMAT_F32, matrix->k, &bytes) &&
                          ink_u64_mul(bytes, matrix->n_rows, &bytes);
    if (!fits || bytes > SIZE_MAX || !ink_size_align((size_t)bytes, ALIGNMENT, &aligned))
        return false;
    matrix->expert_bytes = (size_t)bytes;
    return ink_size_add(*n_bytes, aligned, n_bytes);
}

static void *place(ink_matrix *matrix, char *at)
{
    size_t aligned = 0;
    (void)ink_size_align(matrix->expert_bytes, ALIGNMENT, &aligned); /* measure has checked it */
    matrix->data = at;
    return at + aligned;
}

ink_status ink_lora_place(ink_model *model, ink_lora *lora, ink_load load, ink_error *error)
{
    size_t n_bytes = 0;
    for (size_t i = 0; i < lora->n_pairs; i++)
        if (!measure(&lora->pairs[i].a, load, &n_bytes) ||
            !measure(&lora->pairs[i].b, load, &n_bytes))
            return ink_fail(error, INK_LIMIT, 0, "an adapter is larger than the address space");
    lora->n_bytes = n_bytes;
    if (load == INK_LOAD_METADATA)
        return INK_OK;
    lora->memory = ink_new_aligned(model->allocator, n_bytes, ALIGNMENT);
    if (!lora->memory)
        return ink_fail(error, INK_NO_MEMORY, 0, "out of memory for an adapter of %zu bytes",
                        n_bytes);
    memset(lora->memory, 0, n_bytes);
    char *at = lora->memory;
    for (size_t i = 0; i < lora->n_pairs; i++)
        at = place(&lora->pairs[i].b, place(&lora->pairs[i].a, at));
    return INK_OK;
}

void ink_lora_add(ink_model *model, ink_lora *lora)
{
    ink_lora **last = &model->loras;
    while (*last)
        last = &(*last)->next;
    *last = lora;
    model->weight_bytes += lora->n_bytes;
    for (size_t i = 0; i < lora->n_pairs; i++) {
        ink_lora_pair **of_weight = &lora->pairs[i].weight->adapters;
        while (*of_weight)
            of_weight = &(*of_weight)->next;
        *of_weight = &lora->pairs[i];
    }
}

void ink_loras_free(ink_model *model)
{
    for (ink_lora *lora = model->loras; lora; lora = lora->next)
        ink_delete_aligned(model->allocator, lora->memory);
    model->loras = NULL;
}

/* ---- New ones -------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    ink_role role;
} targets[] = {
#define TARGET(name, role) {#name, INK_WEIGHT_##role},
#include "model/lora_targets.def"
#undef TARGET
};

enum { N_TARGETS = sizeof targets / sizeof *targets };

static bool has_name(size_t target, const char *name, size_t n_bytes)
{
    return strlen(targets[target].name) == n_bytes &&
           memcmp(targets[target].name, name, n_bytes) == 0;
}

static ink_weight *weight_of(const ink_model *model, uint32_t layer, size_t target)
{
    ink_weight *weight = &model->layers[layer][targets[target].role];
    return ink_lora_refusal(model, weight) ? NULL : weight;
}

static bool is_present(const ink_model *model, size_t target)
{
    for (uint32_t layer = 0; layer < model->hparams.n_layers; layer++)
        if (weight_of(model, layer, target))
            return true;
    return false;
}

static void list_present(const ink_model *model, char *out, size_t n_bytes)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < N_TARGETS; i++)
        if (is_present(model, i) && used < n_bytes)
            used += (size_t)snprintf(out + used, n_bytes - used, "%s%s", used ? ", " : "",
                                     targets[i].name);
}

/* Marks what one word stands for; false: nothing. */
static bool choose_word(const ink_model *model, const char *word, size_t n_bytes,
                        bool chosen[N_TARGETS])
{
    bool all = n_bytes == 3 && memcmp(word, "all", 3) == 0, any = false;
    for (size_t i = 0; i < N_TARGETS; i++)
        if ((all || has_name(i, word, n_bytes)) && is_present(model, i))
            chosen[i] = any = true;
    return any;
}

static ink_status choose(const ink_model *model, const char *words, bool chosen[N_TARGETS],
                         ink_error *error)
{
    char present[80];
    for (const char *word = words;;) {
        size_t n_bytes = strcspn(word, ",");
        if (!choose_word(model, word, n_bytes, chosen)) {
            list_present(model, present, sizeof present);
            return ink_fail(error, INK_BAD_ARGUMENT, 0,
                            "%s: has no matrix \"%.*s\" for an adapter; it has %s",
                            ink_gguf_name(model->gguf), (int)ink_size_min(n_bytes, 40), word,
                            *present ? present : "none at all");
        }
        if (!word[n_bytes])
            return INK_OK;
        word += n_bytes + 1;
    }
}

static const char *tensor_name(ink_model *model, ink_role role, uint32_t layer)
{
    char stem[INK_PART_STEM_BYTES], name[INK_PART_STEM_BYTES + sizeof SUFFIX];
    ink_part_stem(role, layer, stem);
    (void)snprintf(name, sizeof name, "%s" SUFFIX, stem);
    const char *found = ink_gguf_find_tensor(model->gguf, name) ? name : stem;
    return ink_arena_string(&model->arena, found, strlen(found));
}

/* Evenly from -1 / sqrt(k) to 1 / sqrt(k): what A makes of a normed x is about as large as x. */
static void fill_at_random(const ink_matrix *a, uint64_t state)
{
    float *values = (float *)(uintptr_t)a->data, most = 1 / sqrtf((float)a->k);
    for (size_t i = 0; i < a->n_rows * a->k; i++) {
        uint64_t z = state += 0x9E3779B97F4A7C15u; /* SplitMix64: Steele et al., OOPSLA 2014 */
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        values[i] = ((float)((z ^ (z >> 31)) >> 40) * 0x1p-23f - 1) * most;
    }
}

static ink_status fill_pairs(ink_model *model, ink_lora *lora, const bool chosen[N_TARGETS],
                             const ink_lora_plan *plan, ink_error *error)
{
    ink_lora_pair *pair = lora->pairs;
    for (uint32_t layer = 0; layer < model->hparams.n_layers; layer++) {
        for (size_t i = 0; i < N_TARGETS; i++) {
            ink_weight *weight = chosen[i] ? weight_of(model, layer, i) : NULL;
            if (!weight)
                continue;
            pair->weight = weight;
            pair->name = tensor_name(model, targets[i].role, layer);
            if (!pair->name)
                return ink_fail_memory(error, "an adapter");
            pair->a.n_rows = pair->b.k = plan->rank;
            pair->a.k = weight->matrix.k;
            pair->b.n_rows = weight->matrix.n_rows;
            pair->scale = plan->alpha / (float)plan->rank;
            pair++;
        }
    }
    return INK_OK;
}

ink_status ink_lora_new(ink_lora **out, ink_model *model, const ink_lora_plan *plan,
                        ink_error *error)
{
    bool chosen[N_TARGETS] = {false};
    size_t n = 0;
    INK_TRY(choose(model, plan->targets, chosen, error));
    for (uint32_t layer = 0; layer < model->hparams.n_layers; layer++)
        for (size_t i = 0; i < N_TARGETS; i++)
            n += chosen[i] && weight_of(model, layer, i);
    ink_lora *lora = ink_lora_take(model, n);
    if (!lora)
        return ink_fail_memory(error, "an adapter");
    INK_TRY(fill_pairs(model, lora, chosen, plan, error));
    INK_TRY(ink_lora_place(model, lora, INK_LOAD_TRAINABLE, error));
    for (size_t i = 0; i < n; i++)
        fill_at_random(&lora->pairs[i].a, plan->seed + ((uint64_t)i << 32));
    ink_lora_add(model, lora);
    *out = lora;
    return INK_OK;
}
