/* Classes of characters and escapes. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "base/utf8.h"
#include "text/constraint/regex.h"

ink_status ink_regex_fail(const ink_regex_reader *reader, ink_status status, const char *format,
                          ...)
{
    char what[200];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return ink_fail(reader->error, status, reader->at,
                    "the regular expression '%.*s' at byte %zu: %s",
                    (int)(reader->text.n_bytes < 80 ? reader->text.n_bytes : 80), reader->text.data,
                    reader->at, what);
}

ink_status ink_regex_read_char(ink_regex_reader *reader, uint32_t *c)
{
    size_t left = reader->text.n_bytes - reader->at;
    size_t n = ink_utf8_decode(reader->text.data + reader->at, left, c);
    if (n == 0)
        return ink_regex_fail(reader, INK_CORRUPT, "%s",
                              left ? "it is not valid UTF-8" : "it ends too early");
    reader->at += n;
    return INK_OK;
}

static int hex_digit(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Exactly n digits. */
static bool read_hex(ink_regex_reader *reader, unsigned n, uint32_t *value)
{
    uint32_t sum = 0;
    if (reader->text.n_bytes - reader->at < n)
        return false;
    for (unsigned i = 0; i < n; i++) {
        int digit = hex_digit((unsigned char)reader->text.data[reader->at + i]);
        if (digit < 0)
            return false;
        sum = sum * 16 + (uint32_t)digit;
    }
    reader->at += n;
    *value = sum;
    return true;
}

/* Behind "\u{". */
static bool read_braced(ink_regex_reader *reader, uint32_t *value)
{
    uint32_t sum = 0;
    int digit;
    size_t begin = reader->at;
    while ((digit = hex_digit(ink_regex_peek(reader))) >= 0 && sum <= 0x10ffff) {
        sum = sum * 16 + (uint32_t)digit;
        reader->at++;
    }
    bool good = reader->at > begin && sum <= 0x10ffff && ink_regex_peek(reader) == '}';
    reader->at += good;
    *value = sum;
    return good;
}

/* Behind "\u": a code point, or the two halves of one. */
static bool read_code_point(ink_regex_reader *reader, uint32_t *value)
{
    uint32_t low;
    if (ink_regex_peek(reader) == '{') {
        reader->at++;
        return read_braced(reader, value);
    }
    if (!read_hex(reader, 4, value))
        return false;
    size_t back = reader->at;
    bool high = *value >= 0xd800 && *value < 0xdc00;
    if (high && reader->text.n_bytes - back >= 2 &&
        memcmp(reader->text.data + back, "\\u", 2) == 0) {
        reader->at += 2;
        if (read_hex(reader, 4, &low) && low >= 0xdc00 && low < 0xe000) {
            *value = 0x10000 + ((*value - 0xd800) << 10) + (low - 0xdc00);
            return true;
        }
        reader->at = back;
    }
    return true;
}

static void add_letters(ink_charset *set, char letter)
{
    static const uint16_t space[][2] = {
        {'\t', '\r'},     {' ', ' '},       {0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
        {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}, {0xfeff, 0xfeff}};
    if (letter == 'd' || letter == 'w')
        ink_charset_add(set, '0', '9');
    if (letter == 'w') {
        ink_charset_add(set, 'A', 'Z');
        ink_charset_add(set, '_', '_');
        ink_charset_add(set, 'a', 'z');
    }
    for (size_t i = 0; letter == 's' && i < sizeof space / sizeof space[0]; i++)
        ink_charset_add(set, space[i][0], space[i][1]);
}

/* Behind "\p" or "\P". */
static ink_status read_property(ink_regex_reader *reader, ink_charset *set)
{
    static const char *const prefixes[] = {"General_Category=", "gc="};
    const char *name = reader->text.data + reader->at + 1;
    size_t left = reader->text.n_bytes - reader->at;
    const char *end = left ? memchr(reader->text.data + reader->at, '}', left) : NULL;
    if (!end || *(name - 1) != '{')
        return ink_regex_fail(reader, INK_CORRUPT, "\\p must be followed by {Name}");
    size_t n_bytes = (size_t)(end - name);
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(prefixes[i]);
        if (n_bytes > n && memcmp(name, prefixes[i], n) == 0) {
            name += n;
            n_bytes -= n;
        }
    }
    if (!ink_charset_add_category(set, name, n_bytes))
        return ink_regex_fail(reader, INK_UNSUPPORTED,
                              "the property '%.*s' is not supported; general categories are",
                              (int)(n_bytes < 40 ? n_bytes : 40), name);
    reader->at = (size_t)(end + 1 - reader->text.data);
    return INK_OK;
}

/* One character behind "\", which is no class. */
static ink_status read_escaped_char(ink_regex_reader *reader, uint32_t *c)
{
    static const char from[] = "tnvfr0", to[] = "\t\n\v\f\r";
    INK_TRY(ink_regex_read_char(reader, c));
    uint32_t letter = *c;
    const char *at = letter < 0x80 && letter ? strchr(from, (int)letter) : NULL;
    if (at) {
        *c = (unsigned char)to[at - from];
        return INK_OK;
    }
    if (letter == 'x' ? read_hex(reader, 2, c) : letter == 'u' && read_code_point(reader, c))
        return INK_OK;
    int control = ink_regex_peek(reader) | 32;
    if (letter == 'c' && control >= 'a' && control <= 'z') {
        *c = (uint32_t)control & 31;
        reader->at++;
        return INK_OK;
    }
    if (letter < 0x80 && strchr("^$\\.*+?()[]{}|/-", (int)letter) && letter)
        return INK_OK;
    if ((letter >= '1' && letter <= '9') || letter == 'k')
        return ink_regex_fail(reader, INK_UNSUPPORTED, "references back are not supported");
    if (letter == 'b' || letter == 'B')
        return ink_regex_fail(reader, INK_UNSUPPORTED, "word boundaries are not supported");
    if (letter < 0x80)
        return ink_regex_fail(reader, INK_CORRUPT, "'\\%c' is no escape", (char)letter);
    return ink_regex_fail(reader, INK_CORRUPT, "what stands behind '\\' is no escape");
}

/* True when what stands behind "\" is a class; it is then read. */
static ink_status read_class_escape(ink_regex_reader *reader, ink_charset *set, bool *is_class)
{
    int letter = ink_regex_peek(reader);
    *is_class = letter > 0 && strchr("dDwWsSpP", letter);
    if (!*is_class)
        return INK_OK;
    ink_charset part = {.grammar = reader->grammar};
    ink_status status = INK_OK;
    reader->at++;
    if ((letter | 32) == 'p')
        status = read_property(reader, &part);
    else
        add_letters(&part, (char)(letter | 32));
    if (letter < 'a')
        ink_charset_invert(&part);
    ink_charset_add_all(set, &part);
    ink_charset_deinit(&part);
    return status;
}

ink_status ink_regex_read_escape(ink_regex_reader *reader, ink_charset *set)
{
    bool is_class;
    uint32_t c;
    INK_TRY(read_class_escape(reader, set, &is_class));
    if (is_class)
        return INK_OK;
    INK_TRY(read_escaped_char(reader, &c));
    ink_charset_add(set, c, c);
    return INK_OK;
}

/* A character of a class, or a whole class behind "\". */
static ink_status read_atom(ink_regex_reader *reader, ink_charset *set, uint32_t *c, bool *is_class)
{
    *is_class = false;
    INK_TRY(ink_regex_read_char(reader, c));
    if (*c != '\\')
        return INK_OK;
    INK_TRY(read_class_escape(reader, set, is_class));
    if (*is_class)
        return INK_OK;
    if (ink_regex_peek(reader) == 'b') { /* within a class it is the backspace */
        reader->at++;
        *c = '\b';
        return INK_OK;
    }
    return read_escaped_char(reader, c);
}

/* A character, a range or a class. */
static ink_status read_member(ink_regex_reader *reader, ink_charset *set)
{
    uint32_t low, high;
    bool is_class;
    INK_TRY(read_atom(reader, set, &low, &is_class));
    const char *rest = reader->text.data + reader->at;
    bool ranged = reader->text.n_bytes - reader->at >= 2 && rest[0] == '-' && rest[1] != ']';
    if (is_class)
        return INK_OK;
    if (!ranged) {
        ink_charset_add(set, low, low);
        return INK_OK;
    }
    reader->at++;
    INK_TRY(read_atom(reader, set, &high, &is_class));
    if (is_class || high < low)
        return ink_regex_fail(reader, INK_CORRUPT, "a range of characters ends before it begins");
    ink_charset_add(set, low, high);
    return INK_OK;
}

ink_status ink_regex_read_class(ink_regex_reader *reader, ink_charset *set)
{
    bool inverted = ink_regex_peek(reader) == '^';
    reader->at += inverted;
    while (ink_regex_peek(reader) != ']') {
        if (ink_regex_peek(reader) < 0)
            return ink_regex_fail(reader, INK_CORRUPT, "'[' without its ']'");
        INK_TRY(read_member(reader, set));
    }
    reader->at++;
    if (inverted)
        ink_charset_invert(set);
    return INK_OK;
}
