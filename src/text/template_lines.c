/* Stripping moves the ends of a string and copies nothing; padding pays for its width first. */
#include "text/template_lines.h"

#include <string.h>
#include "base/size.h"
#include "text/template_text.h"

/* Whether the character is one of `chars`, or white space when that is none. */
static bool is_stripped(ink_value chars, const char *text, size_t length, uint32_t code_point)
{
    if (!ink_value_is_string(chars))
        return ink_text_is_space(code_point) && (length > 1 || code_point < 0x80);
    uint32_t other;
    for (size_t at = 0; at < chars.n_bytes;) {
        size_t n = ink_text_next(chars.as.text + at, chars.n_bytes - at, &other);
        if (n == length && memcmp(chars.as.text + at, text, n) == 0)
            return true;
        at += n;
    }
    return false;
}

ink_status ink_render_strip(ink_call *call, ink_value text, ink_strip ends, ink_value *out)
{
    ink_value chars = call->slots[0];
    uint32_t code_point;
    size_t step = ink_value_is_string(chars) ? ink_value_weight(chars) : 1, length;
    if (call->given[0] && !ink_value_is_string(chars) && chars.kind != INK_VALUE_NONE)
        return ink_render_fail(call->rendering, INK_BAD_ARGUMENT,
                               "strip needs a string of characters");
    while ((ends & INK_STRIP_LEFT) && text.n_bytes > 0) {
        length = ink_text_next(text.as.text, text.n_bytes, &code_point);
        if (!is_stripped(chars, text.as.text, length, code_point))
            break;
        INK_TRY(ink_render_spend(call->rendering, step));
        text.as.text += length;
        text.n_bytes -= length;
    }
    while ((ends & INK_STRIP_RIGHT) && text.n_bytes > 0) {
        length = ink_text_last(text.as.text, text.n_bytes, &code_point);
        if (!is_stripped(chars, text.as.text + text.n_bytes - length, length, code_point))
            break;
        INK_TRY(ink_render_spend(call->rendering, step));
        text.n_bytes -= length;
    }
    *out = text;
    return INK_OK;
}

static ink_status put_fill(ink_rendering *r, ink_value fill, int64_t times)
{
    if (times > INT32_MAX)
        return ink_render_fail(r, INK_LIMIT, "padding to more than %d characters", INT32_MAX);
    INK_TRY(ink_render_spend(r, (size_t)times / 8));
    for (int64_t i = 0; i < times; i++)
        INK_TRY(ink_render_put_text(r, fill));
    return INK_OK;
}

ink_status ink_render_pad(ink_rendering *r, ink_value text, int64_t width, ink_value fill,
                          ink_pad where, ink_value *out)
{
    INK_TRY(ink_render_spend_bytes(r, text.n_bytes));
    int64_t missing = width < 0 ? 0 : width - (int64_t)ink_text_count(text.as.text, text.n_bytes);
    *out = text;
    if (missing <= 0)
        return INK_OK;
    /* in the middle, the odd one goes left where the width is odd, as str.center has it */
    int64_t left = where == INK_PAD_BOTH   ? missing / 2 + (missing & width & 1)
                   : where == INK_PAD_LEFT ? missing
                                           : 0;
    size_t mark = ink_render_mark(r);
    INK_TRY(put_fill(r, fill, left));
    INK_TRY(ink_render_put_text(r, text));
    INK_TRY(put_fill(r, fill, missing - left));
    return ink_render_take_text(r, mark, out);
}

static bool ends_line(size_t length, uint32_t c)
{
    return (c >= 0x0a && c <= 0x0d) || (c >= 0x1c && c <= 0x1e) ||
           (length > 1 && (c == 0x85 || c == 0x2028 || c == 0x2029));
}

size_t ink_text_line(const char *text, size_t n_bytes, size_t *end_bytes)
{
    uint32_t code_point;
    *end_bytes = 0;
    for (size_t at = 0; at < n_bytes;) {
        size_t length = ink_text_next(text + at, n_bytes - at, &code_point);
        if (ends_line(length, code_point)) {
            bool crlf = code_point == '\r' && at + 1 < n_bytes && text[at + 1] == '\n';
            *end_bytes = length + crlf;
            return at;
        }
        at += length;
    }
    return n_bytes;
}
