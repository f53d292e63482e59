/* The interpreter's own objects: macros, loops, and what cycler and joiner make. */
#include <string.h>
#include "text/template_render.h"

ink_status ink_render_call(ink_rendering *r, ink_value callee, ink_call *call, ink_value *out)
{
    if (callee.kind != INK_VALUE_OBJECT || !callee.as.object->type->call)
        return ink_render_fail(r, INK_BAD_ARGUMENT, "a %s cannot be called",
                               callee.kind == INK_VALUE_OBJECT ? callee.as.object->type->name
                                                               : ink_value_kind_name(callee.kind));
    return callee.as.object->type->call(callee.as.object, call, out);
}

static ink_value object_value(void *object)
{
    return (ink_value){.kind = INK_VALUE_OBJECT, .as.object = object};
}

/* ---- Macros */

typedef struct macro {
    ink_value_object object;
    const ink_macro *definition;
    ink_scope *around; /* where it was defined */
} macro;

static ink_status fail_macro(ink_rendering *r, const ink_macro *definition, const char *what)
{
    return ink_render_fail(r, INK_BAD_ARGUMENT, "the macro '%.*s' %s",
                           (int)(definition->name.n_bytes < 80 ? definition->name.n_bytes : 80),
                           definition->name.as.text, what);
}

/* One parameter, in the macro's own scope: by place, by name, or what it falls back to. */
static ink_status bind_parameter(ink_rendering *r, const struct ink_parameter *parameter,
                                 size_t place, const ink_call *call, size_t *n_keywords_used)
{
    ink_value name = r->program->symbols[parameter->symbol].name;
    ink_value value = {
        .kind = INK_VALUE_UNDEFINED, .n_bytes = name.n_bytes, .as.text = name.as.text};
    const ink_value *keyword =
        call->keywords.kind == INK_VALUE_DICT ? ink_value_find(call->keywords, name) : NULL;
    *n_keywords_used += keyword != NULL;
    if (place < call->n_arguments)
        value = call->arguments[place];
    else if (keyword)
        value = *keyword;
    else if (parameter->fallback)
        INK_TRY(ink_render_eval(r, parameter->fallback, &value));
    return ink_render_assign(r, parameter->symbol, value);
}

static ink_status bind_varargs(ink_rendering *r, const ink_macro *definition, const ink_call *call)
{
    ink_value rest;
    INK_TRY(ink_render_new_list(r, INK_VALUE_TUPLE, 0, &rest));
    for (size_t i = definition->n_parameters; i < call->n_arguments; i++)
        INK_TRY(ink_render_append(r, rest, call->arguments[i]));
    return ink_render_assign(r, INK_SYMBOL_VARARGS, rest);
}

static bool has_parameter(const ink_rendering *r, const ink_macro *definition, ink_value name)
{
    for (const struct ink_parameter *at = definition->parameters; at; at = at->next)
        if (ink_value_equal(r->program->symbols[at->symbol].name, name))
            return true;
    return false;
}

static ink_status bind_kwargs(ink_rendering *r, const ink_macro *definition, const ink_call *call)
{
    ink_value rest;
    INK_TRY(ink_render_new_dict(r, INK_VALUE_DICT, &rest));
    const ink_value_dict *given =
        call->keywords.kind == INK_VALUE_DICT ? call->keywords.as.dict : NULL;
    for (uint32_t i = 0; given && i < given->n_entries; i++)
        if (!has_parameter(r, definition, given->entries[i].key) &&
            !(definition->reads_caller && ink_value_is_text(given->entries[i].key, "caller")))
            INK_TRY(ink_render_set(r, rest, given->entries[i].key, given->entries[i].item));
    return ink_render_assign(r, INK_SYMBOL_KWARGS, rest);
}

/* Everything the body may name, into the scope that is now innermost. */
static ink_status bind_arguments(ink_rendering *r, const ink_macro *definition,
                                 const ink_call *call)
{
    size_t place = 0, n_keywords_used = 0;
    ink_value caller = ink_render_undefined("caller");
    for (const struct ink_parameter *at = definition->parameters; at; at = at->next)
        INK_TRY(bind_parameter(r, at, place++, call, &n_keywords_used));
    const ink_value *given = call->keywords.kind == INK_VALUE_DICT
                                 ? ink_value_find_name(call->keywords, "caller")
                                 : NULL;
    if (definition->reads_caller) {
        n_keywords_used += given != NULL;
        INK_TRY(ink_render_assign(r, INK_SYMBOL_CALLER, given ? *given : caller));
    }
    if (definition->reads_varargs)
        INK_TRY(bind_varargs(r, definition, call));
    else if (call->n_arguments > definition->n_parameters)
        return fail_macro(r, definition, "is given more arguments than it takes");
    if (definition->reads_kwargs)
        INK_TRY(bind_kwargs(r, definition, call));
    else if (call->keywords.kind == INK_VALUE_DICT &&
             call->keywords.as.dict->n_entries > n_keywords_used)
        return fail_macro(r, definition, "is given a keyword that is none of its parameters");
    return INK_OK;
}

/*
 * The body runs where the macro was defined, not where it is called: what it names is what its
 * author saw there.
 */
static ink_status call_macro(ink_value_object *self, ink_call *call, ink_value *out)
{
    const macro *called = (const macro *)self;
    ink_rendering *r = call->rendering;
    ink_scope *calling = r->scope;
    INK_TRY(ink_render_enter(r));
    INK_TRY(ink_render_new_scope(r, called->around, &r->scope));
    INK_TRY(bind_arguments(r, called->definition, call));
    INK_TRY(ink_render_capture(r, called->definition->body, out));
    r->scope = calling;
    ink_render_leave(r);
    return INK_OK;
}

static bool macro_attribute(ink_rendering *r, ink_value_object *self, ink_value name,
                            ink_value *out)
{
    (void)r;
    if (!ink_value_is_text(name, "name"))
        return false;
    *out = ((const macro *)self)->definition->name;
    return true;
}

ink_status ink_render_new_macro(ink_rendering *r, const ink_macro *definition, ink_value *out)
{
    static const ink_object_type type = {"macro", call_macro, macro_attribute};
    void *memory;
    INK_TRY(ink_render_take(r, 1, sizeof(macro), &memory));
    macro *made = memory;
    *made = (macro){{&type}, definition, r->scope};
    for (ink_scope *scope = r->scope; scope && !scope->captured; scope = scope->parent)
        scope->captured = true;
    *out = object_value(made);
    return INK_OK;
}

/* ---- Cyclers and joiners: they count their calls. */

typedef struct cycler {
    ink_value_object object;
    ink_value items;
    size_t next;
} cycler;

static ink_status cycler_next(ink_call *call, ink_value *out)
{
    cycler *self = (cycler *)call->subject.as.object;
    *out = self->items.as.list->items[self->next];
    self->next = (self->next + 1) % self->items.as.list->n_items;
    return INK_OK;
}

static ink_status cycler_reset(ink_call *call, ink_value *out)
{
    ((cycler *)call->subject.as.object)->next = 0;
    *out = ink_value_none();
    return INK_OK;
}

static bool cycler_attribute(ink_rendering *r, ink_value_object *self, ink_value name,
                             ink_value *out)
{
    static const ink_builtin methods[] = {{INK_BUILTIN_GLOBAL, "next", cycler_next, 0, ""},
                                          {INK_BUILTIN_GLOBAL, "reset", cycler_reset, 0, ""}};
    const cycler *cycling = (const cycler *)self;
    for (size_t i = 0; i < 2; i++)
        if (ink_value_is_text(name, methods[i].name))
            return ink_builtin_bind(r, &methods[i], object_value(self), out) == INK_OK;
    if (!ink_value_is_text(name, "current"))
        return false;
    *out = cycling->items.as.list->items[cycling->next];
    return true;
}

ink_status ink_global_cycler(ink_call *call, ink_value *out)
{
    static const ink_object_type type = {"cycler", NULL, cycler_attribute};
    ink_rendering *r = call->rendering;
    void *memory;
    INK_TRY(ink_render_take(r, 1, sizeof(cycler), &memory));
    cycler *made = memory;
    made->object.type = &type;
    INK_TRY(ink_render_new_list(r, INK_VALUE_LIST, call->n_arguments, &made->items));
    for (size_t i = 0; i < call->n_arguments; i++)
        INK_TRY(ink_render_append(r, made->items, call->arguments[i]));
    *out = object_value(made);
    return INK_OK;
}

typedef struct joiner {
    ink_value_object object;
    ink_value separator;
    bool used;
} joiner;

static ink_status call_joiner(ink_value_object *self, ink_call *call, ink_value *out)
{
    joiner *joining = (joiner *)self;
    (void)call;
    *out = joining->used ? joining->separator : ink_value_borrow("", 0);
    joining->used = true;
    return INK_OK;
}

ink_status ink_global_joiner(ink_call *call, ink_value *out)
{
    static const ink_object_type type = {"joiner", call_joiner, NULL};
    void *memory;
    INK_TRY(ink_render_take(call->rendering, 1, sizeof(joiner), &memory));
    joiner *made = memory;
    made->object.type = &type;
    made->separator = call->given[0] ? call->slots[0] : ink_value_borrow(", ", 2);
    *out = object_value(made);
    return INK_OK;
}
