/* Arguments as Gemma writes them: {location:<escape>Paris<escape>,days:3}. */
#define _GNU_SOURCE /* memmem */
#include <string.h>

#include "base/status.h"
#include "text/constraint/answer_parts.h"
#include "text/constraint/schema.h"
#include "text/constraint/tool_grammar.h"

enum { MAX_DEPTH = 32 };

typedef struct writer {
    ink_grammar *grammar;
    const ink_vocab *vocab;
    const char *quote;
    unsigned depth;
    ink_error *error;
} writer;

static ink_status write_value(writer *w, ink_value schema, ink_expr *out);

/* The keywords that are understood, by type; those that say nothing about values stand in ANY. */
static const struct {
    const char *type, *keywords;
} known[] = {
    {"", " type description title default examples nullable "},
    {"string", " enum const "},
    {"array", " items minItems maxItems "},
    {"object", " properties required additionalProperties "},
    {"integer", " enum const minimum maximum exclusiveMinimum exclusiveMaximum multipleOf "},
    {"number", " enum const minimum maximum exclusiveMinimum exclusiveMaximum multipleOf "},
    {"boolean", " enum const "},
};
enum { N_KNOWN = sizeof known / sizeof *known };

static bool has_word(const char *words, ink_value word)
{
    for (const char *at = words; (at = strchr(at, ' ')) && at[1]; at++)
        if (strncmp(at + 1, word.as.text, word.n_bytes) == 0 && at[1 + word.n_bytes] == ' ')
            return true;
    return false;
}

static ink_status check_keywords(const writer *w, ink_value schema, const char **type)
{
    const ink_value *given =
        schema.kind == INK_VALUE_DICT ? ink_value_find_name(schema, "type") : NULL;
    size_t row = N_KNOWN;
    for (size_t i = 1; given && i < N_KNOWN; i++)
        if (ink_value_is_text(*given, known[i].type))
            row = i;
    if (row == N_KNOWN)
        return ink_fail(w->error, INK_UNSUPPORTED, 0,
                        "a schema of arguments in this format needs a \"type\" that is string, "
                        "number, integer, boolean, array or object");
    for (uint32_t i = 0; i < schema.as.dict->n_entries; i++) {
        ink_value key = schema.as.dict->entries[i].key;
        if (!has_word(known[0].keywords, key) && !has_word(known[row].keywords, key))
            return ink_fail(w->error, INK_UNSUPPORTED, 0,
                            "the keyword %.*s of a %s is not supported in this format of calls; "
                            "choose another (json)",
                            (int)key.n_bytes, key.as.text, known[row].type);
    }
    *type = known[row].type;
    return INK_OK;
}

/* A string that is given, or any. */
static ink_expr quoted(writer *w, const ink_value *text)
{
    ink_grammar *g = w->grammar;
    ink_expr quote = ink_marked_expr(g, w->vocab, w->quote);
    ink_expr inside =
        text ? ink_expr_text(g, text->as.text, text->n_bytes) : ink_text_without(g, &w->quote, 1);
    return ink_expr_seq(g, quote, ink_expr_seq(g, inside, quote));
}

static ink_status write_string(writer *w, ink_value schema, ink_expr *out)
{
    const ink_value *choices = ink_value_find_name(schema, "enum"),
                    *only = ink_value_find_name(schema, "const");
    const ink_value *items = only;
    size_t n = only ? 1 : 0;
    if (choices && (only || choices->kind != INK_VALUE_LIST))
        return ink_fail(w->error, INK_UNSUPPORTED, 0,
                        "\"enum\" of a string must be a list, and stand without \"const\"");
    if (choices) {
        items = choices->as.list->items;
        n = choices->as.list->n_items;
    }
    *out = items ? INK_EXPR_FAIL : quoted(w, NULL);
    for (size_t i = 0; items && i < n; i++) {
        if (!ink_value_is_string(items[i]) ||
            (items[i].n_bytes &&
             memmem(items[i].as.text, items[i].n_bytes, w->quote, strlen(w->quote))))
            return ink_fail(w->error, INK_UNSUPPORTED, 0,
                            "values of a string's enum are strings without %s", w->quote);
        *out = ink_expr_alt(w->grammar, *out, quoted(w, &items[i]));
    }
    return INK_OK;
}

static ink_status count_of(const writer *w, ink_value schema, const char *keyword,
                           uint32_t fallback, uint32_t *out)
{
    const ink_value *given = ink_value_find_name(schema, keyword);
    *out = fallback;
    if (!given)
        return INK_OK;
    if (given->kind != INK_VALUE_INTEGER || given->as.integer < 0 || given->as.integer > 65536)
        return ink_fail(w->error, INK_UNSUPPORTED, 0, "%s must be a whole number up to 65536",
                        keyword);
    *out = (uint32_t)given->as.integer;
    return INK_OK;
}

static ink_status write_array(writer *w, ink_value schema, ink_expr *out)
{
    ink_grammar *g = w->grammar;
    const ink_value *items = ink_value_find_name(schema, "items");
    uint32_t min, max;
    ink_expr item;
    if (!items)
        return ink_fail(w->error, INK_UNSUPPORTED, 0, "an array of arguments needs \"items\"");
    INK_TRY(count_of(w, schema, "minItems", 0, &min));
    INK_TRY(count_of(w, schema, "maxItems", INK_EXPR_FOREVER, &max));
    if (min > max)
        return ink_fail(w->error, INK_UNSUPPORTED, 0, "minItems is above maxItems");
    INK_TRY(write_value(w, *items, &item));
    ink_expr more = ink_expr_seq(g, ink_expr_literal(g, ","), item);
    uint32_t most = max == INK_EXPR_FOREVER || max == 0 ? max : max - 1;
    ink_expr list = ink_expr_seq(g, item, ink_expr_repeat(g, more, min ? min - 1 : 0, most));
    if (max == 0)
        list = INK_EXPR_EMPTY;
    else if (min == 0)
        list = ink_expr_optional(g, list);
    *out =
        ink_expr_seq(g, ink_expr_literal(g, "["), ink_expr_seq(g, list, ink_expr_literal(g, "]")));
    return INK_OK;
}

static bool is_required(ink_value schema, ink_value key)
{
    const ink_value *list = ink_value_find_name(schema, "required");
    for (size_t i = 0; list && list->kind == INK_VALUE_LIST && i < list->as.list->n_items; i++)
        if (ink_value_equal(list->as.list->items[i], key))
            return true;
    return false;
}

/* What must be there must be one of the properties: no others are allowed. */
static ink_status check_required(const writer *w, ink_value schema, const ink_value *properties)
{
    const ink_value *list = ink_value_find_name(schema, "required");
    if (list && list->kind != INK_VALUE_LIST)
        return ink_fail(w->error, INK_UNSUPPORTED, 0, "\"required\" must be a list");
    for (size_t i = 0; list && i < list->as.list->n_items; i++) {
        ink_value key = list->as.list->items[i];
        if (!ink_value_is_string(key))
            return ink_fail(w->error, INK_UNSUPPORTED, 0, "\"required\" is a list of strings");
        if (!properties || !ink_value_find(*properties, key))
            return ink_fail(w->error, INK_UNSUPPORTED, 0,
                            "\"required\" names \"%.*s\", which is no property", (int)key.n_bytes,
                            key.as.text);
    }
    return INK_OK;
}

/* Keys stand bare. */
static bool is_bare(ink_value key)
{
    for (size_t i = 0; i < key.n_bytes; i++)
        if (strchr("{}[],:<> \"\n", key.as.text[i]))
            return false;
    return key.n_bytes > 0;
}

static ink_status write_key(writer *w, ink_value schema, const ink_value_entry *entry,
                            ink_object_key *key)
{
    if (!is_bare(entry->key))
        return ink_fail(w->error, INK_UNSUPPORTED, 0,
                        "the property \"%.*s\" cannot be written in this format of calls",
                        (int)entry->key.n_bytes, entry->key.as.text);
    key->name = ink_expr_text(w->grammar, entry->key.as.text, entry->key.n_bytes);
    key->required = is_required(schema, entry->key);
    return write_value(w, entry->item, &key->value);
}

/* Keys in any order, as the templates sort them and models need not. */
static ink_status write_object(writer *w, ink_value schema, ink_expr *out)
{
    ink_grammar *g = w->grammar;
    const ink_value *properties = ink_value_find_name(schema, "properties"),
                    *others = ink_value_find_name(schema, "additionalProperties");
    if (properties && properties->kind != INK_VALUE_DICT)
        return ink_fail(w->error, INK_UNSUPPORTED, 0, "\"properties\" must be an object");
    INK_TRY(check_required(w, schema, properties));
    size_t n = properties ? properties->as.dict->n_entries : 0;
    if (others && (others->kind != INK_VALUE_BOOL || others->as.boolean))
        return ink_fail(w->error, INK_UNSUPPORTED, 0,
                        "additionalProperties can only be false in this format of calls");
    ink_object_key *keys = ink_new(g->allocator, n, sizeof *keys);
    if (!keys)
        return ink_fail_memory(w->error, "a schema");
    ink_status status = INK_OK;
    for (size_t i = 0; status == INK_OK && i < n; i++)
        status = write_key(w, schema, &properties->as.dict->entries[i], &keys[i]);
    const ink_object_spec spec = {.keys = keys,
                                  .n_keys = n,
                                  .max = INK_EXPR_FOREVER,
                                  .any_order = true,
                                  .colon = ink_expr_literal(g, ":"),
                                  .comma = ink_expr_literal(g, ","),
                                  .close = ink_expr_literal(g, "}")};
    if (status == INK_OK)
        *out = ink_expr_seq(g, ink_expr_literal(g, "{"), ink_expr_object(g, &spec));
    ink_delete(g->allocator, keys);
    return status;
}

static ink_status write_value(writer *w, ink_value schema, ink_expr *out)
{
    const char *type = "";
    INK_TRY(check_keywords(w, schema, &type));
    if (++w->depth > MAX_DEPTH)
        return ink_fail(w->error, INK_LIMIT, 0, "a schema of more than %d levels", MAX_DEPTH);
    ink_status status;
    if (strcmp(type, "string") == 0)
        status = write_string(w, schema, out);
    else if (strcmp(type, "array") == 0)
        status = write_array(w, schema, out);
    else if (strcmp(type, "object") == 0)
        status = write_object(w, schema, out);
    else
        status = ink_schema_grow(w->grammar, schema, INK_JSON_PLAIN, out, w->error);
    w->depth--;
    return status;
}

ink_status ink_tool_bare_arguments(ink_grammar *grammar, const ink_vocab *vocab, ink_value schema,
                                   const char *quote, ink_expr *out, ink_error *error)
{
    writer w = {grammar, vocab, quote, 0, error};
    return write_value(&w, schema, out);
}
