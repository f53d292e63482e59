/*
 * Each allocation fails in turn while tools are read, described, made a constraint, followed token
 * by token, and called in an answer: as JSON and in a form of their own.
 */
#include "support.h"

#include <string.h>
#include "base/status.h"

#define MAX_CALLS 5000

static const char tools_json[] =
    "[{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"parameters\":{\"type\":"
    "\"object\",\"properties\":{\"city\":{\"type\":\"string\",\"enum\":[\"Bonn\",\"Ulm\"]},"
    "\"days\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":14},\"units\":{\"type\":\"array\","
    "\"items\":{\"type\":\"string\"},\"maxItems\":3}},\"required\":[\"city\"]}}},"
    "{\"type\":\"function\",\"function\":{\"name\":\"now\"}}]";

typedef struct form {
    const char *format, *answer;
    char path[1024];
} form;

static bool count(void *context, const ink_tool_call *call)
{
    size_t *n = context;
    assert_int_equal(call->index, *n);
    ++*n;
    return true;
}

static ink_status read_answer(const ink_tools *tools, const char *text)
{
    size_t n_calls = 0;
    const ink_answer_events events = {.call = count, .context = &n_calls};
    ink_answer *answer = NULL;
    ink_status status = ink_answer_new(&answer, tools, INK_THINKING_ALLOWED, &events, NULL);
    for (size_t at = 0; status == INK_OK && at < strlen(text); at++)
        status = ink_answer_feed(answer, text + at, 1, NULL);
    if (status == INK_OK)
        status = ink_answer_end(answer, NULL);
    if (status == INK_OK)
        assert_int_equal(n_calls, 2);
    ink_answer_free(answer);
    return status;
}

static ink_status follow(ink_constraint *constraint, const char *text)
{
    const uint32_t *mask;
    ink_tokens forced = {0};
    size_t n;
    INK_TRY(ink_constraint_mask(constraint, &mask, NULL));
    ink_status status = ink_constraint_forced(constraint, &forced, NULL);
    ink_tokens_free(&forced);
    INK_TRY(status);
    INK_TRY(ink_constraint_accept(constraint, text, strlen(text), &n, NULL));
    assert_int_equal(n, strlen(text));
    assert_true(ink_constraint_may_end(constraint));
    return ink_constraint_mask(constraint, &mask, NULL);
}

static ink_status use(const ink_tools *tools, const form *f)
{
    ink_constraint *constraint = NULL;
    ink_string told = {0};
    ink_status status = ink_tools_describe(tools, &told, NULL);
    ink_string_free(&told);
    INK_TRY(status);
    INK_TRY(ink_tools_constrain(&constraint, tools, INK_THINKING_ALLOWED, NULL));
    status = follow(constraint, f->answer);
    ink_constraint_free(constraint);
    return status == INK_OK ? read_answer(tools, f->answer) : status;
}

static ink_status attempt(const ink_allocator *allocator, void *context)
{
    const form *f = context;
    ink_model *model = NULL;
    ink_tools *tools = NULL;
    ink_error error = {.status = INK_OK};
    const ink_model_options opening = {.allocator = allocator, .load = INK_LOAD_VOCABULARY};
    const ink_tools_options options = {.format = f->format, .choice = INK_TOOL_REQUIRED};
    INK_TRY(ink_model_open(&model, f->path, &opening, NULL));
    ink_status status =
        ink_tools_new(&tools, model, tools_json, sizeof tools_json - 1, &options, &error);
    assert_true(status == INK_OK ? tools != NULL : tools == NULL && error.status == status);
    if (status == INK_OK)
        status = use(tools, f);
    ink_tools_free(tools);
    ink_model_free(model);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    static form forms[] = {
        {.format = "hermes",
         .answer = "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Ulm\", "
                   "\"units\": [\"a\\n\", \"b\"]}}\n</tool_call>\n<tool_call>\n{\"name\": "
                   "\"now\", \"arguments\": {}}\n</tool_call>"},
        {.format = "function-gemma",
         .answer = "<start_function_call>call:weather{city:<escape>Ulm<escape>,units:[<escape>\"a"
                   "<escape>]}<end_function_call><start_function_call>call:now{}"
                   "<end_function_call>"},
    };
    (void)state;
    ink_require_shared();
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        ink_shared_path("weights/stories260K.gguf", forms[i].path, sizeof forms[i].path);
        assert_true(ink_fail_each_allocation(attempt, &forms[i], MAX_CALLS) > 60);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
