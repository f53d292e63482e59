#include "convert/dialect.h"

#include <stdio.h>
#include <string.h>

enum {
#define FAMILY(name, prefix, layer) FAMILY_##name,
#define NAME(family, role, name, order)
#include "convert/names.def"
#undef FAMILY
};

static const struct family {
    const char *prefix, *layer;
} families[] = {
#define FAMILY(name, prefix, layer) {prefix, layer},
#include "convert/names.def"
#undef FAMILY
#undef NAME
};

/* Rows without addresses, which would be most of them; the names stand apart in the same order. */
static const struct row {
    uint8_t family, role, order;
} rows[] = {
#define FAMILY(name, prefix, layer)
#define NAME(family, role, name, order) {FAMILY_##family, INK_WEIGHT_##role, INK_ROWS_##order},
#include "convert/names.def"
#undef NAME
};

static const char names[] =
#define NAME(family, role, name, order) name "\0"
#include "convert/names.def"
#undef FAMILY
#undef NAME
    ;

#define PERMUTE INK_DIALECT_PERMUTE
#define PLUS_ONE INK_DIALECT_PLUS_ONE
#define THETA INK_DIALECT_THETA
#define PARTIAL INK_DIALECT_PARTIAL
#define PARALLEL INK_DIALECT_PARALLEL
#define QUARTER INK_DIALECT_QUARTER
#define SCALES INK_DIALECT_SCALES
#define SCALAR INK_DIALECT_SCALAR
#define POOLS INK_DIALECT_POOLS
#define BOTH_WAYS INK_DIALECT_BOTH_WAYS
#define ADJUST INK_DIALECT_ADJUST
static const ink_dialect dialects[] = {
#define DIALECT(model_type, class_name, arch, family, traits) {traits, FAMILY_##family},
#include "convert/dialects.def"
#undef DIALECT
};
static const char texts[] =
#define DIALECT(model_type, class_name, arch, family, traits) \
    model_type "\0" class_name "\0" arch "\0"
#include "convert/dialects.def"
#undef DIALECT
    ;
#undef PERMUTE
#undef PLUS_ONE
#undef THETA
#undef PARTIAL
#undef PARALLEL
#undef QUARTER
#undef SCALES
#undef SCALAR
#undef POOLS
#undef BOTH_WAYS
#undef ADJUST

#define COUNT(array) (sizeof(array) / sizeof *(array))

const char *ink_dialect_text(const ink_dialect *dialect, ink_dialect_text_id id)
{
    const char *text = texts;
    for (size_t i = 3 * (size_t)(dialect - dialects) + id; i > 0; i--)
        text += strlen(text) + 1;
    return text;
}

static bool looks_both_ways(const ink_dialect *dialect)
{
    return (dialect->traits & INK_DIALECT_BOTH_WAYS) != 0;
}

const ink_dialect *ink_dialect_find(ink_text model_type, bool both_ways)
{
    const ink_dialect *found = NULL;
    for (size_t i = 0; i < COUNT(dialects); i++) {
        const ink_dialect *row = &dialects[i];
        const char *type = ink_dialect_text(row, INK_DIALECT_MODEL_TYPE);
        if ((both_ways || !looks_both_ways(row)) && strlen(type) == model_type.n_bytes &&
            memcmp(type, model_type.data, model_type.n_bytes) == 0)
            found = row; /* those that look both ways stand behind those that do not */
    }
    return found;
}

const ink_dialect *ink_dialect_of_arch(const char *arch, bool experts)
{
    const ink_dialect *found = NULL;
    for (size_t i = 0; i < COUNT(dialects); i++)
        if (strcmp(ink_dialect_text(&dialects[i], INK_DIALECT_ARCH), arch) == 0 &&
            (!found || (experts && dialects[i].family == FAMILY_MIXTRAL)))
            found = &dialects[i];
    return found;
}

void ink_dialect_list(ink_buffer *out)
{
    for (size_t i = 0; i < COUNT(dialects); i++)
        if (!looks_both_ways(&dialects[i]))
            (void)ink_buffer_format(out, "%s%s", i ? ", " : "",
                                    ink_dialect_text(&dialects[i], INK_DIALECT_MODEL_TYPE));
}

static bool find_name(uint8_t family, ink_role role, ink_dialect_name *out)
{
    const char *name = names;
    for (size_t i = 0; i < COUNT(rows); i++, name += strlen(name) + 1) {
        *out = (ink_dialect_name){role, (ink_row_order)rows[i].order, name};
        if (rows[i].family == family && rows[i].role == role)
            return true;
    }
    return false;
}

bool ink_dialect_is_whole(const ink_dialect_name *name)
{
    return strchr(name->name, '=') != NULL;
}

unsigned ink_dialect_half(const ink_dialect_name *name)
{
    return strchr(name->name, '<') ? 1 : strchr(name->name, '>') ? 2 : 0;
}

/* A whole name is that of the weight, or of a bias that stands alone. */
bool ink_dialect_name_of(const ink_dialect *dialect, ink_role role, bool bias,
                         ink_dialect_name *out)
{
    if (!find_name(dialect->family, role, out) && !find_name(FAMILY_LLAMA, role, out))
        return false;
    bool moves = out->order >= INK_ROWS_QUERIES;
    bool permutes = out->order == INK_ROWS_QUERIES || out->order == INK_ROWS_KEYS;
    if ((bias && !moves) || (permutes && !(dialect->traits & INK_DIALECT_PERMUTE)))
        out->order = INK_ROWS_PLAIN;
    return !ink_dialect_is_whole(out) || bias == (ink_parts[role].bias == INK_BIAS_ALONE);
}

size_t ink_dialect_n_sources(const ink_dialect_name *name, size_t n_experts)
{
    size_t n = 1;
    for (const char *at = name->name; *at; at++)
        n += *at == '+';
    return strchr(name->name, '#') ? n_experts : n;
}

void ink_dialect_spell(const ink_dialect *dialect, const ink_dialect_name *name, size_t index,
                       uint32_t layer, const char *suffix, char out[INK_DIALECT_NAME_BYTES])
{
    char stem[64] = "";
    const char *at = name->name, *expert = strchr(at, '#');
    for (size_t i = 0; !expert && i < index; i++)
        at = strchr(at, '+') + 1;
    int n = (int)strcspn(at, "+#=<>");
    if (at[n] == '=')
        suffix = "";
    if (ink_parts[name->role].in_layer)
        (void)snprintf(stem, sizeof stem, families[dialect->family].layer, layer);
    if (expert)
        (void)snprintf(out, INK_DIALECT_NAME_BYTES, "%s%.*s%zu%s%s", stem, n, at, index, expert + 1,
                       suffix);
    else
        (void)snprintf(out, INK_DIALECT_NAME_BYTES, "%s%.*s%s", stem, n, at, suffix);
}

const char *ink_dialect_prefix(const ink_dialect *dialect)
{
    return families[dialect->family].prefix;
}

/* The n-th of its roles, required ones first; INK_WEIGHT_END behind the last. */
static ink_role role_at(const ink_arch *arch, uint32_t n)
{
    uint32_t n_required = 0;
    while (n_required < INK_MAX_ROLES && arch->required[n_required] != INK_WEIGHT_END)
        n_required++;
    if (n < n_required)
        return (ink_role)arch->required[n];
    return n - n_required < INK_MAX_ROLES ? (ink_role)arch->optional[n - n_required]
                                          : INK_WEIGHT_END;
}

bool ink_place_next(const ink_arch *arch, uint32_t n_layers, ink_place *place)
{
    if (place->role != INK_WEIGHT_END && !place->bias) {
        place->bias = true;
        return true;
    }
    place->bias = false;
    for (;;) {
        place->role = role_at(arch, place->next++);
        if (place->role != INK_WEIGHT_END && ink_parts[place->role].in_layer == place->in_layer)
            return true;
        if (place->role != INK_WEIGHT_END)
            continue;
        place->next = 0;
        place->layer += place->in_layer;
        place->in_layer = true;
        if (place->layer == n_layers)
            return false;
    }
}

const char *ink_place_name(const ink_place *place, bool bare, char out[INK_PLACE_NAME_BYTES])
{
    char stem[INK_PART_STEM_BYTES];
    (void)snprintf(out, INK_PLACE_NAME_BYTES, "%s%s",
                   ink_part_stem(place->role, place->layer, stem),
                   place->bias ? ".bias"
                   : bare      ? ""
                               : ".weight");
    return out;
}
