/*
 * Strings. What a pattern or a format speaks of is the text that is meant, so their languages are
 * made of characters as JSON spells them, each in its shortest form. A string that is free of both
 * may escape its characters in any way.
 */
#include <string.h>

#include "base/status.h"
#include "text/constraint/grammar_nodes.h"
#include "text/constraint/regex.h"
#include "text/constraint/schema_terms.h"

static const struct format {
    const char *name, *regex; /* regex: NULL when it is not supported */
} formats[] = {
#define FORMAT(name, regex) {name, regex},
#define UNSUPPORTED_FORMAT(name) {name, NULL},
#include "text/constraint/formats.def"
#undef FORMAT
#undef UNSUPPORTED_FORMAT
};

static ink_expr any_plain(const ink_schema *schema)
{
    return ink_expr_repeat(schema->grammar, schema->plain_char, 0, INK_EXPR_FOREVER);
}

ink_status ink_schema_pattern(ink_schema *schema, const ink_schema_node *at, const char *keyword,
                              ink_value pattern, ink_expr *out)
{
    const ink_regex_options options = {.spelled = INK_SPELLED_JSON, .anywhere = true};
    ink_error why = {0};
    if (!ink_value_is_string(pattern))
        return ink_schema_fail(schema, INK_CORRUPT, at, keyword, "it must be a string");
    ink_status status = ink_regex_compile(
        schema->grammar, (ink_text){pattern.as.text, pattern.n_bytes}, options, out, &why);
    return status == INK_OK ? INK_OK
                            : ink_schema_fail(schema, status, at, keyword, "%s", why.message);
}

/* `*found` is false for names that say nothing. */
static ink_status format_of(ink_schema *schema, const ink_schema_node *at, ink_value name,
                            ink_expr *out, bool *found)
{
    *found = false;
    if (!ink_value_is_string(name))
        return ink_schema_fail(schema, INK_CORRUPT, at, "format", "it must be a string");
    for (size_t i = 0; i < sizeof formats / sizeof formats[0] && !*found; i++) {
        const char *regex = formats[i].regex;
        *found = ink_value_is_text(name, formats[i].name);
        if (*found && !regex)
            return ink_schema_fail(schema, INK_UNSUPPORTED, at, "format",
                                   "the format \"%s\" is not supported", formats[i].name);
        if (*found)
            INK_TRY(ink_regex_compile(schema->grammar, (ink_text){regex, strlen(regex)},
                                      (ink_regex_options){.spelled = INK_SPELLED_JSON}, out,
                                      schema->error));
    }
    return INK_OK;
}

/* Intersects with one language or what is outside it; `*free`: nothing did yet. */
static void restrict_to(ink_schema *schema, ink_expr expr, bool outside, ink_expr *all, bool *free)
{
    ink_grammar *grammar = schema->grammar;
    if (outside)
        expr = ink_expr_and(grammar, any_plain(schema), ink_expr_not(grammar, expr));
    *all = *free ? expr : ink_expr_and(grammar, *all, expr);
    *free = false;
}

static ink_status add_keywords(ink_schema *schema, const ink_schema_node *node, ink_expr *all,
                               bool *free)
{
    static const char *const patterns[] = {"pattern", INK_SCHEMA_NOT_PATTERN};
    static const char *const names[] = {"format", INK_SCHEMA_NOT_FORMAT};
    for (int outside = 0; outside < 2; outside++) {
        const ink_value *pattern = ink_schema_get(node, patterns[outside]);
        const ink_value *format = ink_schema_get(node, names[outside]);
        ink_expr expr = INK_EXPR_FAIL;
        bool found = false;
        if (pattern)
            INK_TRY(ink_schema_pattern(schema, node, "pattern", *pattern, &expr));
        if (pattern)
            restrict_to(schema, expr, outside, all, free);
        if (format)
            INK_TRY(format_of(schema, node, *format, &expr, &found));
        if (found)
            restrict_to(schema, expr, outside, all, free);
        else if (format && outside) /* it never fails */
            restrict_to(schema, INK_EXPR_FAIL, false, all, free);
    }
    return INK_OK;
}

/* Texts that a negated enum takes out. */
static void add_excluded(ink_schema *schema, const ink_schema_node *node, ink_expr *all, bool *free)
{
    const ink_value *list = ink_schema_get(node, INK_SCHEMA_NOT_ENUM);
    for (size_t i = 0; list && i < list->as.list->n_items; i++) {
        ink_value item = list->as.list->items[i];
        if (ink_value_is_string(item))
            restrict_to(
                schema,
                ink_text_expr(schema->grammar, item.as.text, item.n_bytes, INK_SPELLED_JSON), true,
                all, free);
    }
}

ink_status ink_schema_string(ink_schema *schema, const ink_schema_term *term, ink_expr *out)
{
    ink_grammar *grammar = schema->grammar;
    ink_expr all = INK_EXPR_FAIL;
    bool free = true;
    uint32_t min, max;
    INK_TRY(ink_schema_min_of(schema, term, "minLength", &min));
    INK_TRY(ink_schema_max_of(schema, term, "maxLength", &max));
    for (uint32_t i = 0; i < term->n; i++) {
        const ink_schema_node node = schema->nodes[term->literals[i] >> 1];
        if (term->literals[i] & 1)
            continue;
        INK_TRY(add_keywords(schema, &node, &all, &free));
        add_excluded(schema, &node, &all, &free);
    }
    if (free)
        all = ink_expr_repeat(grammar, schema->string_char, min, max);
    else if (min > 0 || max != INK_EXPR_FOREVER)
        all = ink_expr_and(grammar, all, ink_expr_repeat(grammar, schema->plain_char, min, max));
    *out = all;
    return ink_grammar_status(grammar, schema->error);
}

bool ink_schema_matches(ink_schema *schema, ink_expr content, ink_value text)
{
    ink_grammar *grammar = schema->grammar;
    ink_expr spelled = ink_text_expr(grammar, text.as.text, text.n_bytes, INK_SPELLED_JSON);
    if (grammar->status != INK_OK)
        return false;
    const ink_expr_node node = grammar->nodes[spelled];
    for (uint32_t i = 0; spelled != INK_EXPR_EMPTY && i < node.b; i++)
        content = ink_expr_derive(grammar, content, (unsigned char)grammar->texts[node.a + i]);
    return ink_expr_accepts_empty(grammar, content);
}
