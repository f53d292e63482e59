/* Tokens to values. What a literal unescapes to is never longer than what it is written as. */
#include "text/template_literal.h"

#include <string.h>
#include "base/status.h"
#include "base/utf8.h"

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : 99;
}

/* The token without its '_'. */
static char *plain_digits(ink_template *program, const ink_token *token, size_t *n)
{
    char *digits = ink_arena_take(&program->arena, (size_t)token->n_bytes + 1, 1);
    *n = 0;
    for (uint32_t i = 0; digits && i < token->n_bytes; i++)
        if (program->source[token->offset + i] != '_')
            digits[(*n)++] = program->source[token->offset + i];
    return digits;
}

ink_status ink_literal_integer(ink_template *program, const ink_token *token, ink_value *out,
                               ink_error *error)
{
    size_t n, at = 0;
    int base = 10;
    int64_t integer = 0;
    char *digits = plain_digits(program, token, &n);
    if (!digits)
        return ink_fail_memory(error, "a number of a template");
    if (n > 1 && digits[0] == '0' && digit_value(digits[1]) > 9) {
        base = (digits[1] | 32) == 'x' ? 16 : (digits[1] | 32) == 'o' ? 8 : 2;
        at = 2;
    }
    bool fits = true;
    for (; at < n; at++) {
        if (digit_value(digits[at]) >= base)
            return ink_template_fail_at(program, error, INK_CORRUPT, token->offset,
                                        "a number has a wrong digit");
        fits = fits && !__builtin_mul_overflow(integer, base, &integer) &&
               !__builtin_add_overflow(integer, digit_value(digits[at]), &integer);
    }
    if (!fits && base != 10)
        return ink_template_fail_at(program, error, INK_LIMIT, token->offset,
                                    "a number needs more than 64 bits");
    *out = fits ? ink_value_integer(integer) : ink_value_borrow(digits, n);
    if (!fits)
        out->kind = INK_VALUE_BIG_INTEGER;
    return INK_OK;
}

ink_status ink_literal_float(ink_template *program, const ink_token *token, ink_value *out,
                             ink_error *error)
{
    size_t n;
    char *digits = plain_digits(program, token, &n);
    if (!digits)
        return ink_fail_memory(error, "a number of a template");
    *out = ink_value_float(ink_value_parse_float(digits, n));
    return INK_OK;
}

/* Up to `most` digits of a base; *n is how many there were. */
static uint32_t read_digits(const char *text, size_t n_bytes, size_t most, int base, size_t *n)
{
    uint32_t value = 0;
    for (*n = 0; *n < most && *n < n_bytes && digit_value(text[*n]) < base; (*n)++)
        value = value * (uint32_t)base + (uint32_t)digit_value(text[*n]);
    return value;
}

/*
 * One escape after its backslash; bytes read, or 0 when it is malformed. Writes no more than it
 * reads plus one.
 */
static size_t unescape(const char *text, size_t n_bytes, char **out)
{
    static const char letters[] = "\\'\"abfnrtv", meanings[] = "\\'\"\a\b\f\n\r\t\v";
    static const char sized[] = "xuU";
    const char *letter = memchr(letters, text[0], sizeof letters - 1);
    const char *size = memchr(sized, text[0], sizeof sized - 1);
    size_t n = 0;
    if (letter) {
        *(*out)++ = meanings[letter - letters];
        return 1;
    }
    if (text[0] == '\n')
        return 1;
    bool octal = text[0] >= '0' && text[0] <= '7';
    if (!octal && !size) { /* not an escape: the backslash stays */
        *(*out)++ = '\\';
        *(*out)++ = text[0];
        return 1;
    }
    size_t wanted = size ? (size_t)2 << (size - sized) : 3;
    uint32_t code_point = read_digits(text + !octal, n_bytes - !octal, wanted, octal ? 8 : 16, &n);
    size_t written = octal || n == wanted ? ink_utf8_encode(code_point, *out) : 0;
    *out += written;
    return written ? n + !octal : 0;
}

/* `out` has room for the token's bytes. */
static ink_status unescape_token(const ink_template *program, const ink_token *token, char **out,
                                 ink_error *error)
{
    const char *text = program->source + token->offset;
    for (size_t at = 0; at < token->n_bytes;) {
        if (text[at] != '\\') {
            *(*out)++ = text[at++];
            continue;
        }
        size_t read = unescape(text + at + 1, token->n_bytes - at - 1, out);
        if (read == 0)
            return ink_template_fail_at(program, error, INK_CORRUPT, token->offset,
                                        "a string has a malformed escape");
        at += 1 + read;
    }
    return INK_OK;
}

ink_status ink_literal_string(ink_template *program, const ink_token *tokens, size_t n_tokens,
                              ink_value *out, ink_error *error)
{
    size_t n_bytes = 1;
    for (size_t i = 0; i < n_tokens; i++)
        n_bytes += tokens[i].n_bytes;
    char *text = ink_arena_take(&program->arena, n_bytes, 1), *end = text;
    if (!text)
        return ink_fail_memory(error, "a string of a template");
    for (size_t i = 0; i < n_tokens; i++)
        INK_TRY(unescape_token(program, &tokens[i], &end, error));
    *out = ink_value_literal(text, (size_t)(end - text));
    return INK_OK;
}
