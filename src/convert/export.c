/*
 * A GGUF model to a folder as others publish theirs: safetensors, configuration, vocabulary. The
 * folder is made under another name and renamed once it is whole.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/size.h"
#include "base/status.h"
#include "convert/config.h"
#include "convert/rows.h"
#include "convert/tokens.h"
#include "kernel/kernel.h"
#include "model/model.h"
#include "model/vocab_source.h"

#define MAX_MEMORY ((size_t)1 << 30) /* of the vocabulary, and of each file but the weights */
#define UNFINISHED ".unfinished"

static const char *const files[] = {"model.safetensors", "config.json", "tokenizer_config.json",
                                    "tokenizer.json", "tokenizer.model"};
enum { FILE_WEIGHTS, FILE_CONFIG, FILE_TOKENIZER_CONFIG, FILE_TOKENIZER, FILE_SPM, N_FILES };

typedef struct exporter {
    const ink_conversion *options;
    char folder[INK_DOCUMENT_PATH_BYTES]; /* while it is made */
    ink_model *model;
    const ink_dialect *dialect;
    ink_format type; /* of matrices; the rest is F32 */
    ink_arena arena;
    ink_copier copier;
    ink_buffer header;
    ink_file_writer *writer;
    uint64_t offset; /* of the next tensor, among the data */
    ink_error *error;
} exporter;

/* ---- Tensors --------------------------------------------------------------------------------- */

/* One of the tensors that one of ours becomes. */
typedef struct piece {
    const ink_place *place;
    ink_dialect_name name;
    const ink_gguf_tensor *tensor;
    size_t index;
    uint64_t first_row, n_rows, k; /* as they are here; k is 1 in vectors */
    ink_format to;
    ink_row_order order;
    bool matrix;
} piece;

typedef ink_status visitor(exporter *e, const piece *p);

/* Rows of the index-th of several that are joined: queries, keys, values. */
static uint64_t part_rows(const exporter *e, const ink_place *place, size_t index)
{
    return ink_part_dimension(&e->model->hparams, "QKW"[index], place -> layer);
}

static ink_status visit_pieces(exporter *e, piece *p, visitor *visit)
{
    const ink_gguf_tensor *t = p->tensor;
    bool stacked = strchr(p->name.name, '#') != NULL;
    size_t n = ink_dialect_n_sources(&p->name, e->model->hparams.n_experts);
    p->matrix = t->n_dims == 2u + stacked;
    p->k = p->matrix ? t->shape[0] : 1;
    p->order = p->name.order;
    bool keeps = p->order >= INK_ROWS_TAPS && p->order <= INK_ROWS_DECAY;
    p->to = p->matrix && !keeps ? e->type : INK_FORMAT_F32;
    p->n_rows = t->shape[p->matrix];
    for (p->index = 0; p->index < n; p->index++) {
        if (n > 1 && !stacked)
            p->n_rows = part_rows(e, p->place, p->index);
        INK_TRY(visit(e, p));
        p->first_row += p->n_rows;
    }
    return INK_OK;
}

/* A bias that stands alone is left out, as it was when the model was opened, which said so. */
static ink_status visit_all(exporter *e, visitor *visit)
{
    const ink_gguf *gguf = e->model->gguf;
    ink_place place = {0};
    e->offset = 0;
    while (ink_place_next(e->model->arch, e->model->hparams.n_layers, &place)) {
        char name[INK_PLACE_NAME_BYTES], stem[INK_PART_STEM_BYTES];
        bool made = place.role == INK_WEIGHT_ROPE_FACTORS ||
                    place.role == INK_WEIGHT_ROPE_FACTORS_LONG ||
                    place.role == INK_WEIGHT_ROPE_FACTORS_SHORT;
        const ink_gguf_tensor *t = ink_gguf_find_tensor(gguf, ink_place_name(&place, false, name));
        if (!t && !place.bias)
            t = ink_gguf_find_tensor(gguf, ink_part_stem(place.role, place.layer, stem));
        const ink_weight *weight =
            &(place.in_layer ? e->model->layers[place.layer] : e->model->weights)[place.role];
        bool alone = ink_parts[place.role].bias == INK_BIAS_ALONE;
        if (!t || made || (weight->n == 0 && !alone))
            continue;
        piece p = {.place = &place, .tensor = t};
        if (!ink_dialect_name_of(e->dialect, place.role, place.bias, &p.name))
            return ink_fail(e->error, INK_UNSUPPORTED, 0, "%s: tensor %s has no name in %s",
                            ink_gguf_name(gguf), t->name,
                            ink_dialect_text(e->dialect, INK_DIALECT_MODEL_TYPE));
        INK_TRY(visit_pieces(e, &p, visit));
    }
    return INK_OK;
}

static void spell(const exporter *e, const piece *p, char name[INK_DIALECT_NAME_BYTES])
{
    ink_dialect_spell(e->dialect, &p->name, p->index, p->place->layer,
                      p->place->bias ? ".bias" : ".weight", name);
}

static ink_status announce(exporter *e, const piece *p)
{
    char name[INK_DIALECT_NAME_BYTES];
    bool turned = p->order == INK_ROWS_TRANSPOSED;
    bool flat = p->order == INK_ROWS_FLAT || p->order == INK_ROWS_DECAY;
    unsigned half = ink_dialect_half(&p->name);
    uint64_t n_rows = half ? 2 * p->n_rows : p->n_rows;
    uint64_t n = n_rows * p->k; /* no more than its tensors have values: checked */
    uint64_t end = e->offset + n * ink_formats[p->to].block_bytes;
    e->copier.n_all += p->n_rows * p->k;
    if (half == 2)
        return INK_OK; /* stands behind the first, which said so */
    spell(e, p, name);
    (void)ink_buffer_format(&e->header, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%" PRIu64, name,
                            ink_formats[p->to].name,
                            flat     ? n
                            : turned ? p->k
                                     : n_rows);
    if (p->matrix && !flat)
        (void)ink_buffer_format(&e->header, "%s,%" PRIu64, p->order == INK_ROWS_TAPS ? ",1" : "",
                                turned ? n_rows : p->k);
    (void)ink_buffer_format(&e->header, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", e->offset,
                            end);
    e->offset = end;
    return e->header.failed ? ink_fail_memory(e->error, "the names of tensors") : INK_OK;
}

typedef struct streaming {
    exporter *e;
    const ink_gguf_tensor *tensor;
} streaming;

static ink_status read_gguf(void *context, uint64_t offset, size_t n_bytes, void *dst,
                            ink_error *error)
{
    const streaming *s = context;
    return ink_gguf_read(s->e->model->gguf, s->tensor, offset, n_bytes, dst, error);
}

static ink_status write_file(void *context, const void *bytes, size_t n_bytes, ink_error *error)
{
    const streaming *s = context;
    return ink_file_writer_write(s->e->writer, bytes, n_bytes, error);
}

static ink_status copy_piece(exporter *e, const piece *p)
{
    const ink_layer_hparams *layer = &e->model->hparams.layers[p->place->layer];
    bool plus_one = (e->dialect->traits & INK_DIALECT_PLUS_ONE) && !p->place->bias &&
                    ink_parts[p->place->role].bias == INK_BIAS_NORM;
    bool turned = p->order == INK_ROWS_TRANSPOSED;
    streaming s = {e, p->tensor};
    const ink_copy copy = {
        .name = p->tensor->name,
        .map = {p->order, turned ? p->k : p->n_rows, layer->n_heads, layer->n_kv_heads},
        .back = true,
        .from = p->tensor->format,
        .to = p->to,
        .first_row = p->first_row,
        .k = turned ? p->n_rows : p->k,
        .add = plus_one ? -1 : 0,
        .decays = p->order == INK_ROWS_DECAY,
        .read = read_gguf,
        .write = write_file,
        .context = &s};
    if (!ink_row_map_fits(&copy.map))
        return ink_fail(e->error, INK_UNSUPPORTED, 0, "%s: cannot be divided among heads",
                        p->tensor->name);
    return ink_copy_rows(&e->copier, &copy, e->error);
}

/* ---- Files ----------------------------------------------------------------------------------- */

static ink_status open_file(exporter *e, int file)
{
    char path[INK_DOCUMENT_PATH_BYTES];
    INK_TRY(ink_document_path(e->folder, files[file], path, e->error));
    return ink_file_writer_open(&e->writer, path, INK_FILE_FOR_ALL, e->options->allocator,
                                e->error);
}

static ink_status close_file(exporter *e, ink_status status)
{
    if (status == INK_OK)
        status = ink_file_writer_commit(e->writer, e->error);
    ink_file_writer_close(e->writer);
    e->writer = NULL;
    return status;
}

/* What `out` has, which is empty afterwards. */
static ink_status write_bytes(exporter *e, int file, ink_buffer *out)
{
    if (out->failed)
        return ink_fail_memory(e->error, files[file]);
    INK_TRY(open_file(e, file));
    INK_TRY(close_file(e, ink_file_writer_write(e->writer, out->data, out->n_bytes, e->error)));
    out->n_bytes = 0;
    return INK_OK;
}

static ink_status write_weights(exporter *e)
{
    uint8_t length[8];
    ink_buffer_init(&e->header, e->options->allocator, MAX_MEMORY);
    (void)ink_buffer_text(&e->header, "{\"__metadata__\":{\"format\":\"pt\"}");
    INK_TRY(visit_all(e, announce));
    (void)ink_buffer_text(&e->header, "}");
    while (!e->header.failed && e->header.n_bytes % 8 != 0)
        (void)ink_buffer_text(&e->header, " ");
    if (e->header.failed)
        return ink_fail_memory(e->error, "the names of tensors");
    for (unsigned i = 0; i < 8; i++)
        length[i] = (uint8_t)((uint64_t)e->header.n_bytes >> 8 * i);
    INK_TRY(open_file(e, FILE_WEIGHTS));
    ink_status status = ink_file_writer_write(e->writer, length, sizeof length, e->error);
    if (status == INK_OK)
        status = ink_file_writer_write(e->writer, e->header.data, e->header.n_bytes, e->error);
    if (status == INK_OK)
        status = visit_all(e, copy_piece);
    return close_file(e, status);
}

/* ---- Configuration and vocabulary ------------------------------------------------------------ */

static ink_status write_config(exporter *e, ink_buffer *out)
{
    ink_value json;
    const ink_json_style style = {.indent = "  ", .item_separator = ","};
    const char *dtype = e->type == INK_FORMAT_F32   ? "float32"
                        : e->type == INK_FORMAT_F16 ? "float16"
                                                    : "bfloat16";
    INK_TRY(ink_hf_config_write(e->model, e->dialect, dtype, &e->arena, &json, e->error));
    INK_TRY(ink_document_write(out, json, &style, e->error));
    return write_bytes(e, FILE_CONFIG, out);
}

static ink_status write_tokens(exporter *e, ink_buffer *out)
{
    ink_vocab_source source;
    ink_gguf_string chat = {NULL, 0};
    ink_status (*write)(const ink_vocab_source *, ink_buffer *, ink_error *) =
        ink_tokenizer_json_write;
    if (!e->model->vocab) {
        ink_warn(&e->options->log, "%s: has no vocabulary to export",
                 ink_gguf_name(e->model->gguf));
        return INK_OK;
    }
    const char *kind = ink_vocab_kind_name(e->model->vocab);
    INK_TRY(ink_model_vocab_source(e->model->gguf, &source, &e->arena, e->error));
    INK_TRY(ink_gguf_get_string(e->model->gguf, "tokenizer.chat_template", &chat, e->error));
    int file = FILE_TOKENIZER;
    if (strcmp(kind, "llama") == 0) {
        file = FILE_SPM;
        write = ink_spm_write;
    } else if (strcmp(kind, "gpt2") != 0 && strcmp(kind, "bert") != 0) {
        return ink_fail(e->error, INK_UNSUPPORTED, 0,
                        "%s: a vocabulary of kind '%s' cannot be exported",
                        ink_gguf_name(e->model->gguf), kind);
    }
    INK_TRY(write(&source, out, e->error));
    INK_TRY(write_bytes(e, file, out));
    INK_TRY(
        ink_tokenizer_config_write(&source, (ink_text){chat.text, chat.n_bytes}, out, e->error));
    return write_bytes(e, FILE_TOKENIZER_CONFIG, out);
}

/* ---- All ------------------------------------------------------------------------------------- */

static ink_status open_model(exporter *e, const char *in)
{
    const ink_conversion *o = e->options;
    if (!ink_copy_format(o->type ? o->type : "F16", &e->type))
        return ink_fail(e->error, INK_BAD_ARGUMENT, 0,
                        "\"%.40s\": safetensors have F32, F16 or BF16", o->type);
    INK_TRY(ink_model_open(
        &e->model, in,
        &(ink_model_options){
            .allocator = o->allocator, .log = o->log, .load = INK_LOAD_METADATA, .n_threads = 1},
        e->error));
    const ink_hparams *h = &e->model->hparams;
    if (!e->model->arch)
        return ink_fail(e->error, INK_UNSUPPORTED, 0, "%s: has a vocabulary only, no weights", in);
    e->dialect = ink_dialect_of_arch(e->model->arch->name, h->n_experts > 0);
    if (!e->dialect || h->v_dim != h->k_dim) /* there is one head_dim */
        return ink_fail(e->error, INK_UNSUPPORTED, 0, "%s: such %s models cannot be exported", in,
                        e->model->arch->name);
    return INK_OK;
}

static ink_status write_all(exporter *e)
{
    ink_buffer out;
    ink_buffer_init(&out, e->options->allocator, MAX_MEMORY);
    ink_status status = write_config(e, &out);
    if (status == INK_OK)
        status = write_tokens(e, &out);
    ink_buffer_deinit(&out);
    return status == INK_OK ? write_weights(e) : status;
}

static void remove_all(const exporter *e)
{
    char path[INK_DOCUMENT_PATH_BYTES];
    for (int i = 0; i < N_FILES; i++)
        if (ink_document_path(e->folder, files[i], path, NULL) == INK_OK)
            (void)unlink(path);
    (void)rmdir(e->folder);
}

/* Only a new or an empty folder, so that nothing of another model stays in it. */
static ink_status make(exporter *e, const char *in, const char *folder)
{
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/')
        n--;
    int length = snprintf(e->folder, sizeof e->folder, "%.*s" UNFINISHED, (int)n, folder);
    if (n == 0 || length >= (int)sizeof e->folder)
        return ink_fail(e->error, INK_BAD_ARGUMENT, 0, "there is no such folder name");
    INK_TRY(open_model(e, in));
    bool existed = access(folder, F_OK) == 0;
    if (existed && rmdir(folder) != 0)
        return ink_fail(e->error, INK_BAD_ARGUMENT, 0, "%s: is there already, and not empty",
                        folder);
    ink_status status = INK_OK;
    if (mkdir(e->folder, 0777) != 0) {
        status = ink_fail(e->error, INK_IO, 0, "%s: cannot be made%s", e->folder,
                          errno == EEXIST ? ", it is there" : "");
    } else {
        status = write_all(e);
        if (status == INK_OK && rename(e->folder, folder) != 0)
            status = ink_fail(e->error, INK_IO, 0, "%s: cannot be made", folder);
        if (status != INK_OK)
            remove_all(e);
    }
    if (status != INK_OK && existed)
        (void)mkdir(folder, 0777);
    return status;
}

ink_status ink_export(const char *in, const char *folder, const ink_conversion *conversion,
                      ink_error *error)
{
    exporter e = {.options = conversion, .error = error};
    if (conversion->tokenizer)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "an export has no tokenizer to name");
    e.copier = (ink_copier){.allocator = conversion->allocator, .progress = conversion->progress};
    ink_arena_init(&e.arena, conversion->allocator, MAX_MEMORY);
    ink_status status = make(&e, in, folder);
    ink_buffer_deinit(&e.header);
    ink_copier_deinit(&e.copier);
    ink_model_free(e.model);
    ink_arena_deinit(&e.arena);
    return status;
}
