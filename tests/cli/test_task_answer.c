/* Answers of tasks. The command line is no library: what is tested is compiled into the test. */
#include "../support.h"

#include <stdlib.h>
#include <string.h>
#include "cli/task_answer.c" /* NOLINT(bugprone-suspicious-include) */

typedef struct ending {
    const char *given, *kept;
    bool json, multiline, complete;
} ending;

static const ending endings[] = {
    {"one\ntwo", "one", false, false, true},
    {"one\n", "one", false, false, true},
    {"one", "one", false, false, false},
    {"\n  one \ntwo", "\n  one ", false, false, true},
    {"\n \n", "\n \n", false, false, false},
    {"one\ntwo", "one\ntwo", false, true, false},
    {"{\"a\": [1,\n 2]} more", "{\"a\": [1,\n 2]}", true, false, true},
    {"{\"a\": \"}\\\"}\"}}", "{\"a\": \"}\\\"}\"}", true, false, true},
    {"{\"a\\\\\": 1}x", "{\"a\\\\\": 1}", true, false, true},
    {" [[]] ", " [[]]", true, true, true},
    {"12\n13", "12", true, false, true},
    {"12\n13", "12\n13", true, true, false},
    {"]}\nx", "]}", true, false, true},
    {"[1, 2", "[1, 2", true, false, false},
};

/* However the text comes in pieces. */
static void an_answer_ends_where_it_should(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        for (size_t piece = 1; piece <= strlen(endings[i].given); piece++) {
            const ending *e = &endings[i];
            ink_answer a = {.json = e->json, .multiline = e->multiline};
            ink_buffer_init(&a.text, NULL, 1000);
            bool more = true;
            for (size_t at = 0, n = strlen(e->given); more && at < n; at += piece)
                more = ink_answer_write(&a, e->given + at, n - at < piece ? n - at : piece);
            assert_string_equal(a.text.data, e->kept);
            assert_int_equal(a.complete, e->complete);
            assert_int_equal(more, !e->complete);
            ink_buffer_deinit(&a.text);
        }
}

typedef struct pair {
    const char *answer, *expected;
    bool same;
} pair;

static ink_answer answer_of(const char *text)
{
    ink_answer a = {.json = true};
    ink_buffer_init(&a.text, NULL, 1000);
    assert_true(ink_buffer_text(&a.text, text));
    return a;
}

static void texts_match_but_for_white_space(void **state)
{
    static const pair pairs[] = {
        {" one\t", "one", true}, {"one", "\n one ", true},     {"one", "One", false},
        {"", " ", true},         {"one two", "onetwo", false}, {"one", "one.", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        ink_answer a = answer_of(pairs[i].answer);
        ink_value expected = ink_value_borrow(pairs[i].expected, strlen(pairs[i].expected));
        assert_int_equal(ink_answer_matches_text(&a, expected), pairs[i].same);
        ink_buffer_deinit(&a.text);
    }
}

static void json_matches_by_value(void **state)
{
    static const pair pairs[] = {
        {"{\"a\": 1, \"b\": [2, null]}", "{\"b\":[2,null],\"a\":1}", true},
        {" 1.0 ", "1", true},
        {"10e-1", "1", true},
        {"true", "1", false},
        {"false", "0", false},
        {"null", "false", false},
        {"\"1\"", "1", false},
        {"\"\\u0061\"", "\"a\"", true},
        {"[1, 2]", "[2, 1]", false},
        {"[1]", "[1, 1]", false},
        {"{\"a\": 1}", "{\"a\": 1, \"b\": 2}", false},
        {"{\"a\": 1, \"b\": 2}", "{\"a\": 1}", false},
        {"{\"a\": 1}", "{\"b\": 1}", false},
        {"{\"a\": {}}", "{\"a\": []}", false},
        {"123456789012345678901234567890", "123456789012345678901234567890", true},
        {"123456789012345678901234567890", "123456789012345678901234567891", false},
        {"9007199254740993", "9007199254740992.0", false},
        {"{\"a\": 1", "{\"a\": 1}", false},
        {"", "null", false},
        {"{\"a\": 1} x", "{\"a\": 1}", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        ink_arena arena;
        ink_value expected;
        bool same = !pairs[i].same;
        ink_answer a = answer_of(pairs[i].answer);
        ink_arena_init(&arena, NULL, SIZE_MAX);
        assert_int_equal(ink_value_from_json(&arena, pairs[i].expected, strlen(pairs[i].expected),
                                             &expected, NULL),
                         INK_OK);
        assert_int_equal(ink_answer_matches_json(&a, expected, &arena, &same, NULL), INK_OK);
        if (same != pairs[i].same)
            fail_msg("%s and %s", pairs[i].answer, pairs[i].expected);
        ink_arena_deinit(&arena);
        ink_buffer_deinit(&a.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_ends_where_it_should),
        cmocka_unit_test(texts_match_but_for_white_space),
        cmocka_unit_test(json_matches_by_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
