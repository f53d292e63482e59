/* The template language in small: every row of test_template_language.def. */
#include "support.h"

#include <string.h>
#include "text/json.h"
#include "text/template.h"

static const char variables_json[] =
    "{\"a\": 1, \"b\": 2.5, \"s\": \"Hello, World\", \"l\": [3, 1, 2], \"n\": null, \"t\": true, "
    "\"f\": false,"
    " \"d\": {\"x\": 1, \"y\": [1, {\"z\": \"q\"}], \"items\": 5}, \"e\": \"\", \"u\": \"äöü ß €😀 "
    "x\","
    " \"ms\": [{\"role\": \"user\", \"content\": \"hi\"},"
    " {\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": 1}]},"
    " {\"role\": \"user\", \"content\": \"yo <b>\"}],"
    " \"big\": 12345678901234567890123, \"neg\": -7,"
    " \"fl\": [1.0, 1e16, 1e-5, 123456.789, 1e15, 0.1, 1e22, -0.0, 5e-324, "
    "1.7976931348623157e308]}";

static const struct {
    const char *source, *expected;
} cases[] = {
#define CASE(source, expected) {source, expected},
#include "test_template_language.def"
#undef CASE
};

static bool renders(const char *source, const char *expected, ink_value variables)
{
    const ink_template_options options = {.unix_seconds = 1768478400}; /* 15 January 2026, noon */
    ink_template *program = NULL;
    ink_buffer out;
    ink_error error = {0};
    ink_buffer_init(&out, NULL, 100000);
    ink_status status = ink_template_new(&program, source, strlen(source), NULL, &error);
    if (status == INK_OK)
        status = ink_template_render(program, variables, &options, &out, &error);
    const char *got = status == INK_OK ? (out.data ? out.data : "") : error.message;
    bool right = status == INK_OK && strlen(expected) == out.n_bytes && strcmp(got, expected) == 0;
    if (!right)
        print_error("%s\n  wanted: %s\n  got:    %s\n", source, expected, got);
    ink_template_free(program);
    ink_buffer_deinit(&out);
    return right;
}

static void test_every_row(void **state)
{
    ink_arena arena;
    ink_value variables;
    ink_error error;
    size_t n_wrong = 0;
    (void)state;
    ink_arena_init(&arena, NULL, 1 << 20);
    assert_int_equal(
        ink_value_from_json(&arena, variables_json, sizeof variables_json - 1, &variables, &error),
        INK_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        n_wrong += !renders(cases[i].source, cases[i].expected, variables);
    ink_arena_deinit(&arena);
    assert_int_equal(n_wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_row)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
