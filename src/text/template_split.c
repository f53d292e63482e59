/* Methods of strings that take them apart and put them together. */
#include <string.h>
#include "text/template_builtin.h"
#include "text/template_lines.h"
#include "text/template_render.h"
#include "text/template_text.h"

static ink_status add_piece(ink_rendering *r, ink_value text, size_t at, size_t n_bytes,
                            ink_value list)
{
    return ink_render_append(r, list, ink_value_part(text, at, n_bytes));
}

/* ---- By white space: runs of it separate, and none makes an empty piece. */

static size_t word_length(const char *text, size_t n_bytes)
{
    uint32_t code_point;
    size_t at = 0;
    while (at < n_bytes && ink_text_leading_space(text + at, n_bytes - at) == 0)
        at += ink_text_next(text + at, n_bytes - at, &code_point);
    return at;
}

static ink_status split_words(ink_rendering *r, ink_value text, int64_t most, ink_value list)
{
    INK_TRY(ink_render_spend_bytes(r, text.n_bytes * 4));
    for (size_t at = ink_text_leading_space(text.as.text, text.n_bytes); at < text.n_bytes;
         most--) {
        size_t rest = text.n_bytes - at;
        size_t n = most == 0 ? rest : word_length(text.as.text + at, rest);
        INK_TRY(add_piece(r, text, at, n, list));
        at += n;
        at += ink_text_leading_space(text.as.text + at, text.n_bytes - at);
    }
    return INK_OK;
}

/* The last word's first byte. */
static size_t last_word(const char *text, size_t n_bytes)
{
    uint32_t code_point;
    while (n_bytes > 0 && ink_text_without_trailing_space(text, n_bytes) == n_bytes)
        n_bytes -= ink_text_last(text, n_bytes, &code_point);
    return n_bytes;
}

/* Adds the pieces from the last to the first. */
static ink_status split_words_back(ink_rendering *r, ink_value text, int64_t most, ink_value list)
{
    size_t n = ink_text_without_trailing_space(text.as.text, text.n_bytes);
    INK_TRY(ink_render_spend_bytes(r, text.n_bytes * 4));
    for (; n > 0; most--) {
        size_t from = most == 0 ? 0 : last_word(text.as.text, n);
        INK_TRY(add_piece(r, text, from, n - from, list));
        n = ink_text_without_trailing_space(text.as.text, from);
    }
    return INK_OK;
}

/* ---- By a separator: n of them make n + 1 pieces. */

static ink_status split_at(ink_rendering *r, ink_value text, ink_value separator, int64_t most,
                           ink_value list)
{
    size_t at = 0, found;
    for (; most != 0; most--) {
        INK_TRY(ink_render_find(r, text, separator, at, &found));
        if (found == SIZE_MAX)
            break;
        INK_TRY(add_piece(r, text, at, found - at, list));
        at = found + separator.n_bytes;
    }
    return add_piece(r, text, at, text.n_bytes - at, list);
}

/* Adds the pieces from the last to the first. */
static ink_status split_at_back(ink_rendering *r, ink_value text, ink_value separator, int64_t most,
                                ink_value list)
{
    size_t end = text.n_bytes;
    for (size_t at = end; at >= separator.n_bytes && most != 0;) {
        size_t from = at - separator.n_bytes;
        INK_TRY(ink_render_spend(r, ink_value_weight(separator)));
        if (memcmp(text.as.text + from, separator.as.text, separator.n_bytes) != 0) {
            at--;
            continue;
        }
        INK_TRY(add_piece(r, text, at, end - at, list));
        end = at = from;
        most--;
    }
    return add_piece(r, text, 0, end, list);
}

/* From the back, pieces are found last to first. */
static void reverse(ink_value_list *list)
{
    for (size_t low = 0, high = list->n_items; low + 1 < high; low++) {
        ink_value swapped = list->items[low];
        list->items[low] = list->items[--high];
        list->items[high] = swapped;
    }
}

static ink_status split(ink_call *call, bool back, ink_value *out)
{
    ink_rendering *r = call->rendering;
    ink_value separator;
    int64_t most;
    bool words = !call->given[0] || call->slots[0].kind == INK_VALUE_NONE;
    INK_TRY(ink_call_string(call, 0, "", &separator));
    INK_TRY(ink_call_integer(call, 1, -1, &most));
    if (!words && separator.n_bytes == 0)
        return ink_render_fail(r, INK_BAD_ARGUMENT, "'%s' needs a separator that is not empty",
                               call->builtin->name);
    INK_TRY(ink_render_new_list(r, INK_VALUE_LIST, 0, out));
    if (words)
        return back ? split_words_back(r, call->subject, most, *out)
                    : split_words(r, call->subject, most, *out);
    return back ? split_at_back(r, call->subject, separator, most, *out)
                : split_at(r, call->subject, separator, most, *out);
}

ink_status ink_method_split(ink_call *call, ink_value *out)
{
    return split(call, false, out);
}

ink_status ink_method_rsplit(ink_call *call, ink_value *out)
{
    INK_TRY(split(call, true, out));
    reverse(out->as.list);
    return INK_OK;
}

ink_status ink_method_splitlines(ink_call *call, ink_value *out)
{
    ink_value text = call->subject;
    bool keeps = ink_value_truth(call->slots[0]);
    INK_TRY(ink_render_new_list(call->rendering, INK_VALUE_LIST, 0, out));
    INK_TRY(ink_render_spend_bytes(call->rendering, text.n_bytes));
    for (size_t at = 0; at < text.n_bytes;) {
        size_t end_bytes, n = ink_text_line(text.as.text + at, text.n_bytes - at, &end_bytes);
        INK_TRY(add_piece(call->rendering, text, at, keeps ? n + end_bytes : n, *out));
        at += n + end_bytes;
    }
    return INK_OK;
}

/* (before, separator, after) around the separator; without one the text stands first, or last. */
static ink_status partition(ink_call *call, bool last, ink_value *out)
{
    ink_rendering *r = call->rendering;
    ink_value separator, pieces, empty = ink_value_borrow("", 0);
    INK_TRY(ink_call_string(call, 0, NULL, &separator));
    if (separator.n_bytes == 0)
        return ink_render_fail(r, INK_BAD_ARGUMENT, "'%s' needs a separator that is not empty",
                               call->builtin->name);
    INK_TRY(ink_render_new_list(r, INK_VALUE_LIST, 2, &pieces));
    INK_TRY(last ? split_at_back(r, call->subject, separator, 1, pieces)
                 : split_at(r, call->subject, separator, 1, pieces));
    if (last)
        reverse(pieces.as.list);
    const ink_value *items = pieces.as.list->items;
    bool found = pieces.as.list->n_items == 2;
    INK_TRY(ink_render_new_list(r, INK_VALUE_TUPLE, 3, out));
    INK_TRY(ink_render_append(r, *out, found || !last ? items[0] : empty));
    INK_TRY(ink_render_append(r, *out, found ? separator : empty));
    return ink_render_append(r, *out, found ? items[1] : last ? items[0] : empty);
}

ink_status ink_method_partition(ink_call *call, ink_value *out)
{
    return partition(call, false, out);
}

ink_status ink_method_rpartition(ink_call *call, ink_value *out)
{
    return partition(call, true, out);
}

ink_status ink_method_join(ink_call *call, ink_value *out)
{
    ink_rendering *r = call->rendering;
    const ink_value *items;
    size_t n_items, mark = ink_render_mark(r);
    INK_TRY(ink_render_items(r, call->slots[0], &items, &n_items));
    for (size_t i = 0; i < n_items; i++) {
        if (!ink_value_is_string(items[i]))
            return ink_render_fail(r, INK_BAD_ARGUMENT, "join: item %zu is a %s, not a string", i,
                                   ink_value_kind_name(items[i].kind));
        INK_TRY(ink_render_spend(r, 1));
        if (i > 0)
            INK_TRY(ink_render_put_text(r, call->subject));
        INK_TRY(ink_render_put_text(r, items[i]));
    }
    return ink_render_take_text(r, mark, out);
}
