/* Statements: one function per kind of node, chosen from a table. */
#include "text/template_render.h"

/* ---- Assignment */

static ink_status assign_each(ink_rendering *r, const ink_node *target, ink_value value)
{
    const ink_value *items;
    size_t n_items, i = 0;
    INK_TRY(ink_render_items(r, value, &items, &n_items));
    if (n_items != target->as.items.n)
        return ink_render_fail(r, INK_BAD_ARGUMENT, "%zu values for %zu names", n_items,
                               target->as.items.n);
    for (const ink_node *name = target->as.items.first; name; name = name->next)
        INK_TRY(ink_render_assign_target(r, name, items[i++]));
    return INK_OK;
}

static ink_status assign_attribute(ink_rendering *r, const ink_node *target, ink_value value)
{
    ink_value object;
    INK_TRY(ink_render_eval(r, target->as.access.object, &object));
    r->at = target->offset;
    if (object.kind != INK_VALUE_NAMESPACE)
        return ink_render_fail(r, INK_BAD_ARGUMENT,
                               "cannot assign to an attribute of a %s, only of a namespace",
                               ink_value_kind_name(object.kind));
    return ink_render_set(r, object, target->as.access.name, value);
}

ink_status ink_render_assign_target(ink_rendering *r, const ink_node *target, ink_value value)
{
    r->at = target->offset;
    if (target->kind == INK_NODE_TUPLE)
        return assign_each(r, target, value);
    if (target->kind == INK_NODE_ATTRIBUTE)
        return assign_attribute(r, target, value);
    if (target->kind == INK_NODE_NAME)
        return ink_render_assign(r, target->as.symbol, value);
    return ink_render_fail(r, INK_BAD_ARGUMENT, "cannot assign to this");
}

/* ---- Bodies */

ink_status ink_render_capture(ink_rendering *r, const ink_node *body, ink_value *out)
{
    size_t mark = ink_render_mark(r);
    INK_TRY(ink_render_body(r, body));
    return ink_render_take_text(r, mark, out);
}

/* With its own variables. */
static ink_status run_scoped(ink_rendering *r, const ink_node *body)
{
    ink_scope *around = r->scope;
    INK_TRY(ink_render_new_scope(r, around, &r->scope));
    INK_TRY(ink_render_body(r, body));
    r->scope = around;
    return INK_OK;
}

static ink_status capture_scoped(ink_rendering *r, const ink_node *body, ink_value *out)
{
    size_t mark = ink_render_mark(r);
    INK_TRY(run_scoped(r, body));
    return ink_render_take_text(r, mark, out);
}

/* ---- Statements */

static ink_status run_text(ink_rendering *r, const ink_node *node)
{
    return ink_render_put_text(r, node->as.value);
}

static ink_status run_output(ink_rendering *r, const ink_node *node)
{
    ink_value value;
    INK_TRY(ink_render_eval(r, node->as.operand, &value));
    return ink_render_put_value(r, value);
}

static ink_status run_if(ink_rendering *r, const ink_node *node)
{
    ink_value condition;
    for (;;) {
        INK_TRY(ink_render_eval(r, node->as.choice.condition, &condition));
        if (ink_value_truth(condition))
            return ink_render_body(r, node->as.choice.then);
        const ink_node *otherwise = node->as.choice.otherwise;
        if (!otherwise || otherwise->kind != INK_NODE_IF || otherwise->next)
            return ink_render_body(r, otherwise);
        node = otherwise; /* elif: however many there are, they do not nest */
        INK_TRY(ink_render_spend(r, 1));
    }
}

static ink_status run_for(ink_rendering *r, const ink_node *node)
{
    ink_value iterable;
    INK_TRY(ink_render_eval(r, node->as.loop.iterable, &iterable));
    r->at = node->offset;
    return ink_render_loop(r, node, iterable, 0);
}

static ink_status run_set(ink_rendering *r, const ink_node *node)
{
    ink_value value;
    INK_TRY(ink_render_eval(r, node->as.set.value, &value));
    return ink_render_assign_target(r, node->as.set.target, value);
}

static ink_status run_set_block(ink_rendering *r, const ink_node *node)
{
    ink_value text;
    INK_TRY(capture_scoped(r, node->as.set.body, &text));
    if (node->as.set.value)
        INK_TRY(ink_render_filter(r, node->as.set.value, text, &text));
    return ink_render_assign_target(r, node->as.set.target, text);
}

static ink_status run_filter_block(ink_rendering *r, const ink_node *node)
{
    ink_value text;
    INK_TRY(capture_scoped(r, node->as.set.body, &text));
    INK_TRY(ink_render_filter(r, node->as.set.value, text, &text));
    return ink_render_put_value(r, text);
}

/* The values are taken from outside: none sees another's name. */
static ink_status run_with(ink_rendering *r, const ink_node *node)
{
    ink_scope *around = r->scope, *inside;
    ink_value value;
    INK_TRY(ink_render_new_scope(r, around, &inside));
    const ink_node *source = node->as.set.value;
    for (const ink_node *target = node->as.set.target; target;
         target = target->next, source = source->next) {
        INK_TRY(ink_render_eval(r, source, &value));
        r->scope = inside;
        INK_TRY(ink_render_assign_target(r, target, value));
        r->scope = around;
    }
    r->scope = inside;
    INK_TRY(ink_render_body(r, node->as.set.body));
    r->scope = around;
    return INK_OK;
}

static ink_status run_macro(ink_rendering *r, const ink_node *node)
{
    ink_value macro;
    INK_TRY(ink_render_new_macro(r, &node->as.macro.macro, &macro));
    return ink_render_assign(r, node->as.macro.symbol, macro);
}

/* The block is a macro that the called one knows as `caller`. */
static ink_status run_call_block(ink_rendering *r, const ink_node *node)
{
    ink_value block, text;
    INK_TRY(ink_render_new_macro(r, &node->as.macro.macro, &block));
    INK_TRY(ink_render_call_node(r, node->as.macro.call, block, &text));
    return ink_render_put_value(r, text);
}

static ink_status run_scope(ink_rendering *r, const ink_node *node)
{
    return run_scoped(r, node->as.set.body);
}

static ink_status run_loop_control(ink_rendering *r, const ink_node *node)
{
    r->flow = node->kind == INK_NODE_BREAK ? INK_FLOW_BREAK : INK_FLOW_CONTINUE;
    return INK_OK;
}

typedef ink_status (*runner)(ink_rendering *r, const ink_node *node);

static const runner runners[] = {
    [INK_NODE_TEXT] = run_text,
    [INK_NODE_OUTPUT] = run_output,
    [INK_NODE_IF] = run_if,
    [INK_NODE_FOR] = run_for,
    [INK_NODE_SET] = run_set,
    [INK_NODE_SET_BLOCK] = run_set_block,
    [INK_NODE_FILTER_BLOCK] = run_filter_block,
    [INK_NODE_WITH] = run_with,
    [INK_NODE_MACRO] = run_macro,
    [INK_NODE_CALL_BLOCK] = run_call_block,
    [INK_NODE_SCOPE] = run_scope,
    [INK_NODE_BREAK] = run_loop_control,
    [INK_NODE_CONTINUE] = run_loop_control,
};

ink_status ink_render_body(ink_rendering *r, const ink_node *body)
{
    INK_TRY(ink_render_enter(r));
    for (const ink_node *node = body; node && r->flow == INK_FLOW_ON; node = node->next) {
        r->at = node->offset;
        INK_TRY(ink_render_spend(r, 1));
        INK_TRY(runners[node->kind](r, node));
    }
    ink_render_leave(r);
    return INK_OK;
}
