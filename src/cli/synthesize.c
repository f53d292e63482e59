/*
 * A model of random numbers in the shape of a real one: as large, as fast, and as hard to fit as
 * the real one, for sizing devices and for measuring, without a download.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/size.h"
#include "base/status.h"
#include "cli/interrupt.h"
#include "cli/setup.h"
#include "cli/synthetic.h"
#include "cli/terminal.h"
#include "model/part.h"

enum { CHUNK_BYTES = 1 << 20, NAMES_BYTES = 400, MAX_TOKENS = 1 << 18 };

static const char notes[] =
    "Types: F32 F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q3_K Q4_K Q5_K Q6_K MXFP4 give every matrix that "
    "format;\n"
    "Q2_K Q3_K_M Q4_K_S Q4_K_M Q5_K_M IQ4_NL IQ4_XS TQ1_0 TQ2_0 mix formats as the reference "
    "quantizer\n"
    "does. The matrix that makes the logits (the embedding, where they are tied) has Q6_K at "
    "least.\n"
    "Text that such a model generates is made of random letters.";

typedef struct tensor {
    ink_role role;
    ink_format format;
    uint32_t n_dims;
    uint64_t shape[2]; /* in file order: of a row, rows */
    size_t row_bytes;
} tensor;

typedef struct synthesis {
    const char *path, *shape_name, *type;
    size_t n_layers, n_vocab; /* 0: as the model has */
    int64_t seed;
    const ink_shape *shape;
    const ink_mixture *mixture;
    ink_hparams hparams;
    ink_gguf_writer *writer;
    ink_arena arena;
    tensor *tensors; /* [n_tensors] */
    size_t n_tensors;
    uint64_t n_parameters, n_bytes;
    ink_synthetic_source source;
    uint8_t *chunk; /* [CHUNK_BYTES] */
} synthesis;

/* ---- Names on the command line */

/* "a|b|c", as a choice among options wants it. */
static void list_shapes(char out[NAMES_BYTES])
{
    size_t used = 0;
    const ink_shape *shape;
    for (size_t i = 0; (shape = ink_shape_at(i)) && used < NAMES_BYTES; i++)
        used += (size_t)snprintf(out + used, NAMES_BYTES - used, "%s%s", i ? "|" : "", shape->name);
}

static bool find_names(synthesis *s)
{
    const ink_shape *shape;
    char names[NAMES_BYTES];
    for (size_t i = 0; (shape = ink_shape_at(i)); i++)
        if (strcmp(shape->name, s->shape_name) == 0)
            s->shape = shape;
    s->mixture = ink_mixture_find(s->type);
    if (s->mixture && ink_synthetic_makes(ink_mixture_base(s->mixture)))
        return true;
    if (s->mixture) {
        ink_say("synthesize: there are no random blocks of %s", ink_mixture_name(s->mixture));
        return false;
    }
    ink_mixture_list(names, sizeof names);
    ink_say("synthesize: --type is '%.40s', but must be one of %s", s->type, names);
    return false;
}

/* ---- Metadata */

static ink_status set_u32(synthesis *s, const char *suffix, uint32_t value, ink_error *error)
{
    char key[160];
    (void)snprintf(key, sizeof key, "%s.%s", s->shape->arch, suffix);
    return ink_gguf_writer_set_u32(s->writer, key, value, error);
}

static ink_status set_f32(synthesis *s, const char *suffix, float value, ink_error *error)
{
    char key[160];
    (void)snprintf(key, sizeof key, "%s.%s", s->shape->arch, suffix);
    return ink_gguf_writer_set_f32(s->writer, key, value, error);
}

static ink_status set_bool(synthesis *s, const char *suffix, bool value, ink_error *error)
{
    char key[160];
    (void)snprintf(key, sizeof key, "%s.%s", s->shape->arch, suffix);
    return ink_gguf_writer_set_bool(s->writer, key, value, error);
}

static ink_status set_metadata(synthesis *s, ink_error *error)
{
    const ink_hparams *h = &s->hparams;
    const ink_layer_hparams *layer = &s->shape->layer;
    INK_TRY(ink_gguf_writer_set_text(s->writer, "general.architecture", s->shape->arch, error));
    INK_TRY(ink_gguf_writer_set_text(s->writer, "general.name", s->shape->title, error));
    INK_TRY(ink_gguf_writer_set_text(s->writer, "general.description",
                                     "random numbers in the shape of this model", error));
#define HPARAM(type, field, suffix, fallback) \
    if (h->field != 0)                        \
        INK_TRY(set_##type(s, suffix, h->field, error));
#include "model/hparams.def"
#undef HPARAM
    INK_TRY(set_u32(s, "attention.head_count", layer->n_heads, error));
    INK_TRY(set_u32(s, "attention.head_count_kv", layer->n_kv_heads, error));
    INK_TRY(set_u32(s, "feed_forward_length", layer->n_ff, error));
    INK_TRY(set_u32(s, "vocab_size", h->n_vocab, error));
    return ink_synthetic_vocab_write(s->writer, s->shape->vocab, h->n_vocab, error);
}

static ink_status set_hparams(synthesis *s, ink_error *error)
{
    ink_hparams *h = &s->hparams;
    *h = s->shape->hparams;
    if (s->n_layers)
        h->n_layers = (uint32_t)s->n_layers;
    if (s->n_vocab)
        h->n_vocab = (uint32_t)s->n_vocab;
    h->layers = ink_arena_take(&s->arena, h->n_layers, sizeof *h->layers);
    if (!h->layers)
        return ink_fail_memory(error, "the layers of a model");
    for (uint32_t i = 0; i < h->n_layers; i++)
        h->layers[i] = s->shape->layer;
    return INK_OK;
}

/* ---- Tensors */

static bool is_output(const synthesis *s, ink_role role)
{
    bool tied = !ink_shape_has(s->shape, INK_WEIGHT_OUTPUT);
    return role == (tied ? INK_WEIGHT_TOKEN_EMBEDDING : INK_WEIGHT_OUTPUT);
}

static ink_status refuse_rows(const synthesis *s, const char *name, const tensor *t,
                              ink_error *error)
{
    const ink_format_info *format = &ink_formats[t->format];
    ink_format fallback = ink_mixture_fallback(t->format);
    return ink_fail(error, INK_BAD_ARGUMENT, 0,
                    "%s: %s has rows of %" PRIu64 " values, which blocks of %u values (%s) do not "
                    "fill; where that is so the reference quantizer takes %s: use --type %s",
                    s->shape->name, name, t->shape[0], format->block_elements, format->name,
                    ink_formats[fallback].name, ink_formats[fallback].name);
}

/* The first of a shape's alternatives, or the last where projections are fused: G of two F. */
static const char *letters_of(const synthesis *s, ink_role role)
{
    const char *letters = ink_parts[role].shape, *bar = strchr(letters, '|');
    bool fused = role == INK_WEIGHT_FFN_UP && !ink_shape_has(s->shape, INK_WEIGHT_FFN_GATE);
    return fused && bar ? bar + 1 : letters;
}

static ink_status add_tensor(synthesis *s, ink_role role, uint32_t layer, ink_error *error)
{
    tensor *t = &s->tensors[s->n_tensors];
    char stem[INK_PART_STEM_BYTES], name[INK_PART_STEM_BYTES + 8];
    const char *letters = letters_of(s, role);
    uint64_t row_bytes, n_bytes, n;
    *t = (tensor){.role = role, .format = INK_FORMAT_F32, .shape = {1, 1}};
    t->n_dims = strcspn(letters, "|") == 1 ? 1 : 2;
    for (uint32_t i = 0; i < t->n_dims; i++)
        t->shape[i] = ink_part_dimension(&s->hparams, letters[t->n_dims - 1 - i], layer);
    if (t->n_dims == 2)
        t->format =
            ink_mixture_format(s->mixture, &(ink_mixture_place){.hparams = &s->hparams,
                                                                .role = role,
                                                                .layer = layer,
                                                                .output = is_output(s, role),
                                                                .k = t->shape[0]});
    (void)snprintf(name, sizeof name, "%s.weight", ink_part_stem(role, layer, stem));
    if (!ink_format_row_bytes(t->format, t->shape[0], &row_bytes))
        return refuse_rows(s, name, t, error);
    if (row_bytes > CHUNK_BYTES || !ink_u64_mul(row_bytes, t->shape[1], &n_bytes) ||
        !ink_u64_mul(t->shape[0], t->shape[1], &n))
        return ink_fail(error, INK_LIMIT, 0, "%s: %s is too large", s->shape->name, name);
    t->row_bytes = (size_t)row_bytes;
    s->n_parameters += n;
    s->n_bytes += n_bytes;
    s->n_tensors++;
    return ink_gguf_writer_add_tensor(s->writer, name, ink_formats[t->format].gguf_id, t->n_dims,
                                      t->shape, error);
}

static ink_status add_roles(synthesis *s, bool in_layer, uint32_t layer, ink_error *error)
{
    for (ink_role role = INK_WEIGHT_END + 1; role < INK_N_WEIGHT_ROLES; role++)
        if (ink_parts[role].in_layer == in_layer && ink_shape_has(s->shape, role))
            INK_TRY(add_tensor(s, role, layer, error));
    return INK_OK;
}

static ink_status add_tensors(synthesis *s, ink_error *error)
{
    size_t n;
    if (!ink_size_mul((size_t)s->hparams.n_layers + 1, INK_N_WEIGHT_ROLES, &n))
        return ink_fail_memory(error, "the list of tensors");
    s->tensors = ink_arena_take(&s->arena, n, sizeof *s->tensors);
    if (!s->tensors)
        return ink_fail_memory(error, "the list of tensors");
    INK_TRY(add_roles(s, false, 0, error));
    for (uint32_t layer = 0; layer < s->hparams.n_layers; layer++)
        INK_TRY(add_roles(s, true, layer, error));
    return INK_OK;
}

/* ---- Contents */

/*
 * Llama 3.1's rule: pairs that turn often within the old context stay, slow ones are stretched in
 * full, those between in part.
 */
static float rope_factor(const synthesis *s, size_t pair)
{
    const ink_synthetic_rope *r = &s->shape->rope;
    const ink_hparams *h = &s->hparams;
    double turn = 2 * 3.14159265358979323846 * pow(h->rope_base, 2.0 * (double)pair / h->rope_dims);
    double turns = r->n_context / turn; /* within the old context */
    double kept = (turns - r->low) / (r->high - r->low);
    kept = kept < 0 ? 0 : kept > 1 ? 1 : kept;
    return (float)(1 / ((1 - kept) / r->factor + kept));
}

static void make_vector(synthesis *s, const tensor *t)
{
    float *values = (float *)s->chunk;
    size_t n = (size_t)t->shape[0];
    ink_synthetic_blocks(&s->source, INK_FORMAT_F32, values, n);
    for (size_t i = 0; i < n; i++)
        values[i] = t->role == INK_WEIGHT_ROPE_FACTORS ? rope_factor(s, i) : 1 + values[i];
}

/*
 * Rows that make logits are zero where a token is not a piece of text: among logits of a spread of
 * one they are never the best, so that bytes that are no character and ends of text do not occur.
 */
static void make_rows(synthesis *s, const tensor *t, size_t first, size_t n)
{
    size_t blocks = t->row_bytes / ink_formats[t->format].block_bytes;
    ink_synthetic_blocks(&s->source, t->format, s->chunk, n * blocks);
    for (size_t i = 0; is_output(s, t->role) && i < n; i++)
        if (!ink_synthetic_vocab_has_text(s->shape->vocab, s->hparams.n_vocab, first + i))
            memset(s->chunk + i * t->row_bytes, 0, t->row_bytes);
}

static ink_status write_tensor(synthesis *s, const tensor *t, uint64_t *done, ink_bar *bar,
                               ink_error *error)
{
    size_t room = CHUNK_BYTES / t->row_bytes;
    for (uint64_t row = 0; row < t->shape[1];) {
        size_t n = t->shape[1] - row < room ? (size_t)(t->shape[1] - row) : room;
        if (t->n_dims == 1)
            make_vector(s, t);
        else
            make_rows(s, t, (size_t)row, n);
        INK_TRY(ink_gguf_writer_write(s->writer, s->chunk, n * t->row_bytes, error));
        row += n;
        *done += n * t->row_bytes;
        if (!bar->progress.report(bar, (float)((double)*done / (double)s->n_bytes)))
            return ink_fail(error, INK_CANCELLED, 0, "interrupted");
    }
    return INK_OK;
}

static ink_status write_tensors(synthesis *s, ink_error *error)
{
    ink_bar bar;
    uint64_t done = 0;
    ink_status status = INK_OK;
    ink_interrupt_watch();
    ink_bar_init(&bar, "Writing");
    for (size_t i = 0; i < s->n_tensors && status == INK_OK; i++)
        status = write_tensor(s, &s->tensors[i], &done, &bar, error);
    ink_bar_end(&bar);
    return status;
}

static ink_status synthesize(synthesis *s, ink_error *error)
{
    char parameters[INK_SIZE_BYTES], bytes[INK_SIZE_BYTES];
    INK_TRY(set_hparams(s, error));
    INK_TRY(ink_gguf_writer_new(&s->writer, 0, NULL, error));
    INK_TRY(add_tensors(s, error));
    INK_TRY(set_metadata(s, error));
    INK_TRY(ink_synthetic_source_init(&s->source, s->seed, error));
    s->chunk = ink_new(NULL, CHUNK_BYTES, 1);
    if (!s->chunk)
        return ink_fail_memory(error, "weights");
    INK_TRY(ink_gguf_writer_begin(s->writer, s->path, error));
    INK_TRY(write_tensors(s, error));
    INK_TRY(ink_gguf_writer_commit(s->writer, error));
    printf("%s: %s, %s, %s parameters, %s of weights\n", s->path, s->shape->title,
           ink_mixture_name(s->mixture), ink_format_count(s->n_parameters, parameters),
           ink_format_bytes(s->n_bytes, bytes));
    return INK_OK;
}

ink_exit ink_cmd_synthesize(const ink_call *call)
{
    synthesis s = {.seed = 1};
    const char *arguments[INK_MAX_ARGUMENTS];
    char shapes[NAMES_BYTES];
    list_shapes(shapes);
    const ink_option options[] = {
        {.name = "shape",
         .kind = INK_OPTION_CHOICE,
         .destination = &s.shape_name,
         .value = shapes,
         .help = "whose"},
        INK_OPTION_WORD("type", &s.type, "T", "format of the weights, or a mixture of formats"),
        INK_OPTION_RANGE("layers", &s.n_layers, 1, INK_MAX_LAYERS,
                         "fewer or more than the model has"),
        INK_OPTION_RANGE("vocabulary", &s.n_vocab, INK_SYNTHETIC_MIN_TOKENS, MAX_TOKENS,
                         "tokens, fewer or more than the model has"),
        {.name = "seed",
         .kind = INK_OPTION_INT64,
         .destination = &s.seed,
         .value = "N",
         .help = "of the random numbers: the same file for the same seed",
         .low = 0,
         .high = (double)(INT64_MAX / 2)},
        {0}};
    INK_PARSE(call, options, notes, arguments);
    s.path = arguments[0];
    if (!find_names(&s))
        return INK_EXIT_USAGE;
    ink_arena_init(&s.arena, NULL, SIZE_MAX);
    ink_error error = {0};
    ink_status status = synthesize(&s, &error);
    ink_gguf_writer_free(s.writer);
    ink_synthetic_source_deinit(&s.source);
    ink_delete(NULL, s.chunk);
    ink_arena_deinit(&s.arena);
    return ink_finish(status, &error);
}
