/*
 * Numbers: every bound, divisor and excluded value is a language of decimal texts of its own, and
 * what satisfies all is their intersection. Bounds are compared digit by digit, so that no number
 * is too large or too precise.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "text/constraint/grammar_nodes.h"
#include "text/constraint/schema_terms.h"

enum { MAX_DIGITS = 1200, MAX_DIVISOR_STATES = 8192 };

/* whole.fraction, without zeros that change nothing: "0" and "" are zero. */
typedef struct decimal {
    bool negative;
    char digits[MAX_DIGITS];
    const char *whole, *fraction; /* into digits */
    size_t n_whole, n_fraction;
} decimal;

static bool is_zero(const decimal *d)
{
    return d->n_fraction == 0 && d->n_whole == 1 && d->whole[0] == '0';
}

/* Digits and exponent of a JSON number, the point taken out; `*point` stands behind its digit. */
static bool split_text(const char *text, size_t n, decimal *d, long *point, size_t *n_digits)
{
    size_t at = 0, n_out = 0;
    bool seen_point = false;
    d->negative = n > 0 && text[0] == '-';
    *point = 0;
    for (at += d->negative; at < n && text[at] != 'e' && text[at] != 'E'; at++) {
        if (text[at] == '.')
            seen_point = true;
        else if (n_out == MAX_DIGITS / 2)
            return false;
        else {
            d->digits[MAX_DIGITS / 4 + n_out++] = text[at];
            *point += !seen_point;
        }
    }
    if (at < n)
        *point += strtol(text + at + 1, NULL, 10);
    *n_digits = n_out;
    return *point >= -(MAX_DIGITS / 4 - 8) && *point <= MAX_DIGITS / 2;
}

/* False when it has too many digits. */
static bool read_text(const char *text, size_t n, decimal *d)
{
    long point;
    size_t n_digits, begin = MAX_DIGITS / 4;
    if (!split_text(text, n, d, &point, &n_digits))
        return false;
    for (; point <= 0; point++) {
        d->digits[--begin] = '0';
        n_digits++;
    }
    size_t n_whole = (size_t)point;
    for (; n_digits < n_whole; n_digits++)
        d->digits[begin + n_digits] = '0';
    for (; n_whole > 1 && d->digits[begin] == '0'; begin++, n_whole--)
        n_digits--;
    while (n_digits > n_whole && d->digits[begin + n_digits - 1] == '0')
        n_digits--;
    d->whole = d->digits + begin;
    d->n_whole = n_whole;
    d->fraction = d->whole + n_whole;
    d->n_fraction = n_digits - n_whole;
    d->negative = d->negative && !is_zero(d);
    return true;
}

/* False when it is no number, or has too many digits. */
static bool read_decimal(ink_value value, decimal *d)
{
    char text[INK_VALUE_FLOAT_BYTES];
    if (value.kind == INK_VALUE_BIG_INTEGER)
        return read_text(value.as.text, value.n_bytes, d);
    if (value.kind == INK_VALUE_FLOAT)
        return read_text(text, ink_value_format_float(value.as.real, text), d);
    if (value.kind != INK_VALUE_INTEGER)
        return false;
    int n = snprintf(text, sizeof text, "%" PRId64, value.as.integer);
    return read_text(text, (size_t)n, d);
}

/* ---- Pieces */

static ink_expr digits(ink_grammar *g, char low, char high)
{
    return low > high ? INK_EXPR_FAIL : ink_expr_range(g, (unsigned char)low, (unsigned char)high);
}

static ink_expr some_digits(ink_grammar *g, uint32_t min, uint32_t max)
{
    return ink_expr_repeat(g, digits(g, '0', '9'), min, max);
}

static ink_expr with_minus(ink_grammar *g, ink_expr unsigned_number)
{
    return ink_expr_seq(g, ink_expr_literal(g, "-"), unsigned_number);
}

static ink_expr any_fraction(ink_grammar *g)
{
    ink_expr part = ink_expr_seq(g, ink_expr_literal(g, "."), some_digits(g, 1, INK_EXPR_FOREVER));
    return ink_expr_optional(g, part);
}

static ink_expr zero_fraction(ink_grammar *g)
{
    ink_expr zeros = ink_expr_repeat(g, ink_expr_literal(g, "0"), 1, INK_EXPR_FOREVER);
    return ink_expr_optional(g, ink_expr_seq(g, ink_expr_literal(g, "."), zeros));
}

static ink_expr any_whole(ink_grammar *g)
{
    ink_expr first = ink_expr_seq(g, digits(g, '1', '9'), some_digits(g, 0, INK_EXPR_FOREVER));
    return ink_expr_alt(g, ink_expr_literal(g, "0"), first);
}

static ink_expr any_unsigned(ink_grammar *g)
{
    return ink_expr_seq(g, any_whole(g), any_fraction(g));
}

static ink_expr any_number(ink_grammar *g)
{
    ink_expr number = any_unsigned(g);
    return ink_expr_alt(g, number, with_minus(g, number));
}

/* ---- Comparing, without sign */

/* Fractions, with their point, that are not below (`above`) or not above that of d. */
static ink_expr fraction_bound(ink_grammar *g, const decimal *d, bool above)
{
    ink_expr rest = above ? some_digits(g, 0, INK_EXPR_FOREVER)
                          : ink_expr_repeat(g, ink_expr_literal(g, "0"), 0, INK_EXPR_FOREVER);
    if (d->n_fraction == 0)
        return above ? any_fraction(g) : zero_fraction(g);
    for (size_t i = d->n_fraction; i-- > 0;) {
        char digit = d->fraction[i];
        ink_expr apart =
            above ? digits(g, (char)(digit + 1), '9') : digits(g, '0', (char)(digit - 1));
        ink_expr free = ink_expr_seq(g, apart, some_digits(g, 0, INK_EXPR_FOREVER));
        rest = ink_expr_alt(g, free, ink_expr_seq(g, digits(g, digit, digit), rest));
        if (!above && i > 0)
            rest = ink_expr_optional(g, rest); /* fewer digits are less */
    }
    rest = ink_expr_seq(g, ink_expr_literal(g, "."), rest);
    return above ? rest : ink_expr_optional(g, rest);
}

/* Numbers whose whole part has as many digits as that of d. */
static ink_expr same_length_bound(ink_grammar *g, const decimal *d, bool above)
{
    ink_expr rest = fraction_bound(g, d, above);
    for (size_t i = d->n_whole; i-- > 0;) {
        char digit = d->whole[i], least = i == 0 && d->n_whole > 1 ? '1' : '0';
        uint32_t n_left = (uint32_t)(d->n_whole - i - 1);
        ink_expr apart =
            above ? digits(g, (char)(digit + 1), '9') : digits(g, least, (char)(digit - 1));
        ink_expr free = ink_expr_seq(g, some_digits(g, n_left, n_left), any_fraction(g));
        rest = ink_expr_alt(g, ink_expr_seq(g, apart, free),
                            ink_expr_seq(g, digits(g, digit, digit), rest));
    }
    return rest;
}

/* Unsigned numbers from d on, or up to d; the sign of d does not count. */
static ink_expr unsigned_bound(ink_grammar *g, const decimal *d, bool above)
{
    ink_expr same = same_length_bound(g, d, above), other;
    uint32_t n = (uint32_t)d->n_whole;
    if (above)
        other = ink_expr_seq(g, digits(g, '1', '9'), some_digits(g, n, INK_EXPR_FOREVER));
    else if (n > 1)
        other = ink_expr_alt(g, ink_expr_literal(g, "0"),
                             ink_expr_seq(g, digits(g, '1', '9'), some_digits(g, 0, n - 2)));
    else
        other = INK_EXPR_FAIL;
    return ink_expr_alt(g, same, ink_expr_seq(g, other, any_fraction(g)));
}

/* All texts of the number itself; zero may have a sign. */
static ink_expr equal_to(ink_grammar *g, const decimal *d)
{
    ink_expr whole = ink_expr_text(g, d->whole, d->n_whole), fraction = zero_fraction(g);
    if (d->n_fraction) {
        ink_expr zeros = ink_expr_repeat(g, ink_expr_literal(g, "0"), 0, INK_EXPR_FOREVER);
        fraction = ink_expr_seq(g, ink_expr_text(g, d->fraction, d->n_fraction), zeros);
        fraction = ink_expr_seq(g, ink_expr_literal(g, "."), fraction);
    }
    ink_expr number = ink_expr_seq(g, whole, fraction);
    if (is_zero(d))
        return ink_expr_alt(g, number, with_minus(g, number));
    return d->negative ? with_minus(g, number) : number;
}

static ink_expr bound(ink_grammar *g, const decimal *d, bool above, bool exclusive)
{
    ink_expr inside = unsigned_bound(g, d, above != d->negative), result;
    if (above)
        result = d->negative ? ink_expr_alt(g, any_unsigned(g), with_minus(g, inside)) : inside;
    else
        result = d->negative ? with_minus(g, inside)
                             : ink_expr_alt(g, inside, with_minus(g, any_unsigned(g)));
    if (is_zero(d))
        result = ink_expr_alt(g, result, equal_to(g, d));
    return exclusive ? ink_expr_and(g, result, ink_expr_not(g, equal_to(g, d))) : result;
}

/* ---- Divisors: states are the remainder and how many digits of the fraction have been. */

typedef struct divisor {
    ink_grammar *g;
    uint32_t p, k;  /* it is p / 10^k */
    uint32_t first; /* rule of remainder 0 in the whole part; k more layers of p follow */
} divisor;

static ink_expr state(const divisor *d, uint32_t layer, uint64_t remainder)
{
    return ink_expr_rule(d->g, d->first + layer * d->p + (uint32_t)remainder);
}

/* Whether a number may end here: the rest of the k digits being zeros. */
static bool may_end(const divisor *d, uint32_t layer, uint64_t remainder)
{
    for (uint32_t i = layer; i < d->k; i++)
        remainder = remainder * 10 % d->p;
    return remainder == 0;
}

static ink_expr next_digits(const divisor *d, uint32_t layer, uint32_t remainder, uint32_t low)
{
    ink_expr items[10];
    size_t n = 0;
    for (uint32_t digit = low; digit < 10; digit++) {
        ink_expr byte = digits(d->g, (char)('0' + digit), (char)('0' + digit));
        items[n++] =
            ink_expr_seq(d->g, byte, state(d, layer, ((uint64_t)remainder * 10 + digit) % d->p));
    }
    return ink_expr_alts(d->g, items, n);
}

/* What may follow in one state. */
static ink_expr state_body(const divisor *d, uint32_t layer, uint32_t remainder)
{
    ink_grammar *g = d->g;
    bool ends = may_end(d, layer, remainder);
    ink_expr zeros = ink_expr_repeat(g, ink_expr_literal(g, "0"), 0, INK_EXPR_FOREVER);
    if (layer > 0 && layer == d->k)
        return ends ? zeros : INK_EXPR_FAIL;
    ink_expr more = next_digits(d, layer ? layer + 1 : 0, remainder, 0);
    if (layer == 0 && d->k > 0) {
        ink_expr fraction = next_digits(d, 1, remainder, 0);
        more = ink_expr_alt(g, more, ink_expr_seq(g, ink_expr_literal(g, "."), fraction));
    } else if (layer == 0 && ends)
        more = ink_expr_alt(g, more, zero_fraction(g));
    return ends ? ink_expr_alt(g, more, INK_EXPR_EMPTY) : more;
}

/* What may follow a first digit 0. */
static ink_expr zero_body(const divisor *d)
{
    ink_expr fraction = d->k ? next_digits(d, 1, 0, 0) : INK_EXPR_FAIL;
    fraction = ink_expr_seq(d->g, ink_expr_literal(d->g, "."), fraction);
    return ink_expr_alt(d->g, zero_fraction(d->g), fraction);
}

static ink_expr multiples(const divisor *d)
{
    ink_grammar *g = d->g;
    for (uint32_t layer = 0; layer <= d->k; layer++)
        for (uint32_t r = 0; r < d->p && g->status == INK_OK; r++) {
            uint32_t rule = d->first + layer * d->p + r;
            g->rules[rule].nullable = may_end(d, layer, r); /* asked before the grammar is whole */
        }
    for (uint32_t layer = 0; layer <= d->k; layer++)
        for (uint32_t r = 0; r < d->p && g->status == INK_OK; r++)
            ink_grammar_set_rule(g, d->first + layer * d->p + r, state_body(d, layer, r));
    ink_expr number = ink_expr_seq(g, ink_expr_literal(g, "0"), zero_body(d));
    number = ink_expr_alt(g, number, next_digits(d, 0, 0, 1));
    return ink_expr_alt(g, number, with_minus(g, number));
}

/* p and k of a decimal; false when there are too many states. */
static bool divide(const decimal *d, uint32_t *p, uint32_t *k)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < d->n_whole + d->n_fraction && sum <= MAX_DIVISOR_STATES; i++)
        sum = sum * 10 + (uint64_t)(d->whole[i] - '0');
    *p = (uint32_t)sum;
    *k = (uint32_t)d->n_fraction;
    return sum > 0 && sum <= MAX_DIVISOR_STATES && sum * (d->n_fraction + 1) <= MAX_DIVISOR_STATES;
}

static ink_status multiple_of(ink_schema *schema, const ink_schema_node *node, const decimal *d,
                              ink_expr *out)
{
    divisor by = {.g = schema->grammar};
    if (d->negative || is_zero(d))
        return ink_schema_fail(schema, INK_CORRUPT, node, "multipleOf", "it must be above 0");
    if (!divide(d, &by.p, &by.k) || by.p == 0)
        return ink_schema_fail(schema, INK_UNSUPPORTED, node, "multipleOf",
                               "a divisor with that many digits is not supported");
    by.first = (uint32_t)schema->grammar->n_rules;
    for (uint32_t i = 0; i < by.p * (by.k + 1); i++)
        (void)ink_grammar_add_rule(schema->grammar);
    INK_TRY(ink_grammar_status(schema->grammar, schema->error));
    *out = multiples(&by);
    return ink_grammar_status(schema->grammar, schema->error);
}

/* ---- Keywords */

static ink_expr whole_number(ink_grammar *g)
{
    ink_expr number = ink_expr_seq(g, any_whole(g), zero_fraction(g));
    return ink_expr_alt(g, number, with_minus(g, number));
}

static bool asks_for_whole(const ink_schema_node *node)
{
    const ink_value *type = ink_schema_get(node, "type");
    bool whole = false;
    if (!type)
        return false;
    if (type->kind != INK_VALUE_LIST)
        return ink_value_is_string(*type) && ink_value_is_text(*type, "integer");
    for (size_t i = 0; i < type->as.list->n_items; i++) {
        ink_value name = type->as.list->items[i];
        if (ink_value_is_string(name) && ink_value_is_text(name, "number"))
            return false;
        whole |= ink_value_is_string(name) && ink_value_is_text(name, "integer");
    }
    return whole;
}

static const struct bound_row {
    const char *keyword;
    bool above, exclusive;
} bounds[] = {{"minimum", true, false},
              {"exclusiveMinimum", true, true},
              {"maximum", false, false},
              {"exclusiveMaximum", false, true}};

static ink_status read_argument(const ink_schema *schema, const ink_schema_node *node,
                                const char *keyword, ink_value value, decimal *d)
{
    if (read_decimal(value, d))
        return INK_OK;
    return ink_schema_fail(schema, INK_CORRUPT, node, keyword,
                           "it must be a number, of at most %d digits", MAX_DIGITS / 2);
}

static ink_status add_bounds(ink_schema *schema, const ink_schema_node *node, ink_expr *all)
{
    ink_grammar *g = schema->grammar;
    decimal d;
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        const ink_value *value = ink_schema_get(node, bounds[i].keyword);
        if (!value)
            continue;
        INK_TRY(read_argument(schema, node, bounds[i].keyword, *value, &d));
        *all = ink_expr_and(g, *all, bound(g, &d, bounds[i].above, bounds[i].exclusive));
    }
    return INK_OK;
}

static ink_status add_divisors(ink_schema *schema, const ink_schema_node *node, ink_expr *all)
{
    static const char *const names[] = {"multipleOf", INK_SCHEMA_NOT_MULTIPLE};
    ink_grammar *g = schema->grammar;
    decimal d;
    for (size_t i = 0; i < 2; i++) {
        const ink_value *value = ink_schema_get(node, names[i]);
        ink_expr expr = INK_EXPR_FAIL;
        if (!value)
            continue;
        INK_TRY(read_argument(schema, node, "multipleOf", *value, &d));
        INK_TRY(multiple_of(schema, node, &d, &expr));
        *all = ink_expr_and(g, *all, i == 0 ? expr : ink_expr_not(g, expr));
    }
    return INK_OK;
}

static void add_excluded(ink_schema *schema, const ink_schema_node *node, ink_expr *all)
{
    const ink_value *list = ink_schema_get(node, INK_SCHEMA_NOT_ENUM);
    decimal d;
    for (size_t i = 0; list && i < list->as.list->n_items; i++)
        if (read_decimal(list->as.list->items[i], &d))
            *all = ink_expr_and(schema->grammar, *all,
                                ink_expr_not(schema->grammar, equal_to(schema->grammar, &d)));
}

/* Any number, with an exponent where it is free of all else, of those that a double can have. */
static ink_expr free_number(ink_grammar *g)
{
    ink_byte_set e = {{0}}, sign = {{0}};
    for (const char *c = "eE"; *c; c++)
        ink_byte_set_add(&e, (unsigned char)*c);
    for (const char *c = "+-"; *c; c++)
        ink_byte_set_add(&sign, (unsigned char)*c);
    ink_expr hundreds = ink_expr_seq(g, digits(g, '1', '2'), some_digits(g, 2, 2));
    ink_expr most = ink_expr_seq(g, ink_expr_literal(g, "30"), digits(g, '0', '8'));
    const ink_expr parts[] = {some_digits(g, 1, 2), hundreds, most};
    ink_expr exponent =
        ink_expr_seq(g, ink_expr_optional(g, ink_expr_set(g, &sign)), ink_expr_alts(g, parts, 3));
    exponent = ink_expr_optional(g, ink_expr_seq(g, ink_expr_set(g, &e), exponent));
    return ink_expr_seq(g, any_number(g), exponent);
}

ink_status ink_schema_number(ink_schema *schema, const ink_schema_term *term, ink_expr *out)
{
    ink_grammar *g = schema->grammar;
    ink_expr all = any_number(g), free = all;
    bool whole = false;
    for (uint32_t i = 0; i < term->n; i++) {
        const ink_schema_node node = schema->nodes[term->literals[i] >> 1];
        if (term->literals[i] & 1)
            continue;
        INK_TRY(add_bounds(schema, &node, &all));
        INK_TRY(add_divisors(schema, &node, &all));
        add_excluded(schema, &node, &all);
        whole |= asks_for_whole(&node);
        if (ink_schema_get(&node, INK_SCHEMA_NOT_INTEGER))
            all = ink_expr_and(g, all, ink_expr_not(g, whole_number(g)));
    }
    if (whole) {
        ink_expr nonzero =
            ink_expr_seq(g, digits(g, '1', '9'), some_digits(g, 0, INK_EXPR_FOREVER));
        ink_expr digits_only = ink_expr_alt(g, any_whole(g), with_minus(g, nonzero));
        ink_expr form = schema->form == INK_JSON_ANY ? whole_number(g) : digits_only;
        all = all == free ? form : ink_expr_and(g, all, form);
    } else if (all == free)
        all = free_number(g);
    *out = all;
    return ink_grammar_status(g, schema->error);
}

ink_expr ink_schema_number_literal(ink_schema *schema, ink_value value)
{
    ink_grammar *g = schema->grammar;
    decimal d;
    if (!read_decimal(value, &d))
        return ink_grammar_fail(g, INK_LIMIT, "a number of more than %d digits", MAX_DIGITS / 2);
    if (schema->form == INK_JSON_ANY)
        return equal_to(g, &d);
    ink_expr number = ink_expr_text(g, d.whole, d.n_whole);
    if (d.n_fraction) {
        ink_expr fraction = ink_expr_text(g, d.fraction, d.n_fraction);
        number = ink_expr_seq(g, number, ink_expr_seq(g, ink_expr_literal(g, "."), fraction));
    }
    return d.negative ? with_minus(g, number) : number;
}
