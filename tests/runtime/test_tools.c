/*
 * Calls by a model that knows nothing of tools: whatever it would say, under the constraint every
 * call is read back, names a tool, and has arguments that the schema of the tool allows; for every
 * format, choice, and number of calls. And markers that are tokens.
 */
#include "stories.h"

#include <stdio.h>
#include <string.h>

static const char *const schemas[] = {
    "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\",\"enum\":[\"Bonn\","
    "\"K\\u00f6ln\"]},\"days\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":14},\"units\":{"
    "\"type\":\"array\",\"items\":{\"type\":\"boolean\"},\"maxItems\":2}},\"required\":[\"city\","
    "\"days\"],\"additionalProperties\":false}",
    "{\"type\":\"object\",\"properties\":{\"on\":{\"type\":\"boolean\"}},\"required\":[\"on\"],"
    "\"additionalProperties\":false}"};
static const char *const names[] = {"weather", "light"};
static const char *const formats[] = {"hermes",         "mistral-args", "mistral", "gemma4", "phi",
                                      "function-gemma", "llama3",       "gemma",   "json"};

typedef struct reading {
    ink_constraint *allowed[2]; /* by tool: its schema */
    size_t n_calls, n_named;
} reading;

static bool take_call(void *context, const ink_tool_call *call)
{
    reading *r = context;
    size_t tool = strcmp(call->name, names[1]) == 0, n;
    ink_error error;
    assert_string_equal(call->name, names[tool]);
    assert_int_equal(call->index, r->n_calls);
    ink_constraint_reset(r->allowed[tool]);
    assert_int_equal(
        ink_constraint_accept(r->allowed[tool], call->arguments, call->n_bytes, &n, &error),
        INK_OK);
    if (n != call->n_bytes || !ink_constraint_may_end(r->allowed[tool]))
        fail_msg("%s: %s is not what its schema allows", call->name, call->arguments);
    r->n_calls++;
    r->n_named += tool;
    return true;
}

static void answer_once(ink_session *session, const ink_model *model, reading *r,
                        const ink_tools_options *options, int64_t seed)
{
    char json[1000];
    ink_tools *tools = NULL;
    ink_constraint *constraint = NULL;
    ink_answer *answer = NULL;
    ink_error error;
    static ink_written written;
    ink_generation generation = greedy(&written, 150);
    const ink_answer_events events = {NULL, take_call, r};
    int n = snprintf(json, sizeof json,
                     "[{\"type\":\"function\",\"function\":{\"name\":\"%s\",\"parameters\":%s}},{"
                     "\"type\":\"function\",\"function\":{\"name\":\"%s\",\"parameters\":%s}}]",
                     names[0], schemas[0], names[1], schemas[1]);
    assert_int_equal(ink_tools_new(&tools, model, json, (size_t)n, options, &error), INK_OK);
    assert_int_equal(ink_tools_constrain(&constraint, tools, INK_THINKING_NONE, &error), INK_OK);
    assert_int_equal(ink_answer_new(&answer, tools, INK_THINKING_NONE, &events, &error), INK_OK);
    written.n_bytes = written.n_calls = 0;
    written.text[0] = '\0';
    generation.constraint = constraint;
    generation.sampling.temperature = seed ? 1.5f : 0;
    generation.sampling.seed = seed;
    assert_int_equal(ink_session_rewind(session, 0, NULL), INK_OK);
    ink_tokens prompt = tokens_of(model, "Once upon a time");
    ink_generated result = generate(session, prompt.ids, prompt.n_tokens, &generation);
    ink_tokens_free(&prompt);
    r->n_calls = r->n_named = 0;
    if (ink_answer_feed(answer, written.text, written.n_bytes, &error) != INK_OK)
        fail_msg("%s: %s: %s", options->format, written.text, error.message);
    if (!result.incomplete && result.stop == INK_STOP_END) {
        if (ink_answer_end(answer, &error) != INK_OK)
            fail_msg("%s: %s: %s", options->format, written.text, error.message);
        if (options->choice == INK_TOOL_NONE)
            assert_int_equal(r->n_calls, 0);
        if (options->choice == INK_TOOL_REQUIRED)
            assert_true(r->n_calls >= 1);
        if (options->choice == INK_TOOL_NAMED)
            assert_true(r->n_calls == 1 && r->n_named == 1);
        if (options->single)
            assert_true(r->n_calls <= 1);
    }
    /* calls alone come to an end: nothing in them is without bounds */
    if (options->choice == INK_TOOL_NAMED ||
        (options->choice == INK_TOOL_REQUIRED && options->single))
        assert_int_equal(result.stop, INK_STOP_END);
    ink_answer_free(answer);
    ink_constraint_free(constraint);
    ink_tools_free(tools);
}

static void every_answer_is_what_it_must_be(void **state)
{
    (void)state;
    ink_require_shared();
    ink_model *model = open_model(STORIES, NULL);
    ink_session *session = new_session(model, "f32", 512, 0);
    reading r = {.n_calls = 0};
    ink_error error;
    for (int i = 0; i < 2; i++) {
        const ink_constraint_source source = {INK_CONSTRAINT_SCHEMA, schemas[i], strlen(schemas[i]),
                                              INK_JSON_ANY, INK_THINKING_NONE};
        assert_int_equal(ink_constraint_new(&r.allowed[i], NULL, &source, &error), INK_OK);
    }
    for (size_t format = 0; format < sizeof formats / sizeof *formats; format++)
        for (int choice = INK_TOOL_AUTO; choice <= INK_TOOL_NAMED; choice++)
            for (int single = 0; single < 2; single++)
                for (int64_t seed = 0; seed < 3; seed++)
                    answer_once(
                        session, model, &r,
                        &(ink_tools_options){.format = formats[format],
                                             .choice = (ink_tool_choice)choice,
                                             .name = choice == INK_TOOL_NAMED ? names[1] : NULL,
                                             .single = single},
                        seed);
    ink_constraint_free(r.allowed[0]);
    ink_constraint_free(r.allowed[1]);
    ink_session_free(session);
    ink_model_free(model);
}

/* Gemma 4's vocabulary has a token for the marker: it may begin a call, or its first byte. */
static void markers_may_be_tokens(void **state)
{
    char path[1024];
    static const char json[] = "[{\"type\":\"function\",\"function\":{\"name\":\"now\"}}]";
    static const char marker[] = "<|tool_call>";
    ink_model *model = NULL;
    ink_tools *tools = NULL;
    ink_constraint *constraint = NULL;
    ink_tokens token = {0};
    ink_error error;
    const uint32_t *mask;
    (void)state;
    ink_require_shared();
    assert_int_equal(
        ink_model_open(&model, ink_shared_path("vocab/ggml-vocab-gemma-4.gguf", path, sizeof path),
                       &(ink_model_options){.load = INK_LOAD_VOCABULARY}, &error),
        INK_OK);
    assert_int_equal(ink_tokenize(model, marker, strlen(marker), INK_SPECIAL_PARSE, &token, &error),
                     INK_OK);
    assert_int_equal(token.n_tokens, 1);
    for (int choice = INK_TOOL_AUTO; choice <= INK_TOOL_REQUIRED; choice++) {
        const ink_tools_options options = {.format = "gemma4", .choice = (ink_tool_choice)choice};
        assert_int_equal(ink_tools_new(&tools, model, json, strlen(json), &options, &error),
                         INK_OK);
        assert_int_equal(ink_tools_constrain(&constraint, tools, INK_THINKING_NONE, &error),
                         INK_OK);
        assert_int_equal(ink_constraint_mask(constraint, &mask, &error), INK_OK);
        size_t n_allowed = 0, n = ink_constraint_mask_words(constraint);
        for (size_t i = 0; i < 32 * n; i++)
            n_allowed += mask[i / 32] >> (i % 32) & 1;
        bool marker_allowed = mask[token.ids[0] / 32] >> (token.ids[0] % 32) & 1;
        assert_int_equal(marker_allowed, choice != INK_TOOL_NONE);
        assert_true(choice == INK_TOOL_REQUIRED ? n_allowed <= 3 : n_allowed > 100000);
        if (choice == INK_TOOL_REQUIRED) {
            assert_int_equal(ink_constraint_accept_token(constraint, token.ids[0], &error), INK_OK);
            size_t taken;
            assert_int_equal(ink_constraint_accept(constraint, "call:now{}", 10, &taken, &error),
                             INK_OK);
            assert_int_equal(taken, 10);
            assert_false(ink_constraint_may_end(constraint));
        }
        ink_constraint_free(constraint);
        ink_tools_free(tools);
    }
    ink_tokens_free(&token);
    ink_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_is_what_it_must_be),
        cmocka_unit_test(markers_may_be_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
