/* Filters that make text. Like Jinja's they take any value and first print it. */
#include <string.h>
#include "base/size.h"
#include "text/json.h"
#include "text/template_builtin.h"
#include "text/template_case.h"
#include "text/template_lines.h"
#include "text/template_render.h"
#include "text/template_text.h"

static ink_status change_case(ink_call *call, ink_case how, ink_value *out)
{
    ink_value text;
    INK_TRY(ink_render_text(call->rendering, call->subject, &text));
    return ink_render_case(call->rendering, text, how, out);
}

ink_status ink_filter_upper(ink_call *call, ink_value *out)
{
    return change_case(call, INK_CASE_UPPER, out);
}

ink_status ink_filter_lower(ink_call *call, ink_value *out)
{
    return change_case(call, INK_CASE_LOWER, out);
}

ink_status ink_filter_capitalize(ink_call *call, ink_value *out)
{
    return change_case(call, INK_CASE_CAPITALIZE, out);
}

ink_status ink_filter_title(ink_call *call, ink_value *out)
{
    return change_case(call, INK_CASE_WORDS, out);
}

ink_status ink_filter_string(ink_call *call, ink_value *out)
{
    return ink_render_text(call->rendering, call->subject, out);
}

ink_status ink_filter_trim(ink_call *call, ink_value *out)
{
    ink_value text;
    INK_TRY(ink_render_text(call->rendering, call->subject, &text));
    return ink_render_strip(call, text, INK_STRIP_BOTH, out);
}

ink_status ink_filter_replace(ink_call *call, ink_value *out)
{
    ink_rendering *r = call->rendering;
    INK_TRY(ink_render_text(r, call->subject, &call->subject));
    INK_TRY(ink_render_text(r, call->slots[0], &call->slots[0]));
    INK_TRY(ink_render_text(r, call->slots[1], &call->slots[1]));
    return ink_method_replace(call, out);
}

ink_status ink_filter_format(ink_call *call, ink_value *out)
{
    ink_rendering *r = call->rendering;
    ink_value format, arguments = call->keywords;
    INK_TRY(ink_render_text(r, call->subject, &format));
    if (arguments.kind == INK_VALUE_UNDEFINED) {
        INK_TRY(ink_render_new_list(r, INK_VALUE_TUPLE, call->n_arguments, &arguments));
        for (size_t i = 0; i < call->n_arguments; i++)
            INK_TRY(ink_render_append(r, arguments, call->arguments[i]));
    }
    return ink_render_percent(r, format, arguments, out);
}

/* The words that stand between & and ; for what HTML reads as markup. */
ink_status ink_filter_escape(ink_call *call, ink_value *out)
{
    static const char special[] = "&<>\"'";
    static const char *const names[] = {"&amp;", "&lt;", "&gt;", "&#34;", "&#39;"};
    ink_rendering *r = call->rendering;
    ink_value text;
    INK_TRY(ink_render_text(r, call->subject, &text));
    size_t mark = ink_render_mark(r);
    INK_TRY(ink_render_spend_bytes(r, text.n_bytes));
    for (size_t at = 0; at < text.n_bytes; at++) {
        const char *found = memchr(special, text.as.text[at], sizeof special - 1);
        const char *put = found ? names[found - special] : text.as.text + at;
        INK_TRY(ink_render_put_as(r, put, found ? strlen(put) : 1, ink_value_part(text, at, 1)));
    }
    return ink_render_take_text(r, mark, out);
}

ink_status ink_filter_urlencode(ink_call *call, ink_value *out)
{
    static const char digits[] = "0123456789ABCDEF", plain[] = "_.-~/";
    ink_rendering *r = call->rendering;
    ink_value text;
    INK_TRY(ink_render_text(r, call->subject, &text));
    size_t mark = ink_render_mark(r);
    INK_TRY(ink_render_spend_bytes(r, text.n_bytes));
    for (size_t at = 0; at < text.n_bytes; at++) {
        unsigned char c = (unsigned char)text.as.text[at];
        bool letter = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
        char escaped[3] = {'%', digits[c >> 4], digits[c & 15]};
        bool stays = letter || memchr(plain, c, sizeof plain - 1);
        INK_TRY(ink_render_put_as(r, stays ? text.as.text + at : escaped, stays ? 1 : 3,
                                  ink_value_part(text, at, 1)));
    }
    return ink_render_take_text(r, mark, out);
}

ink_status ink_filter_wordcount(ink_call *call, ink_value *out)
{
    ink_value text;
    int64_t n = 0;
    bool inside = false;
    uint32_t code_point;
    INK_TRY(ink_render_text(call->rendering, call->subject, &text));
    INK_TRY(ink_render_spend_bytes(call->rendering, text.n_bytes * 8));
    for (size_t at = 0; at < text.n_bytes;) {
        at += ink_text_next(text.as.text + at, text.n_bytes - at, &code_point);
        bool word =
            ink_case_is_letter(code_point) || ink_case_is_digit(code_point) || code_point == '_';
        n += word && !inside;
        inside = word;
    }
    *out = ink_value_integer(n);
    return INK_OK;
}

ink_status ink_filter_center(ink_call *call, ink_value *out)
{
    ink_value text;
    int64_t width;
    INK_TRY(ink_render_text(call->rendering, call->subject, &text));
    INK_TRY(ink_call_integer(call, 0, 80, &width));
    return ink_render_pad(call->rendering, text, width, ink_value_borrow(" ", 1), INK_PAD_BOTH,
                          out);
}

/* At a word's end unless `killwords`, and only when it is too long by more than `leeway`. */
ink_status ink_filter_truncate(ink_call *call, ink_value *out)
{
    ink_rendering *r = call->rendering;
    ink_value text, end;
    int64_t length, leeway;
    INK_TRY(ink_render_text(r, call->subject, &text));
    INK_TRY(ink_call_integer(call, 0, 255, &length));
    INK_TRY(ink_call_string(call, 2, "...", &end));
    INK_TRY(ink_call_integer(call, 3, 5, &leeway));
    INK_TRY(ink_render_spend_bytes(r, text.n_bytes));
    int64_t n_end = (int64_t)ink_text_count(end.as.text, end.n_bytes);
    if (length < n_end || leeway < 0 || length > INT32_MAX || leeway > INT32_MAX)
        return ink_render_fail(r, INK_BAD_ARGUMENT,
                               "truncate needs a length of at least that of its end");
    *out = text;
    if (ink_text_count(text.as.text, text.n_bytes) <= (size_t)(length + leeway))
        return INK_OK;
    text.n_bytes = ink_text_offset(text.as.text, text.n_bytes, (size_t)(length - n_end));
    size_t word = text.n_bytes;
    while (word > 0 && text.as.text[word - 1] != ' ')
        word--;
    if (word > 0 && !ink_value_truth(call->slots[1]))
        text.n_bytes = word - 1;
    return ink_render_concat(r, text, end, out);
}

/* What stands before each line: a number of spaces, or a text. */
static ink_status indentation(ink_call *call, unsigned slot, int64_t fallback, ink_value *out)
{
    int64_t width;
    if (ink_value_is_string(call->slots[slot])) {
        *out = call->slots[slot];
        return INK_OK;
    }
    INK_TRY(ink_call_integer(call, slot, fallback, &width));
    return ink_render_pad(call->rendering, ink_value_borrow("", 0), width, ink_value_borrow(" ", 1),
                          INK_PAD_LEFT, out);
}

ink_status ink_filter_indent(ink_call *call, ink_value *out)
{
    ink_rendering *r = call->rendering;
    ink_value text, indent;
    bool first = ink_value_truth(call->slots[1]), blank = ink_value_truth(call->slots[2]);
    INK_TRY(ink_render_text(r, call->subject, &text));
    INK_TRY(indentation(call, 0, 4, &indent));
    size_t mark = ink_render_mark(r), at = 0, end_bytes;
    do { /* one line more than there are line ends */
        size_t n = ink_text_line(text.as.text + at, text.n_bytes - at, &end_bytes);
        INK_TRY(ink_render_spend(r, 1));
        if (at > 0)
            INK_TRY(ink_render_put(r, "\n", 1));
        if (at > 0 ? n > 0 || blank : first)
            INK_TRY(ink_render_put_text(r, indent));
        INK_TRY(ink_render_put_text(r, ink_value_part(text, at, n)));
        at += n + end_bytes;
    } while (end_bytes > 0);
    return ink_render_take_text(r, mark, out);
}

static ink_status json_style(ink_call *call, ink_json_style *style)
{
    ink_rendering *r = call->rendering;
    ink_value text, separators = call->slots[2];
    const char **parts[2] = {&style->item_separator, &style->key_separator};
    style->ascii = ink_value_truth(call->slots[0]);
    style->sort_keys = ink_value_truth(call->slots[3]);
    if (call->given[1] && call->slots[1].kind != INK_VALUE_NONE) {
        INK_TRY(indentation(call, 1, 0, &text));
        if (!(style->indent = ink_arena_string(&r->arena, text.as.text, text.n_bytes)))
            return ink_render_fail_memory(r);
    }
    if (!call->given[2] || separators.kind == INK_VALUE_NONE)
        return INK_OK;
    if (!ink_value_is_listlike(separators) || separators.as.list->n_items != 2)
        return ink_render_fail(r, INK_BAD_ARGUMENT, "the separators of tojson are two strings");
    for (int i = 0; i < 2; i++) {
        text = separators.as.list->items[i];
        if (!ink_value_is_string(text))
            return ink_render_fail(r, INK_BAD_ARGUMENT, "the separators of tojson are two strings");
        if (!(*parts[i] = ink_arena_string(&r->arena, text.as.text, text.n_bytes)))
            return ink_render_fail_memory(r);
    }
    return INK_OK;
}

ink_status ink_filter_tojson(ink_call *call, ink_value *out)
{
    ink_rendering *r = call->rendering;
    ink_json_style style = {0};
    ink_error error;
    INK_TRY(json_style(call, &style));
    INK_TRY(
        ink_render_spend(r, ink_value_weight(call->subject))); /* shared parts are written again */
    size_t mark = ink_render_mark(r);
    ink_status status = ink_json_write(&r->out, call->subject, &style, &error);
    if (r->out.failed)
        return ink_render_fail_memory(r);
    if (status != INK_OK)
        return ink_render_fail(r, status, "%s", error.message);
    return ink_render_take_text(r, mark, out);
}
