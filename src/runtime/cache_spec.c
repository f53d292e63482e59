#include "runtime/cache_spec.h"

#include <string.h>
#include "base/sha256.h"
#include "base/status.h"
#include "model/decoder.h"

typedef struct cache_format {
    const char *name;
    ink_format k_format, v_format;
    bool rotated;
    uint32_t n_recent;
} cache_format;

static const cache_format formats[] = {
#define CACHE(name, keys, values, rotated, recent) \
    {#name, INK_FORMAT_##keys, INK_FORMAT_##values, rotated, recent},
#include "runtime/cache_formats.def"
#undef CACHE
};
enum { N_FORMATS = sizeof formats / sizeof *formats };

/* What latest positions are kept in. */
#define RECENT_FORMAT INK_FORMAT_Q8_0

const char *ink_cache_format_name(size_t index)
{
    return index < N_FORMATS ? formats[index].name : NULL;
}

ink_format ink_cache_format_of(size_t index, bool values)
{
    return values ? formats[index].v_format : formats[index].k_format;
}

/* ---- Reading --------------------------------------------------------------------------------- */

typedef struct reader {
    const char *text, *at;
    size_t n_layers;
    ink_error *error;
} reader;

static ink_status refuse(const reader *r, const char *what)
{
    size_t place = (size_t)(r->at - r->text);
    return ink_fail(r->error, INK_BAD_ARGUMENT, place,
                    "cache \"%.60s\": %s at byte %zu; write FORMAT, KEYS,VALUES or "
                    "LAYERS=KEYS,VALUES, with / between parts",
                    r->text, what, place);
}

static size_t word_length(const char *text)
{
    size_t n = 0;
    while ((text[n] >= 'a' && text[n] <= 'z') || (text[n] >= 'A' && text[n] <= 'Z') ||
           (text[n] >= '0' && text[n] <= '9') || text[n] == '_')
        n++;
    return n;
}

static bool same_word(const char *name, const char *word, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (name[i] != (word[i] >= 'A' && word[i] <= 'Z' ? word[i] - 'A' + 'a' : word[i]))
            return false;
    return name[n] == '\0';
}

static ink_status read_format(reader *r, uint8_t *row)
{
    size_t n = word_length(r->at);
    for (size_t i = 0; n > 0 && i < N_FORMATS; i++)
        if (same_word(formats[i].name, r->at, n)) {
            *row = (uint8_t)i;
            r->at += n;
            return INK_OK;
        }
    ink_buffer names;
    ink_buffer_init(&names, NULL, 200);
    for (size_t i = 0; i < N_FORMATS; i++)
        (void)ink_buffer_format(&names,
                                i == 0              ? "%s"
                                : i + 1 < N_FORMATS ? ", %s"
                                                    : " or %s",
                                formats[i].name);
    ink_status status =
        ink_fail(r->error, INK_BAD_ARGUMENT, (uint64_t)(r->at - r->text),
                 "cache format \"%.20s\": use %s", r->at, names.data ? names.data : "another");
    ink_buffer_deinit(&names);
    return status;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static ink_status read_layer(reader *r, size_t *layer)
{
    const char *begin = r->at;
    *layer = 0;
    for (; is_digit(*r->at) && *layer <= INK_MAX_LAYERS; r->at++)
        *layer = *layer * 10 + (size_t)(*r->at - '0');
    if (r->at > begin && *layer < r->n_layers)
        return INK_OK;
    r->at = begin;
    return refuse(r, is_digit(*begin) ? "the model has no such layer" : "a layer is missing");
}

/* "N=", "N-M=", or nothing: all layers. */
static ink_status read_layers(reader *r, size_t *first, size_t *last)
{
    *first = 0;
    *last = r->n_layers - 1;
    if (!is_digit(*r->at))
        return INK_OK;
    INK_TRY(read_layer(r, first));
    *last = *first;
    if (*r->at == '-') {
        r->at++;
        INK_TRY(read_layer(r, last));
    }
    if (*last < *first)
        return refuse(r, "layers in the wrong order");
    if (*r->at != '=')
        return refuse(r, "no = behind layers");
    r->at++;
    return INK_OK;
}

static ink_status read_part(reader *r, ink_cache_spec *spec)
{
    size_t first, last;
    uint8_t keys, values;
    INK_TRY(read_layers(r, &first, &last));
    INK_TRY(read_format(r, &keys));
    values = keys;
    if (*r->at == ',') {
        r->at++;
        INK_TRY(read_format(r, &values));
    }
    memset(spec->keys + first, keys, last - first + 1);
    memset(spec->values + first, values, last - first + 1);
    return INK_OK;
}

#define NO_FORMAT UINT8_MAX

static ink_status read_parts(reader *r, ink_cache_spec *spec)
{
    memset(spec, NO_FORMAT, sizeof *spec);
    for (;;) {
        INK_TRY(read_part(r, spec));
        if (*r->at == '\0')
            return INK_OK;
        if (*r->at != '/')
            return refuse(r, "an unknown sign");
        r->at++;
    }
}

ink_status ink_cache_spec_read(ink_cache_spec *spec, const char *text, size_t n_layers,
                               ink_error *error)
{
    reader r = {.text = text ? text : INK_CACHE_DEFAULT, .n_layers = n_layers, .error = error};
    r.at = r.text;
    INK_TRY(read_parts(&r, spec));
    return memchr(spec->keys, NO_FORMAT, n_layers)
               ? refuse(&r, "a layer has no format (begin with one for all)")
               : INK_OK;
}

ink_status ink_cache_check(const char *cache, ink_error *error)
{
    ink_cache_spec spec;
    reader r = {.text = cache, .at = cache, .n_layers = INK_MAX_LAYERS, .error = error};
    return read_parts(&r, &spec);
}

/* ---- Layers ---------------------------------------------------------------------------------- */

static size_t n_recent_of(const ink_cache_spec *spec, size_t layer)
{
    size_t keys = formats[spec->keys[layer]].n_recent,
           values = formats[spec->values[layer]].n_recent;
    return keys > values ? keys : values;
}

/* A layer that sees no further anyway keeps the wider form alone. */
static bool has_two_forms(const ink_cache_spec *spec, const ink_model *model, size_t layer)
{
    size_t n_recent = n_recent_of(spec, layer), window = ink_model_window(model, layer);
    return n_recent > 0 && (window == 0 || window > n_recent);
}

size_t ink_cache_spec_n_layers(const ink_cache_spec *spec, const ink_model *model)
{
    size_t n = model->hparams.n_layers;
    for (size_t i = 0; i < n; i++)
        if (has_two_forms(spec, model, i))
            return 2 * n;
    return n;
}

static ink_status refuse_heads(const ink_cache_spec *spec, const ink_kv_layout *layout,
                               size_t layer, ink_error *error)
{
    uint32_t keys = ink_formats[layout->k_format].block_elements,
             values = ink_formats[layout->v_format].block_elements;
    return ink_fail(error, INK_BAD_ARGUMENT, 0,
                    "a cache in %s needs heads whose width is a multiple of %u, but they are %zu "
                    "and %zu wide; use f16 or f32",
                    formats[keys >= values ? spec->keys[layer] : spec->values[layer]].name,
                    keys > values ? keys : values, layout->k_dim, layout->v_dim);
}

ink_status ink_cache_spec_layout(const ink_cache_spec *spec, const ink_model *model, size_t index,
                                 ink_kv_layout *layout, size_t *window, ink_error *error)
{
    const size_t n = model->hparams.n_layers, layer = index % n;
    const cache_format *keys = &formats[spec->keys[layer]], *values = &formats[spec->values[layer]];
    const bool two = has_two_forms(spec, model, layer), second = index >= n;
    *layout = (ink_kv_layout){.k_format = keys->k_format,
                              .v_format = values->v_format,
                              .k_rotated = keys->rotated,
                              .v_rotated = values->rotated};
    *window = ink_model_window(model, layer);
    if (second || !two) { /* the wider form, where there is one */
        layout->k_format = keys->n_recent ? RECENT_FORMAT : keys->k_format;
        layout->v_format = values->n_recent ? RECENT_FORMAT : values->v_format;
    }
    if (two)
        layout->n_recent = n_recent_of(spec, layer);
    if (second && two)
        *window = layout->n_recent;
    ink_model_kv_layout(model, layer, layout);
    if (second && !two)
        layout->n_heads = 0;
    if (layout->n_heads == 0 || ink_kv_layout_init(layout))
        return INK_OK;
    return refuse_heads(spec, layout, layer, error);
}

/* ---- Names ----------------------------------------------------------------------------------- */

void ink_cache_spec_name(const ink_cache_spec *spec, size_t n_layers,
                         char name[INK_CACHE_NAME_BYTES])
{
    static const char mixed[] = "MIXED ", digits[] = "0123456789abcdef";
    bool plain = true;
    for (size_t i = 0; i < n_layers; i++)
        plain = plain && spec->keys[i] == spec->keys[0] && spec->values[i] == spec->keys[0];
    memset(name, 0, INK_CACHE_NAME_BYTES);
    if (plain) {
        const char *from = formats[spec->keys[0]].name;
        for (size_t i = 0; from[i]; i++)
            name[i] = (char)(from[i] >= 'a' && from[i] <= 'z' ? from[i] - 'a' + 'A' : from[i]);
        return;
    }
    uint8_t digest[INK_SHA256_BYTES];
    ink_sha256 sum;
    ink_sha256_init(&sum);
    for (size_t i = 0; i < n_layers; i++) {
        const char *keys = formats[spec->keys[i]].name, *values = formats[spec->values[i]].name;
        ink_sha256_add(&sum, keys, strlen(keys) + 1);
        ink_sha256_add(&sum, values, strlen(values) + 1);
    }
    ink_sha256_finish(&sum, digest);
    memcpy(name, mixed, sizeof mixed - 1);
    for (size_t i = sizeof mixed - 1; i < INK_CACHE_NAME_BYTES; i++) {
        size_t nibble = i - (sizeof mixed - 1);
        name[i] = digits[digest[nibble / 2] >> 4 * (nibble % 2) & 15];
    }
}
