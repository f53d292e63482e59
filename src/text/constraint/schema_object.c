/*
 * Objects: the keys that any schema of the term names, each with all that must hold for its value,
 * and for other keys one row for each set of patternProperties that they may match.
 */
#include <string.h>

#include "base/size.h"
#include "base/status.h"
#include "text/constraint/grammar_nodes.h"
#include "text/constraint/schema_terms.h"

typedef struct key_pattern {
    uint32_t node; /* that it belongs to */
    ink_value schema;
    ink_expr name; /* language of the key, between its quotes */
} key_pattern;

typedef struct object_shape {
    ink_schema *schema;
    const ink_schema_term *term;
    ink_value keys; /* a dict of the names, each with whether it is required */
    key_pattern patterns[INK_SCHEMA_MAX_PATTERNS];
    size_t n_patterns;
    ink_expr names; /* what propertyNames allow; FAIL when they say nothing */
    bool limits_names;
    uint32_t min, max;
} object_shape;

static ink_status no_memory(const object_shape *s)
{
    return ink_fail_memory(s->schema->error, "a schema");
}

/* ---- Gathering */

static ink_status add_key(object_shape *s, ink_value key, bool required)
{
    const ink_value *known = ink_value_find(s->keys, key);
    required |= known && known->as.boolean;
    return ink_value_set(&s->schema->arena, s->keys, key, ink_value_bool(required)) ? INK_OK
                                                                                    : no_memory(s);
}

static ink_status wants(const object_shape *s, const ink_schema_node *node, const char *keyword,
                        ink_value value, ink_value_kind kind)
{
    if (value.kind == kind)
        return INK_OK;
    return ink_schema_fail(s->schema, INK_CORRUPT, node, keyword, "it must be %s",
                           kind == INK_VALUE_DICT ? "an object" : "a list of strings");
}

static ink_status add_properties(object_shape *s, const ink_schema_node *node)
{
    const ink_value *properties = ink_schema_get(node, "properties");
    const ink_value *required = ink_schema_get(node, "required");
    if (properties) {
        INK_TRY(wants(s, node, "properties", *properties, INK_VALUE_DICT));
        for (uint32_t i = 0; i < properties->as.dict->n_entries; i++)
            INK_TRY(add_key(s, properties->as.dict->entries[i].key, false));
    }
    if (!required)
        return INK_OK;
    INK_TRY(wants(s, node, "required", *required, INK_VALUE_LIST));
    for (size_t i = 0; i < required->as.list->n_items; i++) {
        INK_TRY(wants(s, node, "required", required->as.list->items[i], INK_VALUE_STRING));
        INK_TRY(add_key(s, required->as.list->items[i], true));
    }
    return INK_OK;
}

static ink_status add_patterns(object_shape *s, uint32_t index)
{
    const ink_schema_node node = s->schema->nodes[index];
    const ink_value *patterns = ink_schema_get(&node, "patternProperties");
    if (!patterns)
        return INK_OK;
    INK_TRY(wants(s, &node, "patternProperties", *patterns, INK_VALUE_DICT));
    for (uint32_t i = 0; i < patterns->as.dict->n_entries; i++) {
        const ink_value_entry *entry = &patterns->as.dict->entries[i];
        if (s->n_patterns == INK_SCHEMA_MAX_PATTERNS)
            return ink_schema_fail(s->schema, INK_LIMIT, &node, "patternProperties",
                                   "more than %d patterns hold for one object",
                                   INK_SCHEMA_MAX_PATTERNS);
        key_pattern *row = &s->patterns[s->n_patterns++];
        *row = (key_pattern){.node = index, .schema = entry->item};
        INK_TRY(ink_schema_pattern(s->schema, &node, "patternProperties", entry->key, &row->name));
    }
    return INK_OK;
}

/* Adds one term's strings. */
static ink_status add_name_term(ink_schema *schema, const ink_schema_term *term, void *context)
{
    ink_expr *names = context, expr = INK_EXPR_FAIL;
    bool limited = false;
    if (!(term->types & INK_TYPE_STRING))
        return INK_OK;
    INK_TRY(ink_schema_enum_strings(schema, term, &limited, &expr));
    if (!limited)
        INK_TRY(ink_schema_string(schema, term, &expr));
    *names = ink_expr_alt(schema->grammar, *names, expr);
    return INK_OK;
}

static ink_status add_names(object_shape *s, const ink_schema_node *node)
{
    ink_schema *schema = s->schema;
    const ink_value *value = ink_schema_get(node, "propertyNames");
    ink_expr names = INK_EXPR_FAIL;
    uint32_t target;
    if (!value)
        return INK_OK;
    INK_TRY(ink_schema_node_of(schema, *value, node, &target));
    ink_conjunction of = ink_schema_one(schema, 2 * target);
    if (!of.literals)
        return no_memory(s);
    INK_TRY(ink_schema_expand(schema, of, add_name_term, &names));
    s->names = s->limits_names ? ink_expr_and(schema->grammar, s->names, names) : names;
    s->limits_names = true;
    return INK_OK;
}

static ink_status shape_of(ink_schema *schema, const ink_schema_term *term, object_shape *s)
{
    *s = (object_shape){.schema = schema, .term = term, .names = INK_EXPR_FAIL};
    if (!ink_value_new_dict(&schema->arena, INK_VALUE_DICT, &s->keys))
        return no_memory(s);
    INK_TRY(ink_schema_min_of(schema, term, "minProperties", &s->min));
    INK_TRY(ink_schema_max_of(schema, term, "maxProperties", &s->max));
    for (uint32_t i = 0; i < term->n; i++) {
        const ink_schema_node node = schema->nodes[term->literals[i] >> 1];
        if (term->literals[i] & 1)
            continue;
        INK_TRY(add_properties(s, &node));
        INK_TRY(add_patterns(s, term->literals[i] >> 1));
        INK_TRY(add_names(s, &node));
    }
    if (s->keys.as.dict->n_entries > INK_OBJECT_MAX_KEYS)
        return ink_fail(schema->error, INK_LIMIT, 0,
                        "the schema has an object with %" PRIu32
                        " properties; at most %d are supported",
                        s->keys.as.dict->n_entries, INK_OBJECT_MAX_KEYS);
    return ink_grammar_status(schema->grammar, schema->error);
}

/* ---- What must hold for the value of a key */

static ink_status add_value(object_shape *s, ink_conjunction *to, uint32_t capacity, uint32_t index,
                            ink_value value)
{
    const ink_schema_node node = s->schema->nodes[index];
    uint32_t target;
    INK_TRY(ink_schema_node_of(s->schema, value, &node, &target));
    return ink_schema_add(s->schema, to, capacity, 2 * target);
}

/*
 * `matched`: a bit for each pattern that the key matches; `key` is NULL for one that no schema
 * names.
 */
static ink_status value_of(object_shape *s, const ink_value *key, unsigned matched,
                           ink_conjunction *out)
{
    uint32_t capacity = s->term->n + INK_SCHEMA_MAX_PATTERNS + 1;
    *out = (ink_conjunction){ink_arena_take(&s->schema->arena, capacity, sizeof *out->literals), 0};
    if (!out->literals)
        return no_memory(s);
    for (uint32_t i = 0; i < s->term->n; i++) {
        uint32_t index = s->term->literals[i] >> 1;
        const ink_schema_node node = s->schema->nodes[index];
        const ink_value *properties = ink_schema_get(&node, "properties");
        const ink_value *others = ink_schema_get(&node, "additionalProperties");
        const ink_value *own = key && properties ? ink_value_find(*properties, *key) : NULL;
        bool spoken_of = own != NULL;
        if (s->term->literals[i] & 1)
            continue;
        if (own)
            INK_TRY(add_value(s, out, capacity, index, *own));
        for (size_t p = 0; p < s->n_patterns; p++) {
            if (s->patterns[p].node != index || !(matched >> p & 1))
                continue;
            spoken_of = true;
            INK_TRY(add_value(s, out, capacity, index, s->patterns[p].schema));
        }
        if (!spoken_of && others)
            INK_TRY(add_value(s, out, capacity, index, *others));
    }
    return INK_OK;
}

static unsigned match_patterns(object_shape *s, ink_value key)
{
    unsigned matched = 0;
    for (size_t p = 0; p < s->n_patterns; p++)
        matched |= (unsigned)ink_schema_matches(s->schema, s->patterns[p].name, key) << p;
    return matched;
}

static bool may_be_named(object_shape *s, ink_value key)
{
    return !s->limits_names || ink_schema_matches(s->schema, s->names, key);
}

/* ---- Writing */

static ink_expr quoted_end(const object_shape *s, ink_expr content)
{
    return ink_expr_seq(s->schema->grammar, content, ink_expr_literal(s->schema->grammar, "\""));
}

static ink_expr key_text(const object_shape *s, ink_value key)
{
    ink_grammar *grammar = s->schema->grammar;
    return quoted_end(s, ink_text_expr(grammar, key.as.text, key.n_bytes, INK_SPELLED_JSON));
}

static ink_status write_keys(object_shape *s, ink_object_spec *spec)
{
    const ink_value_dict *dict = s->keys.as.dict;
    ink_grammar *grammar = s->schema->grammar;
    for (uint32_t i = 0; i < dict->n_entries; i++) {
        ink_object_key *row = &spec->keys[spec->n_keys++];
        ink_value key = dict->entries[i].key;
        ink_conjunction of;
        *row =
            (ink_object_key){.value = INK_EXPR_FAIL, .required = dict->entries[i].item.as.boolean};
        row->name = ink_expr_seq(grammar, ink_expr_literal(grammar, "\""), key_text(s, key));
        if (!may_be_named(s, key))
            continue;
        INK_TRY(value_of(s, &key, match_patterns(s, key), &of));
        INK_TRY(ink_schema_rule_of(s->schema, of, &row->value));
    }
    return INK_OK;
}

/* Keys that no schema names and that match exactly these patterns. */
static ink_expr other_name(object_shape *s, unsigned matched)
{
    ink_grammar *grammar = s->schema->grammar;
    const ink_value_dict *dict = s->keys.as.dict;
    size_t base = grammar->stack.n;
    ink_expr any = ink_expr_repeat(grammar, s->schema->plain_char, 0, INK_EXPR_FOREVER);
    ink_expr name = quoted_end(s, any);
    for (uint32_t i = 0; i < dict->n_entries; i++)
        (void)ink_grammar_push(grammar, &grammar->stack, key_text(s, dict->entries[i].key));
    if (grammar->status != INK_OK)
        return INK_EXPR_FAIL;
    ink_expr known = ink_expr_alts_from(grammar, base);
    if (s->limits_names)
        name = ink_expr_and(grammar, name, quoted_end(s, s->names));
    for (size_t p = 0; p < s->n_patterns; p++) {
        ink_expr pattern = quoted_end(s, s->patterns[p].name);
        if (!(matched >> p & 1))
            pattern = ink_expr_not(grammar, pattern);
        name = ink_expr_and(grammar, name, pattern);
    }
    if (known != INK_EXPR_FAIL)
        name = ink_expr_and(grammar, name, ink_expr_not(grammar, known));
    return ink_expr_seq(grammar, ink_expr_literal(grammar, "\""), name);
}

static ink_status write_others(object_shape *s, ink_object_spec *spec)
{
    for (unsigned matched = 0; matched < 1u << s->n_patterns; matched++) {
        ink_object_other *row = &spec->others[spec->n_others];
        ink_conjunction of;
        INK_TRY(value_of(s, NULL, matched, &of));
        if (of.n > 0 && of.literals[0] == 0) /* false */
            continue;
        INK_TRY(ink_schema_rule_of(s->schema, of, &row->value));
        row->name = other_name(s, matched);
        spec->n_others++;
    }
    return INK_OK;
}

static ink_status write(object_shape *s, ink_object_spec *spec, ink_expr *out)
{
    ink_grammar *grammar = s->schema->grammar;
    INK_TRY(write_keys(s, spec));
    INK_TRY(write_others(s, spec));
    ink_expr members = ink_expr_object(grammar, spec);
    ink_expr open = ink_expr_seq(grammar, ink_expr_literal(grammar, "{"), s->schema->blank);
    *out = ink_expr_seq(grammar, open, members);
    return ink_grammar_status(grammar, s->schema->error);
}

ink_status ink_schema_object(ink_schema *schema, const ink_schema_term *term, ink_expr *out)
{
    object_shape s;
    INK_TRY(shape_of(schema, term, &s));
    ink_object_spec spec = {.min = s.min,
                            .max = s.max,
                            .any_order = schema->form == INK_JSON_ANY,
                            .colon = schema->colon,
                            .comma = schema->comma,
                            .close = schema->close_object};
    spec.keys = ink_arena_take(&schema->arena, s.keys.as.dict->n_entries, sizeof *spec.keys);
    spec.others = ink_arena_take(&schema->arena, (size_t)1 << s.n_patterns, sizeof *spec.others);
    if (!spec.keys || !spec.others)
        return no_memory(&s);
    return write(&s, &spec, out);
}

ink_status ink_schema_object_is_empty(ink_schema *schema, const ink_schema_term *term, bool *empty)
{
    object_shape s;
    uint32_t n_required = 0;
    INK_TRY(shape_of(schema, term, &s));
    const ink_value_dict *dict = s.keys.as.dict;
    *empty = s.min > s.max;
    for (uint32_t i = 0; i < dict->n_entries && !*empty; i++) {
        ink_conjunction of;
        ink_value key = dict->entries[i].key;
        if (!dict->entries[i].item.as.boolean)
            continue;
        n_required++;
        INK_TRY(value_of(&s, &key, match_patterns(&s, key), &of));
        INK_TRY(ink_schema_is_empty(schema, of, empty));
        *empty |= !may_be_named(&s, key);
    }
    *empty |= n_required > s.max;
    return INK_OK;
}
