/* Filters that make numbers. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "text/template_builtin.h"
#include "text/template_number.h"
#include "text/template_render.h"
#include "text/template_text.h"

static ink_status fail_number(ink_call *call)
{
    if (call->subject.kind == INK_VALUE_UNDEFINED)
        return ink_render_fail_undefined(call->rendering, call->subject);
    return ink_render_fail(call->rendering, INK_BAD_ARGUMENT,
                           "the filter '%s' needs a number, not a %s", call->builtin->name,
                           ink_value_kind_name(call->subject.kind));
}

ink_status ink_filter_abs(ink_call *call, ink_value *out)
{
    ink_value number = call->subject, zero = ink_value_integer(0);
    if (!ink_value_is_number(number))
        return fail_number(call);
    if (number.kind == INK_VALUE_FLOAT)
        *out = ink_value_float(fabs(number.as.real));
    else if (number.kind == INK_VALUE_INTEGER && number.as.integer < 0)
        return ink_render_arithmetic(call->rendering, INK_OPERATOR_SUBTRACT, zero, number, out);
    else
        return ink_render_arithmetic(call->rendering, INK_OPERATOR_ADD, zero, number, out);
    return INK_OK;
}

/* What int() and float() take away around a number. */
static ink_value without_space(ink_value text)
{
    size_t space = ink_text_leading_space(text.as.text, text.n_bytes);
    text.as.text += space;
    text.n_bytes = ink_text_without_trailing_space(text.as.text, text.n_bytes - space);
    return text;
}

static bool read_integer(ink_value text, int64_t base, int64_t *out)
{
    size_t at = 0, digits = 0;
    bool negative = text.n_bytes > 0 && text.as.text[0] == '-';
    at += negative || (text.n_bytes > 0 && text.as.text[0] == '+');
    if (base == 16 && text.n_bytes - at > 2 && text.as.text[at] == '0' &&
        (text.as.text[at + 1] | 32) == 'x')
        at += 2;
    *out = 0;
    for (; at < text.n_bytes; at++, digits++) {
        char c = text.as.text[at];
        int64_t digit = c >= '0' && c <= '9'                 ? c - '0'
                        : (c | 32) >= 'a' && (c | 32) <= 'z' ? (c | 32) - 'a' + 10
                                                             : 99;
        if (digit >= base || __builtin_mul_overflow(*out, base, out) ||
            __builtin_add_overflow(*out, negative ? -digit : digit, out))
            return false;
    }
    return digits > 0;
}

/* [sign] digits [. digits] [e [sign] digits], or a word for the unbounded. */
static bool read_float(ink_value text, double *out)
{
    size_t at = text.n_bytes > 0 && (text.as.text[0] == '-' || text.as.text[0] == '+'), digits = 0,
           points = 0;
    ink_value bare = ink_value_borrow(text.as.text + at, text.n_bytes - at);
    bool negative = at > 0 && text.as.text[0] == '-';
    if (ink_value_is_text(bare, "inf") || ink_value_is_text(bare, "infinity") ||
        ink_value_is_text(bare, "nan")) {
        *out = bare.as.text[0] == 'n' ? (double)NAN
               : negative             ? -(double)INFINITY
                                      : (double)INFINITY;
        return true;
    }
    for (; at < text.n_bytes && (text.as.text[at] | 32) != 'e'; at++) {
        bool digit = text.as.text[at] >= '0' && text.as.text[at] <= '9';
        digits += digit;
        points += text.as.text[at] == '.';
        if ((!digit && text.as.text[at] != '.') || points > 1)
            return false;
    }
    if (at < text.n_bytes) {
        size_t from =
            at + 1 < text.n_bytes && (text.as.text[at + 1] == '-' || text.as.text[at + 1] == '+')
                ? at + 2
                : at + 1;
        if (from == text.n_bytes)
            return false;
        for (at = from; at < text.n_bytes; at++)
            if (text.as.text[at] < '0' || text.as.text[at] > '9')
                return false;
    }
    if (digits > 0)
        *out = ink_value_parse_float(text.as.text, text.n_bytes);
    return digits > 0;
}

/* NaN is no integer; what is too large for one must not silently become the default. */
static ink_status truncate_real(ink_rendering *r, double real, bool *found, int64_t *out)
{
    ink_value value = ink_value_float(real);
    *found = ink_number_integer(value, out);
    if (*found || isnan(real))
        return INK_OK;
    return ink_render_fail(r, INK_LIMIT, "an integer needs more than 64 bits");
}

ink_status ink_filter_int(ink_call *call, ink_value *out)
{
    ink_value value = call->subject;
    int64_t base, integer = 0;
    double real;
    bool found = false;
    INK_TRY(ink_call_integer(call, 1, 10, &base));
    if (ink_value_is_string(value)) {
        value = without_space(value);
        found = read_integer(value, base, &integer);
        if (!found && read_float(value, &real))
            INK_TRY(truncate_real(call->rendering, real, &found, &integer));
    } else if (value.kind == INK_VALUE_FLOAT) {
        INK_TRY(truncate_real(call->rendering, value.as.real, &found, &integer));
    } else if (value.kind == INK_VALUE_BIG_INTEGER) {
        *out = value;
        return INK_OK;
    } else if (ink_value_is_number(value)) {
        integer = value.kind == INK_VALUE_BOOL ? value.as.boolean : value.as.integer;
        found = true;
    } else if (value.kind == INK_VALUE_UNDEFINED) {
        return ink_render_fail_undefined(call->rendering, value);
    }
    *out = found            ? ink_value_integer(integer)
           : call->given[0] ? call->slots[0]
                            : ink_value_integer(0);
    return INK_OK;
}

ink_status ink_filter_float(ink_call *call, ink_value *out)
{
    ink_value value = call->subject;
    double real = 0;
    bool found = true;
    if (ink_value_is_string(value))
        found = read_float(without_space(value), &real);
    else if (value.kind == INK_VALUE_FLOAT)
        real = value.as.real;
    else if (ink_value_is_number(value))
        real = value.kind == INK_VALUE_BOOL ? value.as.boolean : (double)value.as.integer;
    else if (value.kind == INK_VALUE_UNDEFINED)
        return ink_render_fail_undefined(call->rendering, value);
    else
        found = false;
    *out = found ? ink_value_float(real) : call->given[0] ? call->slots[0] : ink_value_float(0);
    return INK_OK;
}

/* Half to even on the exact value, which is what the C library's decimal conversion does. */
static double round_places(double real, int places)
{
    char text[INK_NUMBER_MAX_BYTES];
    if (places >= 0)
        return ink_value_parse_float(text, ink_number_format(text, "", places, 'f', real));
    double scale = pow(10, -places);
    return nearbyint(real / scale) * scale;
}

ink_status ink_filter_round(ink_call *call, ink_value *out)
{
    ink_value value = call->subject, method;
    int64_t places;
    if (!ink_value_is_number(value))
        return fail_number(call);
    INK_TRY(ink_call_integer(call, 0, 0, &places));
    INK_TRY(ink_call_string(call, 1, "common", &method));
    bool up = ink_value_is_text(method, "ceil"), down = ink_value_is_text(method, "floor");
    if (!up && !down && !ink_value_is_text(method, "common"))
        return ink_render_fail(call->rendering, INK_BAD_ARGUMENT,
                               "round takes the methods common, ceil and floor");
    *out = value;
    if (value.kind != INK_VALUE_FLOAT && !up && !down && places >= 0)
        return INK_OK;
    double real =
        value.kind == INK_VALUE_FLOAT
            ? value.as.real
            : (double)(value.kind == INK_VALUE_BOOL ? value.as.boolean : value.as.integer);
    places = places > 100    ? 100
             : places < -100 ? -100
                             : places; /* no double has digits further out that count */
    double scale = pow(10, (double)places);
    if (isinf(real) || isnan(real))
        *out = ink_value_float(real);
    else if (up || down)
        *out = ink_value_float((up ? ceil(real * scale) : floor(real * scale)) / scale);
    else
        *out = ink_value_float(round_places(real, (int)places));
    return INK_OK;
}
