/*
 * Values: dicts stay ordered and fast whatever their keys, numbers compare exactly, nesting and
 * memory have ends.
 */
#include "support.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "text/value.h"

static ink_arena arena;

static int set_up(void **state)
{
    (void)state;
    ink_arena_init(&arena, NULL, (size_t)256 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ink_arena_deinit(&arena);
    return 0;
}

enum { N_KEYS = 100000 };

/* How the i-th key is chosen: up, down, from both ends, at random. */
static int64_t key_at(int order, int64_t i, uint64_t *seed)
{
    switch (order) {
    case 0:
        return i;
    case 1:
        return N_KEYS - i;
    case 2:
        return i % 2 ? i : N_KEYS * 2 - i;
    default:
        return (int64_t)(ink_test_random(seed) % (N_KEYS * 4));
    }
}

static void test_dicts_of_many_keys(void **state)
{
    (void)state;
    for (int order = 0; order < 4; order++) {
        ink_value dict;
        uint64_t seed = 7, again = 7;
        assert_true(ink_value_new_dict(&arena, INK_VALUE_DICT, &dict));
        for (int64_t i = 0; i < N_KEYS; i++)
            assert_true(ink_value_set(&arena, dict, ink_value_integer(key_at(order, i, &seed)),
                                      ink_value_integer(i)));
        for (int64_t i = 0; i < N_KEYS; i++) {
            int64_t key = key_at(order, i, &again);
            const ink_value *item = ink_value_find(dict, ink_value_integer(key));
            assert_non_null(item);
            assert_true(item->as.integer >= i); /* the last one set under that key */
        }
        assert_null(ink_value_find(dict, ink_value_integer(-1)));
        assert_null(ink_value_find_name(dict, "0"));
        if (order < 3)
            for (uint32_t i = 0; i < dict.as.dict->n_entries; i++)
                assert_int_equal(dict.as.dict->entries[i].item.as.integer, i);
        ink_arena_reset(&arena);
    }
}

static void test_keys_that_are_one(void **state)
{
    ink_value dict;
    (void)state;
    assert_true(ink_value_new_dict(&arena, INK_VALUE_DICT, &dict));
    assert_true(ink_value_set(&arena, dict, ink_value_integer(1), ink_value_integer(10)));
    assert_true(ink_value_set(&arena, dict, ink_value_bool(true), ink_value_integer(20)));
    assert_true(ink_value_set(&arena, dict, ink_value_float(1.0), ink_value_integer(30)));
    assert_true(ink_value_set_name(&arena, dict, "1", ink_value_integer(40)));
    assert_true(ink_value_set(&arena, dict, ink_value_none(), ink_value_integer(50)));
    assert_int_equal(dict.as.dict->n_entries, 3);
    assert_int_equal(ink_value_find(dict, ink_value_integer(1))->as.integer, 30);
    assert_int_equal(ink_value_find_name(dict, "1")->as.integer, 40);
    assert_int_equal(ink_value_find(dict, ink_value_none())->as.integer, 50);
    assert_false(ink_value_is_key(ink_value_float((double)NAN)));
    assert_false(ink_value_is_key(dict));
}

static void test_numbers_compare_exactly(void **state)
{
    const ink_value ordered[] = {
        ink_value_float(-(double)INFINITY),
        ink_value_float(-9223372036854777856.0),
        ink_value_integer(INT64_MIN),
        ink_value_float(-1.5),
        ink_value_integer(-1),
        ink_value_float(-0.5),
        ink_value_integer(0),
        ink_value_float(5e-324),
        ink_value_bool(true),
        ink_value_integer(9007199254740992),
        ink_value_integer(9007199254740993), /* a double cannot be this */
        ink_value_float(9007199254740994.0),
        ink_value_integer(INT64_MAX),
        ink_value_float(9223372036854775808.0),
        ink_value_float((double)INFINITY),
    };
    const size_t n = sizeof ordered / sizeof ordered[0];
    int order;
    (void)state;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            assert_true(ink_value_order(ordered[i], ordered[j], &order));
            assert_int_equal(order, i < j ? -1 : i > j);
            assert_int_equal(ink_value_equal(ordered[i], ordered[j]), i == j);
        }
        assert_true(ink_value_order(ordered[i], ink_value_float((double)NAN), &order));
        assert_int_equal(order, INK_VALUE_UNORDERED);
    }
    assert_false(ink_value_order(ink_value_integer(1), ink_value_borrow("1", 1), &order));
}

static void test_nesting_ends(void **state)
{
    ink_value inner = ink_value_integer(1), outer, dict;
    (void)state;
    for (uint32_t depth = 1; depth <= INK_VALUE_MAX_DEPTH; depth++) {
        assert_true(ink_value_new_list(&arena, INK_VALUE_LIST, 2, &outer));
        assert_true(ink_value_append(&arena, outer, inner));
        assert_int_equal(ink_value_depth(outer), depth);
        inner = outer;
    }
    assert_true(ink_value_new_list(&arena, INK_VALUE_LIST, 1, &outer));
    assert_false(ink_value_append(&arena, outer, inner));
    assert_true(ink_value_new_dict(&arena, INK_VALUE_DICT, &dict));
    assert_false(ink_value_set_name(&arena, dict, "deep", inner));
}

/* What is shared is counted each time, and never wraps. */
static void test_weight_counts_what_is_walked(void **state)
{
    ink_value inner = ink_value_borrow("0123456789", 10), outer;
    (void)state;
    assert_int_equal(ink_value_weight(inner), 1);
    for (int depth = 0; depth < 100; depth++) {
        assert_true(ink_value_new_list(&arena, INK_VALUE_LIST, 2, &outer));
        assert_true(ink_value_append(&arena, outer, inner));
        assert_true(ink_value_append(&arena, outer, inner));
        if (depth == 2)
            assert_int_equal(ink_value_weight(outer), 15);
        inner = outer;
    }
    assert_true(ink_value_weight(outer) == SIZE_MAX);
}

static void test_memory_ends(void **state)
{
    ink_arena small;
    ink_value list;
    size_t n = 0;
    (void)state;
    ink_arena_init(&small, NULL, 10000);
    assert_true(ink_value_new_list(&small, INK_VALUE_LIST, 0, &list));
    while (n < 10000 && ink_value_append(&small, list, ink_value_integer(1)))
        n++;
    assert_true(n > 100 && n < 10000 / sizeof(ink_value));
    assert_int_equal(list.as.list->n_items, n);
    ink_arena_deinit(&small);
}

/* Any double reads back as itself, and no shorter text would do. */
static void test_floats_read_back(void **state)
{
    uint64_t seed = 99;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        double real, again;
        char text[INK_VALUE_FLOAT_BYTES];
        uint64_t bits = ink_test_random(&seed);
        if (i % 4 == 0)
            bits &= 0x800fffffffffffffu; /* subnormal */
        memcpy(&real, &bits, sizeof real);
        if (i % 4 == 1)
            real = (double)(int64_t)(bits % 100000) / 1000;
        if (!isfinite(real))
            continue;
        size_t n = ink_value_format_float(real, text);
        assert_int_equal(n, strlen(text));
        again = ink_value_parse_float(text, n);
        assert_memory_equal(&real, &again, sizeof real);
    }
}

static void test_floats_of_many_digits(void **state)
{
    char text[2000];
    (void)state;
    memset(text, '0', sizeof text);
    text[0] = '1'; /* 1 and 999 zeros, with a point in front of them: 0.1 */
    (void)snprintf(text + 1000, sizeof text - 1000, "e-1000");
    assert_true(ink_value_parse_float(text, 1006) > 0.0999999999 &&
                ink_value_parse_float(text, 1006) < 0.1000000001);
    memset(text, '0', 500);
    text[1] = '.';
    text[400] = '5';
    assert_true(ink_value_parse_float(text, 401) < DBL_MIN);
    assert_true(ink_value_parse_float("179769313486231570e291", 22) == DBL_MAX);
    assert_true(isinf(ink_value_parse_float("1e99999999999999999999", 22)));
    assert_true(ink_value_parse_float("1e-99999999999999999999", 23) == 0);
    assert_true(signbit(ink_value_parse_float("-0.000", 6)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_dicts_of_many_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keys_that_are_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_numbers_compare_exactly, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nesting_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_weight_counts_what_is_walked, set_up, tear_down),
        cmocka_unit_test(test_memory_ends),
        cmocka_unit_test(test_floats_read_back),
        cmocka_unit_test(test_floats_of_many_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
