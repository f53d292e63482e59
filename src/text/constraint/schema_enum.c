/* Values that are listed: those of enum and const that every other keyword allows. */
#include <string.h>

#include "base/status.h"
#include "text/constraint/grammar_nodes.h"
#include "text/constraint/schema_terms.h"

/* ---- Equality, as JSON Schema means it: 1 and 1.0 are equal, 1 and true are not. */

static bool lists_equal(const ink_value_list *a, const ink_value_list *b)
{
    if (a->n_items != b->n_items)
        return false;
    for (size_t i = 0; i < a->n_items; i++)
        if (!ink_json_equal(a->items[i], b->items[i]))
            return false;
    return true;
}

static bool dicts_equal(ink_value a, ink_value b)
{
    if (a.as.dict->n_entries != b.as.dict->n_entries)
        return false;
    for (uint32_t i = 0; i < a.as.dict->n_entries; i++) {
        const ink_value_entry *entry = &a.as.dict->entries[i];
        const ink_value *other = ink_value_find(b, entry->key);
        if (!other || !ink_json_equal(entry->item, *other))
            return false;
    }
    return true;
}

bool ink_json_equal(ink_value a, ink_value b)
{
    bool numbers = (a.kind == INK_VALUE_INTEGER || a.kind == INK_VALUE_FLOAT) &&
                   (b.kind == INK_VALUE_INTEGER || b.kind == INK_VALUE_FLOAT);
    if (a.kind != b.kind && !numbers)
        return false;
    if (a.kind == INK_VALUE_LIST)
        return lists_equal(a.as.list, b.as.list);
    if (a.kind == INK_VALUE_DICT)
        return dicts_equal(a, b);
    return ink_value_equal(a, b);
}

static bool holds(ink_value list, ink_value value)
{
    for (size_t i = 0; i < list.as.list->n_items; i++)
        if (ink_json_equal(list.as.list->items[i], value))
            return true;
    return false;
}

/* ---- Which values are left */

/* `enum` or `const` of a node as a list; undefined when it has neither. */
static ink_status list_of(ink_schema *schema, const ink_schema_node *node, ink_value *out)
{
    const ink_value *list = ink_schema_get(node, "enum");
    const ink_value *single = ink_schema_get(node, "const");
    *out = (ink_value){.kind = INK_VALUE_UNDEFINED};
    if (list && list->kind != INK_VALUE_LIST)
        return ink_schema_fail(schema, INK_CORRUPT, node, "enum", "it must be a list");
    if (list && list->as.list->n_items > INK_GRAMMAR_MAX_ALTERNATIVES)
        return ink_schema_fail(schema, INK_LIMIT, node, "enum",
                               "%zu values; at most %u are supported", list->as.list->n_items,
                               INK_GRAMMAR_MAX_ALTERNATIVES);
    if (list && (!single || holds(*list, *single)))
        *out = *list;
    if (!single)
        return INK_OK;
    bool contradicts = list && !holds(*list, *single);
    if (!ink_value_new_list(&schema->arena, INK_VALUE_LIST, 1, out) ||
        (!contradicts && !ink_value_append(&schema->arena, *out, *single)))
        return ink_fail_memory(schema->error, "a schema");
    return INK_OK;
}

/* The first list of the term, and the others; every value must be in all. */
static ink_status lists_of(ink_schema *schema, const ink_schema_term *term, ink_value *lists,
                           uint32_t *n)
{
    *n = 0;
    for (uint32_t i = 0; i < term->n; i++) {
        const ink_schema_node node = schema->nodes[term->literals[i] >> 1];
        if (term->literals[i] & 1)
            continue;
        INK_TRY(list_of(schema, &node, &lists[*n]));
        *n += lists[*n].kind == INK_VALUE_LIST;
    }
    return INK_OK;
}

static unsigned type_of(ink_value value)
{
    switch (value.kind) {
    case INK_VALUE_NONE:
        return INK_TYPE_NULL;
    case INK_VALUE_BOOL:
        return value.as.boolean ? INK_TYPE_TRUE : INK_TYPE_FALSE;
    case INK_VALUE_STRING:
        return INK_TYPE_STRING;
    case INK_VALUE_LIST:
        return INK_TYPE_ARRAY;
    case INK_VALUE_DICT:
        return INK_TYPE_OBJECT;
    default:
        return INK_TYPE_NUMBER;
    }
}

ink_status ink_schema_types_left(ink_schema *schema, const ink_schema_term *term, unsigned *types)
{
    const unsigned single = INK_TYPE_NULL | INK_TYPE_FALSE | INK_TYPE_TRUE;
    *types = term->types;
    for (uint32_t i = 0; i < term->n; i++) {
        const ink_schema_node *node = &schema->nodes[term->literals[i] >> 1];
        const ink_value *list =
            term->literals[i] & 1 ? NULL : ink_schema_get(node, INK_SCHEMA_NOT_ENUM);
        for (size_t k = 0; list && k < list->as.list->n_items; k++) {
            unsigned type = type_of(list->as.list->items[k]);
            if (type >= INK_TYPE_ARRAY && type & *types)
                return ink_schema_fail(schema, INK_UNSUPPORTED, node, "not",
                                       "that a value is not a given array or object is not "
                                       "supported");
            *types &= ~(type & single);
        }
    }
    return INK_OK;
}

/* ---- Literals */

static ink_status literal(ink_schema *schema, ink_value value, ink_expr *out);

static ink_status list_literal(ink_schema *schema, ink_value value, ink_expr *out)
{
    ink_grammar *grammar = schema->grammar;
    ink_expr all = schema->close_array;
    for (size_t i = value.as.list->n_items; i-- > 0;) {
        ink_expr item = INK_EXPR_FAIL;
        INK_TRY(literal(schema, value.as.list->items[i], &item));
        all = ink_expr_seq(grammar, item, all);
        if (i > 0)
            all = ink_expr_seq(grammar, schema->comma, all);
    }
    *out = ink_expr_seq(grammar, schema->open_array, all);
    return INK_OK;
}

static ink_expr string_literal(ink_schema *schema, ink_value text)
{
    ink_grammar *grammar = schema->grammar;
    ink_expr quote = ink_expr_literal(grammar, "\"");
    ink_expr content = ink_text_expr(grammar, text.as.text, text.n_bytes, INK_SPELLED_JSON);
    return ink_expr_seq(grammar, quote, ink_expr_seq(grammar, content, quote));
}

/* A rule for each value, so that its keys may come in the order of the form. */
static ink_status dict_literal(ink_schema *schema, ink_value value, ink_expr *out)
{
    ink_grammar *grammar = schema->grammar;
    const ink_value_dict *dict = value.as.dict;
    ink_object_spec spec = {.n_keys = dict->n_entries,
                            .max = INK_EXPR_FOREVER,
                            .any_order = schema->form == INK_JSON_ANY,
                            .colon = schema->colon,
                            .comma = schema->comma,
                            .close = schema->close_object};
    spec.keys = ink_arena_take(&schema->arena, spec.n_keys, sizeof *spec.keys);
    if (!spec.keys)
        return ink_fail_memory(schema->error, "a schema");
    for (uint32_t i = 0; i < dict->n_entries; i++) {
        ink_object_key *key = &spec.keys[i];
        *key = (ink_object_key){.name = string_literal(schema, dict->entries[i].key),
                                .required = true};
        INK_TRY(literal(schema, dict->entries[i].item, &key->value));
    }
    ink_expr open = ink_expr_seq(grammar, ink_expr_literal(grammar, "{"), schema->blank);
    *out = ink_expr_seq(grammar, open, ink_expr_object(grammar, &spec));
    return INK_OK;
}

static ink_status literal(ink_schema *schema, ink_value value, ink_expr *out)
{
    switch (type_of(value)) {
    case INK_TYPE_NULL:
        *out = ink_expr_literal(schema->grammar, "null");
        return INK_OK;
    case INK_TYPE_FALSE:
    case INK_TYPE_TRUE:
        *out = ink_expr_literal(schema->grammar, value.as.boolean ? "true" : "false");
        return INK_OK;
    case INK_TYPE_STRING:
        *out = string_literal(schema, value);
        return INK_OK;
    case INK_TYPE_ARRAY:
        return list_literal(schema, value, out);
    case INK_TYPE_OBJECT:
        return dict_literal(schema, value, out);
    default:
        *out = ink_schema_number_literal(schema, value);
        return INK_OK;
    }
}

/* ---- Filtering by the other keywords */

typedef struct filter {
    ink_schema *schema;
    const ink_schema_term *term;
    ink_value lists[INK_SCHEMA_MAX_TOGETHER];
    uint32_t n_lists;
    ink_expr by_type[4]; /* number, string, array, object: what the others allow; NONE: not asked */
} filter;

static ink_status allowed(filter *f, unsigned index, ink_expr *out)
{
    static ink_status (*const writers[])(ink_schema *, const ink_schema_term *, ink_expr *) = {
        ink_schema_number, ink_schema_string, ink_schema_array, ink_schema_object};
    if (f->by_type[index] == INK_EXPR_NONE)
        INK_TRY(writers[index](f->schema, f->term, &f->by_type[index]));
    *out = f->by_type[index];
    return INK_OK;
}

/* Whether some text is in both. */
static bool meet(ink_grammar *grammar, ink_expr a, ink_expr b)
{
    ink_expr both = ink_expr_and(grammar, a, b);
    return both != INK_EXPR_FAIL && ink_expr_is_alive(grammar, both);
}

/* A container is only written where the keywords let it be: looked at when the rules are whole. */
static bool is_free(const ink_schema *schema, const ink_schema_term *term, unsigned type)
{
    static const char *const arrays[] = {"prefixItems", "items",       "maxItems",
                                         "minItems",    "uniqueItems", "contains"};
    static const char *const objects[] = {
        "properties",    "patternProperties", "required",     "additionalProperties",
        "propertyNames", "maxProperties",     "minProperties"};
    size_t n = type == INK_TYPE_ARRAY ? sizeof arrays / sizeof arrays[0]
                                      : sizeof objects / sizeof objects[0];
    for (uint32_t i = 0; i < term->n; i++)
        for (size_t k = 0; k < n; k++)
            if (!(term->literals[i] & 1) &&
                ink_schema_get(&schema->nodes[term->literals[i] >> 1],
                               type == INK_TYPE_ARRAY ? arrays[k] : objects[k]))
                return false;
    return true;
}

static bool is_excluded(const filter *f, ink_value value)
{
    for (uint32_t i = 0; i < f->term->n; i++) {
        const ink_value *list =
            f->term->literals[i] & 1
                ? NULL
                : ink_schema_get(&f->schema->nodes[f->term->literals[i] >> 1], INK_SCHEMA_NOT_ENUM);
        if (list && holds(*list, value))
            return true;
    }
    return false;
}

/* The value as far as all keywords allow it; FAIL when they do not. */
static ink_status filtered(filter *f, ink_value value, ink_expr *out)
{
    ink_grammar *grammar = f->schema->grammar;
    unsigned type = type_of(value);
    ink_expr other = INK_EXPR_FAIL;
    *out = INK_EXPR_FAIL;
    for (uint32_t i = 1; i < f->n_lists; i++)
        if (!holds(f->lists[i], value))
            return INK_OK;
    if (!(type & f->term->types) || is_excluded(f, value))
        return INK_OK;
    INK_TRY(literal(f->schema, value, out));
    if (type == INK_TYPE_NUMBER) {
        INK_TRY(allowed(f, 0, &other));
        *out = meet(grammar, *out, other) ? *out : INK_EXPR_FAIL;
    } else if (type == INK_TYPE_STRING) {
        INK_TRY(allowed(f, 1, &other));
        *out = ink_schema_matches(f->schema, other, value) ? *out : INK_EXPR_FAIL;
    } else if (type >= INK_TYPE_ARRAY && !is_free(f->schema, f->term, type)) {
        INK_TRY(allowed(f, type == INK_TYPE_ARRAY ? 2 : 3, &other));
        *out = ink_expr_and(grammar, *out, other);
    }
    return INK_OK;
}

static ink_status write_values(filter *f, ink_expr *out)
{
    ink_grammar *grammar = f->schema->grammar;
    ink_grammar_list found = {NULL, 0, 0};
    const ink_value_list *list = f->lists[0].as.list;
    ink_status status = INK_OK;
    for (size_t i = 0; i < list->n_items && status == INK_OK; i++) {
        ink_expr expr = INK_EXPR_FAIL;
        status = filtered(f, list->items[i], &expr);
        if (status == INK_OK && expr != INK_EXPR_FAIL)
            (void)ink_grammar_push(grammar, &found, expr);
    }
    if (status == INK_OK)
        status = ink_grammar_status(grammar, f->schema->error);
    if (status == INK_OK)
        *out = ink_expr_alts(grammar, found.items, found.n);
    ink_delete(grammar->allocator, found.items);
    grammar->used_bytes -= found.capacity * sizeof *found.items;
    return status == INK_OK ? ink_grammar_status(grammar, f->schema->error) : status;
}

ink_status ink_schema_enum(ink_schema *schema, const ink_schema_term *term, bool *limited,
                           ink_expr *out)
{
    filter *f = ink_new(schema->grammar->allocator, 1, sizeof *f);
    if (!f)
        return ink_fail_memory(schema->error, "a schema");
    f->schema = schema;
    f->term = term;
    *out = INK_EXPR_FAIL;
    ink_status status = lists_of(schema, term, f->lists, &f->n_lists);
    *limited = status == INK_OK && f->n_lists > 0;
    if (*limited)
        status = write_values(f, out);
    ink_delete(schema->grammar->allocator, f);
    return status;
}

/* Of a name of properties: the contents of strings only. */
ink_status ink_schema_enum_strings(ink_schema *schema, const ink_schema_term *term, bool *limited,
                                   ink_expr *out)
{
    filter *f = ink_new(schema->grammar->allocator, 1, sizeof *f);
    if (!f)
        return ink_fail_memory(schema->error, "a schema");
    ink_expr content = INK_EXPR_FAIL;
    *out = INK_EXPR_FAIL;
    ink_status status = lists_of(schema, term, f->lists, &f->n_lists);
    *limited = status == INK_OK && f->n_lists > 0;
    if (*limited)
        status = ink_schema_string(schema, term, &content);
    for (size_t i = 0; *limited && status == INK_OK && i < f->lists[0].as.list->n_items; i++) {
        ink_value item = f->lists[0].as.list->items[i];
        bool inside = ink_value_is_string(item) && ink_schema_matches(schema, content, item);
        for (uint32_t k = 1; k < f->n_lists && inside; k++)
            inside = holds(f->lists[k], item);
        if (inside)
            *out = ink_expr_alt(
                schema->grammar, *out,
                ink_text_expr(schema->grammar, item.as.text, item.n_bytes, INK_SPELLED_JSON));
    }
    ink_delete(schema->grammar->allocator, f);
    return status;
}
