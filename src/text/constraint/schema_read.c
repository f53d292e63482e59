/* Arguments of keywords, and the text of a schema to its grammar. */
#include <string.h>

#include "base/status.h"
#include "text/constraint/grammar_nodes.h"
#include "text/constraint/schema_terms.h"
#include "text/json.h"

#define MAX_ARENA_BYTES ((size_t)256 << 20)

/* ---- Counts */

ink_status ink_schema_count(const ink_schema *schema, const ink_schema_node *at,
                            const char *keyword, ink_value value, uint32_t *out)
{
    double real = value.kind == INK_VALUE_INTEGER ? (double)value.as.integer
                  : value.kind == INK_VALUE_FLOAT ? value.as.real
                                                  : -1;
    if (value.kind == INK_VALUE_BIG_INTEGER && value.n_bytes && value.as.text[0] != '-')
        real = INK_EXPR_FOREVER;
    if (!(real >= 0) || (real < (double)INK_EXPR_FOREVER && real != (double)(uint32_t)real))
        return ink_schema_fail(schema, INK_CORRUPT, at, keyword,
                               "it must be a whole number, 0 or more");
    *out = real < (double)INK_EXPR_FOREVER ? (uint32_t)real : INK_EXPR_FOREVER - 1;
    return INK_OK;
}

ink_status ink_schema_max_of(const ink_schema *schema, const ink_schema_term *term,
                             const char *keyword, uint32_t *out)
{
    *out = INK_EXPR_FOREVER;
    for (uint32_t i = 0; i < term->n; i++) {
        const ink_schema_node *node = &schema->nodes[term->literals[i] >> 1];
        const ink_value *value = term->literals[i] & 1 ? NULL : ink_schema_get(node, keyword);
        uint32_t count;
        if (!value)
            continue;
        INK_TRY(ink_schema_count(schema, node, keyword, *value, &count));
        *out = count < *out ? count : *out;
    }
    return INK_OK;
}

ink_status ink_schema_min_of(const ink_schema *schema, const ink_schema_term *term,
                             const char *keyword, uint32_t *out)
{
    *out = 0;
    for (uint32_t i = 0; i < term->n; i++) {
        const ink_schema_node *node = &schema->nodes[term->literals[i] >> 1];
        const ink_value *value = term->literals[i] & 1 ? NULL : ink_schema_get(node, keyword);
        uint32_t count;
        if (!value)
            continue;
        INK_TRY(ink_schema_count(schema, node, keyword, *value, &count));
        *out = count > *out ? count : *out;
    }
    return INK_OK;
}

/* ---- Rules */

/* Adds what the term allows, as one alternative more on the grammar's stack. */
static ink_status write_term(ink_schema *schema, const ink_schema_term *term, void *context)
{
    static const struct scalar {
        unsigned type;
        const char *text;
    } scalars[] = {{INK_TYPE_NULL, "null"}, {INK_TYPE_FALSE, "false"}, {INK_TYPE_TRUE, "true"}};
    static const struct writer {
        unsigned type;
        ink_status (*write)(ink_schema *schema, const ink_schema_term *term, ink_expr *out);
    } writers[] = {{INK_TYPE_NUMBER, ink_schema_number},
                   {INK_TYPE_STRING, ink_schema_string},
                   {INK_TYPE_ARRAY, ink_schema_array},
                   {INK_TYPE_OBJECT, ink_schema_object}};
    ink_grammar *grammar = schema->grammar;
    ink_grammar_list *found = context;
    bool limited;
    unsigned types;
    ink_expr expr;
    INK_TRY(ink_schema_enum(schema, term, &limited, &expr));
    if (limited)
        return ink_grammar_push(grammar, found, expr) ? INK_OK
                                                      : ink_grammar_status(grammar, schema->error);
    INK_TRY(ink_schema_types_left(schema, term, &types));
    for (size_t i = 0; i < sizeof scalars / sizeof scalars[0]; i++)
        if (types & scalars[i].type)
            (void)ink_grammar_push(grammar, found, ink_expr_literal(grammar, scalars[i].text));
    for (size_t i = 0; i < sizeof writers / sizeof writers[0]; i++) {
        if (!(term->types & writers[i].type))
            continue;
        INK_TRY(writers[i].write(schema, term, &expr));
        if (writers[i].type == INK_TYPE_STRING) {
            ink_expr quote = ink_expr_literal(grammar, "\"");
            expr = ink_expr_seq(grammar, quote, ink_expr_seq(grammar, expr, quote));
        }
        (void)ink_grammar_push(grammar, found, expr);
    }
    return ink_grammar_status(grammar, schema->error);
}

static ink_status write_rule(ink_schema *schema, size_t index)
{
    ink_grammar_list found = {NULL, 0, 0};
    ink_grammar *grammar = schema->grammar;
    const ink_schema_rule rule = schema->rules[index];
    ink_status status = ink_schema_expand(schema, rule.of, write_term, &found);
    if (status == INK_OK)
        ink_grammar_set_rule(grammar, rule.rule, ink_expr_alts(grammar, found.items, found.n));
    ink_delete(grammar->allocator, found.items);
    grammar->used_bytes -= found.capacity * sizeof *found.items;
    return status == INK_OK ? ink_grammar_status(grammar, schema->error) : status;
}

static const char *name_of(void *context, uint32_t rule)
{
    (void)context;
    (void)rule;
    return "the schema";
}

static ink_status write_all(ink_schema *schema, ink_value value, ink_expr *root)
{
    uint32_t first;
    INK_TRY(ink_schema_read(schema, value));
    INK_TRY(ink_schema_node_of(schema, value, &schema->nodes[0], &first));
    ink_conjunction of = ink_schema_one(schema, 2 * first);
    if (!of.literals)
        return ink_fail_memory(schema->error, "a schema");
    INK_TRY(ink_schema_rule_of(schema, of, root));
    for (size_t i = 0; i < schema->n_rules; i++)
        INK_TRY(write_rule(schema, i));
    if (schema->form == INK_JSON_ANY) {
        *root = ink_expr_seq(schema->grammar, *root, schema->blank);
        *root = ink_expr_seq(schema->grammar, schema->blank, *root);
    }
    return ink_grammar_status(schema->grammar, schema->error);
}

/* ---- The whole */

static void make_parts(ink_schema *schema)
{
    ink_grammar *g = schema->grammar;
    bool any = schema->form == INK_JSON_ANY;
    ink_byte_set blanks = {{0}};
    for (const char *c = " \t\n\r"; *c; c++)
        ink_byte_set_add(&blanks, (unsigned char)*c);
    ink_expr many = ink_expr_repeat(g, ink_expr_set(g, &blanks), 0, INK_EXPR_FOREVER);
    ink_expr space = any ? many : ink_expr_optional(g, ink_expr_literal(g, " "));
    ink_expr before = schema->blank = any ? many : INK_EXPR_EMPTY;
    schema->string_char = ink_char_json_free(g);
    schema->plain_char = ink_char_any(g, INK_SPELLED_JSON);
    schema->colon = ink_expr_seq(g, before, ink_expr_seq(g, ink_expr_literal(g, ":"), space));
    schema->comma = ink_expr_seq(g, before, ink_expr_seq(g, ink_expr_literal(g, ","), space));
    schema->close_object = ink_expr_seq(g, before, ink_expr_literal(g, "}"));
    schema->close_array = ink_expr_seq(g, before, ink_expr_literal(g, "]"));
    schema->open_array = ink_expr_seq(g, ink_expr_literal(g, "["), before);
}

/* The value, or what the text says. */
static ink_status compile(ink_grammar *grammar, ink_text text, ink_value value, ink_json_form form,
                          ink_expr *root, ink_error *error)
{
    ink_schema schema = {.grammar = grammar, .error = error, .form = form};
    ink_arena_init(&schema.arena, grammar->allocator, MAX_ARENA_BYTES);
    schema.node_buckets =
        ink_new(grammar->allocator, INK_SCHEMA_BUCKETS, sizeof *schema.node_buckets);
    schema.rule_buckets =
        ink_new(grammar->allocator, INK_SCHEMA_BUCKETS, sizeof *schema.rule_buckets);
    ink_status status =
        schema.node_buckets && schema.rule_buckets ? INK_OK : ink_fail_memory(error, "a schema");
    if (status == INK_OK && text.data)
        status = ink_value_from_json(&schema.arena, text.data, text.n_bytes, &value, error);
    if (status == INK_OK) {
        make_parts(&schema);
        status = write_all(&schema, value, root);
    }
    ink_delete(grammar->allocator, schema.node_buckets);
    ink_delete(grammar->allocator, schema.rule_buckets);
    ink_delete(grammar->allocator, schema.nodes);
    ink_delete(grammar->allocator, schema.names);
    ink_delete(grammar->allocator, schema.rules);
    ink_arena_deinit(&schema.arena);
    return status;
}

ink_status ink_schema_grow(ink_grammar *grammar, ink_value value, ink_json_form form,
                           ink_expr *root, ink_error *error)
{
    return compile(grammar, (ink_text){NULL, 0}, value, form, root, error);
}

ink_status ink_schema_compile(ink_grammar *grammar, ink_text text, ink_json_form form,
                              ink_expr *root, ink_error *error)
{
    if (text.n_bytes > INK_SCHEMA_MAX_BYTES)
        return ink_fail(error, INK_LIMIT, 0, "a schema of %zu bytes; at most %zu are supported",
                        text.n_bytes, INK_SCHEMA_MAX_BYTES);
    INK_TRY(compile(grammar, text, ink_value_none(), form, root, error));
    return ink_grammar_finish(grammar, root, name_of, NULL, error);
}
