/* The ground of the interpreter: failing, paying, memory, scopes. */
#include "text/template_render.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/size.h"

enum {
    BYTES_PER_STEP = 64,    /* text is moved many bytes in the time of one step */
    BINDINGS_PER_STEP = 16, /* looked through in the time of one step */
};

/* ---- Failing and paying */

ink_status ink_render_fail(ink_rendering *r, ink_status status, const char *format, ...)
{
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return ink_template_fail_at(r->program, r->error, status, r->at, "%s", text);
}

/* With the words of the limits' table; `field` is one of its columns. */
#define FAIL_LIMIT(r, field) fail_limit(r, #field, (r)->limits.field)

static ink_status fail_limit(ink_rendering *r, const char *field, size_t limit)
{
    static const struct {
        const char *field, *what;
    } limits[] = {
#define X(name, value, text) {#name, text},
        INK_TEMPLATE_LIMITS(X)
#undef X
    };
    size_t i = 0;
    while (strcmp(limits[i].field, field) != 0)
        i++;
    return ink_render_fail(r, INK_LIMIT, "more than %zu %s (%s)", limit, limits[i].what, field);
}

ink_status ink_render_fail_memory(ink_rendering *r)
{
    if (r->arena_memory.exhausted || r->out_memory.exhausted)
        return ink_fail_memory(r->error, "rendering a template");
    if (r->out.failed)
        return ink_render_fail(r, INK_LIMIT, "more than %zu bytes of output (max_output_bytes)",
                               r->out.max_bytes);
    return FAIL_LIMIT(r, max_memory_bytes);
}

ink_status ink_render_fail_undefined(ink_rendering *r, ink_value undefined)
{
    if (undefined.n_bytes == 0)
        return ink_render_fail(r, INK_BAD_ARGUMENT, "a value is undefined");
    return ink_render_fail(r, INK_BAD_ARGUMENT, "'%.*s' is undefined",
                           (int)ink_size_min(undefined.n_bytes, 80), undefined.as.text);
}

ink_status ink_render_spend(ink_rendering *r, size_t steps)
{
    if (steps > r->limits.max_steps - r->n_steps)
        return FAIL_LIMIT(r, max_steps);
    r->n_steps += steps;
    return INK_OK;
}

ink_status ink_render_spend_bytes(ink_rendering *r, size_t n_bytes)
{
    return ink_render_spend(r, n_bytes / BYTES_PER_STEP);
}

ink_status ink_render_enter(ink_rendering *r)
{
    if (r->depth >= r->limits.max_depth)
        return FAIL_LIMIT(r, max_depth);
    r->depth++;
    return ink_render_spend(r, 1);
}

/* ---- Memory */

ink_status ink_render_take(ink_rendering *r, size_t count, size_t size, void **out)
{
    *out = ink_arena_take(&r->arena, count, size);
    return *out ? INK_OK : ink_render_fail_memory(r);
}

ink_status ink_render_new_list(ink_rendering *r, ink_value_kind kind, size_t capacity,
                               ink_value *out)
{
    INK_TRY(ink_render_spend(r, capacity / 8));
    return ink_value_new_list(&r->arena, kind, capacity, out) ? INK_OK : ink_render_fail_memory(r);
}

static ink_status check_depth(ink_rendering *r, ink_value item)
{
    INK_TRY(ink_render_spend(r, 1));
    if (ink_value_depth(item) < INK_VALUE_MAX_DEPTH)
        return INK_OK;
    return ink_render_fail(r, INK_LIMIT, "lists and dicts nest deeper than %d",
                           INK_VALUE_MAX_DEPTH);
}

ink_status ink_render_append(ink_rendering *r, ink_value list, ink_value item)
{
    INK_TRY(check_depth(r, item));
    return ink_value_append(&r->arena, list, item) ? INK_OK : ink_render_fail_memory(r);
}

ink_status ink_render_new_dict(ink_rendering *r, ink_value_kind kind, ink_value *out)
{
    return ink_value_new_dict(&r->arena, kind, out) ? INK_OK : ink_render_fail_memory(r);
}

ink_status ink_render_set(ink_rendering *r, ink_value dict, ink_value key, ink_value item)
{
    if (!ink_value_is_key(key))
        return ink_render_fail(r, INK_BAD_ARGUMENT, "a %s cannot be the key of a dict",
                               ink_value_kind_name(key.kind));
    INK_TRY(check_depth(r, item));
    INK_TRY(ink_render_spend_bytes(r, key.n_bytes));
    return ink_value_set(&r->arena, dict, key, item) ? INK_OK : ink_render_fail_memory(r);
}

ink_status ink_render_new_string(ink_rendering *r, const char *text, size_t n_bytes, ink_value *out)
{
    INK_TRY(ink_render_spend_bytes(r, n_bytes));
    return ink_value_new_string(&r->arena, text, n_bytes, out) ? INK_OK : ink_render_fail_memory(r);
}

ink_value ink_render_undefined(const char *name)
{
    return (ink_value){.kind = INK_VALUE_UNDEFINED, .n_bytes = strlen(name), .as.text = name};
}

/* ---- Scopes */

ink_status ink_render_new_scope(ink_rendering *r, ink_scope *parent, ink_scope **out)
{
    void *memory;
    INK_TRY(ink_render_take(r, 1, sizeof **out, &memory));
    *out = memory;
    (*out)->parent = parent;
    return INK_OK;
}

static ink_binding *find(ink_scope *scope, uint32_t symbol)
{
    for (uint32_t i = 0; i < scope->n_bindings; i++)
        if (scope->bindings[i].symbol == symbol)
            return &scope->bindings[i];
    return NULL;
}

ink_status ink_render_assign(ink_rendering *r, uint32_t symbol, ink_value value)
{
    ink_scope *scope = r->scope;
    INK_TRY(ink_render_spend(r, scope->n_bindings / BINDINGS_PER_STEP));
    ink_binding *binding = find(scope, symbol);
    if (binding) {
        binding->value = value;
        return INK_OK;
    }
    if (scope->n_bindings == scope->capacity) {
        uint32_t capacity = scope->capacity ? scope->capacity * 2 : 4;
        void *memory;
        INK_TRY(ink_render_take(r, capacity, sizeof *binding, &memory));
        if (scope->n_bindings)
            memcpy(memory, scope->bindings, scope->n_bindings * sizeof *binding);
        scope->bindings = memory;
        scope->capacity = capacity;
    }
    scope->bindings[scope->n_bindings++] = (ink_binding){symbol, value};
    return INK_OK;
}

ink_status ink_render_lookup(ink_rendering *r, uint32_t symbol, ink_value *out)
{
    const ink_symbol *name = &r->program->symbols[symbol];
    for (ink_scope *scope = r->scope; scope; scope = scope->parent) {
        INK_TRY(ink_render_spend(r, scope->n_bindings / BINDINGS_PER_STEP));
        const ink_binding *binding = find(scope, symbol);
        if (binding) {
            *out = binding->value;
            return INK_OK;
        }
    }
    const ink_value *variable =
        r->variables.kind == INK_VALUE_DICT ? ink_value_find(r->variables, name->name) : NULL;
    if (variable)
        *out = *variable;
    else if (name->global)
        return ink_builtin_bind(r, name->global, (ink_value){.kind = INK_VALUE_UNDEFINED}, out);
    else
        *out = (ink_value){.kind = INK_VALUE_UNDEFINED,
                           .n_bytes = name->name.n_bytes,
                           .as.text = name->name.as.text};
    return INK_OK;
}
