#include "learn/config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/nearest.h"
#include "text/json.h"

enum { KEY_BYTES = 160, MAX_NAMES = 64, MAX_CONFIG_MEMORY = 1 << 24 };

typedef enum value_type { TYPE_u32, TYPE_f32, TYPE_bool } value_type;

static const struct row {
    const char *key;
    value_type type;
    bool required;
} rows[] = {
#define CONFIG(type, key, required, help) {key, TYPE_##type, required},
#include "learn/config.def"
#undef CONFIG
};

static const char *const own_keys[] = {"architecture", "name", "tied_embeddings", "biases",
                                       "initializer_range"};

static const char *const bias_names[] = {
#define X(name, text) text,
    INK_BIASES_TABLE(X)
#undef X
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

typedef struct reader {
    ink_config *config;
    ink_gguf_writer *writer;
    ink_value object;
    ink_error *error;
} reader;

/* ---- Messages -------------------------------------------------------------------------------- */

/* "...; did you mean X?" */
static ink_status refuse_name(reader *r, ink_status status, const char *what, const char *word,
                              const char *const *names, size_t n)
{
    const char *nearest = ink_nearest(word, names, n);
    return ink_fail(r->error, status, 0, "%s: %s \"%.60s\" is not known%s%s%s", r->config->file,
                    what, word, nearest ? "; did you mean \"" : "", nearest ? nearest : "",
                    nearest ? "\"?" : "");
}

static ink_status refuse_type(const reader *r, const char *key, const char *wanted, ink_value found)
{
    return ink_fail(r->error, INK_BAD_ARGUMENT, 0, "%s: %s must be %s, but is a %s",
                    r->config->file, key, wanted, ink_value_kind_name(found.kind));
}

/* Terminated, cut where it is long: to be looked for and shown. */
static const char *word_of(ink_value text, char out[KEY_BYTES])
{
    (void)snprintf(out, KEY_BYTES, "%.*s", (int)(text.n_bytes < KEY_BYTES ? text.n_bytes : 100),
                   text.as.text);
    return out;
}

/* ---- Keys of our own ------------------------------------------------------------------------- */

/* *out is "" where the key is absent. */
static ink_status get_word(reader *r, const char *key, char out[KEY_BYTES])
{
    const ink_value *value = ink_value_find_name(r->object, key);
    out[0] = '\0';
    if (!value)
        return INK_OK;
    if (!ink_value_is_string(*value))
        return refuse_type(r, key, "a string", *value);
    (void)word_of(*value, out);
    if (out[0] == '\0' || !ink_value_is_text(*value, out))
        return ink_fail(r->error, INK_BAD_ARGUMENT, 0, "%s: %s \"%s\" is not known",
                        r->config->file, key, out);
    return INK_OK;
}

static const char *untrainable_part(const ink_arch *arch)
{
    if (arch->kind != INK_KIND_CAUSAL)
        return "no logits";
    for (ink_role role = INK_WEIGHT_END + 1; role < INK_N_WEIGHT_ROLES; role++)
        if (ink_role_untrainable(role) && ink_arch_requires(arch, role))
            return ink_role_untrainable(role);
    return ink_arch_requires(arch, INK_WEIGHT_ATTENTION_OUTPUT) ? NULL : "layers of several kinds";
}

static ink_status read_architecture(reader *r)
{
    static const ink_arch *const all[] = {
#define ARCH(name) &ink_arch_##name,
#include "model/archs.def"
#undef ARCH
    };
    char word[KEY_BYTES];
    const char *names[COUNT(all)];
    size_t n = 0;
    INK_TRY(get_word(r, "architecture", word));
    if (word[0] == '\0')
        return ink_fail(r->error, INK_BAD_ARGUMENT, 0,
                        "%s: names no \"architecture\"; for instance \"llama\"", r->config->file);
    r->config->arch = ink_arch_find(word);
    for (size_t i = 0; i < COUNT(all); i++)
        if (!untrainable_part(all[i]))
            names[n++] = all[i]->name;
    if (!r->config->arch)
        return refuse_name(r, INK_UNSUPPORTED, "architecture", word, names, n);
    const char *part = untrainable_part(r->config->arch);
    if (part)
        return ink_fail(r->error, INK_UNSUPPORTED, 0,
                        "%s: %s has %s, which cannot be trained; dense models that generate can",
                        r->config->file, word, part);
    return INK_OK;
}

static ink_status read_biases(reader *r)
{
    char word[KEY_BYTES];
    ink_config *config = r->config;
    config->biases = config->arch->fresh.biases;
    INK_TRY(get_word(r, "biases", word));
    for (size_t i = 0; i < COUNT(bias_names); i++) {
        if (strcmp(word, bias_names[i]) == 0) {
            config->biases = (ink_biases)i;
            return INK_OK;
        }
    }
    return word[0] ? refuse_name(r, INK_BAD_ARGUMENT, "biases", word, bias_names, COUNT(bias_names))
                   : INK_OK;
}

static ink_status read_tied(reader *r)
{
    ink_config *config = r->config;
    const ink_value *value = ink_value_find_name(r->object, "tied_embeddings");
    bool can = !ink_arch_requires(config->arch, INK_WEIGHT_OUTPUT);
    config->tied = can;
    if (!value)
        return INK_OK;
    if (value->kind != INK_VALUE_BOOL)
        return refuse_type(r, "tied_embeddings", "true or false", *value);
    config->tied = value->as.boolean;
    if (config->tied && !can)
        return ink_fail(r->error, INK_BAD_ARGUMENT, 0,
                        "%s: tied_embeddings is true, but %s has a matrix of its own for logits",
                        config->file, config->arch->name);
    return INK_OK;
}

static bool number_of(ink_value value, double *out)
{
    if (value.kind != INK_VALUE_INTEGER && value.kind != INK_VALUE_FLOAT)
        return false;
    *out = value.kind == INK_VALUE_INTEGER ? (double)value.as.integer : value.as.real;
    return isfinite(*out) != 0;
}

static ink_status read_deviation(reader *r)
{
    double number = 0.02;
    const ink_value *value = ink_value_find_name(r->object, "initializer_range");
    if (value && !number_of(*value, &number))
        return refuse_type(r, "initializer_range", "a number", *value);
    if (!(number > 0 && number <= 1))
        return ink_fail(r->error, INK_BAD_ARGUMENT, 0,
                        "%s: initializer_range is %g; it must be above 0 and at most 1",
                        r->config->file, number);
    r->config->deviation = (float)number;
    return INK_OK;
}

static ink_status read_name(reader *r)
{
    const ink_value *value = ink_value_find_name(r->object, "name");
    if (!value)
        return INK_OK;
    if (!ink_value_is_string(*value))
        return refuse_type(r, "name", "a string", *value);
    return ink_gguf_writer_set_string(r->writer, "general.name",
                                      (ink_gguf_string){value->as.text, value->n_bytes}, r->error);
}

/* ---- Keys of metadata ------------------------------------------------------------------------ */

static ink_status set_number(reader *r, const struct row *row, const char *key, ink_value value)
{
    double number;
    if (row->type == TYPE_bool)
        return value.kind == INK_VALUE_BOOL
                   ? ink_gguf_writer_set_bool(r->writer, key, value.as.boolean, r->error)
                   : refuse_type(r, row->key, "true or false", value);
    if (row->type == TYPE_f32) {
        if (!number_of(value, &number))
            return refuse_type(r, row->key, "a number", value);
        return ink_gguf_writer_set_f32(r->writer, key, (float)number, r->error);
    }
    if (value.kind != INK_VALUE_INTEGER)
        return refuse_type(r, row->key, "a whole number", value);
    if (value.as.integer < 0 || value.as.integer > UINT32_MAX)
        return ink_fail(r->error, INK_BAD_ARGUMENT, 0, "%s: %s is %lld, which is out of range",
                        r->config->file, row->key, (long long)value.as.integer);
    return ink_gguf_writer_set_u32(r->writer, key, (uint32_t)value.as.integer, r->error);
}

static ink_status set_row(reader *r, const struct row *row)
{
    const ink_arch *arch = r->config->arch;
    const ink_value *value = ink_value_find_name(r->object, row->key);
    char key[KEY_BYTES];
    (void)snprintf(key, sizeof key, "%s.%s", arch->name, row->key);
    if (value)
        return set_number(r, row, key, *value);
    if (row->required)
        return ink_fail(r->error, INK_BAD_ARGUMENT, 0, "%s: \"%s\" is missing", r->config->file,
                        row->key);
    const char *epsilon = arch->norm == INK_NORM_RMS ? "attention.layer_norm_rms_epsilon"
                                                     : "attention.layer_norm_epsilon";
    return strcmp(row->key, epsilon) == 0 ? ink_gguf_writer_set_f32(r->writer, key, 1e-5f, r->error)
                                          : INK_OK;
}

static ink_status check_keys(reader *r)
{
    const char *names[MAX_NAMES];
    char word[KEY_BYTES];
    size_t n = 0;
    _Static_assert(COUNT(rows) + COUNT(own_keys) <= MAX_NAMES, "room for the names of all keys");
    for (size_t i = 0; i < COUNT(rows); i++)
        names[n++] = rows[i].key;
    for (size_t i = 0; i < COUNT(own_keys); i++)
        names[n++] = own_keys[i];
    for (uint32_t i = 0; i < r->object.as.dict->n_entries; i++) {
        const ink_value key = r->object.as.dict->entries[i].key;
        bool known = false;
        for (size_t j = 0; j < n && !known; j++)
            known = ink_value_is_text(key, names[j]);
        if (!known)
            return refuse_name(r, INK_BAD_ARGUMENT, "key", word_of(key, word), names, n);
    }
    return INK_OK;
}

static ink_status read_all(reader *r)
{
    INK_TRY(check_keys(r));
    INK_TRY(read_architecture(r));
    INK_TRY(read_biases(r));
    INK_TRY(read_tied(r));
    INK_TRY(read_deviation(r));
    INK_TRY(ink_gguf_writer_set_text(r->writer, "general.architecture", r->config->arch->name,
                                     r->error));
    INK_TRY(read_name(r));
    for (size_t i = 0; i < COUNT(rows); i++)
        INK_TRY(set_row(r, &rows[i]));
    return INK_OK;
}

static ink_status parse(reader *r, ink_arena *arena, const char *text, size_t n_bytes)
{
    ink_error inner = {0};
    if (n_bytes > INK_CONFIG_MAX_BYTES)
        return ink_fail(r->error, INK_LIMIT, 0, "%s: has %zu bytes, at most %zu are read",
                        r->config->file, n_bytes, INK_CONFIG_MAX_BYTES);
    ink_status status = ink_value_from_json(arena, text, n_bytes, &r->object, &inner);
    if (status != INK_OK)
        return ink_fail(r->error, status, inner.offset, "%s: %s", r->config->file, inner.message);
    if (r->object.kind != INK_VALUE_DICT)
        return refuse_type(r, "a configuration", "a JSON object", r->object);
    return INK_OK;
}

ink_status ink_config_read(ink_config *config, ink_gguf_writer *writer, const char *text,
                           size_t n_bytes, const char *file, ink_arena *arena, ink_error *error)
{
    ink_arena json;
    *config = (ink_config){.file = file};
    reader r = {.config = config, .writer = writer, .error = error};
    ink_arena_init(&json, arena->allocator, MAX_CONFIG_MEMORY);
    ink_status status = parse(&r, &json, text, n_bytes);
    if (status == INK_OK)
        status = read_all(&r);
    if (status == INK_OK)
        status = ink_hparams_preview(&config->hparams, config->arch, writer, file, arena, error);
    ink_arena_deinit(&json);
    return status;
}

bool ink_config_has(const ink_config *config, ink_role role)
{
    const ink_arch *arch = config->arch;
    if (role == INK_WEIGHT_OUTPUT)
        return !config->tied;
    for (size_t i = 0; i < COUNT(arch->fresh.with); i++)
        if (role != INK_WEIGHT_END && arch->fresh.with[i] == role)
            return true;
    return ink_arch_requires(arch, role);
}
