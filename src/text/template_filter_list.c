/* Filters on the items of lists: one by one, by test, by attribute. */
#include "text/template_builtin.h"
#include "text/template_render.h"
#include "text/template_text.h"

ink_status ink_filter_length(ink_call *call, ink_value *out)
{
    ink_value value = call->subject;
    size_t n = 0;
    INK_TRY(ink_render_spend_bytes(call->rendering, value.n_bytes));
    if (ink_value_is_string(value))
        n = ink_text_count(value.as.text, value.n_bytes);
    else if (value.kind == INK_VALUE_DICT)
        n = value.as.dict->n_entries;
    else if (ink_value_is_listlike(value) && value.kind != INK_VALUE_STREAM)
        n = value.as.list->n_items;
    else if (value.kind != INK_VALUE_UNDEFINED)
        return ink_render_fail(call->rendering, INK_BAD_ARGUMENT, "a %s has no length%s",
                               ink_value_kind_name(value.kind),
                               value.kind == INK_VALUE_STREAM ? "; make it a list first (| list)"
                                                              : "");
    *out = ink_value_integer((int64_t)n);
    return INK_OK;
}

/* A list of the kind, of all that the value yields. */
static ink_status collect(ink_rendering *r, ink_value value, ink_value_kind kind, ink_value *out)
{
    const ink_value *items;
    size_t n_items;
    ink_value list;
    INK_TRY(ink_render_items(r, value, &items, &n_items));
    INK_TRY(ink_render_new_list(r, kind, n_items, &list));
    for (size_t i = 0; i < n_items; i++)
        INK_TRY(ink_render_append(r, list, items[i]));
    *out = list;
    return INK_OK;
}

ink_status ink_filter_list(ink_call *call, ink_value *out)
{
    return collect(call->rendering, call->subject, INK_VALUE_LIST, out);
}

ink_status ink_filter_first(ink_call *call, ink_value *out)
{
    const ink_value *items;
    size_t n_items;
    ink_value value = call->subject;
    if (value.kind == INK_VALUE_STREAM) { /* takes one and leaves the others */
        ink_value_list *list = value.as.list;
        *out = list->next < list->n_items ? list->items[list->next++]
                                          : ink_render_undefined("the first item of none");
        return INK_OK;
    }
    INK_TRY(ink_render_items(call->rendering, value, &items, &n_items));
    *out = n_items ? items[0] : ink_render_undefined("the first item of none");
    return INK_OK;
}

ink_status ink_filter_last(ink_call *call, ink_value *out)
{
    const ink_value *items;
    size_t n_items;
    if (call->subject.kind == INK_VALUE_STREAM)
        return ink_render_fail(call->rendering, INK_BAD_ARGUMENT,
                               "a generator has no last item; make it a list first");
    INK_TRY(ink_render_items(call->rendering, call->subject, &items, &n_items));
    *out = n_items ? items[n_items - 1] : ink_render_undefined("the last item of none");
    return INK_OK;
}

ink_status ink_filter_reverse(ink_call *call, ink_value *out)
{
    ink_rendering *r = call->rendering;
    const ink_value *items;
    size_t n_items, mark = ink_render_mark(r);
    INK_TRY(ink_render_items(r, call->subject, &items, &n_items));
    if (ink_value_is_string(call->subject)) {
        for (size_t i = n_items; i > 0; i--)
            INK_TRY(ink_render_put_text(r, items[i - 1]));
        return ink_render_take_text(r, mark, out);
    }
    INK_TRY(ink_render_new_list(r, INK_VALUE_STREAM, n_items, out));
    for (size_t i = n_items; i > 0; i--)
        INK_TRY(ink_render_append(r, *out, items[i - 1]));
    return INK_OK;
}

ink_status ink_filter_join(ink_call *call, ink_value *out)
{
    ink_rendering *r = call->rendering;
    const ink_value *items;
    size_t n_items;
    ink_value item, separator = ink_value_borrow("", 0);
    if (call->given[0])
        INK_TRY(ink_render_text(r, call->slots[0], &separator));
    INK_TRY(ink_render_items(r, call->subject, &items, &n_items));
    size_t mark = ink_render_mark(r);
    for (size_t i = 0; i < n_items; i++) {
        item = items[i];
        if (call->given[1] && call->slots[1].kind != INK_VALUE_NONE)
            INK_TRY(ink_render_path(r, item, call->slots[1], &item));
        INK_TRY(ink_render_spend(r, 1));
        if (i > 0)
            INK_TRY(ink_render_put_text(r, separator));
        INK_TRY(ink_render_put_value(r, item));
    }
    return ink_render_take_text(r, mark, out);
}

ink_status ink_filter_default(ink_call *call, ink_value *out)
{
    bool missing = call->subject.kind == INK_VALUE_UNDEFINED;
    if (ink_value_truth(call->slots[1]))
        missing = !ink_value_truth(call->subject);
    *out = !missing ? call->subject : call->given[0] ? call->slots[0] : ink_value_borrow("", 0);
    return INK_OK;
}

/* Of an object itself, never an item. */
ink_status ink_filter_attr(ink_call *call, ink_value *out)
{
    ink_value name;
    INK_TRY(ink_call_string(call, 0, NULL, &name));
    INK_TRY(ink_render_attribute(call->rendering, call->subject, name, out));
    if (call->subject.kind == INK_VALUE_DICT && ink_value_find(call->subject, name) &&
        out->kind != INK_VALUE_OBJECT)
        *out = ink_render_undefined("an attribute of a dict");
    return INK_OK;
}

ink_status ink_filter_items(ink_call *call, ink_value *out)
{
    if (call->subject.kind == INK_VALUE_DICT)
        return ink_method_items(call, out);
    if (call->subject.kind == INK_VALUE_UNDEFINED)
        return ink_render_new_list(call->rendering, INK_VALUE_STREAM, 0, out);
    return ink_render_fail(call->rendering, INK_BAD_ARGUMENT,
                           "the filter 'items' needs a dict, not a %s",
                           ink_value_kind_name(call->subject.kind));
}

/* ---- map, select, reject: what is false (None, say) has no items, as in Jinja. */

static ink_status items_if_true(ink_call *call, const ink_value **items, size_t *n_items)
{
    *n_items = 0;
    *items = NULL;
    return ink_value_truth(call->subject)
               ? ink_render_items(call->rendering, call->subject, items, n_items)
               : INK_OK;
}

/* The row that the argument at `place` names; what follows it becomes the arguments of `inner`. */
static ink_status inner_call(ink_call *call, ink_builtin_kind kind, size_t place,
                             const ink_builtin **builtin, ink_call *inner)
{
    ink_value name = call->arguments[place];
    *inner = (ink_call){.rendering = call->rendering, .keywords = call->keywords};
    inner->arguments = call->arguments + place + 1;
    inner->n_arguments = call->n_arguments - place - 1;
    *builtin = ink_builtin_find(kind, name);
    if (*builtin)
        return INK_OK;
    INK_TRY(ink_render_text(call->rendering, name, &name));
    return ink_render_fail(call->rendering, INK_UNSUPPORTED, "there is no %s '%.*s'",
                           ink_builtin_kind_name(kind),
                           (int)(name.n_bytes < 80 ? name.n_bytes : 80), name.as.text);
}

static ink_status map_attribute(ink_call *call, ink_value path, const ink_value *items,
                                size_t n_items, ink_value out)
{
    const ink_value *fallback = ink_value_find_name(call->keywords, "default");
    ink_value item;
    for (size_t i = 0; i < n_items; i++) {
        INK_TRY(ink_render_path(call->rendering, items[i], path, &item));
        if (item.kind == INK_VALUE_UNDEFINED && fallback)
            item = *fallback;
        INK_TRY(ink_render_append(call->rendering, out, item));
    }
    return INK_OK;
}

ink_status ink_filter_map(ink_call *call, ink_value *out)
{
    ink_rendering *r = call->rendering;
    const ink_value *items, *path = NULL;
    const ink_builtin *builtin;
    size_t n_items;
    ink_call inner;
    ink_value item;
    INK_TRY(items_if_true(call, &items, &n_items));
    INK_TRY(ink_render_new_list(r, INK_VALUE_STREAM, n_items, out));
    if (call->keywords.kind == INK_VALUE_DICT)
        path = ink_value_find_name(call->keywords, "attribute");
    if (call->n_arguments == 0 && path)
        return map_attribute(call, *path, items, n_items, *out);
    if (call->n_arguments == 0)
        return ink_render_fail(r, INK_BAD_ARGUMENT,
                               "map needs the name of a filter or attribute=...");
    INK_TRY(inner_call(call, INK_BUILTIN_FILTER, 0, &builtin, &inner));
    INK_TRY(ink_render_enter(r));
    for (size_t i = 0; i < n_items; i++) {
        ink_call each = inner;
        each.subject = items[i];
        INK_TRY(ink_builtin_call(builtin, &each, &item));
        INK_TRY(ink_render_append(r, *out, item));
    }
    ink_render_leave(r);
    return INK_OK;
}

/*
 * Keeps the items for which the test is `wanted`; `by_attribute`: the test of an attribute, named
 * first.
 */
static ink_status filter_items(ink_call *call, bool by_attribute, bool wanted, ink_value *out)
{
    ink_rendering *r = call->rendering;
    const ink_value *items;
    const ink_builtin *builtin = NULL;
    size_t n_items;
    ink_call inner;
    if (by_attribute && call->n_arguments == 0)
        return ink_render_fail(r, INK_BAD_ARGUMENT, "the filter '%s' needs an attribute",
                               call->builtin->name);
    INK_TRY(items_if_true(call, &items, &n_items));
    INK_TRY(ink_render_new_list(r, INK_VALUE_STREAM, 0, out));
    if (call->n_arguments > by_attribute)
        INK_TRY(inner_call(call, INK_BUILTIN_TEST, by_attribute, &builtin, &inner));
    for (size_t i = 0; i < n_items; i++) {
        ink_value tested = items[i], verdict;
        if (by_attribute)
            INK_TRY(ink_render_path(r, tested, call->arguments[0], &tested));
        verdict = tested;
        if (builtin) {
            ink_call each = inner;
            each.subject = tested;
            INK_TRY(ink_builtin_call(builtin, &each, &verdict));
        }
        INK_TRY(ink_render_spend(r, 1));
        if (ink_value_truth(verdict) == wanted)
            INK_TRY(ink_render_append(r, *out, items[i]));
    }
    return INK_OK;
}

ink_status ink_filter_select(ink_call *call, ink_value *out)
{
    return filter_items(call, false, true, out);
}

ink_status ink_filter_reject(ink_call *call, ink_value *out)
{
    return filter_items(call, false, false, out);
}

ink_status ink_filter_selectattr(ink_call *call, ink_value *out)
{
    return filter_items(call, true, true, out);
}

ink_status ink_filter_rejectattr(ink_call *call, ink_value *out)
{
    return filter_items(call, true, false, out);
}

/* ---- Lists of lists */

/* Items [from, from + n) as a list of at least `least`, filled up with slot 1. */
static ink_status part(ink_call *call, const ink_value *items, size_t n, size_t least,
                       ink_value *out)
{
    INK_TRY(ink_render_new_list(call->rendering, INK_VALUE_LIST, n, out));
    for (size_t i = 0; i < n; i++)
        INK_TRY(ink_render_append(call->rendering, *out, items[i]));
    bool fills = call->given[1] && call->slots[1].kind != INK_VALUE_NONE;
    for (size_t i = n; i < least && fills; i++)
        INK_TRY(ink_render_append(call->rendering, *out, call->slots[1]));
    return INK_OK;
}

static ink_status parts_argument(ink_call *call, size_t *out)
{
    int64_t n;
    INK_TRY(ink_call_integer(call, 0, 0, &n));
    if (n < 1 || n > INT32_MAX)
        return ink_render_fail(call->rendering, INK_BAD_ARGUMENT,
                               "the filter '%s' needs a positive number", call->builtin->name);
    *out = (size_t)n;
    return INK_OK;
}

ink_status ink_filter_batch(ink_call *call, ink_value *out)
{
    const ink_value *items;
    size_t n_items, size;
    ink_value one;
    INK_TRY(parts_argument(call, &size));
    INK_TRY(ink_render_items(call->rendering, call->subject, &items, &n_items));
    INK_TRY(ink_render_new_list(call->rendering, INK_VALUE_STREAM, 0, out));
    for (size_t at = 0; at < n_items; at += size) {
        size_t n = n_items - at < size ? n_items - at : size;
        INK_TRY(part(call, items + at, n, size, &one));
        INK_TRY(ink_render_append(call->rendering, *out, one));
    }
    return INK_OK;
}

ink_status ink_filter_slice(ink_call *call, ink_value *out)
{
    const ink_value *items;
    size_t n_items, n_parts, at = 0;
    ink_value one;
    INK_TRY(parts_argument(call, &n_parts));
    INK_TRY(ink_render_items(call->rendering, call->subject, &items, &n_items));
    INK_TRY(ink_render_new_list(call->rendering, INK_VALUE_STREAM, 0, out));
    size_t each = n_items / n_parts, longer = n_items % n_parts;
    for (size_t i = 0; i < n_parts; i++) {
        size_t n = each + (i < longer);
        INK_TRY(part(call, n_items ? items + at : NULL, n, longer ? each + 1 : n, &one));
        INK_TRY(ink_render_append(call->rendering, *out, one));
        at += n;
    }
    return INK_OK;
}
