/*
 * Formats of calls beside the chat templates that models are published with: which row a template
 * gives, and that the calls which it shows to the model are those that the row allows and reads.
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "text/json.h"
#include "text/tools.h"

/* One call of the case "tool_round" of golden/chat. */
#define NAME "get_weather"
#define ARGUMENTS "{\"city\": \"Bangkok\", \"unit\": \"c\"}"

typedef struct row {
    const char *template, *format;
    const char *id; /* what the template puts before or behind the arguments, beside the format's */
} row;

static const row rows[] = {
    {"meta-llama-Llama-3.1-8B-Instruct", "llama3", ""},
    {"meta-llama-Llama-3.2-3B-Instruct", "llama3", ""},
    {"Qwen-Qwen2.5-7B-Instruct", "hermes", ""},
    {"Qwen-Qwen3-0.6B", "hermes", ""},
    {"NousResearch-Hermes-3-Llama-3.1-8B-tool_use", "hermes", ""},
    {"ibm-granite-granite-4.0", "hermes", ""},
    {"MiMo-VL", "hermes", ""},
    {"Bielik-11B-v3.0-Instruct", "hermes", ""},
    {"google-gemma-4-31B-it", "gemma4", ""},
    {"mistralai-Ministral-3-14B-Reasoning-2512", "mistral_args", ""},
    {"Mistral-Small-3.2-24B-Instruct-2506", "mistral_args", "[CALL_ID]abcdef123"},
    {"mistralai-Mistral-Nemo-Instruct-2407", "mistral", ", \"id\": \"abcdef123\""},
};

static const ink_tool_format *format_of(const char *template)
{
    char relative[256], path[1024];
    size_t n_bytes;
    (void)snprintf(relative, sizeof relative, "golden/chat/templates/%s.jinja", template);
    char *text = ink_read_file(ink_shared_path(relative, path, sizeof path), &n_bytes);
    const ink_tool_format *format = ink_tool_format_of((ink_text){text, n_bytes});
    free(text);
    return format;
}

/* The prompt that the case has, in the arena. */
static const char *find_prompt(const char *template, const char *cases, ink_arena *arena)
{
    char wanted[256];
    (void)snprintf(wanted, sizeof wanted, "{\"template\":\"%s.jinja\",\"case\":\"tool_round\",",
                   template);
    const char *line = strstr(cases, wanted);
    if (!line)
        fail_msg("there is no %s", wanted);
    ink_value object;
    ink_error error;
    if (ink_value_from_json(arena, line, strcspn(line, "\n"), &object, &error) != INK_OK)
        fail_msg("%s", error.message);
    const ink_value *expected = ink_value_find_name(object, "expect");
    assert_non_null(expected);
    return ink_arena_string(arena, expected->as.text, expected->n_bytes);
}

/* A call as the row has it; `shown`: as the template has it, with an id. */
static void write_call(char out[500], const ink_tool_format *f, const char *id, bool shown)
{
    bool behind = strcmp(f->name, "mistral") == 0;
    const char *arguments = ARGUMENTS;
    if (f->quote)
        arguments = "{city:<|\"|>Bangkok<|\"|>,unit:<|\"|>c<|\"|>}";
    (void)snprintf(out, 500, "%s%s" NAME "%s%s%s%s%s%s", f->begin, f->open,
                   shown && !behind ? id : "", f->middle, arguments, shown && behind ? id : "",
                   f->close, f->end);
}

static bool take_call(void *context, const ink_tool_call *call)
{
    assert_string_equal(call->name, NAME);
    assert_non_null(strstr(call->arguments, "\"Bangkok\""));
    ++*(size_t *)context;
    return true;
}

/* The answer is allowed, and read. */
static void check_answer(const char *format, const char *text)
{
    static const char json[] =
        "[{\"type\":\"function\",\"function\":{\"name\":\"" NAME "\",\"parameters\":{\"type\":"
        "\"object\",\"properties\":{\"city\":{\"type\":\"string\"},\"unit\":{\"type\":\"string\","
        "\"enum\":[\"c\",\"f\"]}},\"required\":[\"city\"]}}}]";
    const ink_tools_options options = {.format = format, .choice = INK_TOOL_REQUIRED};
    size_t n_calls = 0, n;
    const ink_answer_events events = {.call = take_call, .context = &n_calls};
    ink_tools *tools = NULL;
    ink_constraint *constraint = NULL;
    ink_answer *answer = NULL;
    assert_int_equal(ink_tools_new(&tools, NULL, json, sizeof json - 1, &options, NULL), INK_OK);
    assert_int_equal(ink_tools_constrain(&constraint, tools, INK_THINKING_NONE, NULL), INK_OK);
    assert_int_equal(ink_constraint_accept(constraint, text, strlen(text), &n, NULL), INK_OK);
    if (n != strlen(text) || !ink_constraint_may_end(constraint))
        fail_msg("%s: \"%s\" is refused behind byte %zu", format, text, n);
    assert_int_equal(ink_answer_new(&answer, tools, INK_THINKING_NONE, &events, NULL), INK_OK);
    assert_int_equal(ink_answer_feed(answer, text, strlen(text), NULL), INK_OK);
    assert_int_equal(ink_answer_end(answer, NULL), INK_OK);
    assert_int_equal(n_calls, 1);
    ink_answer_free(answer);
    ink_constraint_free(constraint);
    ink_tools_free(tools);
}

static void calls_are_what_templates_show(void **state)
{
    char path[1024], call[500];
    size_t n_bytes;
    (void)state;
    ink_require_shared();
    char *cases =
        ink_read_file(ink_shared_path("golden/chat/chat.jsonl", path, sizeof path), &n_bytes);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ink_arena arena;
        ink_arena_init(&arena, NULL, (size_t)64 << 20);
        const ink_tool_format *format = format_of(rows[i].template);
        assert_non_null(format);
        assert_string_equal(format->name, rows[i].format);
        write_call(call, format, rows[i].id, true);
        if (!strstr(find_prompt(rows[i].template, cases, &arena), call))
            fail_msg("%s shows no %s", rows[i].template, call);
        write_call(call, format, "", false);
        check_answer(rows[i].format, call);
        ink_arena_deinit(&arena);
    }
    free(cases);
}

/* Families whose templates say nothing of calls: the row is one that was written down elsewhere. */
static void templates_that_show_no_calls(void **state)
{
    static const struct {
        const char *template, *format; /* NULL: "json" is used */
    } silent[] = {
        {"google-gemma-2-2b-it", "gemma"},
        {"microsoft-Phi-3.5-mini-instruct", NULL},
        {"HuggingFaceTB-SmolLM3-3B", NULL},
    };
    (void)state;
    ink_require_shared();
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++) {
        const ink_tool_format *format = format_of(silent[i].template);
        assert_true(!format == !silent[i].format);
        if (format)
            assert_string_equal(format->name, silent[i].format);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_what_templates_show),
        cmocka_unit_test(templates_that_show_no_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
