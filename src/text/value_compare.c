/* Equality and order of values, as Python has them. Depth is bounded by INK_VALUE_MAX_DEPTH. */
#include <string.h>
#include "text/value.h"

static int64_t integer_of(ink_value value)
{
    return value.kind == INK_VALUE_BOOL ? value.as.boolean : value.as.integer;
}

static int order_reals(double a, double b)
{
    if (a != a || b != b)
        return INK_VALUE_UNORDERED;
    return (a > b) - (a < b);
}

/* Exact: a conversion of the integer to double could round it onto the other number. */
static int order_mixed(int64_t integer, double real)
{
    if (real != real)
        return INK_VALUE_UNORDERED;
    if (real >= 9223372036854775808.0)
        return -1;
    if (real < -9223372036854775808.0)
        return 1;
    int64_t whole = (int64_t)real;
    if (integer != whole)
        return integer < whole ? -1 : 1;
    return order_reals(0, real - (double)whole);
}

static int order_numbers(ink_value a, ink_value b)
{
    bool a_real = a.kind == INK_VALUE_FLOAT, b_real = b.kind == INK_VALUE_FLOAT;
    if (a_real && b_real)
        return order_reals(a.as.real, b.as.real);
    if (b_real)
        return order_mixed(integer_of(a), b.as.real);
    if (a_real) {
        int order = order_mixed(integer_of(b), a.as.real);
        return order == INK_VALUE_UNORDERED ? order : -order;
    }
    return (integer_of(a) > integer_of(b)) - (integer_of(a) < integer_of(b));
}

static int order_texts(ink_value a, ink_value b)
{
    size_t shorter = a.n_bytes < b.n_bytes ? a.n_bytes : b.n_bytes;
    int order = shorter ? memcmp(a.as.text, b.as.text, shorter) : 0;
    if (order == 0)
        order = (a.n_bytes > b.n_bytes) - (a.n_bytes < b.n_bytes);
    return (order > 0) - (order < 0);
}

static bool order_lists(const ink_value_list *a, const ink_value_list *b, int *out)
{
    for (size_t i = 0; i < a->n_items && i < b->n_items; i++)
        if (!ink_value_equal(a->items[i], b->items[i]))
            return ink_value_order(a->items[i], b->items[i], out);
    *out = (a->n_items > b->n_items) - (a->n_items < b->n_items);
    return true;
}

bool ink_value_order(ink_value a, ink_value b, int *out)
{
    if (ink_value_is_number(a) && ink_value_is_number(b)) {
        *out = order_numbers(a, b);
        return true;
    }
    if (a.kind != b.kind)
        return false;
    if (ink_value_is_string(a)) {
        *out = order_texts(a, b);
        return true;
    }
    if (a.kind == INK_VALUE_LIST || a.kind == INK_VALUE_TUPLE)
        return order_lists(a.as.list, b.as.list, out);
    return false;
}

static bool equal_lists(const ink_value_list *a, const ink_value_list *b)
{
    if (a->n_items != b->n_items)
        return false;
    for (size_t i = 0; i < a->n_items; i++)
        if (!ink_value_equal(a->items[i], b->items[i]))
            return false;
    return true;
}

static bool equal_dicts(const ink_value_dict *a, ink_value b)
{
    if (a->n_entries != b.as.dict->n_entries)
        return false;
    for (uint32_t i = 0; i < a->n_entries; i++) {
        const ink_value *other = ink_value_find(b, a->entries[i].key);
        if (!other || !ink_value_equal(a->entries[i].item, *other))
            return false;
    }
    return true;
}

bool ink_value_equal(ink_value a, ink_value b)
{
    if (ink_value_is_number(a) && ink_value_is_number(b))
        return order_numbers(a, b) == 0;
    if (a.kind != b.kind)
        return false;
    switch (a.kind) {
    case INK_VALUE_BIG_INTEGER:
    case INK_VALUE_STRING:
        return order_texts(a, b) == 0;
    case INK_VALUE_LIST:
    case INK_VALUE_TUPLE:
    case INK_VALUE_RANGE:
        return equal_lists(a.as.list, b.as.list);
    case INK_VALUE_VIEW:
    case INK_VALUE_STREAM:
        return a.as.list == b.as.list;
    case INK_VALUE_DICT:
        return equal_dicts(a.as.dict, b);
    case INK_VALUE_NAMESPACE:
        return a.as.dict == b.as.dict;
    case INK_VALUE_OBJECT:
        return a.as.object == b.as.object;
    default:
        return true;
    }
}
