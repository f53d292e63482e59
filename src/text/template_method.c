/*
 * Methods of dicts and lists. Those that would change one are refused: values never change while a
 * template runs.
 */
#include "text/template_builtin.h"
#include "text/template_render.h"

ink_status ink_method_refused(ink_call *call, ink_value *out)
{
    (void)out;
    return ink_render_fail(call->rendering, INK_BAD_ARGUMENT,
                           "the %s '%s' would change a value, which templates may not; make a new "
                           "one, or use a namespace",
                           ink_builtin_kind_name(call->builtin->kind), call->builtin->name);
}

ink_status ink_method_get(ink_call *call, ink_value *out)
{
    if (!ink_value_is_key(call->slots[0]) && call->slots[0].kind != INK_VALUE_UNDEFINED)
        return ink_render_fail(call->rendering, INK_BAD_ARGUMENT,
                               "a %s cannot be the key of a dict",
                               ink_value_kind_name(call->slots[0].kind));
    const ink_value *item =
        ink_value_is_key(call->slots[0]) ? ink_value_find(call->subject, call->slots[0]) : NULL;
    *out = item ? *item : call->given[1] ? call->slots[1] : ink_value_none();
    return INK_OK;
}

static ink_status pair(ink_rendering *r, const ink_value_entry *entry, ink_value *out)
{
    INK_TRY(ink_render_new_list(r, INK_VALUE_TUPLE, 2, out));
    INK_TRY(ink_render_append(r, *out, entry->key));
    return ink_render_append(r, *out, entry->item);
}

ink_status ink_method_items(ink_call *call, ink_value *out)
{
    ink_rendering *r = call->rendering;
    const ink_value_dict *dict = call->subject.as.dict;
    ink_value item;
    INK_TRY(ink_render_new_list(r, INK_VALUE_VIEW, dict->n_entries, out));
    out->as.list->label = "dict_items";
    for (uint32_t i = 0; i < dict->n_entries; i++) {
        INK_TRY(pair(r, &dict->entries[i], &item));
        INK_TRY(ink_render_append(r, *out, item));
    }
    return INK_OK;
}

ink_status ink_method_keys(ink_call *call, ink_value *out)
{
    const ink_value_dict *dict = call->subject.as.dict;
    INK_TRY(ink_render_new_list(call->rendering, INK_VALUE_VIEW, dict->n_entries, out));
    out->as.list->label = "dict_keys";
    for (uint32_t i = 0; i < dict->n_entries; i++)
        INK_TRY(ink_render_append(call->rendering, *out, dict->entries[i].key));
    return INK_OK;
}

ink_status ink_method_values(ink_call *call, ink_value *out)
{
    const ink_value_dict *dict = call->subject.as.dict;
    INK_TRY(ink_render_new_list(call->rendering, INK_VALUE_VIEW, dict->n_entries, out));
    out->as.list->label = "dict_values";
    for (uint32_t i = 0; i < dict->n_entries; i++)
        INK_TRY(ink_render_append(call->rendering, *out, dict->entries[i].item));
    return INK_OK;
}

/* Nothing can change the original, so it is its own copy. */
ink_status ink_method_copy_dict(ink_call *call, ink_value *out)
{
    *out = call->subject;
    return INK_OK;
}

ink_status ink_method_count_items(ink_call *call, ink_value *out)
{
    const ink_value_list *list = call->subject.as.list;
    int64_t n = 0;
    for (size_t i = 0; i < list->n_items; i++) {
        bool same;
        INK_TRY(ink_render_equal(call->rendering, list->items[i], call->slots[0], &same));
        n += same;
    }
    *out = ink_value_integer(n);
    return INK_OK;
}

ink_status ink_method_index_of(ink_call *call, ink_value *out)
{
    const ink_value_list *list = call->subject.as.list;
    for (size_t i = 0; i < list->n_items; i++) {
        bool same;
        INK_TRY(ink_render_equal(call->rendering, list->items[i], call->slots[0], &same));
        *out = ink_value_integer((int64_t)i);
        if (same)
            return INK_OK;
    }
    return ink_render_fail(call->rendering, INK_BAD_ARGUMENT,
                           "index: the list does not hold this item");
}
