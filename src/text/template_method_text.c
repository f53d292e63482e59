/* Methods of strings: searching, stripping, padding, asking. Splitting is in template_split.c. */
#include <string.h>
#include "text/template_builtin.h"
#include "text/template_case.h"
#include "text/template_lines.h"
#include "text/template_render.h"
#include "text/template_text.h"

/* ---- Searching within [start, end), given in characters by slots 1 and 2 */

/* The part of the subject that is searched. */
static ink_status window(ink_call *call, ink_value *out)
{
    ink_value bounds[3] = {ink_value_none(), ink_value_none(), ink_value_none()};
    *out = call->subject;
    if (!call->given[1] && !call->given[2])
        return INK_OK;
    for (int i = 0; i < 2; i++)
        if (call->given[i + 1])
            bounds[i] = call->slots[i + 1];
    return ink_render_slice(call->rendering, call->subject, bounds, out);
}

static ink_status find_last(ink_rendering *r, ink_value text, ink_value part, size_t *out)
{
    *out = SIZE_MAX;
    if (part.n_bytes > text.n_bytes)
        return INK_OK;
    for (size_t at = text.n_bytes - part.n_bytes + 1; at > 0 && *out == SIZE_MAX; at--) {
        INK_TRY(ink_render_spend(r, ink_value_weight(part)));
        if (part.n_bytes == 0 || memcmp(text.as.text + at - 1, part.as.text, part.n_bytes) == 0)
            *out = at - 1;
    }
    return INK_OK;
}

/* The place in characters of slot 0, or -1. */
static ink_status search(ink_call *call, bool last, ink_value *out)
{
    ink_value part, text;
    size_t at;
    INK_TRY(ink_call_string(call, 0, NULL, &part));
    INK_TRY(window(call, &text));
    if (last)
        INK_TRY(find_last(call->rendering, text, part, &at));
    else
        INK_TRY(ink_render_find(call->rendering, text, part, 0, &at));
    *out = ink_value_integer(-1);
    if (at == SIZE_MAX)
        return INK_OK;
    size_t before = (size_t)(text.as.text - call->subject.as.text) + at;
    INK_TRY(ink_render_spend_bytes(call->rendering, before));
    *out = ink_value_integer((int64_t)ink_text_count(call->subject.as.text, before));
    return INK_OK;
}

ink_status ink_method_find(ink_call *call, ink_value *out)
{
    return search(call, false, out);
}

ink_status ink_method_rfind(ink_call *call, ink_value *out)
{
    return search(call, true, out);
}

static ink_status search_or_fail(ink_call *call, bool last, ink_value *out)
{
    INK_TRY(search(call, last, out));
    if (out->as.integer >= 0)
        return INK_OK;
    return ink_render_fail(call->rendering, INK_BAD_ARGUMENT,
                           "index: the text does not hold this part");
}

ink_status ink_method_index(ink_call *call, ink_value *out)
{
    return search_or_fail(call, false, out);
}

ink_status ink_method_rindex(ink_call *call, ink_value *out)
{
    return search_or_fail(call, true, out);
}

ink_status ink_method_count(ink_call *call, ink_value *out)
{
    ink_value part, text;
    int64_t n = 0;
    INK_TRY(ink_call_string(call, 0, NULL, &part));
    INK_TRY(window(call, &text));
    if (part.n_bytes == 0) {
        *out = ink_value_integer((int64_t)ink_text_count(text.as.text, text.n_bytes) + 1);
        return ink_render_spend_bytes(call->rendering, text.n_bytes);
    }
    for (size_t at = 0;; n++) {
        INK_TRY(ink_render_find(call->rendering, text, part, at, &at));
        if (at == SIZE_MAX)
            break;
        at += part.n_bytes;
    }
    *out = ink_value_integer(n);
    return INK_OK;
}

static bool has_affix(ink_value text, ink_value affix, bool at_end)
{
    if (affix.n_bytes > text.n_bytes)
        return false;
    const char *from = at_end ? text.as.text + text.n_bytes - affix.n_bytes : text.as.text;
    return affix.n_bytes == 0 || memcmp(from, affix.as.text, affix.n_bytes) == 0;
}

/* Slot 0 is a string or a tuple of strings, any of which will do. */
static ink_status test_affix(ink_call *call, bool at_end, ink_value *out)
{
    ink_value text, one = call->slots[0];
    const ink_value *affixes = &one;
    size_t n_affixes = 1;
    bool found = false;
    INK_TRY(window(call, &text));
    if (one.kind == INK_VALUE_TUPLE)
        INK_TRY(ink_render_items(call->rendering, one, &affixes, &n_affixes));
    for (size_t i = 0; i < n_affixes && !found; i++) {
        if (!ink_value_is_string(affixes[i]))
            return ink_render_fail(call->rendering, INK_BAD_ARGUMENT,
                                   "'%s' needs a string or a tuple of strings",
                                   call->builtin->name);
        INK_TRY(ink_render_spend(call->rendering, ink_value_weight(affixes[i])));
        found = has_affix(text, affixes[i], at_end);
    }
    *out = ink_value_bool(found);
    return INK_OK;
}

ink_status ink_method_startswith(ink_call *call, ink_value *out)
{
    return test_affix(call, false, out);
}

ink_status ink_method_endswith(ink_call *call, ink_value *out)
{
    return test_affix(call, true, out);
}

ink_status ink_method_removeprefix(ink_call *call, ink_value *out)
{
    ink_value prefix;
    INK_TRY(ink_call_string(call, 0, NULL, &prefix));
    *out = call->subject;
    if (has_affix(*out, prefix, false))
        *out = ink_value_part(*out, prefix.n_bytes, out->n_bytes - prefix.n_bytes);
    return INK_OK;
}

ink_status ink_method_removesuffix(ink_call *call, ink_value *out)
{
    ink_value suffix;
    INK_TRY(ink_call_string(call, 0, NULL, &suffix));
    *out = call->subject;
    if (has_affix(*out, suffix, true))
        out->n_bytes -= suffix.n_bytes;
    return INK_OK;
}

/* An empty part stands before each character and at the end. */
static ink_status replace_empty(ink_rendering *r, ink_value text, ink_value with, int64_t most)
{
    uint32_t code_point;
    size_t at = 0;
    for (;; most--) {
        if (most == 0)
            return ink_render_put_text(r, ink_value_part(text, at, text.n_bytes - at));
        INK_TRY(ink_render_spend(r, 1));
        INK_TRY(ink_render_put_text(r, with));
        if (at == text.n_bytes)
            return INK_OK;
        size_t length = ink_text_next(text.as.text + at, text.n_bytes - at, &code_point);
        INK_TRY(ink_render_put_text(r, ink_value_part(text, at, length)));
        at += length;
    }
}

ink_status ink_method_replace(ink_call *call, ink_value *out)
{
    ink_rendering *r = call->rendering;
    ink_value text = call->subject, part, with;
    int64_t most;
    INK_TRY(ink_call_string(call, 0, NULL, &part));
    INK_TRY(ink_call_string(call, 1, NULL, &with));
    INK_TRY(ink_call_integer(call, 2, -1, &most));
    size_t mark = ink_render_mark(r), at = 0, found;
    if (part.n_bytes == 0) {
        INK_TRY(replace_empty(r, text, with, most));
        return ink_render_take_text(r, mark, out);
    }
    for (; most != 0; most--) {
        INK_TRY(ink_render_find(r, text, part, at, &found));
        if (found == SIZE_MAX)
            break;
        INK_TRY(ink_render_put_text(r, ink_value_part(text, at, found - at)));
        INK_TRY(ink_render_put_text(r, with));
        at = found + part.n_bytes;
    }
    INK_TRY(ink_render_put_text(r, ink_value_part(text, at, text.n_bytes - at)));
    return ink_render_take_text(r, mark, out);
}

/* ---- Stripping and padding */

ink_status ink_method_lstrip(ink_call *call, ink_value *out)
{
    return ink_render_strip(call, call->subject, INK_STRIP_LEFT, out);
}

ink_status ink_method_rstrip(ink_call *call, ink_value *out)
{
    return ink_render_strip(call, call->subject, INK_STRIP_RIGHT, out);
}

static ink_status pad(ink_call *call, ink_pad where, ink_value *out)
{
    int64_t width;
    ink_value fill;
    INK_TRY(ink_call_integer(call, 0, 0, &width));
    INK_TRY(ink_call_string(call, 1, " ", &fill));
    if (ink_text_count(fill.as.text, fill.n_bytes) != 1)
        return ink_render_fail(call->rendering, INK_BAD_ARGUMENT, "'%s' fills with one character",
                               call->builtin->name);
    return ink_render_pad(call->rendering, call->subject, width, fill, where, out);
}

ink_status ink_method_center(ink_call *call, ink_value *out)
{
    return pad(call, INK_PAD_BOTH, out);
}

ink_status ink_method_ljust(ink_call *call, ink_value *out)
{
    return pad(call, INK_PAD_RIGHT, out);
}

ink_status ink_method_rjust(ink_call *call, ink_value *out)
{
    return pad(call, INK_PAD_LEFT, out);
}

/* Zeros go between the sign and the digits. */
ink_status ink_method_zfill(ink_call *call, ink_value *out)
{
    ink_value text = call->subject;
    int64_t width;
    INK_TRY(ink_call_integer(call, 0, 0, &width));
    size_t sign = text.n_bytes > 0 && (text.as.text[0] == '-' || text.as.text[0] == '+');
    ink_value digits = ink_value_part(text, sign, text.n_bytes - sign);
    INK_TRY(ink_render_pad(call->rendering, digits, width - (int64_t)sign, ink_value_borrow("0", 1),
                           INK_PAD_LEFT, &digits));
    return ink_render_concat(call->rendering, ink_value_part(text, 0, sign), digits, out);
}

/* ---- Case and kind of characters */

ink_status ink_method_title(ink_call *call, ink_value *out)
{
    return ink_render_case(call->rendering, call->subject, INK_CASE_TITLE, out);
}

ink_status ink_method_swapcase(ink_call *call, ink_value *out)
{
    return ink_render_case(call->rendering, call->subject, INK_CASE_SWAP, out);
}

static bool is_alnum(uint32_t code_point)
{
    return ink_case_is_letter(code_point) || ink_case_is_digit(code_point);
}

static bool is_ascii(uint32_t code_point)
{
    return code_point < 0x80;
}

/* All characters, and at least one. */
static ink_status all_are(ink_call *call, bool (*is)(uint32_t code_point), bool when_empty,
                          ink_value *out)
{
    ink_value text = call->subject;
    uint32_t code_point;
    bool all = text.n_bytes > 0 || when_empty;
    INK_TRY(ink_render_spend_bytes(call->rendering, text.n_bytes * 8));
    for (size_t at = 0; at < text.n_bytes && all;) {
        at += ink_text_next(text.as.text + at, text.n_bytes - at, &code_point);
        all = is(code_point);
    }
    *out = ink_value_bool(all);
    return INK_OK;
}

ink_status ink_method_isalnum(ink_call *call, ink_value *out)
{
    return all_are(call, is_alnum, false, out);
}

ink_status ink_method_isalpha(ink_call *call, ink_value *out)
{
    return all_are(call, ink_case_is_letter, false, out);
}

ink_status ink_method_isascii(ink_call *call, ink_value *out)
{
    return all_are(call, is_ascii, true, out);
}

ink_status ink_method_isdecimal(ink_call *call, ink_value *out)
{
    return all_are(call, ink_case_is_digit, false, out);
}

ink_status ink_method_isspace(ink_call *call, ink_value *out)
{
    return all_are(call, ink_text_is_space, false, out);
}
