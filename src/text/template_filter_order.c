/*
 * Filters that compare items: sorting, extremes, groups, sums. Strings compare without case unless
 * asked to.
 *
 * Sorting is a merge sort, because it is stable and its work is bounded whatever the order is that
 * the items claim.
 */
#include <string.h>
#include "text/template_builtin.h"
#include "text/template_case.h"
#include "text/template_render.h"

typedef struct keyed {
    ink_value key, item;
} keyed;

/* What an item is compared by: itself or an attribute, in lower case when case does not count. */
static ink_status key_of(ink_rendering *r, ink_value item, ink_value path, bool cased,
                         ink_value *out)
{
    *out = item;
    if (path.kind != INK_VALUE_UNDEFINED && path.kind != INK_VALUE_NONE)
        INK_TRY(ink_render_path(r, item, path, out));
    if (ink_value_is_string(*out) && !cased)
        INK_TRY(ink_render_case(r, *out, INK_CASE_LOWER, out));
    return INK_OK;
}

/* A path of several attributes, separated by commas, yields a list of keys. */
static ink_status keys_of(ink_rendering *r, ink_value item, ink_value path, bool cased,
                          ink_value *out)
{
    ink_value keys, key;
    if (!ink_value_is_string(path) || !path.n_bytes || !memchr(path.as.text, ',', path.n_bytes))
        return key_of(r, item, path, cased, out);
    INK_TRY(ink_render_new_list(r, INK_VALUE_LIST, 2, &keys));
    for (size_t at = 0; at <= path.n_bytes;) {
        const char *text = path.as.text + at;
        const char *comma = at < path.n_bytes ? memchr(text, ',', path.n_bytes - at) : NULL;
        size_t n = comma ? (size_t)(comma - text) : path.n_bytes - at;
        INK_TRY(key_of(r, item, ink_value_borrow(text, n), cased, &key));
        INK_TRY(ink_render_append(r, keys, key));
        at += n + 1;
    }
    *out = keys;
    return INK_OK;
}

static ink_status take_keyed(ink_call *call, ink_value path, bool cased, keyed **out, size_t *n)
{
    ink_rendering *r = call->rendering;
    const ink_value *items;
    void *memory;
    INK_TRY(ink_render_items(r, call->subject, &items, n));
    INK_TRY(ink_render_take(r, *n, sizeof(keyed), &memory));
    *out = memory;
    for (size_t i = 0; i < *n; i++) {
        (*out)[i].item = items[i];
        INK_TRY(keys_of(r, items[i], path, cased, &(*out)[i].key));
    }
    return INK_OK;
}

/* Merges the sorted runs [0, middle) and [middle, n) of `from` into `to`. */
static ink_status merge(ink_rendering *r, const keyed *from, size_t middle, size_t n, bool reverse,
                        keyed *to)
{
    size_t left = 0, right = middle;
    for (size_t i = 0; i < n; i++) {
        int order = 0;
        if (left < middle && right < n)
            INK_TRY(ink_render_order(r, from[right].key, from[left].key, &order));
        bool take_right = left == middle || (right < n && (reverse ? order == 1 : order < 0));
        to[i] = take_right ? from[right++] : from[left++];
    }
    return INK_OK;
}

static ink_status sort(ink_rendering *r, keyed **items, size_t n, bool reverse)
{
    void *memory;
    INK_TRY(ink_render_take(r, n, sizeof(keyed), &memory));
    keyed *from = *items, *to = memory;
    for (size_t run = 1; run < n; run *= 2) {
        for (size_t at = 0; at < n; at += 2 * run) {
            size_t rest = n - at, length = rest < 2 * run ? rest : 2 * run;
            INK_TRY(merge(r, from + at, length < run ? length : run, length, reverse, to + at));
        }
        keyed *swapped = from;
        from = to;
        to = swapped;
    }
    *items = from;
    return INK_OK;
}

static ink_status list_items(ink_rendering *r, const keyed *items, size_t n, ink_value *out)
{
    INK_TRY(ink_render_new_list(r, INK_VALUE_LIST, n, out));
    for (size_t i = 0; i < n; i++)
        INK_TRY(ink_render_append(r, *out, items[i].item));
    return INK_OK;
}

ink_status ink_filter_sort(ink_call *call, ink_value *out)
{
    keyed *items;
    size_t n;
    INK_TRY(take_keyed(call, call->slots[2], ink_value_truth(call->slots[1]), &items, &n));
    INK_TRY(sort(call->rendering, &items, n, ink_value_truth(call->slots[0])));
    return list_items(call->rendering, items, n, out);
}

ink_status ink_filter_dictsort(ink_call *call, ink_value *out)
{
    ink_value by;
    keyed *items;
    size_t n;
    INK_TRY(ink_call_string(call, 1, "key", &by));
    if (call->subject.kind != INK_VALUE_DICT)
        return ink_render_fail(call->rendering, INK_BAD_ARGUMENT, "dictsort needs a dict, not a %s",
                               ink_value_kind_name(call->subject.kind));
    if (!ink_value_is_text(by, "key") && !ink_value_is_text(by, "value"))
        return ink_render_fail(call->rendering, INK_BAD_ARGUMENT,
                               "dictsort sorts by 'key' or 'value'");
    INK_TRY(ink_method_items(call, &call->subject));
    ink_value place = ink_value_integer(ink_value_is_text(by, "value"));
    INK_TRY(take_keyed(call, place, ink_value_truth(call->slots[0]), &items, &n));
    INK_TRY(sort(call->rendering, &items, n, ink_value_truth(call->slots[2])));
    return list_items(call->rendering, items, n, out);
}

/* The first of the items that none comes before in the direction of `sign`. */
static ink_status extreme(ink_call *call, int sign, ink_value *out)
{
    keyed *items;
    size_t n, best = 0;
    INK_TRY(take_keyed(call, call->slots[1], ink_value_truth(call->slots[0]), &items, &n));
    for (size_t i = 1; i < n; i++) {
        int order;
        INK_TRY(ink_render_order(call->rendering, items[i].key, items[best].key, &order));
        if (order == sign)
            best = i;
    }
    *out = n ? items[best].item : ink_render_undefined("the extreme of no items");
    return INK_OK;
}

ink_status ink_filter_min(ink_call *call, ink_value *out)
{
    return extreme(call, -1, out);
}

ink_status ink_filter_max(ink_call *call, ink_value *out)
{
    return extreme(call, 1, out);
}

ink_status ink_filter_unique(ink_call *call, ink_value *out)
{
    ink_rendering *r = call->rendering;
    ink_value seen;
    keyed *items;
    size_t n;
    INK_TRY(take_keyed(call, call->slots[1], ink_value_truth(call->slots[0]), &items, &n));
    INK_TRY(ink_render_new_dict(r, INK_VALUE_DICT, &seen));
    INK_TRY(ink_render_new_list(r, INK_VALUE_STREAM, 0, out));
    for (size_t i = 0; i < n; i++) {
        if (ink_value_is_key(items[i].key) && ink_value_find(seen, items[i].key))
            continue;
        INK_TRY(ink_render_set(r, seen, items[i].key, ink_value_none()));
        INK_TRY(ink_render_append(r, *out, items[i].item));
    }
    return INK_OK;
}

ink_status ink_filter_sum(ink_call *call, ink_value *out)
{
    ink_rendering *r = call->rendering;
    const ink_value *items;
    size_t n_items;
    ink_value item;
    *out = call->given[1] ? call->slots[1] : ink_value_integer(0);
    INK_TRY(ink_render_items(r, call->subject, &items, &n_items));
    for (size_t i = 0; i < n_items; i++) {
        INK_TRY(key_of(r, items[i], call->slots[0], true, &item));
        INK_TRY(ink_render_spend(r, 1));
        INK_TRY(ink_render_arithmetic(r, INK_OPERATOR_ADD, *out, item, out));
    }
    return INK_OK;
}

/* The items as a pair that prints as a tuple and whose parts have names. */
static ink_status add_group(ink_rendering *r, ink_value key, const keyed *items, size_t n,
                            ink_value groups)
{
    ink_value group, list;
    INK_TRY(list_items(r, items, n, &list));
    INK_TRY(ink_render_new_list(r, INK_VALUE_TUPLE, 2, &group));
    group.as.list->label = "grouper list";
    INK_TRY(ink_render_append(r, group, key));
    INK_TRY(ink_render_append(r, group, list));
    return ink_render_append(r, groups, group);
}

/* One past the last item from `first` on that has its key. */
static ink_status end_of_run(ink_rendering *r, const keyed *items, size_t first, size_t n,
                             size_t *end)
{
    bool same = true;
    for (*end = first + 1; *end < n; (*end)++) {
        INK_TRY(ink_render_equal(r, items[first].key, items[*end].key, &same));
        if (!same)
            break;
    }
    return INK_OK;
}

ink_status ink_filter_groupby(ink_call *call, ink_value *out)
{
    ink_rendering *r = call->rendering;
    ink_value key;
    keyed *items;
    size_t n, end;
    INK_TRY(take_keyed(call, call->slots[0], ink_value_truth(call->slots[2]), &items, &n));
    for (size_t i = 0; i < n; i++)
        if (items[i].key.kind == INK_VALUE_UNDEFINED && call->given[1])
            items[i].key = call->slots[1];
    INK_TRY(sort(r, &items, n, false));
    INK_TRY(ink_render_new_list(r, INK_VALUE_LIST, 0, out));
    for (size_t i = 0; i < n; i = end) {
        INK_TRY(end_of_run(r, items, i, n, &end));
        INK_TRY(key_of(r, items[i].item, call->slots[0], true, &key));
        INK_TRY(add_group(r, key.kind == INK_VALUE_UNDEFINED ? items[i].key : key, items + i,
                          end - i, *out));
    }
    return INK_OK;
}
