/*
 * Functions that every template can call. Cycler and joiner are in template_object.c, strftime_now
 * in template_time.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "text/template_builtin.h"
#include "text/template_render.h"

ink_status ink_global_raise_exception(ink_call *call, ink_value *out)
{
    ink_value message;
    (void)out;
    INK_TRY(ink_render_text(call->rendering, call->slots[0], &message));
    int shown = message.n_bytes > 360 ? 360 : (int)message.n_bytes;
    return ink_render_fail(call->rendering, INK_BAD_ARGUMENT, "template refused the messages: %.*s",
                           shown, message.as.text);
}

/* How many numbers there are; SIZE_MAX when more than anyone may want. */
static uint64_t range_length(int64_t start, int64_t stop, int64_t step)
{
    if (step > 0 ? start >= stop : start <= stop)
        return 0;
    uint64_t distance =
        step > 0 ? (uint64_t)stop - (uint64_t)start : (uint64_t)start - (uint64_t)stop;
    uint64_t stride = step > 0 ? (uint64_t)step : (uint64_t)0 - (uint64_t)step;
    return (distance - 1) / stride + 1;
}

ink_status ink_global_range(ink_call *call, ink_value *out)
{
    ink_rendering *r = call->rendering;
    int64_t start, stop, step;
    char label[96];
    INK_TRY(ink_call_integer(call, 0, 0, &start));
    INK_TRY(ink_call_integer(call, 1, 0, &stop));
    INK_TRY(ink_call_integer(call, 2, 1, &step));
    if (!call->given[1]) {
        stop = start;
        start = 0;
    }
    if (step == 0)
        return ink_render_fail(r, INK_BAD_ARGUMENT, "the step of a range is zero");
    uint64_t n = range_length(start, stop, step);
    if (n > r->limits.max_range)
        return ink_render_fail(
            r, INK_LIMIT, "a range of %" PRIu64 " numbers, at most %zu are allowed (max_range)", n,
            r->limits.max_range);
    INK_TRY(ink_render_new_list(r, INK_VALUE_RANGE, (size_t)n, out));
    for (uint64_t i = 0; i < n; i++)
        INK_TRY(ink_render_append(r, *out, ink_value_integer(start + (int64_t)i * step)));
    int bytes = step == 1
                    ? snprintf(label, sizeof label, "range(%" PRId64 ", %" PRId64 ")", start, stop)
                    : snprintf(label, sizeof label, "range(%" PRId64 ", %" PRId64 ", %" PRId64 ")",
                               start, stop, step);
    out->as.list->label = ink_arena_string(&r->arena, label, (size_t)bytes);
    return out->as.list->label ? INK_OK : ink_render_fail_memory(r);
}

/* A dict's entries, or pairs, into `dict`. */
static ink_status add_all(ink_rendering *r, ink_value source, ink_value dict)
{
    const ink_value *items;
    size_t n_items;
    if (source.kind == INK_VALUE_DICT) {
        for (uint32_t i = 0; i < source.as.dict->n_entries; i++)
            INK_TRY(ink_render_set(r, dict, source.as.dict->entries[i].key,
                                   source.as.dict->entries[i].item));
        return INK_OK;
    }
    INK_TRY(ink_render_items(r, source, &items, &n_items));
    for (size_t i = 0; i < n_items; i++) {
        if (!ink_value_is_listlike(items[i]) || items[i].as.list->n_items != 2)
            return ink_render_fail(r, INK_BAD_ARGUMENT, "a dict is made of pairs");
        INK_TRY(ink_render_set(r, dict, items[i].as.list->items[0], items[i].as.list->items[1]));
    }
    return INK_OK;
}

static ink_status new_dict(ink_call *call, ink_value_kind kind, ink_value *out)
{
    INK_TRY(ink_render_new_dict(call->rendering, kind, out));
    if (call->n_arguments > 1)
        return ink_render_fail(call->rendering, INK_BAD_ARGUMENT,
                               "'%s' takes one dict and name=value", call->builtin->name);
    if (call->n_arguments == 1)
        INK_TRY(add_all(call->rendering, call->arguments[0], *out));
    if (call->keywords.kind == INK_VALUE_DICT)
        INK_TRY(add_all(call->rendering, call->keywords, *out));
    return INK_OK;
}

ink_status ink_global_dict(ink_call *call, ink_value *out)
{
    return new_dict(call, INK_VALUE_DICT, out);
}

ink_status ink_global_namespace(ink_call *call, ink_value *out)
{
    return new_dict(call, INK_VALUE_NAMESPACE, out);
}
