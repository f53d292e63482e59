/* The parser's state, shared by its two halves: statements (template_parse.c) and expressions. */
#ifndef INK_TEXT_TEMPLATE_PARSE_H
#define INK_TEXT_TEMPLATE_PARSE_H

#include "base/status.h"
#include "text/template_program.h"

typedef struct ink_parser {
    ink_template *program;
    const ink_token *token; /* the next one; the last is END */
    unsigned depth;         /* of blocks and expressions, at most INK_TEMPLATE_MAX_NESTING */
    unsigned loops;         /* around this place, within the same macro */
    ink_macro *macro;       /* around this place, or NULL */
    ink_error *error;
} ink_parser;

/* "expected X, found Y" at the next token. */
ink_status ink_parse_unexpected(ink_parser *p, const char *expected);

/* For every way down: parentheses, signs, blocks. */
ink_status ink_parse_enter(ink_parser *p);
static inline void ink_parse_leave(ink_parser *p)
{
    p->depth--;
}

bool ink_parse_is_word(const ink_parser *p, const char *word);
bool ink_parse_take_word(ink_parser *p, const char *word);
bool ink_parse_is_operator(const ink_parser *p, ink_operator op);
bool ink_parse_take_operator(ink_parser *p, ink_operator op);
ink_status ink_parse_expect_operator(ink_parser *p, ink_operator op);

/* The name under the next token, as a value (borrowed from the source) and as a symbol. */
ink_status ink_parse_name(ink_parser *p, ink_value *out);
ink_status ink_parse_symbol(ink_parser *p, uint32_t *out);

/* A node at the next token. */
ink_status ink_parse_new_node(ink_parser *p, ink_node_kind kind, ink_node **out);
ink_status ink_parse_take(ink_parser *p, size_t size, void **out);

ink_status ink_parse_expression(ink_parser *p, ink_node **out);

/* Without "a if b else c" at its top: what stands where an 'if' may follow. */
ink_status ink_parse_plain_expression(ink_parser *p, ink_node **out);

/*
 * Expressions with commas between are a tuple, one alone is itself. `plain`: each without a choice.
 */
ink_status ink_parse_tuple(ink_parser *p, bool plain, ink_node **out);

/* What may be assigned to: a name, names with commas, or name.attribute (of a namespace). */
ink_status ink_parse_target(ink_parser *p, ink_node **out);

/*
 * "name(arguments) | name ..." on a subject that may be NULL (filter blocks). The next token is the
 * first name.
 */
ink_status ink_parse_filters(ink_parser *p, ink_node *subject, ink_node **out);

#endif
