#include "shrink/cut.h"

#include <stdio.h>
#include <string.h>
#include "base/size.h"
#include "model/lora.h"
#include "model/part.h"

#define NARROWED "QKWOHqF" /* letters of what groups and channels are made of */

const char *const ink_cut_names[INK_N_CUTS] = {
#define X(name, text) text,
    INK_CUT_TABLE(X)
#undef X
};

/* ---- Letters --------------------------------------------------------------------------------- */

/* What a letter consists of, in order. */
static const char *letters_of(const char *letter)
{
    return *letter == 'S' ? "QKW" : *letter == 'G' ? "FF" : letter;
}

static ink_cut_kind kind_of(char letter)
{
    return letter == 'F' || letter == 'G'                          ? INK_CUT_CHANNELS
           : letter && (letter == 'S' || strchr(NARROWED, letter)) ? INK_CUT_GROUPS
                                                                   : INK_N_CUTS;
}

static uint64_t dimension(const ink_cut *cut, char letter)
{
    return ink_part_dimension(&cut->model->hparams, letter, 0);
}

size_t ink_cut_width(const ink_cut *cut, char letter, ink_cut_kind kind)
{
    return kind_of(letter) == kind ? (size_t)(dimension(cut, letter) / cut->n[kind]) : 0;
}

/* Of a dimension, with so many kept. */
static uint64_t left(const ink_cut *cut, char letter, uint64_t n, const uint32_t kept[INK_N_CUTS])
{
    ink_cut_kind kind = kind_of(letter);
    return kind == INK_N_CUTS ? n : n / cut->n[kind] * kept[kind];
}

bool *ink_cut_stays(const ink_cut *cut, ink_cut_kind kind, uint32_t layer)
{
    return cut->stays[kind] + (kind == INK_CUT_LAYERS ? 0 : (size_t)layer * cut->n[kind]);
}

/* Indices of what stays of a dimension; NULL: all of it. */
static const uint32_t *list(const ink_cut *cut, const ink_cut_place *place, char letter,
                            uint32_t *out)
{
    const char text[2] = {letter, '\0'};
    ink_cut_kind kind = kind_of(letter);
    uint32_t at = 0, n = 0;
    if (kind == INK_N_CUTS || cut->kept[kind] == cut->n[kind])
        return NULL;
    const bool *stays = ink_cut_stays(cut, kind, place->layer);
    for (const char *part = letters_of(text); *part; part++) {
        size_t width = ink_cut_width(cut, *part, kind);
        for (size_t i = 0; i < width * cut->n[kind]; i++, at++)
            if (stays[i / width])
                out[n++] = at;
    }
    return out;
}

/* ---- Tensors --------------------------------------------------------------------------------- */

static ink_status refuse(const ink_cut *cut, const char *name, const char *reason, ink_error *error)
{
    return ink_fail(
        error, INK_UNSUPPORTED, 0,
        "%s: %s %s; of architecture %s in this form only zeros (a sparsity) can be made",
        ink_gguf_name(cut->model->gguf), name, reason, cut->model->arch->name);
}

/* The alternative of the part's shape that the tensor has. */
static bool find_letters(const ink_cut *cut, ink_cut_place *place, const ink_gguf_tensor *tensor,
                         bool bias)
{
    for (const char *shape = ink_parts[place->role].shape; *shape; shape += *shape == '|') {
        size_t n = strcspn(shape, "|");
        bool matrix = n == 2 && !bias;
        place->rows = matrix ? shape[0] : '\0';
        place->columns = shape[matrix];
        shape += n;
        if ((n <= 2) && tensor->n_dims == 1u + matrix &&
            dimension(cut, place->columns) == tensor->shape[0] &&
            (!matrix || dimension(cut, place->rows) == tensor->shape[1]))
            return true;
    }
    return false;
}

/* Whether the letter is something that is known here, or that stays. */
static bool is_known(char letter)
{
    return letter == '\0' || strchr("VECTDRSG" NARROWED, letter);
}

static ink_status find_place(ink_cut *cut, size_t index, ink_error *error)
{
    const ink_gguf_tensor *tensor = ink_gguf_get_tensor(cut->model->gguf, index);
    ink_cut_place *place = &cut->places[index];
    const char *name = tensor->name, *end = strrchr(name, '.');
    char stem[INK_PART_STEM_BYTES];
    bool bias = end && strcmp(end, ".bias") == 0;
    size_t n = bias || (end && strcmp(end, ".weight") == 0) ? (size_t)(end - name) : strlen(name);
    (void)snprintf(stem, sizeof stem, "%.*s", (int)ink_size_min(n, sizeof stem - 1), name);
    if (!ink_lora_find_part(cut->model, stem, &place->role, &place->layer) ||
        !find_letters(cut, place, tensor, bias) || !is_known(place->rows) ||
        !is_known(place->columns))
        return refuse(cut, name, "is a part that stays whole", error);
    place->in_layer = ink_parts[place->role].in_layer;
    if (ink_parts[place->role].bias == INK_BIAS_NORM && kind_of(place->columns) != INK_N_CUTS)
        return refuse(cut, name, "is a norm over what would go", error);
    return INK_OK;
}

/* ---- Life ------------------------------------------------------------------------------------ */

static ink_status check_layers(ink_cut *cut, ink_error *error)
{
    const ink_hparams *h = &cut->model->hparams;
    const ink_layer_hparams *first = &h->layers[0];
    for (uint32_t i = 0; i < h->n_layers; i++) {
        const ink_layer_hparams *layer = &h->layers[i];
        const ink_weight *weights = cut->model->layers[i];
        if (layer->n_heads != first->n_heads || layer->n_kv_heads != first->n_kv_heads ||
            layer->n_ff != first->n_ff || layer->kv_layer != i ||
            ink_hparams_k_dim(h, layer) != ink_hparams_k_dim(h, first) ||
            weights[INK_WEIGHT_ATTENTION_OUTPUT].matrix.n_rows == 0 ||
            weights[INK_WEIGHT_FFN_DOWN].matrix.n_rows == 0)
            return refuse(cut, "layers", "are not alike, each of attention and one feed-forward",
                          error);
        if (layer->windowed != first->windowed || layer->rotated != first->rotated)
            cut->fixed = "its layers differ by their place in what they see or how they rotate";
    }
    cut->n[INK_CUT_LAYERS] = h->n_layers;
    cut->n[INK_CUT_GROUPS] = first->n_kv_heads;
    cut->n[INK_CUT_CHANNELS] = first->n_ff;
    memcpy(cut->kept, cut->n, sizeof cut->kept);
    return INK_OK;
}

static ink_status take_lists(ink_cut *cut, ink_error *error)
{
    const ink_allocator *allocator = cut->model->allocator;
    size_t longest = 1;
    for (size_t i = 0; i < cut->n_tensors; i++) {
        const uint64_t *shape = ink_gguf_get_tensor(cut->model->gguf, i)->shape;
        longest = ink_size_max(longest, (size_t)(shape[0] > shape[1] ? shape[0] : shape[1]));
    }
    cut->places = ink_new(allocator, cut->n_tensors, sizeof *cut->places);
    cut->rows = ink_new(allocator, longest, sizeof *cut->rows);
    cut->columns = ink_new(allocator, longest, sizeof *cut->columns);
    bool taken = cut->places && cut->rows && cut->columns;
    for (size_t kind = 0; kind < INK_N_CUTS; kind++) {
        /* at most INK_MAX_LAYERS times INK_MAX_WIDTH */
        size_t n = (kind == INK_CUT_LAYERS ? 1 : (size_t)cut->n[INK_CUT_LAYERS]) * cut->n[kind];
        cut->stays[kind] = ink_new(allocator, n, sizeof(bool));
        taken = taken && cut->stays[kind];
        if (cut->stays[kind])
            memset(cut->stays[kind], true, n);
    }
    return taken ? INK_OK : ink_fail_memory(error, "the list of what stays");
}

ink_status ink_cut_init(ink_cut *cut, const ink_model *model, ink_error *error)
{
    *cut = (ink_cut){.model = model, .n_tensors = ink_gguf_n_tensors(model->gguf)};
    INK_TRY(check_layers(cut, error));
    INK_TRY(take_lists(cut, error));
    for (size_t i = 0; i < cut->n_tensors; i++)
        INK_TRY(find_place(cut, i, error));
    return INK_OK;
}

void ink_cut_deinit(ink_cut *cut)
{
    if (!cut->model)
        return;
    const ink_allocator *allocator = cut->model->allocator;
    ink_delete(allocator, cut->places);
    ink_delete(allocator, cut->rows);
    ink_delete(allocator, cut->columns);
    for (size_t kind = 0; kind < INK_N_CUTS; kind++)
        ink_delete(allocator, cut->stays[kind]);
    *cut = (ink_cut){.model = NULL};
}

/* ---- Writing --------------------------------------------------------------------------------- */

ink_format ink_cut_format(const ink_cut *cut, size_t index, const uint32_t kept[INK_N_CUTS])
{
    const ink_gguf_tensor *tensor = ink_gguf_get_tensor(cut->model->gguf, index);
    uint64_t k = left(cut, cut->places[index].columns, tensor->shape[0], kept);
    ink_format format = tensor->format;
    while (k % ink_formats[format].block_elements != 0)
        format = ink_mixture_fallback(format);
    return format;
}

uint64_t ink_cut_bytes(const ink_cut *cut, size_t index, const uint32_t kept[INK_N_CUTS])
{
    const ink_gguf_tensor *tensor = ink_gguf_get_tensor(cut->model->gguf, index);
    const ink_cut_place *place = &cut->places[index];
    const ink_format_info *info = &ink_formats[ink_cut_format(cut, index, kept)];
    uint64_t k = left(cut, place->columns, tensor->shape[0], kept);
    return k / info->block_elements * info->block_bytes *
           left(cut, place->rows, tensor->shape[1], kept);
}

size_t ink_cut_index(const ink_cut *cut, const ink_gguf_tensor *tensor)
{
    return (size_t)(tensor - ink_gguf_get_tensor(cut->model->gguf, 0));
}

bool ink_cut_select(ink_cut *cut, const ink_gguf_tensor *tensor, ink_rewrite_part *part)
{
    const ink_cut_place *place = &cut->places[ink_cut_index(cut, tensor)];
    uint32_t layer = 0;
    if (!place->in_layer)
        return true;
    if (!cut->stays[INK_CUT_LAYERS][place->layer])
        return false;
    for (uint32_t i = 0; i < place->layer; i++)
        layer += cut->stays[INK_CUT_LAYERS][i];
    const char *suffix = strrchr(tensor->name, '.');
    char stem[INK_PART_STEM_BYTES];
    ink_part_stem(place->role, layer, stem);
    bool has_suffix = strcmp(suffix, ".weight") == 0 || strcmp(suffix, ".bias") == 0;
    (void)snprintf(cut->name, sizeof cut->name, "%s%s", stem, has_suffix ? suffix : "");
    part->name = cut->name;
    part->rows = list(cut, place, place->rows, cut->rows);
    part->columns = list(cut, place, place->columns, cut->columns);
    part->shape[0] = left(cut, place->columns, tensor->shape[0], cut->kept);
    part->shape[1] = left(cut, place->rows, tensor->shape[1], cut->kept);
    return true;
}

static ink_status set(const ink_cut *cut, ink_gguf_writer *writer, const char *suffix,
                      uint32_t number, ink_error *error)
{
    char key[160];
    (void)snprintf(key, sizeof key, "%s.%s", cut->model->arch->name, suffix);
    return ink_gguf_writer_set_u32(writer, key, number, error);
}

/* What follows from other keys must be what it was. */
static ink_status check_keys(const ink_cut *cut, const ink_gguf_writer *writer, ink_error *error)
{
    const ink_hparams *before = &cut->model->hparams;
    const char *file = ink_gguf_name(cut->model->gguf);
    ink_hparams after = {.n_layers = 0};
    ink_arena arena;
    ink_arena_init(&arena, cut->model->allocator, SIZE_MAX);
    ink_status status = ink_hparams_preview(&after, cut->model->arch, writer, file, &arena, error);
    if (status == INK_OK &&
        (after.k_dim != before->k_dim || after.v_dim != before->v_dim ||
         after.rope_dims != before->rope_dims || after.attention_scale != before->attention_scale ||
         after.residual_scale != before->residual_scale))
        status =
            refuse(cut, "a scale or width", "follows from the number of layers or heads", error);
    ink_arena_deinit(&arena);
    return status;
}

ink_status ink_cut_describe(const ink_cut *cut, ink_gguf_writer *writer, ink_error *error)
{
    const ink_hparams *h = &cut->model->hparams;
    uint32_t groups = cut->kept[INK_CUT_GROUPS];
    const struct {
        const char *suffix;
        uint32_t number;
    } keys[] = {
        {"block_count", cut->kept[INK_CUT_LAYERS]},
        {"feed_forward_length", cut->kept[INK_CUT_CHANNELS]},
        {"attention.head_count", h->layers[0].n_heads / cut->n[INK_CUT_GROUPS] * groups},
        {"attention.head_count_kv", groups},
        /* which may follow from the number of heads */
        {"attention.key_length", h->k_dim},
        {"attention.value_length", h->v_dim},
        {"rope.dimension_count", h->rope_dims},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        INK_TRY(set(cut, writer, keys[i].suffix, keys[i].number, error));
    return check_keys(cut, writer, error);
}
