/*
 * Operators on values, with Python's types and rounding; integers have 64 bits and say so when they
 * are not enough.
 */
#include <math.h>
#include <string.h>
#include "base/size.h"
#include "text/template_render.h"

static ink_status fail_types(ink_rendering *r, ink_operator op, ink_value a, ink_value b)
{
    if (a.kind == INK_VALUE_UNDEFINED || b.kind == INK_VALUE_UNDEFINED)
        return ink_render_fail_undefined(r, a.kind == INK_VALUE_UNDEFINED ? a : b);
    return ink_render_fail(r, INK_BAD_ARGUMENT, "'%s' does not work between a %s and a %s",
                           ink_operator_text(op), ink_value_kind_name(a.kind),
                           ink_value_kind_name(b.kind));
}

static ink_status fail_overflow(ink_rendering *r)
{
    return ink_render_fail(r, INK_LIMIT, "an integer needs more than 64 bits");
}

static ink_status fail_zero(ink_rendering *r)
{
    return ink_render_fail(r, INK_BAD_ARGUMENT, "division by zero");
}

static int64_t integer_of(ink_value value)
{
    return value.kind == INK_VALUE_BOOL ? value.as.boolean : value.as.integer;
}

static double real_of(ink_value value)
{
    return value.kind == INK_VALUE_FLOAT ? value.as.real : (double)integer_of(value);
}

/* ---- Numbers */

static ink_status power_integers(ink_rendering *r, int64_t base, int64_t exponent, ink_value *out)
{
    int64_t result = 1;
    if (exponent < 0 && base == 0)
        return fail_zero(r);
    if (exponent < 0) {
        *out = ink_value_float(pow((double)base, (double)exponent));
        return INK_OK;
    }
    while (exponent > 0) {
        if ((exponent & 1) && __builtin_mul_overflow(result, base, &result))
            return fail_overflow(r);
        exponent >>= 1;
        if (exponent > 0 && __builtin_mul_overflow(base, base, &base))
            return fail_overflow(r);
    }
    *out = ink_value_integer(result);
    return INK_OK;
}

/* Rounds towards minus infinity; the remainder has the divisor's sign. */
static ink_status divide_integers(ink_rendering *r, ink_operator op, int64_t a, int64_t b,
                                  ink_value *out)
{
    if (b == 0)
        return fail_zero(r);
    if (a == INT64_MIN && b == -1) {
        *out = ink_value_integer(0);
        return op == INK_OPERATOR_FLOOR_DIVIDE ? fail_overflow(r) : INK_OK;
    }
    int64_t quotient = a / b, remainder = a % b;
    if (remainder != 0 && (remainder < 0) != (b < 0)) {
        quotient--;
        remainder += b;
    }
    *out = ink_value_integer(op == INK_OPERATOR_FLOOR_DIVIDE ? quotient : remainder);
    return INK_OK;
}

static ink_status compute_integers(ink_rendering *r, ink_operator op, int64_t a, int64_t b,
                                   ink_value *out)
{
    int64_t result = 0;
    bool overflows = false;
    switch (op) {
    case INK_OPERATOR_ADD:
        overflows = __builtin_add_overflow(a, b, &result);
        break;
    case INK_OPERATOR_SUBTRACT:
        overflows = __builtin_sub_overflow(a, b, &result);
        break;
    case INK_OPERATOR_MULTIPLY:
        overflows = __builtin_mul_overflow(a, b, &result);
        break;
    case INK_OPERATOR_POWER:
        return power_integers(r, a, b, out);
    default:
        return divide_integers(r, op, a, b, out);
    }
    *out = ink_value_integer(result);
    return overflows ? fail_overflow(r) : INK_OK;
}

static double remainder_of(double a, double b)
{
    double remainder = fmod(a, b);
    if (fabs(remainder) > 0)
        return (remainder < 0) != (b < 0) ? remainder + b : remainder;
    return copysign(0.0, b);
}

/* From the exact remainder, so that the two agree; a quotient of zero keeps its sign. */
static double floor_quotient(double a, double b)
{
    double quotient = (a - remainder_of(a, b)) / b, whole = floor(quotient);
    if (!(fabs(quotient) > 0))
        return copysign(0.0, a / b);
    return quotient - whole > 0.5 ? whole + 1.0 : whole;
}

static ink_status compute_reals(ink_rendering *r, ink_operator op, double a, double b,
                                ink_value *out)
{
    double result;
    bool divides = op == INK_OPERATOR_DIVIDE || op == INK_OPERATOR_FLOOR_DIVIDE ||
                   op == INK_OPERATOR_REMAINDER;
    if (divides && !(b < 0) && !(b > 0) && b == b)
        return fail_zero(r);
    switch (op) {
    case INK_OPERATOR_ADD:
        result = a + b;
        break;
    case INK_OPERATOR_SUBTRACT:
        result = a - b;
        break;
    case INK_OPERATOR_MULTIPLY:
        result = a * b;
        break;
    case INK_OPERATOR_DIVIDE:
        result = a / b;
        break;
    case INK_OPERATOR_POWER:
        result = pow(a, b);
        break;
    case INK_OPERATOR_FLOOR_DIVIDE:
        result = floor_quotient(a, b);
        break;
    default:
        result = remainder_of(a, b);
    }
    if (op == INK_OPERATOR_POWER && isfinite(a) && isfinite(b) && !isfinite(result))
        return ink_render_fail(r, INK_BAD_ARGUMENT, "this power is not a finite number");
    *out = ink_value_float(result);
    return INK_OK;
}

/* ---- Texts and lists */

static ink_status repeat_text(ink_rendering *r, ink_value text, int64_t times, ink_value *out)
{
    if (times > INT32_MAX && text.n_bytes > 0)
        return ink_render_fail_memory(r);
    return ink_render_repeat(r, text, times < 0 ? 0 : (size_t)times, out);
}

static ink_status repeat_list(ink_rendering *r, ink_value list, int64_t times, ink_value *out)
{
    size_t total, n = list.as.list->n_items;
    if (times < 0)
        times = 0;
    if (times > INT32_MAX || !ink_size_mul(n, (size_t)times, &total))
        return ink_render_fail_memory(r);
    INK_TRY(ink_render_spend(r, total));
    INK_TRY(ink_render_new_list(r, list.kind, total, out));
    for (size_t i = 0; i < total; i++)
        INK_TRY(ink_render_append(r, *out, list.as.list->items[i % n]));
    return INK_OK;
}

static ink_status concat_lists(ink_rendering *r, ink_value a, ink_value b, ink_value *out)
{
    size_t n_a = a.as.list->n_items, n_b = b.as.list->n_items;
    ink_value joined;
    INK_TRY(ink_render_new_list(r, a.kind, n_a + n_b, &joined));
    for (size_t i = 0; i < n_a; i++)
        INK_TRY(ink_render_append(r, joined, a.as.list->items[i]));
    for (size_t i = 0; i < n_b; i++)
        INK_TRY(ink_render_append(r, joined, b.as.list->items[i]));
    *out = joined;
    return INK_OK;
}

static bool is_integer(ink_value value)
{
    return value.kind == INK_VALUE_INTEGER || value.kind == INK_VALUE_BOOL;
}

static bool is_list(ink_value value)
{
    return value.kind == INK_VALUE_LIST || value.kind == INK_VALUE_TUPLE;
}

ink_status ink_render_arithmetic(ink_rendering *r, ink_operator op, ink_value a, ink_value b,
                                 ink_value *out)
{
    if (is_integer(a) && is_integer(b) && op != INK_OPERATOR_DIVIDE)
        return compute_integers(r, op, integer_of(a), integer_of(b), out);
    if (ink_value_is_number(a) && ink_value_is_number(b))
        return compute_reals(r, op, real_of(a), real_of(b), out);
    if (op == INK_OPERATOR_ADD && ink_value_is_string(a) && ink_value_is_string(b))
        return ink_render_concat(r, a, b, out);
    if (op == INK_OPERATOR_ADD && is_list(a) && a.kind == b.kind)
        return concat_lists(r, a, b, out);
    if (op == INK_OPERATOR_REMAINDER && ink_value_is_string(a))
        return ink_render_percent(r, a, b, out);
    if (op != INK_OPERATOR_MULTIPLY)
        return fail_types(r, op, a, b);
    if (is_integer(a)) { /* 3 * "ab" */
        ink_value swapped = a;
        a = b;
        b = swapped;
    }
    if (ink_value_is_string(a) && is_integer(b))
        return repeat_text(r, a, integer_of(b), out);
    if (is_list(a) && is_integer(b))
        return repeat_list(r, a, integer_of(b), out);
    return fail_types(r, op, a, b);
}

/* ---- Comparing */

static size_t lesser_weight(ink_value a, ink_value b)
{
    return ink_size_min(ink_value_weight(a), ink_value_weight(b));
}

ink_status ink_render_equal(ink_rendering *r, ink_value a, ink_value b, bool *out)
{
    INK_TRY(ink_render_spend(r, lesser_weight(a, b)));
    *out = ink_value_equal(a, b);
    return INK_OK;
}

ink_status ink_render_order(ink_rendering *r, ink_value a, ink_value b, int *out)
{
    INK_TRY(ink_render_spend(r, lesser_weight(a, b)));
    *out = 0;
    if (a.kind == INK_VALUE_UNDEFINED &&
        b.kind == INK_VALUE_UNDEFINED) /* of items that all lack the attribute */
        return INK_OK;
    return ink_value_order(a, b, out) ? INK_OK : fail_types(r, INK_OPERATOR_LESS, a, b);
}

ink_status ink_render_find(ink_rendering *r, ink_value text, ink_value part, size_t from,
                           size_t *out)
{
    *out = SIZE_MAX;
    if (from > text.n_bytes || part.n_bytes > text.n_bytes - from)
        return INK_OK;
    if (part.n_bytes == 0) {
        *out = from;
        return INK_OK;
    }
    size_t last = text.n_bytes - part.n_bytes, began = from;
    while (from <= last) {
        const char *hit = memchr(text.as.text + from, part.as.text[0], last - from + 1);
        if (!hit)
            break;
        from = (size_t)(hit - text.as.text);
        INK_TRY(ink_render_spend(r, ink_value_weight(part))); /* what the comparison may cost */
        if (memcmp(hit, part.as.text, part.n_bytes) == 0) {
            *out = from;
            break;
        }
        from++;
    }
    return ink_render_spend_bytes(r, from - began);
}

static ink_status contains(ink_rendering *r, ink_value container, ink_value item, bool *out)
{
    const ink_value *items;
    size_t n_items, at;
    if (ink_value_is_string(container)) {
        if (!ink_value_is_string(item))
            return fail_types(r, INK_OPERATOR_IN, item, container);
        INK_TRY(ink_render_find(r, container, item, 0, &at));
        *out = at != SIZE_MAX;
        return INK_OK;
    }
    *out = false;
    if (container.kind == INK_VALUE_DICT) {
        *out = ink_value_is_key(item) && ink_value_find(container, item);
        return INK_OK;
    }
    INK_TRY(ink_render_items(r, container, &items, &n_items));
    for (size_t i = 0; i < n_items && !*out; i++)
        INK_TRY(ink_render_equal(r, items[i], item, out));
    return INK_OK;
}

ink_status ink_render_compare(ink_rendering *r, ink_operator op, ink_value a, ink_value b,
                              bool *out)
{
    int order;
    switch (op) {
    case INK_OPERATOR_EQUAL:
        return ink_render_equal(r, a, b, out);
    case INK_OPERATOR_NOT_EQUAL:
        INK_TRY(ink_render_equal(r, a, b, out));
        *out = !*out;
        return INK_OK;
    case INK_OPERATOR_IN:
        return contains(r, b, a, out);
    case INK_OPERATOR_NOT_IN:
        INK_TRY(contains(r, b, a, out));
        *out = !*out;
        return INK_OK;
    default:
        break;
    }
    INK_TRY(ink_render_spend(r, lesser_weight(a, b)));
    if (!ink_value_order(a, b, &order))
        return fail_types(r, op, a, b);
    if (order == INK_VALUE_UNORDERED)
        *out = false;
    else if (op == INK_OPERATOR_LESS || op == INK_OPERATOR_LESS_EQUAL)
        *out = order < (op == INK_OPERATOR_LESS ? 0 : 1);
    else
        *out = order > (op == INK_OPERATOR_GREATER ? 0 : -1);
    return INK_OK;
}
