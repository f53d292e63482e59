/*
 * Characters of UTF-8 as Python counts them. White space is what str.isspace() says: the Unicode
 * property and the four ASCII separators from 0x1c on.
 */
#include "text/template_text.h"

#include "base/utf8.h"

size_t ink_text_next(const char *text, size_t n_bytes, uint32_t *code_point)
{
    size_t length = ink_utf8_decode(text, n_bytes, code_point);
    if (length > 0)
        return length;
    *code_point = n_bytes ? (unsigned char)text[0] : 0;
    return n_bytes ? 1 : 0;
}

size_t ink_text_last(const char *text, size_t n_bytes, uint32_t *code_point)
{
    for (size_t back = 1; back <= 4 && back <= n_bytes; back++)
        if (ink_utf8_decode(text + n_bytes - back, back, code_point) == back)
            return back;
    *code_point = n_bytes ? (unsigned char)text[n_bytes - 1] : 0;
    return n_bytes ? 1 : 0;
}

bool ink_text_is_space(uint32_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x1f);
    return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/* A lone byte 0x85 or 0xa0 is no space: it is not a character at all. */
static bool is_space_at(size_t length, uint32_t code_point)
{
    return ink_text_is_space(code_point) && (length > 1 || code_point < 0x80);
}

size_t ink_text_leading_space(const char *text, size_t n_bytes)
{
    size_t at = 0;
    uint32_t code_point;
    while (at < n_bytes) {
        size_t length = ink_text_next(text + at, n_bytes - at, &code_point);
        if (!is_space_at(length, code_point))
            break;
        at += length;
    }
    return at;
}

size_t ink_text_without_trailing_space(const char *text, size_t n_bytes)
{
    uint32_t code_point;
    while (n_bytes > 0) {
        size_t length = ink_text_last(text, n_bytes, &code_point);
        if (!is_space_at(length, code_point))
            break;
        n_bytes -= length;
    }
    return n_bytes;
}

size_t ink_text_count(const char *text, size_t n_bytes)
{
    size_t count = 0;
    uint32_t code_point;
    for (size_t at = 0; at < n_bytes; count++)
        at += ink_text_next(text + at, n_bytes - at, &code_point);
    return count;
}

size_t ink_text_offset(const char *text, size_t n_bytes, size_t index)
{
    size_t at = 0;
    uint32_t code_point;
    while (index-- > 0 && at < n_bytes)
        at += ink_text_next(text + at, n_bytes - at, &code_point);
    return at;
}
