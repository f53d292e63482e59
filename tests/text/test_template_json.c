/*
 * The JSON reader refuses whatever could mean two things; what it reads, the writer writes as
 * Python would.
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include "text/json.h"

static ink_arena arena;
static ink_buffer out;

static int set_up(void **state)
{
    (void)state;
    ink_arena_init(&arena, NULL, (size_t)64 << 20);
    ink_buffer_init(&out, NULL, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ink_arena_deinit(&arena);
    ink_buffer_deinit(&out);
    return 0;
}

static void test_reads_and_writes(void **state)
{
    static const struct {
        const char *text, *written; /* NULL: as it was */
    } cases[] = {
        {"null", NULL},
        {" [ true , false ] ", "[true, false]"},
        {"{}", NULL},
        {"[]", NULL},
        {"-0", "0"},
        {"-0.0", NULL},
        {"1e3", "1000.0"},
        {"1E-7", "1e-07"},
        {"0.1", NULL},
        {"123456789012345678901234567890.5", "1.2345678901234568e+29"},
        {"5e-324", NULL},
        {"2.2250738585072011e-308", "2.225073858507201e-308"},
        {"1.7976931348623157e308", "1.7976931348623157e+308"},
        {"1e-400", "0.0"},
        {"9223372036854775807", NULL},
        {"-9223372036854775808", NULL},
        {"9223372036854775808", NULL},
        {"-123456789012345678901234567890", NULL},
        {"{\"b\": 1, \"a\": {\"\": []}}", NULL},
        {"\"\\u00e9\\u20AC\\ud83d\\ude00\"", "\"é€😀\""},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
        {"\"\\u0000\\u001f\x7f\"", "\"\\u0000\\u001f\x7f\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ink_value value;
        const char *expected = cases[i].written ? cases[i].written : cases[i].text;
        out.n_bytes = 0;
        assert_int_equal(
            ink_value_from_json(&arena, cases[i].text, strlen(cases[i].text), &value, NULL),
            INK_OK);
        assert_int_equal(ink_json_write(&out, value, NULL, NULL), INK_OK);
        assert_string_equal(out.data, expected);
    }
}

static void test_refuses(void **state)
{
    static const struct {
        const char *text;
        uint64_t offset;
        const char *message;
    } cases[] = {
        {"", 0, "expected a value"},
        {"  ", 2, "expected a value"},
        {"nul", 0, "expected a value"},
        {"True", 0, "expected a value"},
        {"NaN", 0, "expected a value"},
        {"1 2", 2, "text follows"},
        {"[1,]", 3, "expected a value"},
        {"[1 2]", 3, "expected ',' or ']'"},
        {"[", 1, "expected a value"},
        {"{\"a\" 1}", 5, "expected ':'"},
        {"{\"a\": 1,}", 8, "expected a string"},
        {"{a: 1}", 1, "expected a string"},
        {"{\"a\": 1, \"a\": 2}", 12, "same key twice"},
        {"01", 2, "begins with 0"},
        {"-", 1, "expected a value"},
        {"+1", 0, "expected a value"},
        {"1.", 2, "digits must follow the point"},
        {".5", 0, "expected a value"},
        {"1e", 2, "digits must follow the exponent"},
        {"1e999", 5, "larger than a double"},
        {"0x10", 1, "text follows"},
        {"\"a", 1, "no end"},
        {"\"a\\\"", 1, "no end"},
        {"\"\\", 1, "no end"},
        {"\"\\x\"", 2, "unknown escape"},
        {"\"\\u12g4\"", 5, "four hexadecimal digits"},
        {"\"\\ud800\"", 7, "half of a surrogate pair"},
        {"\"\\ud800\\u0041\"", 13, "half of a surrogate pair"},
        {"\"\\udc00\\ud800\"", 7, "half of a surrogate pair"},
        {"\"a\nb\"", 2, "control character"},
        {"\"\xff\"", 1, "not valid UTF-8"},
        {"\"\xc0\x80\"", 1, "not valid UTF-8"},
        {"\"\xed\xa0\x80\"", 1, "not valid UTF-8"},
        {"\xef\xbb\xbf[]", 0, "expected a value"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ink_value value = ink_value_integer(7);
        ink_error error = {0};
        ink_status status =
            ink_value_from_json(&arena, cases[i].text, strlen(cases[i].text), &value, &error);
        if (status != INK_CORRUPT || error.offset != cases[i].offset ||
            !strstr(error.message, cases[i].message))
            fail_msg("%s: status %d at %d: %s", cases[i].text, (int)status, (int)error.offset,
                     error.message);
        assert_int_equal(value.as.integer, 7);
    }
}

static void test_depth_has_a_limit(void **state)
{
    char text[2 * INK_JSON_MAX_DEPTH + 3];
    ink_value value;
    ink_error error;
    (void)state;
    memset(text, '[', INK_JSON_MAX_DEPTH);
    memset(text + INK_JSON_MAX_DEPTH, ']', INK_JSON_MAX_DEPTH);
    assert_int_equal(
        ink_value_from_json(&arena, text, (size_t)2 * INK_JSON_MAX_DEPTH, &value, NULL), INK_OK);
    assert_int_equal(ink_value_depth(value), INK_JSON_MAX_DEPTH);
    memset(text, '[', INK_JSON_MAX_DEPTH + 1);
    assert_int_equal(ink_value_from_json(&arena, text, sizeof text, &value, &error), INK_LIMIT);
    assert_int_equal(error.offset, INK_JSON_MAX_DEPTH);
    char *deep = malloc(1000000);
    assert_non_null(deep);
    memset(deep, '[', 1000000);
    assert_int_equal(ink_value_from_json(&arena, deep, 1000000, &value, NULL), INK_LIMIT);
    assert_int_equal(ink_value_from_json(&arena, deep, INK_JSON_MAX_BYTES + 1, &value, NULL),
                     INK_LIMIT);
    free(deep);
}

/* Every beginning of a text is malformed, and none reads beyond its end. */
static void test_cut_anywhere(void **state)
{
    static const char text[] =
        "{\"a\": [1, -2.5e+3, \"\\u00e9\\ud83d\\ude00 \xc3\xa4\", true, null], \"b\": {}}";
    (void)state;
    for (size_t n = 0; n < sizeof text - 1; n++) {
        ink_value value;
        char *cut = malloc(n ? n : 1);
        assert_non_null(cut);
        memcpy(cut, text, n);
        assert_int_equal(ink_value_from_json(&arena, cut, n, &value, NULL), INK_CORRUPT);
        free(cut);
    }
}

static void test_writes_what_python_writes(void **state)
{
    static const ink_json_style tight = {.item_separator = ",", .key_separator = ":"};
    static const ink_json_style wide = {.indent = "  ", .ascii = true, .sort_keys = true};
    ink_value value;
    (void)state;
    static const char text[] = "{\"b\": [1, {}], \"a\": \"é😀\\u007f\"}";
    assert_int_equal(ink_value_from_json(&arena, text, sizeof text - 1, &value, NULL), INK_OK);
    assert_int_equal(ink_json_write(&out, value, &tight, NULL), INK_OK);
    assert_string_equal(out.data, "{\"b\":[1,{}],\"a\":\"é😀\x7f\"}");
    out.n_bytes = 0;
    assert_int_equal(ink_json_write(&out, value, &wide, NULL), INK_OK);
    assert_string_equal(
        out.data,
        "{\n  \"a\": \"\\u00e9\\ud83d\\ude00\\u007f\",\n  \"b\": [\n    1,\n    {}\n  ]\n}");
}

static void test_writer_has_limits(void **state)
{
    ink_value value;
    ink_buffer small;
    ink_error error;
    (void)state;
    assert_int_equal(ink_value_from_json(&arena, "[1, 2, 3]", 9, &value, NULL), INK_OK);
    ink_buffer_init(&small, NULL, 8);
    assert_int_equal(ink_json_write(&small, value, NULL, &error), INK_LIMIT);
    ink_buffer_deinit(&small);
    value = (ink_value){.kind = INK_VALUE_UNDEFINED};
    assert_int_equal(ink_json_write(&out, value, NULL, &error), INK_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "undefined"));
}

static ink_status read_some(const ink_allocator *allocator, void *context)
{
    static const char text[] = "{\"a\": [1, 2, 3, 4, 5, 6], \"b\": {\"c\": \"text\", \"d\": 1.5}}";
    ink_arena own;
    ink_value value;
    (void)context;
    ink_arena_init(&own, allocator, 1 << 20);
    ink_status status = ink_value_from_json(&own, text, sizeof text - 1, &value, NULL);
    ink_arena_deinit(&own);
    return status;
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(ink_fail_each_allocation(read_some, NULL, 100) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reads_and_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_depth_has_a_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_anywhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_writes_what_python_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_writer_has_limits, set_up, tear_down),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
