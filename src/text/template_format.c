/* Formatting one value, and the `%` operator on strings (Python's printf-style formatting). */
#include "text/template_format.h"

#include <string.h>
#include "text/template_builtin.h"
#include "text/template_lines.h"
#include "text/template_number.h"
#include "text/template_text.h"

size_t ink_format_read_number(const char *text, size_t n_bytes, int64_t *out)
{
    size_t n = 0;
    *out = 0;
    while (n < n_bytes && n < 9 && text[n] >= '0' && text[n] <= '9')
        *out = *out * 10 + (text[n++] - '0');
    return n;
}

/* ---- One value */

static ink_status fail_type(ink_rendering *r, char type, ink_value value)
{
    if (value.kind == INK_VALUE_UNDEFINED)
        return ink_render_fail_undefined(r, value);
    return ink_render_fail(r, INK_BAD_ARGUMENT, "the format '%c' does not suit a %s", type,
                           ink_value_kind_name(value.kind));
}

/*
 * A separator between each three of the digits that begin at `from` and end at `to`. Returns the
 * new length.
 */
static size_t group_digits(char *text, size_t n, size_t from, size_t to, char separator)
{
    for (size_t at = to; at > from + 3 && n + 2 < INK_NUMBER_MAX_BYTES; n++) {
        at -= 3;
        memmove(text + at + 1, text + at, n - at);
        text[at] = separator;
    }
    return n;
}

static size_t count_digits(const char *text, size_t n)
{
    size_t digits = 0;
    while (digits < n && text[digits] >= '0' && text[digits] <= '9')
        digits++;
    return digits;
}

static size_t sign_length(const char *text, size_t n)
{
    size_t sign = n > 0 && (text[0] == '-' || text[0] == '+' || text[0] == ' ');
    bool prefixed = n > sign + 1 && text[sign] == '0' && memchr("xXo", text[sign + 1], 3);
    return prefixed ? sign + 2 : sign;
}

/* The digits with sign, or n = 0 when the type takes no such value. */
static size_t number_text(const ink_format *format, ink_value value,
                          char text[INK_NUMBER_MAX_BYTES])
{
    char flags[4] = {format->sign ? format->sign : '#',
                     format->sign && format->alternate ? '#' : '\0', '\0', '\0'};
    const char *given = format->sign || format->alternate ? flags : "";
    int places = format->precision < 0 ? 6 : (int)format->precision;
    char type = format->type;
    double real;
    int64_t integer;
    if (type && strchr("dixXon", type) && ink_number_integer(value, &integer))
        return ink_number_format_integer(text, given, type, integer);
    if (type && strchr("eEfFgG", type) && ink_number_real(value, &real))
        return ink_number_format(text, given, places, type, real);
    if (type == '%' && ink_number_real(value, &real)) {
        size_t n = ink_number_format(text, given, places, 'f', real * 100);
        text[n] = '%';
        return n + 1;
    }
    return 0;
}

static ink_status put_number(ink_rendering *r, const ink_format *format, ink_value value)
{
    char text[INK_NUMBER_MAX_BYTES];
    size_t n = number_text(format, value, text);
    if (n == 0)
        return fail_type(r, format->type, value);
    size_t sign = sign_length(text, n);
    if (format->grouping)
        n = group_digits(text, n, sign, sign + count_digits(text + sign, n - sign),
                         format->grouping);
    ink_value whole = ink_value_literal(text, n), padded; /* as ink_render_put_value has it */
    if (format->align == '=') {
        INK_TRY(ink_render_put_text(r, ink_value_part(whole, 0, sign)));
        whole = ink_value_part(whole, sign, n - sign);
    }
    ink_pad where = format->align == '<'   ? INK_PAD_RIGHT
                    : format->align == '^' ? INK_PAD_BOTH
                                           : INK_PAD_LEFT;
    int64_t width = format->align == '=' ? format->width - (int64_t)sign : format->width;
    INK_TRY(ink_render_pad(r, whole, width, format->fill, where, &padded));
    return ink_render_put_text(r, padded);
}

static ink_status put_text(ink_rendering *r, const ink_format *format, ink_value value)
{
    ink_value text;
    bool number = ink_value_is_number(value);
    INK_TRY(ink_render_text(r, value, &text));
    if (format->precision >= 0) {
        INK_TRY(ink_render_spend_bytes(r, text.n_bytes));
        text.n_bytes = ink_text_offset(text.as.text, text.n_bytes, (size_t)format->precision);
    }
    char align = format->align ? format->align : number ? '>' : '<';
    ink_pad where = align == '<' ? INK_PAD_RIGHT : align == '^' ? INK_PAD_BOTH : INK_PAD_LEFT;
    INK_TRY(ink_render_pad(r, text, format->width, format->fill, where, &text));
    return ink_render_put_text(r, text);
}

ink_status ink_format_put(ink_rendering *r, const ink_format *format, ink_value value)
{
    ink_format exact = *format;
    bool real = value.kind == INK_VALUE_FLOAT, integer = value.kind == INK_VALUE_INTEGER;
    if (format->type == 's' || (format->type == 0 && !real && !integer) ||
        (format->type && strchr("di", format->type) && value.kind == INK_VALUE_BIG_INTEGER))
        return put_text(r, format, value);
    if (format->precision > INK_NUMBER_MAX_PLACES)
        return ink_render_fail(r, INK_LIMIT, "a number with %d digits, at most %d are written",
                               (int)format->precision, INK_NUMBER_MAX_PLACES);
    if (format->type == 0 && integer)
        exact.type = 'd';
    else if (format->type == 0 && (format->precision >= 0 || format->sign || format->grouping))
        exact.type = 'g';
    if (exact.type == 0)
        return put_text(r, format, value);
    return put_number(r, &exact, value);
}

/* ---- format % arguments */

typedef struct percent {
    ink_rendering *r;
    const char *at, *end;
    ink_value arguments; /* a tuple, a dict, or one value */
    size_t next;         /* of the tuple, or whether the one was used */
} percent;

static ink_status next_argument(percent *p, ink_value *out)
{
    if (p->arguments.kind == INK_VALUE_TUPLE) {
        const ink_value_list *list = p->arguments.as.list;
        if (p->next >= list->n_items)
            return ink_render_fail(p->r, INK_BAD_ARGUMENT,
                                   "the format wants more values than the %zu it is given",
                                   list->n_items);
        *out = list->items[p->next++];
        return INK_OK;
    }
    if (p->next++ > 0)
        return ink_render_fail(p->r, INK_BAD_ARGUMENT,
                               "the format wants more values than the one it is given");
    *out = p->arguments;
    return INK_OK;
}

/* After "%(": the value under that key. */
static ink_status named_argument(percent *p, ink_value *out)
{
    const char *close = memchr(p->at, ')', (size_t)(p->end - p->at));
    if (!close || p->arguments.kind != INK_VALUE_DICT)
        return ink_render_fail(p->r, INK_BAD_ARGUMENT,
                               "a format with %%(name) needs ')' and a dict");
    ink_value key = ink_value_borrow(p->at, (size_t)(close - p->at));
    const ink_value *item = ink_value_find(p->arguments, key);
    if (!item)
        return ink_render_fail(p->r, INK_BAD_ARGUMENT, "the dict for a format lacks '%.*s'",
                               (int)(key.n_bytes < 80 ? key.n_bytes : 80), key.as.text);
    *out = *item;
    p->next = 1;
    p->at = close + 1;
    return INK_OK;
}

static void read_flags(percent *p, ink_format *format)
{
    for (; p->at < p->end; p->at++) {
        if (*p->at == '-')
            format->align = '<';
        else if (*p->at == '0' && format->align != '<') {
            format->align = '=';
            format->fill = ink_value_borrow("0", 1);
        } else if (*p->at == '+' || (*p->at == ' ' && !format->sign))
            format->sign = *p->at;
        else if (*p->at == '#')
            format->alternate = true;
        else if (*p->at != '0')
            break;
    }
    if (format->align == '<')
        format->fill = ink_value_borrow(" ", 1);
}

/* A conversion after its '%'. */
static ink_status convert(percent *p)
{
    ink_format format = {.fill = ink_value_borrow(" ", 1), .align = '>', .precision = -1};
    ink_value value;
    bool named = p->at < p->end && *p->at == '(';
    if (named) {
        p->at++;
        INK_TRY(named_argument(p, &value));
    }
    read_flags(p, &format);
    p->at += ink_format_read_number(p->at, (size_t)(p->end - p->at), &format.width);
    if (p->at < p->end && *p->at == '.') {
        p->at++;
        p->at += ink_format_read_number(p->at, (size_t)(p->end - p->at), &format.precision);
    }
    if (p->at == p->end || !strchr("sdiuxXoeEfFgGr%", *p->at))
        return ink_render_fail(p->r, INK_BAD_ARGUMENT,
                               "a format has '%%' without one of s d i u x X o e f g r %%");
    format.type = *p->at++;
    if (format.type == '%')
        return ink_render_put(p->r, "%", 1);
    if (!named)
        INK_TRY(next_argument(p, &value));
    if (format.type == 'u')
        format.type = 'd';
    if (format.type == 'r')
        INK_TRY(ink_render_repr(p->r, value, &value));
    if (format.type == 'r' || format.type == 's') {
        format.type = 's';
        format.align = format.align == '=' ? '>' : format.align;
        format.fill = ink_value_borrow(" ", 1);
    }
    return ink_format_put(p->r, &format, value);
}

ink_status ink_render_percent(ink_rendering *r, ink_value format, ink_value arguments,
                              ink_value *out)
{
    percent p = {.r = r,
                 .at = format.as.text,
                 .end = format.as.text + format.n_bytes,
                 .arguments = arguments};
    size_t mark = ink_render_mark(r);
    while (p.at < p.end) {
        const char *percent_sign = memchr(p.at, '%', (size_t)(p.end - p.at));
        const char *plain_end = percent_sign ? percent_sign : p.end;
        INK_TRY(ink_render_put_text(r, ink_value_part(format, (size_t)(p.at - format.as.text),
                                                      (size_t)(plain_end - p.at))));
        p.at = plain_end + (percent_sign != NULL);
        INK_TRY(ink_render_spend(r, 1));
        if (percent_sign)
            INK_TRY(convert(&p));
    }
    bool scalar = ink_value_is_number(arguments) || ink_value_is_string(arguments) ||
                  arguments.kind == INK_VALUE_NONE;
    bool unused = arguments.kind == INK_VALUE_TUPLE ? p.next < arguments.as.list->n_items
                                                    : p.next == 0 && scalar;
    if (unused)
        return ink_render_fail(r, INK_BAD_ARGUMENT,
                               "the format does not use all the values it is given");
    return ink_render_take_text(r, mark, out);
}
