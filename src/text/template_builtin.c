/*
 * The table of template.def, looking in it, and sorting a call's arguments into a row's parameters.
 */
#include "text/template_builtin.h"

#include <string.h>
#include "text/template_render.h"

static const ink_builtin builtins[] = {
#define BUILTIN(kind, name, run, required, parameters) \
    {INK_BUILTIN_##kind, #name, run, required, parameters},
#include "text/template.def"
#undef BUILTIN
};

enum { N_BUILTINS = sizeof builtins / sizeof builtins[0] };

const ink_builtin *ink_builtin_find(ink_builtin_kind kind, ink_value name)
{
    for (size_t i = 0; i < N_BUILTINS; i++)
        if (builtins[i].kind == kind && ink_value_is_text(name, builtins[i].name))
            return &builtins[i];
    return NULL;
}

const char *ink_builtin_kind_name(ink_builtin_kind kind)
{
    static const char *const names[] = {"filter",        "test",        "function",
                                        "string method", "dict method", "list method"};
    return names[kind];
}

/* The row's parameters, one after the other; false when there are no more. */
static bool next_parameter(const char **at, ink_value *name)
{
    size_t n = strcspn(*at, " ");
    *name = ink_value_borrow(*at, n);
    *at += n + ((*at)[n] == ' ');
    return n > 0;
}

/* Keywords that no parameter has are wrong, unless the row takes any. */
static ink_status check_counts(const ink_call *call, size_t n_slots, size_t n_keywords_used,
                               bool takes_any)
{
    const ink_builtin *builtin = call->builtin;
    const char *kind = ink_builtin_kind_name(builtin->kind);
    size_t n_keywords =
        call->keywords.kind == INK_VALUE_DICT ? call->keywords.as.dict->n_entries : 0;
    for (unsigned i = 0; i < builtin->n_required; i++)
        if (takes_any ? i >= call->n_arguments : !call->given[i])
            return ink_render_fail(call->rendering, INK_BAD_ARGUMENT,
                                   "the %s '%s' needs %u argument%s: %s", kind, builtin->name,
                                   builtin->n_required, builtin->n_required == 1 ? "" : "s",
                                   builtin->parameters);
    if (takes_any)
        return INK_OK;
    if (call->n_arguments > n_slots)
        return ink_render_fail(call->rendering, INK_BAD_ARGUMENT,
                               "the %s '%s' takes at most %zu arguments, not %zu", kind,
                               builtin->name, n_slots, call->n_arguments);
    if (n_keywords > n_keywords_used)
        return ink_render_fail(call->rendering, INK_BAD_ARGUMENT,
                               "the %s '%s' takes these arguments: %s", kind, builtin->name,
                               builtin->parameters[0] ? builtin->parameters : "none");
    return INK_OK;
}

ink_status ink_builtin_call(const ink_builtin *builtin, ink_call *call, ink_value *out)
{
    size_t n_slots = 0, n_keywords_used = 0;
    bool takes_any = false;
    const char *at = builtin->parameters;
    ink_value name;
    call->builtin = builtin;
    while (next_parameter(&at, &name)) {
        takes_any = ink_value_is_text(name, "*");
        if (takes_any)
            break;
        const ink_value *keyword =
            call->keywords.kind == INK_VALUE_DICT ? ink_value_find(call->keywords, name) : NULL;
        n_keywords_used += keyword != NULL && n_slots >= call->n_arguments;
        call->given[n_slots] = keyword || n_slots < call->n_arguments;
        if (call->given[n_slots])
            call->slots[n_slots] =
                n_slots < call->n_arguments ? call->arguments[n_slots] : *keyword;
        n_slots++;
    }
    INK_TRY(check_counts(call, n_slots, n_keywords_used, takes_any));
    return builtin->run(call, out);
}

ink_status ink_call_integer(ink_call *call, unsigned slot, int64_t fallback, int64_t *out)
{
    ink_value value = call->slots[slot];
    *out = value.kind == INK_VALUE_INTEGER ? value.as.integer
           : value.kind == INK_VALUE_BOOL  ? value.as.boolean
                                           : fallback;
    if (!call->given[slot] || value.kind == INK_VALUE_NONE || value.kind == INK_VALUE_INTEGER ||
        value.kind == INK_VALUE_BOOL)
        return INK_OK;
    return ink_render_fail(call->rendering, INK_BAD_ARGUMENT,
                           "the %s '%s' needs an integer, not a %s",
                           ink_builtin_kind_name(call->builtin->kind), call->builtin->name,
                           ink_value_kind_name(value.kind));
}

ink_status ink_call_string(ink_call *call, unsigned slot, const char *fallback, ink_value *out)
{
    ink_value value = call->slots[slot];
    if (ink_value_is_string(value)) {
        *out = value;
        return INK_OK;
    }
    if (fallback && (!call->given[slot] || value.kind == INK_VALUE_NONE)) {
        *out = ink_value_borrow(fallback, strlen(fallback));
        return INK_OK;
    }
    return ink_render_fail(call->rendering, INK_BAD_ARGUMENT,
                           "the %s '%s' needs a string, not a %s",
                           ink_builtin_kind_name(call->builtin->kind), call->builtin->name,
                           ink_value_kind_name(value.kind));
}

/* ---- A row as a value */

typedef struct bound {
    ink_value_object object;
    const ink_builtin *builtin;
    ink_value subject;
} bound;

static ink_status call_bound(ink_value_object *self, ink_call *call, ink_value *out)
{
    const bound *method = (const bound *)self;
    call->subject = method->subject;
    return ink_builtin_call(method->builtin, call, out);
}

ink_status ink_builtin_bind(ink_rendering *r, const ink_builtin *builtin, ink_value subject,
                            ink_value *out)
{
    static const ink_object_type type = {"function", call_bound, NULL};
    void *memory;
    INK_TRY(ink_render_take(r, 1, sizeof(bound), &memory));
    bound *method = memory;
    *method = (bound){{&type}, builtin, subject};
    *out = (ink_value){.kind = INK_VALUE_OBJECT, .as.object = &method->object};
    return INK_OK;
}
