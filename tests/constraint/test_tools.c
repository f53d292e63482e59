/*
 * Tools without a model: what answers the constraint allows, for every format and choice, and that
 * the reader of answers finds in them what was called.
 */
#include "support.h"

#include <stdio.h>
#include <string.h>

static const char tools_json[] =
    "[{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"description\":\"Of a city\","
    "\"parameters\":{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"},\"days\":{"
    "\"type\":\"integer\",\"minimum\":1,\"maximum\":7}},\"required\":[\"city\"]}}},"
    "{\"type\":\"function\",\"function\":{\"name\":\"now\"}}]";

static const char *const formats[] = {"hermes",         "mistral-args", "mistral", "gemma4", "phi",
                                      "function-gemma", "llama3",       "gemma",   "json"};
enum { N_FORMATS = sizeof formats / sizeof *formats };

typedef struct answer {
    char text[1000], calls[1000], thoughts[1000];
} answer;

static bool take_text(void *context, const char *text, size_t n_bytes, bool thought)
{
    answer *a = context;
    strncat(thought ? a->thoughts : a->text, text, n_bytes);
    return true;
}

static bool take_call(void *context, const ink_tool_call *call)
{
    answer *a = context;
    size_t n = strlen(a->calls);
    assert_int_equal(strlen(call->arguments), call->n_bytes);
    (void)snprintf(a->calls + n, sizeof a->calls - n, "%zu:%s%s;", call->index, call->name,
                   call->arguments);
    return true;
}

static ink_tools *new_tools(const char *format, ink_tool_choice choice, bool single)
{
    ink_tools *tools = NULL;
    ink_error error;
    const ink_tools_options options = {.format = format,
                                       .choice = choice,
                                       .name = choice == INK_TOOL_NAMED ? "now" : NULL,
                                       .single = single};
    if (ink_tools_new(&tools, NULL, tools_json, sizeof tools_json - 1, &options, &error))
        fail_msg("%s: %s", format, error.message);
    return tools;
}

/* In pieces of every length, with the same result. */
static ink_status read_answer(const ink_tools *tools, ink_thinking thinking, const char *text,
                              answer *out)
{
    ink_status status = INK_OK, first = INK_OK;
    for (size_t piece = 1; piece <= strlen(text) + 1; piece += piece < 5 ? 1 : 7) {
        answer now = {"", "", ""};
        const ink_answer_events events = {take_text, take_call, &now};
        ink_answer *reader = NULL;
        ink_error error;
        assert_int_equal(ink_answer_new(&reader, tools, thinking, &events, &error), INK_OK);
        status = INK_OK;
        for (size_t at = 0; status == INK_OK && at < strlen(text); at += piece) {
            size_t n = strlen(text) - at;
            status = ink_answer_feed(reader, text + at, n < piece ? n : piece, &error);
        }
        if (status == INK_OK)
            status = ink_answer_end(reader, &error);
        ink_answer_free(reader);
        if (piece == 1)
            first = status;
        assert_int_equal(status, first);
        if (piece > 1 && status == INK_OK) {
            assert_string_equal(now.text, out->text);
            assert_string_equal(now.calls, out->calls);
            assert_string_equal(now.thoughts, out->thoughts);
        }
        *out = now;
    }
    return status;
}

static bool is_allowed(const ink_tools *tools, ink_thinking thinking, const char *text)
{
    ink_constraint *constraint = NULL;
    ink_error error;
    size_t n;
    if (ink_tools_constrain(&constraint, tools, thinking, &error) != INK_OK)
        fail_msg("%s", error.message);
    assert_int_equal(ink_constraint_accept(constraint, text, strlen(text), &n, &error), INK_OK);
    bool allowed = n == strlen(text) && ink_constraint_may_end(constraint);
    ink_constraint_free(constraint);
    return allowed;
}

/* ---- Each format, as its page or template writes it. */

static void formats_are_written_as_published(void **state)
{
    static const struct {
        const char *format, *one, *two; /* two: NULL where only one is possible */
    } rows[] = {
        {"hermes",
         "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Bonn\", \"days\": "
         "3}}\n</tool_call>",
         "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Bonn\", \"days\": "
         "3}}\n</tool_call>\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>"},
        {"mistral-args", "[TOOL_CALLS]weather[ARGS]{\"city\": \"Bonn\", \"days\": 3}",
         "[TOOL_CALLS]weather[ARGS]{\"city\": \"Bonn\", \"days\": 3}[TOOL_CALLS]now[ARGS]{}"},
        {"mistral",
         "[TOOL_CALLS][{\"name\": \"weather\", \"arguments\": {\"city\": \"Bonn\", \"days\": 3}}]",
         "[TOOL_CALLS][{\"name\": \"weather\", \"arguments\": {\"city\": \"Bonn\", \"days\": 3}}, "
         "{\"name\": \"now\", \"arguments\": {}}]"},
        {"gemma4", "<|tool_call>call:weather{city:<|\"|>Bonn<|\"|>,days:3}<tool_call|>",
         "<|tool_call>call:weather{days:3,city:<|\"|>Bonn<|\"|>}<tool_call|><|tool_call>call:now{}"
         "<tool_call|>"},
        {"function-gemma",
         "<start_function_call>call:weather{city:<escape>Bonn<escape>,days:3}<end_function_call>",
         "<start_function_call>call:weather{city:<escape>Bonn<escape>,days:3}<end_function_call>"
         "<start_function_call>call:now{}<end_function_call>"},
        {"phi",
         "<|tool_call|>[{\"name\": \"weather\", \"arguments\": {\"city\": \"Bonn\", \"days\": "
         "3}}]<|/tool_call|>",
         "<|tool_call|>[{\"name\": \"weather\", \"arguments\": {\"city\": \"Bonn\", \"days\": 3}}, "
         "{\"name\": \"now\", \"arguments\": {}}]<|/tool_call|>"},
        {"llama3", "{\"name\": \"weather\", \"parameters\": {\"city\": \"Bonn\", \"days\": 3}}",
         NULL},
        {"gemma", "{\"name\": \"weather\", \"parameters\": {\"city\": \"Bonn\", \"days\": 3}}",
         NULL},
        {"json", "[{\"name\": \"weather\", \"arguments\": {\"city\": \"Bonn\", \"days\": 3}}]",
         "[{\"name\": \"weather\", \"arguments\": {\"city\": \"Bonn\", \"days\": 3}}, {\"name\": "
         "\"now\", \"arguments\": {}}]"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ink_tools *tools = new_tools(rows[i].format, INK_TOOL_AUTO, false),
                  *single = new_tools(rows[i].format, INK_TOOL_AUTO, true);
        answer found;
        assert_true(is_allowed(tools, INK_THINKING_NONE, rows[i].one));
        assert_int_equal(read_answer(tools, INK_THINKING_NONE, rows[i].one, &found), INK_OK);
        assert_string_equal(found.text, "");
        assert_non_null(strstr(found.calls, "0:weather{\"city\":"));
        assert_non_null(strstr(found.calls, "\"Bonn\""));
        if (rows[i].two) {
            assert_true(is_allowed(tools, INK_THINKING_NONE, rows[i].two));
            assert_false(is_allowed(single, INK_THINKING_NONE, rows[i].two));
            assert_int_equal(read_answer(tools, INK_THINKING_NONE, rows[i].two, &found), INK_OK);
            assert_non_null(strstr(found.calls, ";1:now{};"));
        }
        ink_tools_free(single);
        ink_tools_free(tools);
    }
}

static void choices_hold(void **state)
{
    char name[40], call[200];
    (void)state;
    for (size_t i = 0; i < N_FORMATS; i++) {
        ink_tools *automatic = new_tools(formats[i], INK_TOOL_AUTO, false);
        ink_string told = {0};
        ink_error error;
        /* the call of "now" as the description shows calls */
        assert_int_equal(ink_tools_describe(automatic, &told, &error), INK_OK);
        const char *shown = strstr(told.data, "nothing but\n") + 12, *at = strstr(shown, "NAME");
        const char *arguments = strchr(at, '{'), *end = strstr(shown, "\n\n");
        (void)snprintf(name, sizeof name, "%s", ink_tools_format(automatic));
        (void)snprintf(call, sizeof call, "%.*snow%.*s{}%s", (int)(at - shown), shown,
                       (int)(arguments - at - 4), at + 4, strchr(arguments, '}') + 1);
        call[strlen(call) - strlen(end)] = '\0';
        ink_string_free(&told);
        ink_tools *none = new_tools(formats[i], INK_TOOL_NONE, false),
                  *required = new_tools(formats[i], INK_TOOL_REQUIRED, false),
                  *named = new_tools(formats[i], INK_TOOL_NAMED, false);
        assert_true(is_allowed(automatic, INK_THINKING_NONE, call));
        assert_false(is_allowed(none, INK_THINKING_NONE, call));
        assert_true(is_allowed(required, INK_THINKING_NONE, call));
        assert_true(is_allowed(named, INK_THINKING_NONE, call));
        assert_true(is_allowed(automatic, INK_THINKING_NONE, "It is < 5 degrees."));
        assert_true(is_allowed(none, INK_THINKING_NONE, "It is < 5 degrees."));
        assert_false(is_allowed(required, INK_THINKING_NONE, "It is < 5 degrees."));
        assert_false(is_allowed(named, INK_THINKING_NONE, "It is < 5 degrees."));
        assert_true(is_allowed(automatic, INK_THINKING_NONE, ""));
        assert_false(is_allowed(required, INK_THINKING_NONE, ""));
        answer found;
        assert_int_equal(read_answer(required, INK_THINKING_NONE, call, &found), INK_OK);
        assert_string_equal(found.calls, "0:now{};");
        assert_int_equal(read_answer(none, INK_THINKING_NONE, call, &found), INK_OK);
        assert_string_equal(found.text, call);
        /* cut anywhere within, it is no answer */
        for (size_t n = 1; n + 1 < strlen(call); n++) {
            char part[200];
            (void)snprintf(part, sizeof part, "%.*s", (int)n, call);
            assert_false(is_allowed(required, INK_THINKING_NONE, part));
        }
        ink_tools_free(named);
        ink_tools_free(required);
        ink_tools_free(none);
        ink_tools_free(automatic);
    }
}

static void thoughts_come_first(void **state)
{
    static const char body[] = "<think>Is it <tool_call> or not?</think>\n\n"
                               "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>";
    ink_tools *tools = new_tools("hermes", INK_TOOL_REQUIRED, false);
    answer found;
    (void)state;
    assert_false(is_allowed(tools, INK_THINKING_NONE, body));
    assert_true(is_allowed(tools, INK_THINKING_ALLOWED, body));
    assert_true(is_allowed(tools, INK_THINKING_ALLOWED, strstr(body, "<tool_call>\n")));
    assert_true(is_allowed(tools, INK_THINKING_OPEN, body + 7));
    assert_false(is_allowed(tools, INK_THINKING_OPEN, strstr(body, "<tool_call>\n")));
    assert_int_equal(read_answer(tools, INK_THINKING_ALLOWED, body, &found), INK_OK);
    assert_string_equal(found.thoughts, "Is it <tool_call> or not?");
    assert_string_equal(found.text, "");
    assert_string_equal(found.calls, "0:now{};");
    assert_int_equal(read_answer(tools, INK_THINKING_OPEN, body + 7, &found), INK_OK);
    assert_string_equal(found.thoughts, "Is it <tool_call> or not?");
    assert_string_equal(found.calls, "0:now{};");
    ink_tools_free(tools);
    /* without tools, thoughts are told apart all the same */
    assert_int_equal(read_answer(NULL, INK_THINKING_OPEN, "hm</think>\n42", &found), INK_OK);
    assert_string_equal(found.thoughts, "hm");
    assert_string_equal(found.text, "42");
    const ink_constraint_source source = {INK_CONSTRAINT_CHOICE, "yes,no", 6, INK_JSON_PLAIN,
                                          INK_THINKING_OPEN};
    ink_constraint *constraint = NULL;
    ink_error error;
    size_t n;
    assert_int_equal(ink_constraint_new(&constraint, NULL, &source, &error), INK_OK);
    assert_int_equal(ink_constraint_accept(constraint, "maybe</think>\nyes", 17, &n, &error),
                     INK_OK);
    assert_int_equal(n, 17);
    assert_true(ink_constraint_may_end(constraint));
    ink_constraint_free(constraint);
}

static void text_then_calls(void **state)
{
    static const char text[] = "Let me look <tool_ca.\n<tool_call>\n{\"name\": \"weather\", "
                               "\"arguments\": {\"city\": \"a \\\"}b\"}}\n</tool_call>\n";
    ink_tools *tools = new_tools("hermes", INK_TOOL_AUTO, false);
    answer found;
    (void)state;
    assert_int_equal(read_answer(tools, INK_THINKING_NONE, text, &found), INK_OK);
    assert_string_equal(found.text, "Let me look <tool_ca.\n");
    assert_string_equal(found.calls, "0:weather{\"city\": \"a \\\"}b\"};");
    ink_tools_free(tools);
    tools = new_tools("function-gemma", INK_TOOL_AUTO, false);
    assert_int_equal(
        read_answer(tools, INK_THINKING_NONE,
                    "Hm.<start_function_call>call:weather{city:<escape>{\"x\",:}\\<escape>}"
                    "<end_function_call>",
                    &found),
        INK_OK);
    assert_string_equal(found.text, "Hm.");
    assert_string_equal(found.calls, "0:weather{\"city\":\"{\\\"x\\\",:}\\\\\"};");
    ink_tools_free(tools);
}

static void answers_that_are_none(void **state)
{
    static const struct {
        const char *format, *text;
    } rows[] = {
        {"hermes", "<tool_call>{\"name\": \"now\", \"arguments\": {}}\n</tool_call>"},
        {"hermes", "<tool_call>\n{\"name\": \"then\", \"arguments\": {}}\n</tool_call>"},
        {"hermes", "<tool_call>\n{\"name\": \"now\", \"arguments\": [}]}\n</tool_call>"},
        {"hermes", "<tool_call>\n{\"name\": \"now\", \"arguments\": {\"a\" 1}}\n</tool_call>"},
        {"hermes", "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>and more"},
        {"hermes", "<tool_call>\n{\"name\": \"now\""},
        {"hermes", "<tool_call>"},
        {"mistral", "[TOOL_CALLS][{\"name\": \"now\", \"arguments\": {}}"},
        {"mistral", "[TOOL_CALLS][{\"name\": \"now\", \"arguments\": {}}, "},
        {"mistral", "[TOOL_CALLS][{\"name\": \"now\", \"arguments\": {}}]]"},
        {"gemma4", "<|tool_call>call:now{a:}<tool_call|>"},
        {"gemma4", "<|tool_call>call:now{a}<tool_call|>"},
        {"gemma4", "<|tool_call>call:now{a:<|\"|>x}<tool_call|>"},
        {"json", "[{\"name\": \"now\"}]"},
        {"llama3", "{\"name\": \"a name that is longer than any name of a tool may be, as it has "
                   "more than 64 characters\", \"parameters\": {}}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ink_tools *tools = new_tools(rows[i].format, INK_TOOL_AUTO, false);
        answer found;
        assert_int_equal(read_answer(tools, INK_THINKING_NONE, rows[i].text, &found), INK_CORRUPT);
        assert_false(is_allowed(tools, INK_THINKING_NONE, rows[i].text));
        ink_tools_free(tools);
    }
}

/* ---- What is refused. */

static void tools_that_are_none(void **state)
{
    static const struct {
        const char *json, *message;
        ink_status status;
    } rows[] = {
        {"", "", INK_CORRUPT},
        {"{}", "an array", INK_BAD_ARGUMENT},
        {"[]", "an array", INK_BAD_ARGUMENT},
        {"[3]", "tool 1 is not", INK_BAD_ARGUMENT},
        {"[{\"type\":\"function\"}]", "tool 1 is not", INK_BAD_ARGUMENT},
        {"[{\"type\":\"function\",\"function\":{}}]", "\"name\" must be", INK_BAD_ARGUMENT},
        {"[{\"type\":\"function\",\"function\":{\"name\":\"a b\"}}]", "\"name\" must be",
         INK_BAD_ARGUMENT},
        {"[{\"type\":\"function\",\"function\":{\"name\":\"a\"}},{\"type\":\"function\","
         "\"function\":{\"name\":\"a\"}}]",
         "tool 2: there is a \"a\" already", INK_BAD_ARGUMENT},
        {"[{\"type\":\"function\",\"function\":{\"name\":\"a\",\"parameters\":7}}]",
         "must be a schema", INK_BAD_ARGUMENT},
        {"[{\"type\":\"function\",\"function\":{\"name\":\"a\",\"parameters\":{\"type\":\"array\"}"
         "}}]",
         "\"type\": \"object\"", INK_BAD_ARGUMENT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ink_tools *tools = NULL;
        ink_error error = {0};
        assert_int_equal(
            ink_tools_new(&tools, NULL, rows[i].json, strlen(rows[i].json), NULL, &error),
            rows[i].status);
        assert_non_null(strstr(error.message, rows[i].message));
        assert_null(tools);
    }
    ink_tools *tools = NULL;
    ink_error error;
    const size_t n = sizeof tools_json - 1;
    assert_int_equal(ink_tools_new(&tools, NULL, tools_json, n,
                                   &(ink_tools_options){.format = "pidgin"}, &error),
                     INK_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "use hermes, mistral-args, mistral"));
    assert_int_equal(ink_tools_new(&tools, NULL, tools_json, n,
                                   &(ink_tools_options){.choice = INK_TOOL_NAMED, .name = "x"},
                                   &error),
                     INK_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "no tool \"x\""));
    assert_int_equal(
        ink_tools_new(&tools, NULL, tools_json, n, &(ink_tools_options){.name = "now"}, &error),
        INK_BAD_ARGUMENT);
}

static void schemas_that_cannot_be_honored(void **state)
{
    static const struct {
        const char *format, *schema, *message;
    } rows[] = {
        {"json", "{\"type\":\"object\",\"unevaluatedProperties\":false}",
         "tool \"f\": the schema at #/unevaluatedProperties"},
        {"gemma4",
         "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"pattern\":\"x\"}}}",
         "tool \"f\": the keyword pattern of a string"},
        {"gemma4", "{\"type\":\"object\",\"properties\":{\"a\":{}}}", "needs a \"type\""},
        {"gemma4", "{\"type\":\"object\",\"properties\":{\"a:b\":{\"type\":\"null\"}}}",
         "cannot be written"},
        {"gemma4", "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\"}}}",
         "needs \"items\""},
        {"gemma4",
         "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"enum\":[\"x<|\\\"|>\"]"
         "}}}",
         "without <|\"|>"},
        {"gemma4", "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"enum\":7}}}",
         "must be a list"},
        {"gemma4",
         "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"enum\":[\"x\"],"
         "\"const\":\"x\"}}}",
         "without \"const\""},
        {"gemma4",
         "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"items\":{\"type\":"
         "\"string\"},\"minItems\":2,\"maxItems\":1}}}",
         "minItems is above"},
        {"gemma4", "{\"type\":\"object\",\"required\":[\"a\"]}", "\"a\", which is no property"},
        {"gemma4", "{\"type\":\"object\",\"required\":\"a\"}", "\"required\" must be a list"},
        {"gemma4", "{\"type\":\"object\",\"properties\":[]}", "\"properties\" must be an object"},
    };
    char json[400];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ink_tools *tools = NULL;
        ink_constraint *constraint = NULL;
        ink_error error;
        int n =
            snprintf(json, sizeof json,
                     "[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":%s}}]",
                     rows[i].schema);
        assert_int_equal(ink_tools_new(&tools, NULL, json, (size_t)n,
                                       &(ink_tools_options){.format = rows[i].format}, &error),
                         INK_OK);
        assert_int_equal(ink_tools_constrain(&constraint, tools, INK_THINKING_NONE, &error),
                         INK_UNSUPPORTED);
        if (!strstr(error.message, rows[i].message))
            fail_msg("%s", error.message);
        ink_tools_free(tools);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_are_written_as_published),
        cmocka_unit_test(choices_hold),
        cmocka_unit_test(thoughts_come_first),
        cmocka_unit_test(text_then_calls),
        cmocka_unit_test(answers_that_are_none),
        cmocka_unit_test(tools_that_are_none),
        cmocka_unit_test(schemas_that_cannot_be_honored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
