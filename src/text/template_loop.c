/* {% for %}: running the body over items, and the object that the body knows as `loop`. */
#include "text/template_builtin.h"
#include "text/template_render.h"

typedef struct loop {
    ink_value_object object;
    const ink_node *node;
    ink_scope *around;
    const ink_value *items;
    size_t n_items, index, depth; /* depth 0 is the outermost of a recursion */
    ink_value seen;               /* by loop.changed: the last arguments, or undefined */
} loop;

static ink_value undefined_item(void)
{
    return ink_render_undefined("the item before the first or after the last");
}

/* ---- loop.name */

static ink_value count_of(size_t n)
{
    return ink_value_integer((int64_t)n);
}

static ink_value get_index(const loop *l)
{
    return count_of(l->index + 1);
}

static ink_value get_index0(const loop *l)
{
    return count_of(l->index);
}

static ink_value get_revindex(const loop *l)
{
    return count_of(l->n_items - l->index);
}

static ink_value get_revindex0(const loop *l)
{
    return count_of(l->n_items - l->index - 1);
}

static ink_value get_first(const loop *l)
{
    return ink_value_bool(l->index == 0);
}

static ink_value get_last(const loop *l)
{
    return ink_value_bool(l->index + 1 == l->n_items);
}

static ink_value get_length(const loop *l)
{
    return count_of(l->n_items);
}

static ink_value get_depth(const loop *l)
{
    return count_of(l->depth + 1);
}

static ink_value get_depth0(const loop *l)
{
    return count_of(l->depth);
}

static ink_value get_previtem(const loop *l)
{
    return l->index > 0 ? l->items[l->index - 1] : undefined_item();
}

static ink_value get_nextitem(const loop *l)
{
    return l->index + 1 < l->n_items ? l->items[l->index + 1] : undefined_item();
}

static const struct {
    const char *name;
    ink_value (*get)(const loop *l);
} attributes[] = {
    {"index", get_index},         {"index0", get_index0},     {"revindex", get_revindex},
    {"revindex0", get_revindex0}, {"first", get_first},       {"last", get_last},
    {"length", get_length},       {"depth", get_depth},       {"depth0", get_depth0},
    {"previtem", get_previtem},   {"nextitem", get_nextitem},
};

static ink_status loop_cycle(ink_call *call, ink_value *out)
{
    const loop *l = (const loop *)call->subject.as.object;
    *out = call->arguments[l->index % call->n_arguments];
    return INK_OK;
}

static ink_status loop_changed(ink_call *call, ink_value *out)
{
    loop *l = (loop *)call->subject.as.object;
    ink_value now;
    bool same = false;
    INK_TRY(ink_render_new_list(call->rendering, INK_VALUE_TUPLE, call->n_arguments, &now));
    for (size_t i = 0; i < call->n_arguments; i++)
        INK_TRY(ink_render_append(call->rendering, now, call->arguments[i]));
    INK_TRY(ink_render_equal(call->rendering, now, l->seen, &same));
    l->seen = now;
    *out = ink_value_bool(!same);
    return INK_OK;
}

static const ink_builtin methods[] = {
    {INK_BUILTIN_GLOBAL, "cycle", loop_cycle, 1, "*"},
    {INK_BUILTIN_GLOBAL, "changed", loop_changed, 0, "*"},
};

static bool loop_attribute(ink_rendering *r, ink_value_object *self, ink_value name, ink_value *out)
{
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++)
        if (ink_value_is_text(name, attributes[i].name)) {
            *out = attributes[i].get((const loop *)self);
            return true;
        }
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (ink_value_is_text(name, methods[i].name))
            return ink_builtin_bind(r, &methods[i],
                                    (ink_value){.kind = INK_VALUE_OBJECT, .as.object = self},
                                    out) == INK_OK;
    return false;
}

/* ---- Running */

/* The items for which the loop's condition holds. */
static ink_status select_items(ink_rendering *r, loop *l)
{
    ink_value kept, condition;
    INK_TRY(ink_render_new_list(r, INK_VALUE_LIST, 0, &kept));
    for (size_t i = 0; i < l->n_items; i++) {
        INK_TRY(ink_render_new_scope(r, l->around, &r->scope));
        INK_TRY(ink_render_assign_target(r, l->node->as.loop.target, l->items[i]));
        INK_TRY(ink_render_eval(r, l->node->as.loop.filter, &condition));
        if (ink_value_truth(condition))
            INK_TRY(ink_render_append(r, kept, l->items[i]));
    }
    l->items = kept.as.list->items;
    l->n_items = kept.as.list->n_items;
    return INK_OK;
}

/* One scope serves all iterations, unless a macro made in one still needs its variables. */
static ink_status run_body(ink_rendering *r, loop *l)
{
    ink_scope *scope = NULL;
    for (; l->index < l->n_items && r->flow != INK_FLOW_BREAK; l->index++) {
        if (!scope || scope->captured)
            INK_TRY(ink_render_new_scope(r, l->around, &scope));
        scope->n_bindings = 0;
        r->scope = scope;
        r->flow = INK_FLOW_ON;
        INK_TRY(ink_render_assign(r, INK_SYMBOL_LOOP,
                                  (ink_value){.kind = INK_VALUE_OBJECT, .as.object = &l->object}));
        INK_TRY(ink_render_assign_target(r, l->node->as.loop.target, l->items[l->index]));
        INK_TRY(ink_render_body(r, l->node->as.loop.body));
    }
    r->flow = INK_FLOW_ON;
    return INK_OK;
}

static ink_status call_loop(ink_value_object *self, ink_call *call, ink_value *out)
{
    const loop *l = (const loop *)self;
    ink_rendering *r = call->rendering;
    ink_scope *calling = r->scope;
    if (!l->node->as.loop.recursive)
        return ink_render_fail(r, INK_BAD_ARGUMENT,
                               "only a loop that is marked 'recursive' can be called");
    if (call->n_arguments != 1)
        return ink_render_fail(r, INK_BAD_ARGUMENT, "loop() takes one argument: what to loop over");
    size_t mark = ink_render_mark(r);
    r->scope = l->around;
    INK_TRY(ink_render_loop(r, l->node, call->arguments[0], l->depth + 1));
    r->scope = calling;
    return ink_render_take_text(r, mark, out);
}

ink_status ink_render_loop(ink_rendering *r, const ink_node *node, ink_value iterable, size_t depth)
{
    static const ink_object_type type = {"loop", call_loop, loop_attribute};
    ink_scope *around = r->scope;
    void *memory;
    INK_TRY(ink_render_enter(r));
    INK_TRY(ink_render_take(r, 1, sizeof(loop), &memory));
    loop *l = memory;
    *l = (loop){.object = {&type}, .node = node, .around = around, .depth = depth};
    INK_TRY(ink_render_items(r, iterable, &l->items, &l->n_items));
    if (node->as.loop.filter)
        INK_TRY(select_items(r, l));
    if (l->n_items > 0) {
        INK_TRY(run_body(r, l));
    } else {
        INK_TRY(ink_render_new_scope(r, around, &r->scope));
        INK_TRY(ink_render_body(r, node->as.loop.otherwise));
    }
    r->scope = around;
    ink_render_leave(r);
    return INK_OK;
}
