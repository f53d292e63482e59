/*
 * Expressions: one function per kind of node, chosen from a table so that none of them weighs on
 * another's stack.
 */
#include <string.h>
#include "text/template_render.h"

/* ---- Names, literals, brackets */

static ink_status eval_literal(ink_rendering *r, const ink_node *node, ink_value *out)
{
    (void)r;
    *out = node->as.value;
    return INK_OK;
}

static ink_status eval_name(ink_rendering *r, const ink_node *node, ink_value *out)
{
    return ink_render_lookup(r, node->as.symbol, out);
}

static ink_status eval_items(ink_rendering *r, const ink_node *node, ink_value *out)
{
    ink_value item;
    ink_value_kind kind = node->kind == INK_NODE_LIST ? INK_VALUE_LIST : INK_VALUE_TUPLE;
    INK_TRY(ink_render_new_list(r, kind, node->as.items.n, out));
    for (const ink_node *at = node->as.items.first; at; at = at->next) {
        INK_TRY(ink_render_eval(r, at, &item));
        INK_TRY(ink_render_append(r, *out, item));
    }
    return INK_OK;
}

static ink_status eval_dict(ink_rendering *r, const ink_node *node, ink_value *out)
{
    ink_value key, item;
    INK_TRY(ink_render_new_dict(r, INK_VALUE_DICT, out));
    for (const ink_node *at = node->as.items.first; at; at = at->next->next) {
        INK_TRY(ink_render_eval(r, at, &key));
        INK_TRY(ink_render_eval(r, at->next, &item));
        INK_TRY(ink_render_set(r, *out, key, item));
    }
    return INK_OK;
}

/* ---- Access */

static ink_status eval_attribute(ink_rendering *r, const ink_node *node, ink_value *out)
{
    ink_value object;
    INK_TRY(ink_render_eval(r, node->as.access.object, &object));
    r->at = node->offset;
    return ink_render_attribute(r, object, node->as.access.name, out);
}

static ink_status eval_slice(ink_rendering *r, ink_value object, const ink_node *slice,
                             ink_value *out)
{
    const ink_node *parts[3] = {slice->as.slice.start, slice->as.slice.stop, slice->as.slice.step};
    ink_value bounds[3];
    for (int i = 0; i < 3; i++) {
        bounds[i] = ink_value_none();
        if (parts[i])
            INK_TRY(ink_render_eval(r, parts[i], &bounds[i]));
    }
    r->at = slice->offset;
    return ink_render_slice(r, object, bounds, out);
}

static ink_status eval_subscript(ink_rendering *r, const ink_node *node, ink_value *out)
{
    ink_value object, index;
    INK_TRY(ink_render_eval(r, node->as.access.object, &object));
    if (node->as.access.index->kind == INK_NODE_SLICE)
        return eval_slice(r, object, node->as.access.index, out);
    INK_TRY(ink_render_eval(r, node->as.access.index, &index));
    r->at = node->offset;
    return ink_render_subscript(r, object, index, out);
}

/* ---- Calls */

enum { FEW_ARGUMENTS = 4 }; /* the usual number, for which no memory is taken */

static ink_status eval_arguments(ink_rendering *r, const ink_argument *first,
                                 ink_value few[FEW_ARGUMENTS], ink_call *call)
{
    size_t n = 0;
    ink_value value;
    void *memory = few;
    for (const ink_argument *at = first; at; at = at->next)
        n += !ink_value_is_string(at->name);
    if (n > FEW_ARGUMENTS)
        INK_TRY(ink_render_take(r, n, sizeof(ink_value), &memory));
    call->arguments = memory;
    for (const ink_argument *at = first; at; at = at->next) {
        INK_TRY(ink_render_eval(r, at->value, &value));
        if (!ink_value_is_string(at->name)) {
            call->arguments[call->n_arguments++] = value;
            continue;
        }
        if (call->keywords.kind == INK_VALUE_UNDEFINED)
            INK_TRY(ink_render_new_dict(r, INK_VALUE_DICT, &call->keywords));
        INK_TRY(ink_render_set(r, call->keywords, at->name, value));
    }
    return INK_OK;
}

/* A method that is not there is told from a name that is not. */
static ink_status fail_call(ink_rendering *r, const ink_node *callee, ink_value value)
{
    int n_bytes = (int)(value.n_bytes < 80 ? value.n_bytes : 80);
    if (value.kind != INK_VALUE_UNDEFINED)
        return ink_render_fail(r, INK_BAD_ARGUMENT, "a %s cannot be called",
                               ink_value_kind_name(value.kind));
    if (callee->kind == INK_NODE_ATTRIBUTE)
        return ink_render_fail(r, INK_UNSUPPORTED, "there is no method '%.*s' for this value",
                               n_bytes, value.as.text);
    return ink_render_fail(r, INK_UNSUPPORTED, "there is no function '%.*s'", n_bytes,
                           value.as.text);
}

ink_status ink_render_call_node(ink_rendering *r, const ink_node *node, ink_value caller,
                                ink_value *out)
{
    ink_value callee, few[FEW_ARGUMENTS];
    ink_call call = {.rendering = r};
    INK_TRY(ink_render_eval(r, node->as.call.subject, &callee));
    r->at = node->offset;
    if (callee.kind != INK_VALUE_OBJECT)
        return fail_call(r, node->as.call.subject, callee);
    INK_TRY(eval_arguments(r, node->as.call.arguments, few, &call));
    if (caller.kind != INK_VALUE_UNDEFINED && call.keywords.kind == INK_VALUE_UNDEFINED)
        INK_TRY(ink_render_new_dict(r, INK_VALUE_DICT, &call.keywords));
    if (caller.kind != INK_VALUE_UNDEFINED)
        INK_TRY(
            ink_render_set(r, call.keywords, r->program->symbols[INK_SYMBOL_CALLER].name, caller));
    r->at = node->offset;
    return ink_render_call(r, callee, &call, out);
}

static ink_status eval_call(ink_rendering *r, const ink_node *node, ink_value *out)
{
    return ink_render_call_node(r, node, (ink_value){.kind = INK_VALUE_UNDEFINED}, out);
}

static ink_status call_builtin(ink_rendering *r, const ink_node *node, ink_value subject,
                               ink_value *out)
{
    ink_value few[FEW_ARGUMENTS];
    ink_call call = {.rendering = r, .subject = subject};
    r->at = node->offset;
    if (!node->as.call.builtin)
        return ink_render_fail(
            r, INK_UNSUPPORTED, "there is no %s '%.*s'",
            node->kind == INK_NODE_FILTER ? "filter" : "test",
            (int)(node->as.call.name.n_bytes < 80 ? node->as.call.name.n_bytes : 80),
            node->as.call.name.as.text);
    INK_TRY(eval_arguments(r, node->as.call.arguments, few, &call));
    r->at = node->offset;
    return ink_builtin_call(node->as.call.builtin, &call, out);
}

static ink_status eval_filter(ink_rendering *r, const ink_node *node, ink_value *out)
{
    ink_value subject;
    INK_TRY(ink_render_eval(r, node->as.call.subject, &subject));
    return call_builtin(r, node, subject, out);
}

ink_status ink_render_filter(ink_rendering *r, const ink_node *filter, ink_value subject,
                             ink_value *out)
{
    INK_TRY(ink_render_enter(r));
    if (filter->as.call.subject)
        INK_TRY(ink_render_filter(r, filter->as.call.subject, subject, &subject));
    ink_render_leave(r);
    return call_builtin(r, filter, subject, out);
}

static ink_status eval_test(ink_rendering *r, const ink_node *node, ink_value *out)
{
    INK_TRY(eval_filter(r, node, out));
    if (node->as.call.negated)
        *out = ink_value_bool(!ink_value_truth(*out));
    return INK_OK;
}

/* ---- Operators */

static ink_status eval_not(ink_rendering *r, const ink_node *node, ink_value *out)
{
    INK_TRY(ink_render_eval(r, node->as.operand, out));
    *out = ink_value_bool(!ink_value_truth(*out));
    return INK_OK;
}

/* 0 - x and 0 + x but for the sign of a float zero and the message. */
static ink_status eval_sign(ink_rendering *r, const ink_node *node, ink_value *out)
{
    ink_value operand;
    INK_TRY(ink_render_eval(r, node->as.operand, &operand));
    r->at = node->offset;
    if (operand.kind == INK_VALUE_FLOAT) {
        *out = ink_value_float(node->kind == INK_NODE_NEGATE ? -operand.as.real : operand.as.real);
        return INK_OK;
    }
    if (operand.kind == INK_VALUE_BIG_INTEGER && node->kind == INK_NODE_NEGATE) {
        INK_TRY(ink_render_concat(r, ink_value_borrow("-", 1), operand,
                                  out)); /* a literal is never negative */
        out->kind = INK_VALUE_BIG_INTEGER;
        return INK_OK;
    }
    ink_operator op = node->kind == INK_NODE_NEGATE ? INK_OPERATOR_SUBTRACT : INK_OPERATOR_ADD;
    return ink_render_arithmetic(r, op, ink_value_integer(0), operand, out);
}

/* The value of the operand that decided. */
static ink_status eval_logic(ink_rendering *r, const ink_node *node, ink_value *out)
{
    bool decides = node->kind == INK_NODE_OR;
    INK_TRY(ink_render_eval(r, node->as.chain.first, out));
    for (const ink_node *link = node->as.chain.links; link && ink_value_truth(*out) != decides;
         link = link->next)
        INK_TRY(ink_render_eval(r, link, out));
    return INK_OK;
}

static ink_status eval_compare(ink_rendering *r, const ink_node *node, ink_value *out)
{
    ink_value left, right;
    bool holds = true;
    INK_TRY(ink_render_eval(r, node->as.chain.first, &left));
    for (const ink_node *link = node->as.chain.links; link && holds; link = link->next) {
        INK_TRY(ink_render_eval(r, link, &right));
        r->at = node->offset;
        INK_TRY(ink_render_compare(r, link->op, left, right, &holds));
        left = right;
    }
    *out = ink_value_bool(holds);
    return INK_OK;
}

static ink_status eval_arithmetic(ink_rendering *r, const ink_node *node, ink_value *out)
{
    ink_value right;
    INK_TRY(ink_render_eval(r, node->as.chain.first, out));
    for (const ink_node *link = node->as.chain.links; link; link = link->next) {
        INK_TRY(ink_render_eval(r, link, &right));
        r->at = node->offset;
        INK_TRY(ink_render_arithmetic(r, link->op, *out, right, out));
    }
    return INK_OK;
}

/*
 * The operands after the first gather behind the output, so that a chain copies each only twice
 * more, and a text that grows at its end not at all.
 */
static ink_status eval_concat(ink_rendering *r, const ink_node *node, ink_value *out)
{
    ink_value first, rest;
    INK_TRY(ink_render_eval(r, node->as.chain.first, &first));
    INK_TRY(ink_render_text(r, first, &first));
    size_t mark = ink_render_mark(r);
    for (const ink_node *link = node->as.chain.links; link; link = link->next) {
        INK_TRY(ink_render_eval(r, link, &rest));
        INK_TRY(ink_render_put_value(r, rest));
    }
    INK_TRY(ink_render_take_text(r, mark, &rest));
    return ink_render_concat(r, first, rest, out);
}

static ink_status eval_choice(ink_rendering *r, const ink_node *node, ink_value *out)
{
    ink_value condition;
    INK_TRY(ink_render_eval(r, node->as.choice.condition, &condition));
    const ink_node *chosen =
        ink_value_truth(condition) ? node->as.choice.then : node->as.choice.otherwise;
    if (chosen)
        return ink_render_eval(r, chosen, out);
    *out = ink_render_undefined("an 'if' without 'else'");
    return INK_OK;
}

typedef ink_status (*evaluator)(ink_rendering *r, const ink_node *node, ink_value *out);

static const evaluator evaluators[] = {
    [INK_NODE_LITERAL] = eval_literal,
    [INK_NODE_NAME] = eval_name,
    [INK_NODE_LIST] = eval_items,
    [INK_NODE_TUPLE] = eval_items,
    [INK_NODE_DICT] = eval_dict,
    [INK_NODE_ATTRIBUTE] = eval_attribute,
    [INK_NODE_SUBSCRIPT] = eval_subscript,
    [INK_NODE_CALL] = eval_call,
    [INK_NODE_FILTER] = eval_filter,
    [INK_NODE_TEST] = eval_test,
    [INK_NODE_NOT] = eval_not,
    [INK_NODE_NEGATE] = eval_sign,
    [INK_NODE_PLUS] = eval_sign,
    [INK_NODE_OR] = eval_logic,
    [INK_NODE_AND] = eval_logic,
    [INK_NODE_COMPARE] = eval_compare,
    [INK_NODE_ARITHMETIC] = eval_arithmetic,
    [INK_NODE_CONCAT] = eval_concat,
    [INK_NODE_CHOICE] = eval_choice,
};

ink_status ink_render_eval(ink_rendering *r, const ink_node *node, ink_value *out)
{
    INK_TRY(ink_render_enter(r));
    r->at = node->offset;
    INK_TRY(evaluators[node->kind](r, node, out));
    ink_render_leave(r);
    return INK_OK;
}
