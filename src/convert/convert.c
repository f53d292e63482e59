/* A published model, in a folder or a llama2.c file, to GGUF. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/size.h"
#include "base/status.h"
#include "convert/config.h"
#include "convert/llama2c.h"
#include "convert/rows.h"
#include "convert/source.h"
#include "convert/tokens.h"
#include "kernel/kernel.h"

#define MAX_MEMORY ((size_t)1 << 30) /* of configuration and vocabulary, while they are read */

/* Where the file is until it has been opened as a model. */
#define UNCHECKED ".unchecked"

typedef struct converter {
    const ink_conversion *options;
    const char *in;
    bool folder;
    ink_source source;
    ink_hf_config config;
    ink_arena arena; /* what config points to */
    ink_gguf_writer *writer;
    ink_copier copier;
    ink_format type;                  /* INK_N_FORMATS: each tensor keeps its own */
    bool quantized;                   /* afterwards, to the type that is asked for */
    uint8_t seen[INK_N_WEIGHT_ROLES]; /* INK_SEEN_ */
    ink_error *error;
} converter;

/* One tensor here, and those that it is made of. */
typedef struct made {
    ink_place place;
    ink_dialect_name name;
    size_t n_sources;
    bool stacked; /* experts: one more dimension */
    bool matrix;  /* of two dimensions, beside that */
    ink_format to;
    uint32_t n_dims;
    uint64_t shape[INK_GGUF_MAX_DIMS]; /* as in GGUF */
} made;

/* ---- Finding --------------------------------------------------------------------------------- */

/* Some files leave out what stands before all names. */
static ink_source_tensor *find_source(const converter *c, const made *m, size_t index)
{
    char name[INK_DIALECT_NAME_BYTES];
    const char *prefix = ink_dialect_prefix(c->config.dialect);
    size_t n = strlen(prefix);
    ink_dialect_spell(c->config.dialect, &m->name, index, m->place.layer,
                      m->place.bias ? ".bias" : ".weight", name);
    ink_source_tensor *found = ink_source_find(&c->source, name);
    return !found && n > 0 && strncmp(name, prefix, n) == 0 ? ink_source_find(&c->source, name + n)
                                                            : found;
}

static ink_row_map map_of(const converter *c, const made *m, uint64_t n_rows)
{
    const ink_layer_hparams *layer = &c->config.hparams.layers[m->place.layer];
    return (ink_row_map){m->name.order, n_rows, layer->n_heads, layer->n_kv_heads};
}

static bool is_flat(const made *m)
{
    return m->name.order == INK_ROWS_FLAT || m->name.order == INK_ROWS_DECAY;
}

/* A vector, a matrix, or the taps of a convolution of channels: those of one stand between. */
static bool has_shape(const made *m, const ink_source_tensor *t)
{
    if (m->name.order == INK_ROWS_TAPS)
        return t->n_dims == 3 && t->shape[1] == 1;
    return t->n_dims >= 1 && t->n_dims <= (is_flat(m) ? 1 : 2);
}

/* Rows and the width of one, as they are here. */
static void measure(const converter *c, const made *m, const ink_source_tensor *t, uint64_t *n_rows,
                    uint64_t *k)
{
    bool transposed = m->name.order == INK_ROWS_TRANSPOSED;
    *n_rows = t->shape[transposed ? 1 : 0];
    *k = t->n_dims < 2 ? 1 : t->shape[transposed ? 0 : t->n_dims - 1];
    if (ink_dialect_half(&m->name))
        *n_rows = *n_rows % 2 == 0 ? *n_rows / 2 : 0;
    if (!is_flat(m))
        return;
    *k = ink_part_dimension(&c->config.hparams, ink_parts[m->place.role].shape[1], m->place.layer);
    *n_rows = *k > 0 && *n_rows % *k == 0 ? *n_rows / *k : 0;
}

static ink_status refuse(const converter *c, const ink_source_tensor *t, ink_status status,
                         const char *what)
{
    return ink_fail(c->error, status, 0, "%s: tensor %.200s %s",
                    ink_source_file_name(&c->source, t), t->name, what);
}

static ink_status check_source(const converter *c, const made *m, const ink_source_tensor *t,
                               const ink_source_tensor *first)
{
    uint64_t n_rows, k, first_rows, first_k;
    measure(c, m, t, &n_rows, &k);
    measure(c, m, first, &first_rows, &first_k);
    ink_row_map map = map_of(c, m, n_rows);
    if (t->format == INK_N_FORMATS)
        return ink_fail(c->error, INK_UNSUPPORTED, 0,
                        "%s: tensor %.200s is %s, not F32, F16 or BF16",
                        ink_source_file_name(&c->source, t), t->name, t->type);
    if (!has_shape(m, t) || t->n_dims != first->n_dims || n_rows == 0 || k == 0)
        return refuse(c, t, INK_CORRUPT, "is no matrix");
    if (k != first_k || (m->stacked && n_rows != first_rows))
        return refuse(c, t, INK_CORRUPT, "has another width");
    if (!ink_row_map_fits(&map))
        return refuse(c, t, INK_CORRUPT, "cannot be divided among heads");
    return INK_OK;
}

static ink_status refuse_missing(const converter *c, const char *name)
{
    return ink_fail(c->error, INK_CORRUPT, 0, "%s: of those like %.200s some are missing", c->in,
                    name);
}

/* *found is false where none of its sources is there, or another part has taken them. */
static ink_status find(const converter *c, made *m, bool *found)
{
    *found = false;
    if (!ink_dialect_name_of(c->config.dialect, m->place.role, m->place.bias, &m->name) ||
        (m->place.role == INK_WEIGHT_OUTPUT && c->config.tied))
        return INK_OK;
    m->stacked = strchr(m->name.name, '#') != NULL;
    m->n_sources = ink_dialect_n_sources(&m->name, c->config.hparams.n_experts);
    const ink_source_tensor *first = NULL, *t = NULL;
    size_t n = 0;
    uint64_t n_rows = 0, k = 0, all = 0;
    for (size_t i = 0; i < m->n_sources; i++) {
        t = find_source(c, m, i);
        if (!t || t->used != (ink_dialect_half(&m->name) == 2))
            continue; /* a second half is of what its first one has taken */
        first = first ? first : t;
        n++;
        INK_TRY(check_source(c, m, t, first));
        measure(c, m, t, &n_rows, &k);
        all += n_rows; /* each is less than the bytes of its file */
    }
    if (n == 0)
        return INK_OK;
    if (n < m->n_sources)
        return refuse_missing(c, first->name);
    m->matrix = first->n_dims > 1 || is_flat(m);
    m->n_dims = (m->matrix ? 2u : 1u) + m->stacked;
    const uint64_t shape[3] = {m->matrix ? k : 0, m->stacked ? n_rows : all, n};
    memcpy(m->shape, shape + !m->matrix, m->n_dims * sizeof *shape);
    *found = true;
    return INK_OK;
}

static ink_format format_of(const converter *c, const made *m)
{
    ink_format format = c->type == INK_N_FORMATS ? find_source(c, m, 0)->format : c->type;
    ink_role role = m->place.role;
    if (m->n_dims == 1 || m->place.bias || is_flat(m) || m->name.order == INK_ROWS_TAPS ||
        role == INK_WEIGHT_ROUTER || role == INK_WEIGHT_POSITION_EMBEDDING ||
        role == INK_WEIGHT_TOKEN_TYPES)
        return INK_FORMAT_F32;
    return format;
}

/* ---- Announcing and writing ------------------------------------------------------------------ */

typedef ink_status visitor(converter *c, made *m);

static ink_status visit_all(converter *c, visitor *visit)
{
    ink_place place = {0};
    for (size_t i = 0; i < c->source.n_tensors; i++)
        c->source.tensors[i].used = false;
    while (ink_place_next(c->config.arch, c->config.hparams.n_layers, &place)) {
        char name[INK_PLACE_NAME_BYTES];
        made m = {.place = place};
        bool found;
        INK_TRY(find(c, &m, &found));
        bool needed = !place.bias && ink_arch_requires(c->config.arch, place.role);
        if (!found && needed)
            return ink_fail(c->error, INK_CORRUPT, 0, "%s: what %s is made of is missing", c->in,
                            ink_place_name(&place, false, name));
        if (!found)
            continue;
        m.to = format_of(c, &m);
        INK_TRY(visit(c, &m));
        for (size_t i = 0; i < m.n_sources; i++)
            find_source(c, &m, i)->used = true;
    }
    return INK_OK;
}

static ink_status announce(converter *c, made *m)
{
    char name[INK_PLACE_NAME_BYTES];
    uint64_t n = 1;
    for (uint32_t i = 0; i < m->n_dims; i++)
        n *= m->shape[i]; /* no more values than its files have bytes */
    c->copier.n_all += c->quantized ? 2 * n : n;
    c->seen[m->place.role] |= m->place.bias ? INK_SEEN_BIAS : INK_SEEN_WEIGHT;
    return ink_gguf_writer_add_tensor(
        c->writer, ink_place_name(&m->place, ink_dialect_is_whole(&m->name), name),
        ink_formats[m->to].gguf_id, m->n_dims, m->shape, c->error);
}

typedef struct streaming {
    converter *c;
    const ink_source_tensor *tensor;
} streaming;

static ink_status read_source(void *context, uint64_t offset, size_t n_bytes, void *dst,
                              ink_error *error)
{
    const streaming *s = context;
    return ink_file_read(s->c->source.files[s->tensor->file], s->tensor->offset + offset, n_bytes,
                         dst, error);
}

static ink_status write_gguf(void *context, const void *bytes, size_t n_bytes, ink_error *error)
{
    const streaming *s = context;
    return ink_gguf_writer_write(s->c->writer, bytes, n_bytes, error);
}

static ink_status copy_part(converter *c, made *m)
{
    bool plus_one = (c->config.dialect->traits & INK_DIALECT_PLUS_ONE) && !m->place.bias &&
                    ink_parts[m->place.role].bias == INK_BIAS_NORM;
    for (size_t i = 0; i < m->n_sources; i++) {
        uint64_t n_rows, k;
        streaming s = {c, find_source(c, m, i)};
        if (!s.tensor)
            return refuse_missing(c, m->name.name);
        measure(c, m, s.tensor, &n_rows, &k);
        const ink_copy copy = {.name = s.tensor->name,
                               .map = map_of(c, m, n_rows),
                               .from = s.tensor->format,
                               .to = m->to,
                               .first_row = ink_dialect_half(&m->name) == 2 ? n_rows : 0,
                               .k = k,
                               .add = plus_one ? 1 : 0,
                               .decays = m->name.order == INK_ROWS_DECAY,
                               .read = read_source,
                               .write = write_gguf,
                               .context = &s};
        INK_TRY(ink_copy_rows(&c->copier, &copy, c->error));
    }
    return INK_OK;
}

/* Masks and tables that are computed here, and heads that embedding models are not asked for. */
static bool is_needless(const char *name)
{
    static const char *const ends[] = {".inv_freq", ".attn.bias", ".masked_bias", ".position_ids",
                                       ".attention.bias"};
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (n > strlen(ends[i]) && strcmp(name + n - strlen(ends[i]), ends[i]) == 0)
            return true;
    return strstr(name, "pooler.dense.") || strncmp(name, "cls.", 4) == 0;
}

static ink_status check_all_used(const converter *c)
{
    for (size_t i = 0; i < c->source.n_tensors; i++) {
        const ink_source_tensor *t = &c->source.tensors[i];
        bool tied = c->config.tied && strcmp(t->name, "lm_head.weight") == 0;
        if (!t->used && !tied && !is_needless(t->name))
            return refuse(c, t, INK_UNSUPPORTED, "is not known in such a model");
    }
    return INK_OK;
}

static ink_status announce_made(converter *c)
{
    char stem[INK_PART_STEM_BYTES], name[INK_PLACE_NAME_BYTES];
    for (size_t i = 0; i < c->config.n_made; i++) {
        (void)snprintf(name, sizeof name, "%s.weight",
                       ink_part_stem(c->config.made[i].role, 0, stem));
        const uint64_t n = c->config.made[i].n;
        INK_TRY(ink_gguf_writer_add_tensor(c->writer, name, ink_formats[INK_FORMAT_F32].gguf_id, 1,
                                           &n, c->error));
    }
    return INK_OK;
}

/* ---- Metadata -------------------------------------------------------------------------------- */

static ink_status set_pooling(converter *c)
{
    static const char *const modes[] = {"", "pooling_mode_mean_tokens", "pooling_mode_cls_token",
                                        "pooling_mode_lasttoken"};
    char key[64];
    ink_value json = {.kind = INK_VALUE_UNDEFINED};
    if (!(c->config.dialect->traits & INK_DIALECT_POOLS))
        return INK_OK;
    INK_TRY(ink_document_read(c->in, "2_Dense/config.json", &c->arena, &json, c->error));
    if (json.kind != INK_VALUE_UNDEFINED)
        return ink_fail(c->error, INK_UNSUPPORTED, 0,
                        "%s: 2_Dense is not computed here; without it vectors are the model's own",
                        c->in);
    INK_TRY(ink_document_read(c->in, "1_Pooling/config.json", &c->arena, &json, c->error));
    (void)snprintf(key, sizeof key, "%s.pooling_type", c->config.arch->name);
    for (uint32_t i = 1; i < 4; i++)
        if (ink_document_flag(&json, modes[i], false))
            return ink_gguf_writer_set_u32(c->writer, key, i, c->error);
    if (json.kind == INK_VALUE_UNDEFINED)
        return INK_OK;
    return ink_fail(c->error, INK_UNSUPPORTED, 0,
                    "1_Pooling/config.json: neither mean, nor first, nor last token");
}

/* The last part of the path. */
static ink_status set_name(const converter *c)
{
    size_t n = strlen(c->in);
    while (n > 1 && c->in[n - 1] == '/')
        n--;
    size_t begin = n;
    while (begin > 0 && c->in[begin - 1] != '/')
        begin--;
    if (n == begin || c->in[begin] == '.')
        return INK_OK;
    return ink_gguf_writer_set_string(c->writer, "general.name",
                                      (ink_gguf_string){c->in + begin, n - begin}, c->error);
}

/* The vocabulary has as many tokens as the embedding has rows. */
static ink_status set_tokens(converter *c, ink_value config, size_t n_tokens)
{
    ink_arena arena;
    ink_hf_tokens tokens;
    made m = {.place = {.role = INK_WEIGHT_TOKEN_EMBEDDING}};
    char name[INK_DOCUMENT_PATH_BYTES];
    bool found;
    INK_TRY(find(c, &m, &found));
    if (!found || m.n_dims != 2)
        return ink_fail(c->error, INK_CORRUPT, 0, "%s: has no embedding of tokens", c->in);
    if (c->config.n_tokens > 0 && c->config.n_tokens != m.shape[1])
        return ink_fail(c->error, INK_CORRUPT, 0,
                        "config.json: vocab_size is %" PRIu64 ", the embedding has %" PRIu64
                        " rows",
                        c->config.n_tokens, m.shape[1]);
    ink_arena_init(&arena, c->options->allocator, MAX_MEMORY);
    const char *tokenizer = c->options->tokenizer;
    if (!tokenizer && !c->folder) {
        const char *slash = strrchr(c->in, '/');
        (void)snprintf(name, sizeof name, "%.*stokenizer.bin", slash ? (int)(slash + 1 - c->in) : 0,
                       c->in);
        tokenizer = name;
    }
    ink_status status =
        c->folder ? ink_hf_tokens_read(&tokens, c->in, config, (size_t)m.shape[1], &arena, c->error)
                  : ink_hf_tokens_read_llama2c(&tokens, tokenizer, n_tokens, &arena, c->error);
    if (status == INK_OK && tokens.strips)
        ink_warn(&c->options->log,
                 "%s: added tokens keep the spaces beside them, though lstrip, rstrip or "
                 "single_word say otherwise",
                 c->in);
    if (status == INK_OK)
        status = ink_hf_tokens_write(&tokens, c->writer, c->error);
    ink_arena_deinit(&arena);
    return status;
}

/* ---- All ------------------------------------------------------------------------------------- */

static ink_status open_source(converter *c, ink_value *config, size_t *n_tokens)
{
    struct stat facts;
    ink_file *file;
    c->folder = stat(c->in, &facts) == 0 && S_ISDIR(facts.st_mode);
    if (!c->folder) {
        INK_TRY(ink_file_open(&file, c->in, c->options->allocator, c->error));
        return ink_llama2c_open(&c->source, file, &c->arena, config, n_tokens, c->error);
    }
    if (c->options->tokenizer)
        return ink_fail(c->error, INK_BAD_ARGUMENT, 0, "%s: a folder has its tokenizer in it",
                        c->in);
    INK_TRY(ink_document_read(c->in, "config.json", &c->arena, config, c->error));
    if (config->kind == INK_VALUE_UNDEFINED)
        return ink_fail(c->error, INK_IO, 0, "%s: has no config.json", c->in);
    return ink_safetensors_open(&c->source, c->in, c->error);
}

static ink_status prepare(converter *c)
{
    ink_value config;
    size_t n_tokens = 0;
    INK_TRY(open_source(c, &config, &n_tokens));
    INK_TRY(ink_gguf_writer_new(&c->writer, 0, c->options->allocator, c->error));
    INK_TRY(
        ink_hf_config_read(&c->config, config, c->writer, &c->options->log, &c->arena, c->error));
    INK_TRY(set_name(c));
    INK_TRY(set_pooling(c));
    INK_TRY(set_tokens(c, config, n_tokens));
    INK_TRY(announce_made(c));
    INK_TRY(visit_all(c, announce));
    INK_TRY(ink_hf_check_shown(config, c->seen, c->error));
    return check_all_used(c);
}

static ink_status write_all(converter *c, const char *path)
{
    INK_TRY(ink_gguf_writer_begin(c->writer, path, c->error));
    for (size_t i = 0; i < c->config.n_made; i++)
        INK_TRY(ink_gguf_writer_write(c->writer, c->config.made[i].values,
                                      c->config.made[i].n * sizeof(float), c->error));
    INK_TRY(visit_all(c, copy_part));
    return ink_gguf_writer_commit(c->writer, c->error);
}

/* ---- Ending ---------------------------------------------------------------------------------- */

/* What is written is opened as every model is before it has its name. */
static ink_status check_and_rename(const converter *c, const char *path, const char *out)
{
    ink_model *model = NULL;
    ink_status status = ink_model_open(&model, path,
                                       &(ink_model_options){.allocator = c->options->allocator,
                                                            .log = c->options->log,
                                                            .load = INK_LOAD_METADATA,
                                                            .n_threads = 1},
                                       c->error);
    ink_model_free(model);
    if (status == INK_OK && rename(path, out) != 0)
        status = ink_fail(c->error, INK_IO, 0, "%s: cannot be replaced", out);
    return status;
}

static bool report_second_half(void *context, float part)
{
    const ink_progress *progress = context;
    return !progress->report || progress->report(progress->context, 0.5f + part / 2);
}

/* As the command of that name does it; what it leaves to go on from would not be used. */
static ink_status quantize(const converter *c, const char *path, const char *out)
{
    static const char *const kept[] = {".part", ".journal"};
    ink_progress progress = c->options->progress;
    char name[INK_DOCUMENT_PATH_BYTES];
    ink_status status =
        ink_quantize_model(path, out,
                           &(ink_quantizing){.type = c->options->type,
                                             .allocator = c->options->allocator,
                                             .log = c->options->log,
                                             .progress = {report_second_half, &progress}},
                           c->error);
    for (size_t i = 0; i < 2 && status != INK_OK; i++) {
        (void)snprintf(name, sizeof name, "%s%s", out, kept[i]);
        (void)unlink(name);
    }
    return status;
}

static ink_status convert(converter *c, const char *path, const char *out)
{
    INK_TRY(prepare(c));
    ink_status status = write_all(c, path);
    if (status == INK_OK)
        status = (c->quantized ? quantize : check_and_rename)(c, path, out);
    if (status != INK_OK || c->quantized)
        (void)unlink(path);
    return status;
}

ink_status ink_convert(const char *in, const char *out, const ink_conversion *conversion,
                       ink_error *error)
{
    converter c = {.options = conversion, .in = in, .type = INK_N_FORMATS, .error = error};
    char path[INK_DOCUMENT_PATH_BYTES];
    const ink_allocator *allocator = conversion->allocator;
    if (snprintf(path, sizeof path, "%s" UNCHECKED, out) >= (int)sizeof path)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "the path is too long");
    c.quantized = conversion->type && !ink_copy_format(conversion->type, &c.type);
    if (c.quantized) {
        c.type = INK_N_FORMATS;
        INK_TRY(ink_quantize_check_type(conversion->type, error));
    }
    c.copier = (ink_copier){.allocator = allocator, .progress = conversion->progress};
    ink_arena_init(&c.arena, allocator, MAX_MEMORY);
    ink_source_init(&c.source, allocator);
    ink_status status = convert(&c, path, out);
    ink_gguf_writer_free(c.writer);
    ink_copier_deinit(&c.copier);
    ink_source_deinit(&c.source);
    ink_arena_deinit(&c.arena);
    return status;
}
