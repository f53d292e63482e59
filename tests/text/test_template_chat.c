/*
 * The variables of a chat, from messages in memory and from JSON, and the clock that templates see.
 */
#include "support.h"

#include <string.h>
#include "text/chat.h"
#include "text/json.h"

static const char show_all[] = "{{ bos_token }}{% for m in messages %}{{ m.role }}={{ m.content "
                               "}};{% endfor %}{{ tools | tojson if tools }}|"
                               "{{ enable_thinking is defined }}{{ enable_thinking }}|{{ "
                               "add_generation_prompt }}{{ eos_token }}";

static void expect_rendering(const char *source, ink_value variables, int64_t unix_seconds,
                             const char *expected)
{
    const ink_template_options options = {.unix_seconds = unix_seconds};
    ink_template *program;
    ink_buffer out;
    ink_error error;
    ink_buffer_init(&out, NULL, 100000);
    assert_int_equal(ink_template_new(&program, source, strlen(source), NULL, &error), INK_OK);
    assert_int_equal(ink_template_render(program, variables, &options, &out, &error), INK_OK);
    assert_string_equal(out.data, expected);
    ink_template_free(program);
    ink_buffer_deinit(&out);
}

static void test_from_messages(void **state)
{
    static const ink_chat_message messages[] = {{"system", "Be brief.", 9},
                                                {"user", "a{{ 1 }}b", 9}};
    ink_arena arena;
    ink_chat_options options = {.bos_token = "<s>", .add_generation_prompt = true};
    ink_value variables;
    (void)state;
    ink_arena_init(&arena, NULL, 1 << 20);
    assert_int_equal(ink_chat_variables(&arena, messages, 2, &options, &variables, NULL), INK_OK);
    expect_rendering(show_all, variables, 0, "<s>system=Be brief.;user=a{{ 1 }}b;|False|True");
    options = (ink_chat_options){.eos_token = "</s>", .sets_thinking = true};
    assert_int_equal(ink_value_from_json(&arena, "[{\"name\": \"f\"}]", 15, &options.tools, NULL),
                     INK_OK);
    assert_int_equal(ink_chat_variables(&arena, messages, 1, &options, &variables, NULL), INK_OK);
    expect_rendering(show_all, variables, 0,
                     "system=Be brief.;[{\"name\": \"f\"}]|TrueFalse|False</s>");
    ink_arena_deinit(&arena);
}

static void test_from_json(void **state)
{
    static const char list[] = "[{\"role\": \"user\", \"content\": \"hi\"}]";
    static const char object[] =
        "{\"messages\": [{\"role\": \"user\", \"content\": null}], \"bos_token\": \"B\","
        " \"enable_thinking\": true, \"add_generation_prompt\": false}";
    const ink_chat_options options = {
        .bos_token = "<s>", .eos_token = "</s>", .add_generation_prompt = true};
    ink_arena arena;
    ink_value variables;
    (void)state;
    ink_arena_init(&arena, NULL, 1 << 20);
    assert_int_equal(
        ink_chat_variables_from_json(&arena, list, sizeof list - 1, &options, &variables, NULL),
        INK_OK);
    expect_rendering(show_all, variables, 0, "<s>user=hi;|False|True</s>");
    assert_int_equal(
        ink_chat_variables_from_json(&arena, object, sizeof object - 1, &options, &variables, NULL),
        INK_OK);
    expect_rendering(show_all, variables, 0, "Buser=None;|TrueTrue|False</s>");
    ink_arena_deinit(&arena);
}

static void test_refuses_what_is_no_chat(void **state)
{
    static const struct {
        const char *text;
        ink_status status;
        const char *message;
    } cases[] = {
        {"1", INK_BAD_ARGUMENT, "array of objects"},
        {"{}", INK_BAD_ARGUMENT, "array of objects"},
        {"{\"messages\": {}}", INK_BAD_ARGUMENT, "array of objects"},
        {"[]", INK_BAD_ARGUMENT, "array of messages is empty"},
        {"[1]", INK_BAD_ARGUMENT, "message 1"},
        {"[{\"role\": \"user\"}, {\"content\": \"x\"}]", INK_BAD_ARGUMENT, "message 2"},
        {"[{\"role\": 1}]", INK_BAD_ARGUMENT, "message 1"},
        {"[{\"role\": \"user\", \"role\": \"system\"}]", INK_CORRUPT, "same key twice"},
    };
    const ink_chat_options options = {0};
    ink_arena arena;
    (void)state;
    ink_arena_init(&arena, NULL, 1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ink_value variables = ink_value_integer(7);
        ink_error error = {0};
        assert_int_equal(ink_chat_variables_from_json(&arena, cases[i].text, strlen(cases[i].text),
                                                      &options, &variables, &error),
                         cases[i].status);
        assert_non_null(strstr(error.message, cases[i].message));
        assert_int_equal(variables.as.integer, 7);
    }
    ink_arena_deinit(&arena);
}

static ink_status make_variables(const ink_allocator *allocator, void *context)
{
    static const ink_chat_message message = {"user", "hi", 2};
    static const char text[] = "[{\"role\": \"user\", \"content\": \"hi\"}]";
    const ink_chat_options options = {0};
    ink_arena arena;
    ink_value variables;
    (void)context;
    ink_arena_init(&arena, allocator, 1 << 20);
    ink_status status = ink_chat_variables(&arena, &message, 1, &options, &variables, NULL);
    ink_arena_deinit(&arena);
    if (status == INK_OK)
        status =
            ink_chat_variables_from_json(&arena, text, sizeof text - 1, &options, &variables, NULL);
    ink_arena_deinit(&arena);
    return status;
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(ink_fail_each_allocation(make_variables, NULL, 100) > 1);
}

/* Dates at the edges of months, leap years and centuries; the words are those of C's strftime. */
static void test_clock(void **state)
{
    static const char source[] =
        "{{ strftime_now('%Y-%m-%d %H:%M:%S %a %b %j %U %W %-d|%e|%I %p') }}";
    static const struct {
        int64_t unix_seconds;
        const char *expected;
    } cases[] = {
        {0, "1970-01-01 00:00:00 Thu Jan 001 00 00 1| 1|12 AM"},
        {-1, "1969-12-31 23:59:59 Wed Dec 365 52 52 31|31|11 PM"},
        {951782400, "2000-02-29 00:00:00 Tue Feb 060 09 09 29|29|12 AM"},
        {4107542400, "2100-03-01 00:00:00 Mon Mar 060 09 09 1| 1|12 AM"},
        {1767225599, "2025-12-31 23:59:59 Wed Dec 365 52 52 31|31|11 PM"},
        {1704067200, "2024-01-01 00:00:00 Mon Jan 001 00 01 1| 1|12 AM"},
        {-11676096000, "1600-01-01 00:00:00 Sat Jan 001 00 00 1| 1|12 AM"},
    };
    const ink_value none = {.kind = INK_VALUE_UNDEFINED};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_rendering(source, none, cases[i].unix_seconds, cases[i].expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_messages),
        cmocka_unit_test(test_from_json),
        cmocka_unit_test(test_refuses_what_is_no_chat),
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
