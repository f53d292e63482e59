/* Expressions: recursive descent over Jinja's levels of precedence, which are a table. */
#include <string.h>
#include "text/template_builtin.h"
#include "text/template_literal.h"
#include "text/template_parse.h"

static const struct {
    ink_level level;
    ink_node_kind kind;
} binaries[] = {
#define X(name, text, level, node) [INK_OPERATOR_##name] = {INK_LEVEL_##level, INK_NODE_##node},
    INK_OPERATORS(X)
#undef X
};

#define N_OPERATORS (sizeof binaries / sizeof binaries[0])

static ink_status parse_unary(ink_parser *p, bool with_filters, ink_node **out);

/* ---- Literals and brackets */

static ink_status literal(ink_parser *p, ink_value value, ink_node **out)
{
    INK_TRY(ink_parse_new_node(p, INK_NODE_LITERAL, out));
    (*out)->as.value = value;
    p->token++;
    return INK_OK;
}

static ink_status parse_literal(ink_parser *p, ink_node **out)
{
    const ink_token *token = p->token;
    ink_value value;
    if (token->kind == INK_TOKEN_FLOAT) {
        INK_TRY(ink_literal_float(p->program, token, &value, p->error));
        return literal(p, value, out);
    }
    if (token->kind == INK_TOKEN_INTEGER) {
        INK_TRY(ink_literal_integer(p->program, token, &value, p->error));
        return literal(p, value, out);
    }
    size_t n_tokens = 1; /* strings that follow each other are one */
    while (token[n_tokens].kind == INK_TOKEN_STRING)
        n_tokens++;
    INK_TRY(ink_literal_string(p->program, token, n_tokens, &value, p->error));
    INK_TRY(literal(p, value, out));
    p->token = token + n_tokens;
    return INK_OK;
}

/*
 * After the opening bracket: expressions with commas up to `closer`; a dict has "key: item"
 * instead.
 */
static ink_status parse_items(ink_parser *p, ink_operator closer, bool pairs, ink_node *list)
{
    ink_node **end = &list->as.items.first;
    while (!ink_parse_is_operator(p, closer)) {
        INK_TRY(ink_parse_expression(p, end));
        end = &(*end)->next;
        list->as.items.n++;
        if (pairs) {
            INK_TRY(ink_parse_expect_operator(p, INK_OPERATOR_COLON));
            INK_TRY(ink_parse_expression(p, end));
            end = &(*end)->next;
        }
        if (!ink_parse_take_operator(p, INK_OPERATOR_COMMA))
            break;
    }
    return ink_parse_expect_operator(p, closer);
}

static ink_status parse_parentheses(ink_parser *p, ink_node **out)
{
    if (ink_parse_is_operator(p, INK_OPERATOR_CLOSE_PAREN))
        INK_TRY(ink_parse_new_node(p, INK_NODE_TUPLE, out));
    else
        INK_TRY(ink_parse_tuple(p, false, out));
    return ink_parse_expect_operator(p, INK_OPERATOR_CLOSE_PAREN);
}

static ink_status parse_name(ink_parser *p, ink_node **out)
{
    static const struct {
        const char *word;
        ink_value value;
    } words[] = {{"true", {.kind = INK_VALUE_BOOL, .as.boolean = true}},
                 {"True", {.kind = INK_VALUE_BOOL, .as.boolean = true}},
                 {"false", {.kind = INK_VALUE_BOOL}},
                 {"False", {.kind = INK_VALUE_BOOL}},
                 {"none", {.kind = INK_VALUE_NONE}},
                 {"None", {.kind = INK_VALUE_NONE}}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (ink_parse_is_word(p, words[i].word))
            return literal(p, words[i].value, out);
    INK_TRY(ink_parse_new_node(p, INK_NODE_NAME, out));
    INK_TRY(ink_parse_symbol(p, &(*out)->as.symbol));
    if (p->macro) {
        p->macro->reads_caller |= (*out)->as.symbol == INK_SYMBOL_CALLER;
        p->macro->reads_varargs |= (*out)->as.symbol == INK_SYMBOL_VARARGS;
        p->macro->reads_kwargs |= (*out)->as.symbol == INK_SYMBOL_KWARGS;
    }
    return INK_OK;
}

static ink_status parse_primary(ink_parser *p, ink_node **out)
{
    switch (p->token->kind) {
    case INK_TOKEN_NAME:
        return parse_name(p, out);
    case INK_TOKEN_STRING:
    case INK_TOKEN_INTEGER:
    case INK_TOKEN_FLOAT:
        return parse_literal(p, out);
    default:
        break;
    }
    if (ink_parse_take_operator(p, INK_OPERATOR_OPEN_PAREN))
        return parse_parentheses(p, out);
    if (ink_parse_is_operator(p, INK_OPERATOR_OPEN_BRACKET)) {
        INK_TRY(ink_parse_new_node(p, INK_NODE_LIST, out));
        p->token++;
        return parse_items(p, INK_OPERATOR_CLOSE_BRACKET, false, *out);
    }
    if (ink_parse_is_operator(p, INK_OPERATOR_OPEN_BRACE)) {
        INK_TRY(ink_parse_new_node(p, INK_NODE_DICT, out));
        p->token++;
        return parse_items(p, INK_OPERATOR_CLOSE_BRACE, true, *out);
    }
    return ink_parse_unexpected(p, "an expression");
}

/* ---- What follows an operand: .name [index] (arguments) | filter, is test */

static bool next_is_keyword(const ink_parser *p)
{
    return p->token->kind == INK_TOKEN_NAME && p->token[1].kind == INK_TOKEN_OPERATOR &&
           p->token[1].op == INK_OPERATOR_ASSIGN;
}

/* After '(' to after ')'. */
static ink_status parse_arguments(ink_parser *p, ink_argument **out)
{
    bool named = false;
    while (!ink_parse_is_operator(p, INK_OPERATOR_CLOSE_PAREN)) {
        void *memory;
        INK_TRY(ink_parse_take(p, sizeof(ink_argument), &memory));
        ink_argument *argument = *out = memory;
        if (next_is_keyword(p)) {
            named = true;
            INK_TRY(ink_parse_name(p, &argument->name));
            p->token++;
        } else if (named) {
            return ink_parse_unexpected(p, "name=value after another name=value");
        }
        INK_TRY(ink_parse_expression(p, &argument->value));
        out = &argument->next;
        if (!ink_parse_take_operator(p, INK_OPERATOR_COMMA))
            break;
    }
    return ink_parse_expect_operator(p, INK_OPERATOR_CLOSE_PAREN);
}

static ink_status parse_slice_part(ink_parser *p, ink_node **out)
{
    if (ink_parse_is_operator(p, INK_OPERATOR_COLON) ||
        ink_parse_is_operator(p, INK_OPERATOR_CLOSE_BRACKET))
        return INK_OK;
    return ink_parse_expression(p, out);
}

/* After '[' to after ']'. */
static ink_status parse_index(ink_parser *p, ink_node **out)
{
    ink_node *slice, *start = NULL;
    INK_TRY(ink_parse_new_node(p, INK_NODE_SLICE, &slice));
    if (!ink_parse_is_operator(p, INK_OPERATOR_COLON))
        INK_TRY(ink_parse_expression(p, &start));
    *out = start;
    if (ink_parse_take_operator(p, INK_OPERATOR_COLON)) {
        *out = slice;
        slice->as.slice.start = start;
        INK_TRY(parse_slice_part(p, &slice->as.slice.stop));
        if (ink_parse_take_operator(p, INK_OPERATOR_COLON))
            INK_TRY(parse_slice_part(p, &slice->as.slice.step));
    }
    return ink_parse_expect_operator(p, INK_OPERATOR_CLOSE_BRACKET);
}

/* After '.': a name, or a number that is an index. */
static ink_status parse_attribute(ink_parser *p, ink_node *object, ink_node **out)
{
    if (p->token->kind == INK_TOKEN_INTEGER) {
        INK_TRY(ink_parse_new_node(p, INK_NODE_SUBSCRIPT, out));
        (*out)->as.access.object = object;
        return parse_literal(p, &(*out)->as.access.index);
    }
    INK_TRY(ink_parse_new_node(p, INK_NODE_ATTRIBUTE, out));
    (*out)->as.access.object = object;
    return ink_parse_name(p, &(*out)->as.access.name);
}

/* At '('. */
static ink_status parse_call(ink_parser *p, ink_node **node)
{
    ink_node *callee = *node;
    INK_TRY(ink_parse_new_node(p, INK_NODE_CALL, node));
    p->token++;
    (*node)->as.call.subject = callee;
    return parse_arguments(p, &(*node)->as.call.arguments);
}

static ink_status parse_postfix(ink_parser *p, ink_node **node)
{
    for (;;) {
        ink_node *object = *node;
        if (ink_parse_take_operator(p, INK_OPERATOR_DOT)) {
            INK_TRY(parse_attribute(p, object, node));
        } else if (ink_parse_is_operator(p, INK_OPERATOR_OPEN_BRACKET)) {
            INK_TRY(ink_parse_new_node(p, INK_NODE_SUBSCRIPT, node));
            p->token++;
            (*node)->as.access.object = object;
            INK_TRY(parse_index(p, &(*node)->as.access.index));
        } else if (ink_parse_is_operator(p, INK_OPERATOR_OPEN_PAREN)) {
            INK_TRY(parse_call(p, node));
        } else {
            return INK_OK;
        }
    }
}

static ink_status parse_filter(ink_parser *p, ink_node **node)
{
    ink_node *subject = *node;
    INK_TRY(ink_parse_new_node(p, INK_NODE_FILTER, node));
    (*node)->as.call.subject = subject;
    INK_TRY(ink_parse_name(p, &(*node)->as.call.name));
    (*node)->as.call.builtin = ink_builtin_find(INK_BUILTIN_FILTER, (*node)->as.call.name);
    if (ink_parse_take_operator(p, INK_OPERATOR_OPEN_PAREN))
        INK_TRY(parse_arguments(p, &(*node)->as.call.arguments));
    return INK_OK;
}

ink_status ink_parse_filters(ink_parser *p, ink_node *subject, ink_node **out)
{
    *out = subject;
    do
        INK_TRY(parse_filter(p, out));
    while (ink_parse_take_operator(p, INK_OPERATOR_PIPE));
    return INK_OK;
}

/*
 * A test's only argument may stand without parentheses, unless the word goes on with the expression
 * around.
 */
static bool begins_argument(const ink_parser *p)
{
    static const char *const others[] = {"else", "or", "and", "if", "in", "not", "is", "recursive"};
    if (p->token->kind == INK_TOKEN_STRING || p->token->kind == INK_TOKEN_INTEGER ||
        p->token->kind == INK_TOKEN_FLOAT)
        return true;
    if (p->token->kind != INK_TOKEN_NAME)
        return ink_parse_is_operator(p, INK_OPERATOR_OPEN_BRACKET) ||
               ink_parse_is_operator(p, INK_OPERATOR_OPEN_BRACE);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (ink_parse_is_word(p, others[i]))
            return false;
    return true;
}

/* After 'is'. */
static ink_status parse_test(ink_parser *p, ink_node **node)
{
    ink_node *subject = *node;
    INK_TRY(ink_parse_new_node(p, INK_NODE_TEST, node));
    (*node)->as.call.subject = subject;
    (*node)->as.call.negated = ink_parse_take_word(p, "not");
    INK_TRY(ink_parse_name(p, &(*node)->as.call.name));
    (*node)->as.call.builtin = ink_builtin_find(INK_BUILTIN_TEST, (*node)->as.call.name);
    if (ink_parse_take_operator(p, INK_OPERATOR_OPEN_PAREN))
        return parse_arguments(p, &(*node)->as.call.arguments);
    if (!begins_argument(p))
        return INK_OK;
    void *memory;
    INK_TRY(ink_parse_take(p, sizeof(ink_argument), &memory));
    ink_argument *argument = (*node)->as.call.arguments = memory;
    INK_TRY(parse_primary(p, &argument->value));
    return parse_postfix(p, &argument->value);
}

/* ---- Operators */

static ink_status parse_sign(ink_parser *p, ink_node_kind kind, ink_node **out)
{
    INK_TRY(ink_parse_enter(p));
    INK_TRY(ink_parse_new_node(p, kind, out));
    p->token++;
    INK_TRY(parse_unary(p, false, &(*out)->as.operand));
    ink_parse_leave(p);
    return INK_OK;
}

/* A sign binds tighter than a filter: -1|abs is 1. */
static ink_status parse_unary(ink_parser *p, bool with_filters, ink_node **out)
{
    if (ink_parse_is_operator(p, INK_OPERATOR_SUBTRACT))
        INK_TRY(parse_sign(p, INK_NODE_NEGATE, out));
    else if (ink_parse_is_operator(p, INK_OPERATOR_ADD))
        INK_TRY(parse_sign(p, INK_NODE_PLUS, out));
    else
        INK_TRY(parse_primary(p, out));
    INK_TRY(parse_postfix(p, out));
    while (with_filters) {
        if (ink_parse_take_operator(p, INK_OPERATOR_PIPE))
            INK_TRY(parse_filter(p, out));
        else if (ink_parse_take_word(p, "is"))
            INK_TRY(parse_test(p, out));
        else if (ink_parse_is_operator(p, INK_OPERATOR_OPEN_PAREN))
            INK_TRY(parse_call(p, out));
        else
            break;
    }
    return INK_OK;
}

static bool take_not_in(ink_parser *p)
{
    ink_parser after = *p;
    bool found = ink_parse_take_word(&after, "not") && ink_parse_take_word(&after, "in");
    if (found)
        p->token = after.token;
    return found;
}

/* Steps over the operator that comes next if it is one of this level. */
static bool take_binary(ink_parser *p, ink_level level, ink_operator *out)
{
    for (ink_operator op = 0; op < N_OPERATORS; op++) {
        if (binaries[op].level != level)
            continue;
        *out = op;
        if (op == INK_OPERATOR_NOT_IN ? take_not_in(p)
            : op >= INK_OPERATOR_OR   ? ink_parse_take_word(p, ink_operator_text(op))
                                      : ink_parse_take_operator(p, op))
            return true;
    }
    return false;
}

static ink_status parse_level(ink_parser *p, ink_level level, ink_node **out);

static ink_status parse_not(ink_parser *p, ink_node **out)
{
    INK_TRY(ink_parse_enter(p));
    INK_TRY(ink_parse_new_node(p, INK_NODE_NOT, out));
    p->token++;
    INK_TRY(parse_level(p, INK_LEVEL_NOT, &(*out)->as.operand));
    ink_parse_leave(p);
    return INK_OK;
}

/*
 * Operands of the next level with operators of this one between them: a chain, whose links are the
 * operands after the first.
 */
static ink_status parse_level(ink_parser *p, ink_level level, ink_node **out)
{
    ink_node *chain = NULL, **end = NULL;
    ink_operator op;
    if (level == INK_LEVEL_UNARY)
        return parse_unary(p, true, out);
    if (level == INK_LEVEL_NOT && ink_parse_is_word(p, "not"))
        return parse_not(p, out);
    INK_TRY(parse_level(p, level + 1, out));
    while (take_binary(p, level, &op)) {
        if (!chain) {
            INK_TRY(ink_parse_new_node(p, binaries[op].kind, &chain));
            chain->as.chain.first = *out;
            *out = chain;
            end = &chain->as.chain.links;
        }
        INK_TRY(parse_level(p, level + 1, end));
        (*end)->op = op;
        end = &(*end)->next;
    }
    return INK_OK;
}

ink_status ink_parse_plain_expression(ink_parser *p, ink_node **out)
{
    INK_TRY(ink_parse_enter(p));
    INK_TRY(parse_level(p, INK_LEVEL_OR, out));
    ink_parse_leave(p);
    return INK_OK;
}

ink_status ink_parse_expression(ink_parser *p, ink_node **out)
{
    INK_TRY(ink_parse_enter(p));
    INK_TRY(parse_level(p, INK_LEVEL_OR, out));
    while (ink_parse_is_word(p, "if")) {
        ink_node *then = *out;
        INK_TRY(ink_parse_new_node(p, INK_NODE_CHOICE, out));
        p->token++;
        (*out)->as.choice.then = then;
        INK_TRY(parse_level(p, INK_LEVEL_OR, &(*out)->as.choice.condition));
        if (ink_parse_take_word(p, "else"))
            INK_TRY(ink_parse_expression(p, &(*out)->as.choice.otherwise));
    }
    ink_parse_leave(p);
    return INK_OK;
}

static bool ends_tuple(const ink_parser *p)
{
    return p->token->kind == INK_TOKEN_BLOCK_END || p->token->kind == INK_TOKEN_VARIABLE_END ||
           ink_parse_is_operator(p, INK_OPERATOR_CLOSE_PAREN) ||
           ink_parse_is_operator(p, INK_OPERATOR_ASSIGN) || ink_parse_is_word(p, "in") ||
           ink_parse_is_word(p, "recursive");
}

typedef ink_status (*parse_item)(ink_parser *p, ink_node **out);

static ink_status parse_tuple_of(ink_parser *p, parse_item parse, ink_node **out)
{
    INK_TRY(parse(p, out));
    if (!ink_parse_is_operator(p, INK_OPERATOR_COMMA))
        return INK_OK;
    ink_node *first = *out, **end = &first->next;
    INK_TRY(ink_parse_new_node(p, INK_NODE_TUPLE, out));
    (*out)->as.items.first = first;
    (*out)->as.items.n = 1;
    while (ink_parse_take_operator(p, INK_OPERATOR_COMMA) && !ends_tuple(p)) {
        INK_TRY(parse(p, end));
        end = &(*end)->next;
        (*out)->as.items.n++;
    }
    return INK_OK;
}

ink_status ink_parse_tuple(ink_parser *p, bool plain, ink_node **out)
{
    return parse_tuple_of(p, plain ? ink_parse_plain_expression : ink_parse_expression, out);
}

/* ---- Targets of assignments */

static ink_status parse_one_target(ink_parser *p, ink_node **out)
{
    if (ink_parse_take_operator(p, INK_OPERATOR_OPEN_PAREN)) {
        INK_TRY(ink_parse_enter(p));
        INK_TRY(ink_parse_target(p, out));
        ink_parse_leave(p);
        return ink_parse_expect_operator(p, INK_OPERATOR_CLOSE_PAREN);
    }
    INK_TRY(ink_parse_new_node(p, INK_NODE_NAME, out));
    INK_TRY(ink_parse_symbol(p, &(*out)->as.symbol));
    if (ink_parse_take_operator(p, INK_OPERATOR_DOT))
        return parse_attribute(p, *out, out);
    return INK_OK;
}

ink_status ink_parse_target(ink_parser *p, ink_node **out)
{
    return parse_tuple_of(p, parse_one_target, out);
}
