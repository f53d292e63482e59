#include "text/tools.h"

#include <stdio.h>
#include <string.h>
#include "base/status.h"
#include "text/json.h"

static const ink_tool_format formats[] = {
#define TOOL_FORMAT(name, known_by, marker, begin, open, middle, close, between, end, several, \
                    quote)                                                                     \
    {#name, known_by, marker, begin, open, middle, close, between, end, several, quote},
#include "text/tool_formats.def"
#undef TOOL_FORMAT
};
enum { N_FORMATS = sizeof formats / sizeof *formats };

/* '-' and '_' are the same. */
static bool same_name(const char *a, const char *b)
{
    for (; *a && (*a == *b || (*a == '_' && *b == '-')); a++, b++)
        continue;
    return *a == *b;
}

const ink_tool_format *ink_tool_format_find(const char *name)
{
    for (size_t i = 0; i < N_FORMATS; i++)
        if (same_name(formats[i].name, name))
            return &formats[i];
    return NULL;
}

static bool holds(ink_text text, const char *what)
{
    size_t n = strlen(what);
    for (size_t at = 0; n <= text.n_bytes && at <= text.n_bytes - n; at++)
        if (memcmp(text.data + at, what, n) == 0)
            return true;
    return false;
}

const ink_tool_format *ink_tool_format_of(ink_text template)
{
    for (size_t i = 0; i < N_FORMATS; i++)
        if (*formats[i].known_by && holds(template, formats[i].known_by))
            return &formats[i];
    return NULL;
}

const char *ink_tool_format_names(char out[160])
{
    size_t at = 0;
    for (size_t i = 0; i < N_FORMATS; i++)
        at += (size_t)snprintf(out + at, 160 - at, "%s%s", i ? ", " : "", formats[i].name);
    for (char *c = out; *c; c++)
        if (*c == '_')
            *c = '-';
    return out;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static bool is_name(ink_value text)
{
    for (size_t i = 0; i < text.n_bytes; i++) {
        char c = text.as.text[i];
        bool letter = (c | 32) >= 'a' && (c | 32) <= 'z', digit = c >= '0' && c <= '9';
        if (!letter && !digit && c != '_' && c != '-')
            return false;
    }
    return text.n_bytes > 0 && text.n_bytes <= INK_TOOL_NAME_MAX_BYTES;
}

static ink_status read_name(const struct ink_tools *tools, ink_value function, ink_tool *tool,
                            ink_error *error)
{
    const ink_value *name = ink_value_find_name(function, "name");
    if (!name || !ink_value_is_string(*name) || !is_name(*name))
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "tool %zu: \"name\" must be 1 to %d of A-Z a-z 0-9 _ and -", tools->n + 1,
                        INK_TOOL_NAME_MAX_BYTES);
    for (size_t i = 0; i < tools->n; i++)
        if (ink_value_equal(tools->all[i].name, *name))
            return ink_fail(error, INK_BAD_ARGUMENT, 0, "tool %zu: there is a \"%.*s\" already",
                            tools->n + 1, (int)name->n_bytes, name->as.text);
    tool->name = *name;
    return INK_OK;
}

/* Whether nothing is said of properties that `properties` does not name. */
static bool is_silent_on_others(ink_value schema)
{
    static const char *const words[] = {
        "additionalProperties", "patternProperties", "allOf", "anyOf", "oneOf", "$ref", "not", "if",
        "propertyNames"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (ink_value_find_name(schema, words[i]))
            return false;
    return true;
}

/* A copy, with what is added to it; the tool that templates see stays as it was given. */
static ink_status read_parameters(struct ink_tools *tools, ink_value function, ink_tool *tool,
                                  ink_error *error)
{
    const ink_value *given = ink_value_find_name(function, "parameters");
    ink_arena *arena = &tools->arena;
    bool made = ink_value_new_dict(arena, INK_VALUE_DICT, &tool->parameters);
    if (given && given->kind != INK_VALUE_DICT)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "tool %zu: \"parameters\" must be a schema",
                        tools->n + 1);
    const ink_value *type = given ? ink_value_find_name(*given, "type") : NULL;
    if (given && given->as.dict->n_entries > 0 && (!type || !ink_value_is_text(*type, "object")))
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "tool %zu: \"parameters\" must be a schema with \"type\": \"object\"",
                        tools->n + 1);
    for (uint32_t i = 0; made && given && i < given->as.dict->n_entries; i++)
        made = ink_value_set(arena, tool->parameters, given->as.dict->entries[i].key,
                             given->as.dict->entries[i].item);
    if (made && is_silent_on_others(tool->parameters))
        made = ink_value_set_name(arena, tool->parameters, "additionalProperties",
                                  ink_value_bool(false));
    if (made)
        made = ink_value_set_name(arena, tool->parameters, "type", ink_value_literal("object", 6));
    return made ? INK_OK : ink_fail_memory(error, "tools");
}

static ink_status read_tool(struct ink_tools *tools, ink_value entry, ink_error *error)
{
    ink_tool *tool = &tools->all[tools->n];
    const ink_value *type = NULL, *function = NULL;
    if (entry.kind == INK_VALUE_DICT) {
        type = ink_value_find_name(entry, "type");
        function = ink_value_find_name(entry, "function");
    }
    if (!type || !ink_value_is_text(*type, "function") || !function ||
        function->kind != INK_VALUE_DICT)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "tool %zu is not {\"type\": \"function\", \"function\": {...}}",
                        tools->n + 1);
    INK_TRY(read_name(tools, *function, tool, error));
    INK_TRY(read_parameters(tools, *function, tool, error));
    tools->n++;
    return INK_OK;
}

ink_status ink_tools_read(struct ink_tools *tools, const char *json, size_t n_bytes,
                          ink_error *error)
{
    if (n_bytes > INK_TOOLS_MAX_BYTES)
        return ink_fail(error, INK_LIMIT, 0, "tools of %zu bytes; at most %zu are supported",
                        n_bytes, INK_TOOLS_MAX_BYTES);
    INK_TRY(ink_value_from_json(&tools->arena, json, n_bytes, &tools->list, error));
    if (tools->list.kind != INK_VALUE_LIST || tools->list.as.list->n_items == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "tools are an array of {\"type\": \"function\", \"function\": {...}}");
    size_t n = tools->list.as.list->n_items;
    if (n > INK_TOOLS_MAX)
        return ink_fail(error, INK_LIMIT, 0, "%zu tools; at most %d are supported", n,
                        INK_TOOLS_MAX);
    tools->all = ink_arena_take(&tools->arena, n, sizeof *tools->all);
    if (!tools->all)
        return ink_fail_memory(error, "tools");
    for (size_t i = 0; i < n; i++)
        INK_TRY(read_tool(tools, tools->list.as.list->items[i], error));
    return INK_OK;
}
