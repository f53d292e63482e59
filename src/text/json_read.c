/*
 * The JSON reader: recursive descent over a text of known length, at most INK_JSON_MAX_DEPTH deep.
 */
#include <math.h>
#include <string.h>
#include "base/status.h"
#include "base/utf8.h"
#include "text/json.h"

typedef struct reader {
    ink_arena *arena;
    const char *text;
    size_t n_bytes, at;
    unsigned depth;
    ink_error *error;
} reader;

static ink_status read_value(reader *r, ink_value *out);

static ink_status malformed(reader *r, const char *what)
{
    return ink_fail(r->error, INK_CORRUPT, r->at, "JSON at byte %zu: %s", r->at, what);
}

static ink_status no_memory(reader *r)
{
    return ink_fail_memory(r->error, "reading JSON");
}

static int peek(const reader *r)
{
    return r->at < r->n_bytes ? (unsigned char)r->text[r->at] : -1;
}

static void skip_space(reader *r)
{
    while (r->at < r->n_bytes && memchr(" \t\r\n", r->text[r->at], 4))
        r->at++;
}

static bool take(reader *r, char wanted)
{
    bool found = peek(r) == (unsigned char)wanted;
    r->at += found;
    return found;
}

/* ---- Strings */

static bool read_hex4(reader *r, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++) {
        int digit = peek(r);
        if (digit >= '0' && digit <= '9')
            digit -= '0';
        else if ((digit | 32) >= 'a' && (digit | 32) <= 'f')
            digit = (digit | 32) - 'a' + 10;
        else
            return false;
        *out = *out << 4 | (uint32_t)digit;
        r->at++;
    }
    return true;
}

/* After "\u": one code point, from two escapes where it needs a surrogate pair. */
static ink_status read_unicode(reader *r, uint32_t *out)
{
    uint32_t low;
    if (!read_hex4(r, out))
        return malformed(r, "\\u needs four hexadecimal digits");
    if (*out < 0xd800 || *out > 0xdfff)
        return INK_OK;
    bool paired = *out < 0xdc00 && take(r, '\\') && take(r, 'u') && read_hex4(r, &low) &&
                  low >= 0xdc00 && low <= 0xdfff;
    if (!paired)
        return malformed(r, "half of a surrogate pair stands for no character");
    *out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
    return INK_OK;
}

/* The character after a backslash; writes at most 4 bytes, no more than the escape itself took. */
static ink_status read_escape(reader *r, char *out, size_t *n)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    uint32_t code_point;
    const char *letter = peek(r) > 0 ? strchr(letters, peek(r)) : NULL;
    if (letter) {
        r->at++;
        out[(*n)++] = meanings[letter - letters];
        return INK_OK;
    }
    if (!take(r, 'u'))
        return malformed(r, "unknown escape in a string");
    INK_TRY(read_unicode(r, &code_point));
    *n += ink_utf8_encode(code_point, out + *n);
    return INK_OK;
}

static ink_status read_character(reader *r, char *out, size_t *n)
{
    uint32_t code_point;
    if (peek(r) >= 0 && peek(r) < 0x20)
        return malformed(r, "a control character in a string must be escaped");
    size_t length = ink_utf8_decode(r->text + r->at, r->n_bytes - r->at, &code_point);
    if (length == 0)
        return malformed(r, r->at < r->n_bytes ? "a string is not valid UTF-8"
                                               : "a string has no end");
    memcpy(out + *n, r->text + r->at, length);
    *n += length;
    r->at += length;
    return INK_OK;
}

/* The end is looked for first, so that the copy is made once and at its final size. */
static ink_status read_string(reader *r, ink_value *out)
{
    if (!take(r, '"'))
        return malformed(r, "expected a string");
    size_t end = r->at, n = 0;
    while (end < r->n_bytes && r->text[end] != '"')
        end += r->text[end] == '\\' ? 2 : 1;
    if (end >= r->n_bytes)
        return malformed(r, "a string has no end");
    char *copy = ink_arena_take(r->arena, end - r->at + 4,
                                1); /* an escape is never shorter than what it says */
    if (!copy)
        return no_memory(r);
    while (r->at < end) {
        if (take(r, '\\'))
            INK_TRY(read_escape(r, copy, &n));
        else
            INK_TRY(read_character(r, copy, &n));
    }
    *out = ink_value_borrow(copy, n);
    return take(r, '"') ? INK_OK : malformed(r, "a string has no end");
}

/* ---- Numbers */

static size_t skip_digits(reader *r)
{
    size_t from = r->at;
    while (peek(r) >= '0' && peek(r) <= '9')
        r->at++;
    return r->at - from;
}

/* The digits [n] after an optional '-'; false when they need more than 64 bits. */
static bool fits_integer(const char *text, size_t n_bytes, int64_t *out)
{
    bool negative = text[0] == '-';
    *out = 0;
    for (size_t at = negative; at < n_bytes; at++) {
        int64_t digit = text[at] - '0';
        if (__builtin_mul_overflow(*out, 10, out) ||
            __builtin_add_overflow(*out, negative ? -digit : digit, out))
            return false;
    }
    return true;
}

static ink_status read_number(reader *r, ink_value *out)
{
    size_t from = r->at;
    bool whole = true;
    (void)take(r, '-');
    bool zero = peek(r) == '0';
    size_t digits = skip_digits(r);
    if (digits == 0 || (zero && digits > 1))
        return malformed(r, digits ? "a number begins with 0" : "expected a value");
    if (take(r, '.')) {
        whole = false;
        if (skip_digits(r) == 0)
            return malformed(r, "digits must follow the point of a number");
    }
    if (take(r, 'e') || take(r, 'E')) {
        whole = false;
        if (!take(r, '-'))
            (void)take(r, '+');
        if (skip_digits(r) == 0)
            return malformed(r, "digits must follow the exponent of a number");
    }
    const char *text = r->text + from;
    int64_t integer;
    if (whole && fits_integer(text, r->at - from, &integer)) {
        *out = ink_value_integer(integer);
    } else if (whole) {
        if (!ink_value_new_string(r->arena, text, r->at - from, out))
            return no_memory(r);
        out->kind = INK_VALUE_BIG_INTEGER;
    } else {
        *out = ink_value_float(ink_value_parse_float(text, r->at - from));
        if (isinf(out->as.real))
            return malformed(r, "a number is larger than a double can be");
    }
    return INK_OK;
}

/* ---- Arrays and objects */

static ink_status read_array(reader *r, ink_value *out)
{
    if (!ink_value_new_list(r->arena, INK_VALUE_LIST, 0, out))
        return no_memory(r);
    skip_space(r);
    if (take(r, ']'))
        return INK_OK;
    do {
        ink_value item;
        INK_TRY(read_value(r, &item));
        if (!ink_value_append(r->arena, *out, item))
            return no_memory(r);
    } while (take(r, ','));
    return take(r, ']') ? INK_OK : malformed(r, "expected ',' or ']' in an array");
}

static ink_status read_member(reader *r, ink_value dict)
{
    ink_value key, item;
    skip_space(r);
    INK_TRY(read_string(r, &key));
    if (ink_value_find(dict, key))
        return malformed(r, "an object has the same key twice");
    skip_space(r);
    if (!take(r, ':'))
        return malformed(r, "expected ':' after a key");
    INK_TRY(read_value(r, &item));
    return ink_value_set(r->arena, dict, key, item) ? INK_OK : no_memory(r);
}

static ink_status read_object(reader *r, ink_value *out)
{
    if (!ink_value_new_dict(r->arena, INK_VALUE_DICT, out))
        return no_memory(r);
    skip_space(r);
    if (take(r, '}'))
        return INK_OK;
    do
        INK_TRY(read_member(r, *out));
    while (take(r, ','));
    return take(r, '}') ? INK_OK : malformed(r, "expected ',' or '}' in an object");
}

static ink_status read_nested(reader *r, ink_value *out)
{
    if (r->depth == INK_JSON_MAX_DEPTH)
        return ink_fail(r->error, INK_LIMIT, r->at,
                        "JSON at byte %zu: more than %d levels of arrays and objects", r->at,
                        INK_JSON_MAX_DEPTH);
    r->depth++;
    INK_TRY(take(r, '[') ? read_array(r, out) : (r->at++, read_object(r, out)));
    r->depth--;
    return INK_OK;
}

static ink_status read_word(reader *r, const char *word, ink_value value, ink_value *out)
{
    size_t n = strlen(word);
    if (r->n_bytes - r->at < n || memcmp(r->text + r->at, word, n) != 0)
        return malformed(r, "expected a value");
    r->at += n;
    *out = value;
    return INK_OK;
}

/* One value and the space around it. */
static ink_status read_value(reader *r, ink_value *out)
{
    skip_space(r);
    switch (peek(r)) {
    case '{':
    case '[':
        INK_TRY(read_nested(r, out));
        break;
    case '"':
        INK_TRY(read_string(r, out));
        break;
    case 't':
        INK_TRY(read_word(r, "true", ink_value_bool(true), out));
        break;
    case 'f':
        INK_TRY(read_word(r, "false", ink_value_bool(false), out));
        break;
    case 'n':
        INK_TRY(read_word(r, "null", ink_value_none(), out));
        break;
    default:
        INK_TRY(read_number(r, out));
    }
    skip_space(r);
    return INK_OK;
}

ink_status ink_value_from_json(ink_arena *arena, const char *text, size_t n_bytes, ink_value *out,
                               ink_error *error)
{
    reader r = {.arena = arena, .text = text, .n_bytes = n_bytes, .error = error};
    ink_value value;
    if (n_bytes > INK_JSON_MAX_BYTES)
        return ink_fail(error, INK_LIMIT, 0, "JSON of %zu bytes, at most %zu are read", n_bytes,
                        INK_JSON_MAX_BYTES);
    INK_TRY(read_value(&r, &value));
    if (r.at < n_bytes)
        return malformed(&r, "text follows the value");
    *out = value;
    return INK_OK;
}
