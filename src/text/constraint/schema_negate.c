/*
 * What "not" comes to: a schema fails where one of its keywords fails, so its negation is a choice
 * between the negations of its keywords, each written as a schema of its own. Keywords that begin
 * with \x01 exist only here; the writers of numbers, strings and enums know them.
 */
#include <string.h>

#include "base/status.h"
#include "text/constraint/schema_terms.h"

typedef struct negation {
    ink_schema *schema;
    ink_schema_node node; /* a copy: making nodes moves them */
    uint32_t index;
    const char *keyword;
    ink_schema_choice *out; /* with room */
} negation;

enum { MAX_OPTIONS = 512 };

static ink_status no_memory(const negation *n)
{
    return ink_fail_memory(n->schema->error, "a schema");
}

static ink_status offer(negation *n, uint32_t literal)
{
    if (n->out->n == MAX_OPTIONS)
        return ink_schema_fail(n->schema, INK_LIMIT, &n->node, n->keyword,
                               "its negation has more than %d cases", MAX_OPTIONS);
    return ink_schema_offer(n->schema, n->out, literal) ? INK_OK : no_memory(n);
}

/* {"type": type, keyword: value}; `type` or `keyword` may be NULL. */
static ink_status make(negation *n, const char *type, const char *keyword, ink_value value,
                       uint32_t *node)
{
    ink_arena *arena = &n->schema->arena;
    ink_value dict;
    if (!ink_value_new_dict(arena, INK_VALUE_DICT, &dict) ||
        (type && !ink_value_set_name(arena, dict, "type", ink_value_borrow(type, strlen(type)))) ||
        (keyword && !ink_value_set_name(arena, dict, keyword, value)))
        return no_memory(n);
    return ink_schema_node_of(n->schema, dict, &n->node, node);
}

static ink_status offer_made(negation *n, const char *type, const char *keyword, ink_value value)
{
    uint32_t node;
    INK_TRY(make(n, type, keyword, value, &node));
    return offer(n, 2 * node);
}

/* ---- One function a kind of keyword */

static const char *const type_names[] = {"null", "boolean", "number", "string", "array", "object"};

static bool names_type(ink_value value, const char *name)
{
    if (value.kind != INK_VALUE_LIST)
        return ink_value_is_string(value) && ink_value_is_text(value, name);
    for (size_t i = 0; i < value.as.list->n_items; i++)
        if (names_type(value.as.list->items[i], name))
            return true;
    return false;
}

static ink_status not_type(negation *n, ink_value value)
{
    bool whole = names_type(value, "integer") && !names_type(value, "number");
    for (size_t i = 0; i < sizeof type_names / sizeof type_names[0]; i++) {
        bool number = strcmp(type_names[i], "number") == 0;
        if (names_type(value, type_names[i]) || (number && whole))
            continue;
        INK_TRY(offer_made(n, type_names[i], NULL, ink_value_none()));
    }
    if (whole)
        return offer_made(n, "number", INK_SCHEMA_NOT_INTEGER, ink_value_bool(true));
    return INK_OK;
}

static ink_status not_enum(negation *n, ink_value value)
{
    ink_value list = value;
    if (strcmp(n->keyword, "const") == 0 &&
        (!ink_value_new_list(&n->schema->arena, INK_VALUE_LIST, 1, &list) ||
         !ink_value_append(&n->schema->arena, list, value)))
        return no_memory(n);
    return offer_made(n, NULL, INK_SCHEMA_NOT_ENUM, list);
}

/* keyword, type it speaks of, keyword of the opposite, what is added to its number */
static const struct opposite {
    const char *keyword, *type, *opposite;
    int step;
} opposites[] = {{"minimum", "number", "exclusiveMaximum", 0},
                 {"maximum", "number", "exclusiveMinimum", 0},
                 {"exclusiveMinimum", "number", "maximum", 0},
                 {"exclusiveMaximum", "number", "minimum", 0},
                 {"multipleOf", "number", INK_SCHEMA_NOT_MULTIPLE, 0},
                 {"pattern", "string", INK_SCHEMA_NOT_PATTERN, 0},
                 {"format", "string", INK_SCHEMA_NOT_FORMAT, 0},
                 {"minLength", "string", "maxLength", -1},
                 {"maxLength", "string", "minLength", 1},
                 {"minItems", "array", "maxItems", -1},
                 {"maxItems", "array", "minItems", 1},
                 {"minProperties", "object", "maxProperties", -1},
                 {"maxProperties", "object", "minProperties", 1}};

static ink_status not_opposite(negation *n, ink_value value)
{
    const struct opposite *row = opposites;
    uint32_t count;
    while (strcmp(row->keyword, n->keyword) != 0)
        row++;
    if (row->step == 0)
        return offer_made(n, row->type, row->opposite, value);
    INK_TRY(ink_schema_count(n->schema, &n->node, n->keyword, value, &count));
    if (row->step < 0 && count == 0)
        return INK_OK;
    return offer_made(n, row->type, row->opposite, ink_value_integer((int64_t)count + row->step));
}

static ink_status not_required(negation *n, ink_value value)
{
    if (value.kind != INK_VALUE_LIST)
        return ink_schema_fail(n->schema, INK_CORRUPT, &n->node, n->keyword, "it must be a list");
    for (size_t i = 0; i < value.as.list->n_items; i++) {
        ink_value properties;
        if (!ink_value_is_string(value.as.list->items[i]) ||
            !ink_value_new_dict(&n->schema->arena, INK_VALUE_DICT, &properties) ||
            !ink_value_set(&n->schema->arena, properties, value.as.list->items[i],
                           ink_value_bool(false)))
            return no_memory(n);
        INK_TRY(offer_made(n, "object", "properties", properties));
    }
    return INK_OK;
}

/* {"not": schema} as a value that a made up schema can hold. */
static ink_status not_value(negation *n, ink_value schema, ink_value *out)
{
    if (!ink_value_new_dict(&n->schema->arena, INK_VALUE_DICT, out) ||
        !ink_value_set_name(&n->schema->arena, *out, "not", schema))
        return no_memory(n);
    uint32_t registered;
    return ink_schema_node_of(n->schema, *out, &n->node, &registered);
}

/* A property is there and does not satisfy its schema. */
static ink_status not_properties(negation *n, ink_value value)
{
    ink_arena *arena = &n->schema->arena;
    if (value.kind != INK_VALUE_DICT)
        return ink_schema_fail(n->schema, INK_CORRUPT, &n->node, n->keyword,
                               "it must be an object");
    for (uint32_t i = 0; i < value.as.dict->n_entries; i++) {
        ink_value_entry entry = value.as.dict->entries[i];
        ink_value dict, properties, required, opposite, type = ink_value_borrow("object", 6);
        uint32_t node;
        INK_TRY(not_value(n, entry.item, &opposite));
        if (!ink_value_new_dict(arena, INK_VALUE_DICT, &dict) ||
            !ink_value_new_dict(arena, INK_VALUE_DICT, &properties) ||
            !ink_value_new_list(arena, INK_VALUE_LIST, 1, &required) ||
            !ink_value_append(arena, required, entry.key) ||
            !ink_value_set(arena, properties, entry.key, opposite) ||
            !ink_value_set_name(arena, dict, "type", type) ||
            !ink_value_set_name(arena, dict, "properties", properties) ||
            !ink_value_set_name(arena, dict, "required", required))
            return no_memory(n);
        INK_TRY(ink_schema_node_of(n->schema, dict, &n->node, &node));
        INK_TRY(offer(n, 2 * node));
    }
    return INK_OK;
}

/* One of the list fails (allOf), or all of them do (anyOf). */
static ink_status not_list(negation *n, ink_value value)
{
    bool any = strcmp(n->keyword, "anyOf") == 0;
    if (value.kind != INK_VALUE_LIST)
        return ink_schema_fail(n->schema, INK_CORRUPT, &n->node, n->keyword, "it must be a list");
    size_t n_items = value.as.list->n_items;
    ink_conjunction all = {ink_arena_take(&n->schema->arena, n_items, sizeof(uint32_t)), 0};
    if (!all.literals)
        return no_memory(n);
    for (size_t i = 0; i < n_items; i++) {
        uint32_t node;
        INK_TRY(ink_schema_node_of(n->schema, value.as.list->items[i], &n->node, &node));
        all.literals[all.n++] = 2 * node + 1;
        if (!any)
            INK_TRY(offer(n, 2 * node + 1));
    }
    if (any)
        n->out->options[n->out->n++] = all;
    return INK_OK;
}

static ink_status not_not(negation *n, ink_value value)
{
    uint32_t node;
    INK_TRY(ink_schema_node_of(n->schema, value, &n->node, &node));
    return offer(n, 2 * node);
}

static ink_status not_ref(negation *n, ink_value value)
{
    uint32_t node;
    INK_TRY(ink_schema_find_ref(n->schema, &n->node, value, &node));
    return offer(n, 2 * node + 1);
}

static ink_status nothing(negation *n, ink_value value)
{
    (void)n;
    (void)value;
    return INK_OK;
}

static const struct row {
    const char *keyword;
    ink_status (*negate)(negation *n, ink_value value);
} rows[] = {{"type", not_type},
            {"enum", not_enum},
            {"const", not_enum},
            {"minimum", not_opposite},
            {"maximum", not_opposite},
            {"exclusiveMinimum", not_opposite},
            {"exclusiveMaximum", not_opposite},
            {"multipleOf", not_opposite},
            {"pattern", not_opposite},
            {"format", not_opposite},
            {"minLength", not_opposite},
            {"maxLength", not_opposite},
            {"minItems", not_opposite},
            {"maxItems", not_opposite},
            {"minProperties", not_opposite},
            {"maxProperties", not_opposite},
            {"required", not_required},
            {"properties", not_properties},
            {"allOf", not_list},
            {"anyOf", not_list},
            {"not", not_not},
            {"$ref", not_ref},
            {"then", nothing}, /* without "if" they say nothing; "if" itself is not here */
            {"else", nothing}};

static ink_status negate_entry(negation *n, ink_value_entry entry)
{
    static const char *const known[] = {
#define KEYWORD(name, use) name,
#include "text/constraint/keywords.def"
#undef KEYWORD
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (ink_value_is_text(entry.key, rows[i].keyword)) {
            n->keyword = rows[i].keyword;
            return rows[i].negate(n, entry.item);
        }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (ink_value_is_text(entry.key, known[i]))
            return ink_schema_fail(n->schema, INK_UNSUPPORTED, &n->node, known[i],
                                   "it stands where its opposite is needed (under not, if or "
                                   "oneOf), which is not supported for this keyword");
    return INK_OK;
}

ink_status ink_schema_negate(ink_schema *schema, uint32_t node, ink_schema_choice *out)
{
    negation n = {.schema = schema, .node = schema->nodes[node], .index = node, .out = out};
    INK_TRY(ink_schema_choice_init(schema, out, node, "not", MAX_OPTIONS));
    if (n.node.value.kind == INK_VALUE_BOOL) {
        out->n = !n.node.value.as.boolean; /* one option that asks for nothing, or none */
        return INK_OK;
    }
    for (uint32_t i = 0; i < n.node.value.as.dict->n_entries; i++)
        INK_TRY(negate_entry(&n, n.node.value.as.dict->entries[i]));
    return INK_OK;
}
