/*
 * Case by Unicode's simple mappings (utf8proc). Python's full mappings differ for some ligatures
 * and for a sigma at the end of a word; chat templates change the case of role names and the like.
 */
#include "text/template_case.h"

#include <string.h>
#include <utf8proc.h>
#include "base/utf8.h"
#include "text/template_text.h"

/* `title`: a few letters have a third form for the beginning of a word. */
static uint32_t convert(uint32_t code_point, bool upper, bool title)
{
    utf8proc_int32_t c = (utf8proc_int32_t)code_point;
    return (uint32_t)(!upper  ? utf8proc_tolower(c)
                      : title ? utf8proc_totitle(c)
                              : utf8proc_toupper(c));
}

static bool is_upper(uint32_t code_point)
{
    return utf8proc_category((utf8proc_int32_t)code_point) == UTF8PROC_CATEGORY_LU;
}

static bool is_lower(uint32_t code_point)
{
    return utf8proc_category((utf8proc_int32_t)code_point) == UTF8PROC_CATEGORY_LL;
}

static bool is_cased(uint32_t code_point)
{
    return is_upper(code_point) || is_lower(code_point) ||
           utf8proc_category((utf8proc_int32_t)code_point) == UTF8PROC_CATEGORY_LT;
}

bool ink_case_is_letter(uint32_t code_point)
{
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code_point);
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

bool ink_case_is_digit(uint32_t code_point)
{
    return utf8proc_category((utf8proc_int32_t)code_point) == UTF8PROC_CATEGORY_ND;
}

bool ink_case_is(ink_value text, ink_case which)
{
    bool found = false;
    uint32_t code_point;
    for (size_t at = 0; at < text.n_bytes;) {
        at += ink_text_next(text.as.text + at, text.n_bytes - at, &code_point);
        if (!is_cased(code_point))
            continue;
        if (which == INK_CASE_UPPER ? !is_upper(code_point) : !is_lower(code_point))
            return false;
        found = true;
    }
    return found;
}

static bool opens_word(uint32_t code_point)
{
    return ink_text_is_space(code_point) ||
           (code_point && code_point < 0x80 && strchr("-({[<", (int)code_point));
}

static bool wants_upper(ink_case how, uint32_t code_point, uint32_t previous, bool first)
{
    switch (how) {
    case INK_CASE_UPPER:
        return true;
    case INK_CASE_LOWER:
        return false;
    case INK_CASE_SWAP:
        return is_lower(code_point);
    case INK_CASE_CAPITALIZE:
        return first;
    case INK_CASE_TITLE:
        return first || !is_cased(previous);
    default:
        return first || opens_word(previous);
    }
}

ink_status ink_render_case(ink_rendering *r, ink_value text, ink_case how, ink_value *out)
{
    enum { SHARP_S = 0xdf };
    size_t mark = ink_render_mark(r);
    uint32_t code_point, previous = 0;
    INK_TRY(ink_render_spend_bytes(r, text.n_bytes * 8)); /* far slower than copying */
    for (size_t at = 0; at < text.n_bytes;) {
        char changed[4];
        const char *from = text.as.text + at;
        size_t length = ink_text_next(from, text.n_bytes - at, &code_point), written;
        bool upper = wants_upper(how, code_point, previous, at == 0);
        bool title = how == INK_CASE_CAPITALIZE || how == INK_CASE_TITLE;
        if (code_point >= 0x80 && length == 1) /* not a character */
            memcpy(changed, from, written = 1);
        else if (upper && code_point == SHARP_S)
            memcpy(changed, title ? "Ss" : "SS", written = 2);
        else
            written = ink_utf8_encode(convert(code_point, upper, title), changed);
        INK_TRY(ink_render_put_as(r, changed, written, ink_value_part(text, at, length)));
        previous = code_point;
        at += length;
    }
    return ink_render_take_text(r, mark, out);
}
