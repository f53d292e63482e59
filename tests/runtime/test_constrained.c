/* Generating under a constraint, with stories260K: whatever it would say, it says what it may. */
#include "stories.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ink_model *model;
static ink_session *session;
static ink_written written;

static int open_stories(void **state)
{
    (void)state;
    if (ink_shared_has(STORIES))
        model = open_model(STORIES, NULL);
    return 0;
}

static int close_stories(void **state)
{
    (void)state;
    ink_model_free(model);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    ink_require_shared();
    session = new_session(model, "f32", 512, 0);
    written = (ink_written){.n_bytes = 0};
    return 0;
}

static int end(void **state)
{
    (void)state;
    ink_session_free(session);
    return 0;
}

static ink_constraint *make(ink_constraint_kind kind, const char *text)
{
    ink_constraint *constraint = NULL;
    ink_error error;
    const ink_constraint_source source = {kind, text, strlen(text), INK_JSON_PLAIN,
                                          INK_THINKING_NONE};
    if (ink_constraint_new(&constraint, model, &source, &error))
        fail_msg("%s: %s", text, error.message);
    return constraint;
}

/* From the begin of the session; on failure `*error` is filled. */
static ink_status tell(const ink_generation *generation, ink_generated *result, ink_error *error)
{
    ink_tokens prompt = tokens_of(model, "Once upon a time");
    assert_int_equal(ink_session_rewind(session, 0, NULL), INK_OK);
    written.n_bytes = 0;
    written.text[0] = '\0';
    ink_status status =
        ink_generate(session, prompt.ids, prompt.n_tokens, generation, result, error);
    ink_tokens_free(&prompt);
    return status;
}

static bool is_what_it_must_be(ink_constraint *constraint)
{
    size_t n;
    ink_error error;
    ink_constraint_reset(constraint);
    assert_int_equal(ink_constraint_accept(constraint, written.text, written.n_bytes, &n, &error),
                     INK_OK);
    return n == written.n_bytes && ink_constraint_may_end(constraint);
}

static const char person[] =
    "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\",\"maxLength\":20},\"age\":{"
    "\"type\":\"integer\",\"minimum\":0,\"maximum\":120},\"likes\":{\"type\":\"array\",\"items\":{"
    "\"enum\":[\"cats\",\"dogs\"]},\"maxItems\":3}},\"required\":[\"name\",\"age\",\"likes\"],"
    "\"additionalProperties\":false}";

static void says_what_it_must(void **state)
{
    static const struct {
        ink_constraint_kind kind;
        const char *text;
    } sources[] = {{INK_CONSTRAINT_SCHEMA, person},
                   {INK_CONSTRAINT_REGEX, "[A-Z][a-z]{2,8}( [a-z]{1,9}){2,5}\\."},
                   {INK_CONSTRAINT_CHOICE, "yes,no,maybe so"},
                   {INK_CONSTRAINT_GRAMMAR, "root ::= \"- \" [a-z ]{3,12} (\"\\n\" root)?"}};
    (void)state;
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        ink_constraint *constraint = make(sources[i].kind, sources[i].text);
        for (int64_t seed = 0; seed < 6; seed++) {
            ink_generation generation = greedy(&written, 0);
            ink_generated result;
            ink_error error;
            generation.sampling.temperature = seed ? 1.5f : 0;
            generation.sampling.seed = seed;
            generation.constraint = constraint;
            assert_int_equal(tell(&generation, &result, &error), INK_OK);
            assert_true(result.incomplete == !is_what_it_must_be(constraint));
            assert_true(!result.incomplete || result.stop == INK_STOP_CONTEXT);
            if (i < 3)
                assert_int_equal(result.stop, INK_STOP_END);
            assert_true(result.n_tokens == ink_session_position(session) - result.n_prompt);
        }
        ink_constraint_free(constraint);
    }
}

/* Keys are forced, and the session holds them as tokens that were evaluated. */
static void forced_tokens_are_evaluated(void **state)
{
    ink_constraint *constraint = make(INK_CONSTRAINT_SCHEMA, person);
    ink_generation generation = greedy(&written, 0);
    ink_generated result;
    ink_error error;
    (void)state;
    generation.constraint = constraint;
    assert_int_equal(tell(&generation, &result, &error), INK_OK);
    assert_true(result.n_forced >= 10 && result.n_forced < result.n_tokens);
    size_t n = ink_session_position(session), n_vocab = model->hparams.n_vocab;
    int32_t *tokens = malloc(n * sizeof *tokens);
    float *logits = malloc(n_vocab * sizeof *logits);
    assert_true(tokens && logits);
    memcpy(tokens, ink_session_tokens(session), n * sizeof *tokens);
    memcpy(logits, ink_session_logits(session), n_vocab * sizeof *logits);
    assert_int_equal(ink_session_rewind(session, 0, NULL), INK_OK);
    evaluate(session, tokens, n); /* the same bits as all at once */
    assert_memory_equal(logits, ink_session_logits(session), n_vocab * sizeof *logits);
    free(logits);
    free(tokens);
    ink_constraint_free(constraint);
}

static void stops_before_the_end(void **state)
{
    ink_constraint *constraint = make(INK_CONSTRAINT_SCHEMA, person);
    ink_generation generation = greedy(&written, 0);
    static const char *const stops[] = {"\"age\""};
    ink_generated result;
    ink_error error;
    (void)state;
    generation.constraint = constraint;
    for (size_t most = 1; most < 20; most++) {
        generation.max_tokens = most;
        assert_int_equal(tell(&generation, &result, &error), INK_OK);
        assert_int_equal(result.n_tokens, most);
        assert_int_equal(result.stop, INK_STOP_TOKENS);
        assert_true(result.incomplete);
    }
    generation.max_tokens = 0;
    generation.stop_strings = stops;
    generation.n_stop_strings = 1;
    assert_int_equal(tell(&generation, &result, &error), INK_OK);
    assert_int_equal(result.stop, INK_STOP_STRING);
    assert_null(strstr(written.text, "\"age\""));
    generation.n_stop_strings = 0;
    written.cancel_at = 2;
    written.n_calls = 0;
    assert_int_equal(tell(&generation, &result, &error), INK_OK);
    assert_int_equal(result.stop, INK_STOP_CANCELLED);
    written.cancel_at = 0;
    ink_constraint_free(constraint);
}

/* It ends where it must, though told to go on behind end tokens; and with nothing left to say. */
static void ends_where_it_must(void **state)
{
    ink_constraint *constraint = make(INK_CONSTRAINT_REGEX, "a{3}|");
    ink_generation generation = greedy(&written, 0);
    ink_generated result;
    ink_error error;
    (void)state;
    generation.constraint = constraint;
    generation.ignore_end = true;
    assert_int_equal(tell(&generation, &result, &error), INK_OK);
    assert_int_equal(result.stop, INK_STOP_END);
    assert_false(result.incomplete);
    assert_true(is_what_it_must_be(constraint));
    ink_constraint_free(constraint);
    constraint = make(INK_CONSTRAINT_REGEX, "");
    generation.constraint = constraint;
    assert_int_equal(tell(&generation, &result, &error), INK_OK);
    assert_int_equal(result.n_tokens, 0);
    assert_int_equal(result.stop, INK_STOP_END);
    ink_constraint_free(constraint);
}

static void dead_ends_are_errors(void **state)
{
    ink_constraint *constraint = make(INK_CONSTRAINT_CHOICE, "zebra,quiz");
    ink_generation generation = greedy(&written, 0);
    ink_generated result = {.n_tokens = 77};
    ink_error error = {0};
    ink_logit_bias biases[512];
    (void)state;
    assert_true(model->hparams.n_vocab <= 512);
    for (int32_t i = 0; i < 512; i++) /* all that is allowed is forbidden */
        biases[i] = (ink_logit_bias){i, -INFINITY};
    generation.sampling.biases = biases;
    generation.sampling.n_biases = model->hparams.n_vocab;
    generation.constraint = constraint;
    assert_int_equal(tell(&generation, &result, &error), INK_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "constraint"));
    assert_int_equal(result.n_tokens, 77); /* written only on success */
    ink_constraint_free(constraint);
    const ink_constraint_source source = {INK_CONSTRAINT_CHOICE, "a,b", 3, INK_JSON_PLAIN,
                                          INK_THINKING_NONE};
    assert_int_equal(ink_constraint_new(&constraint, NULL, &source, &error), INK_OK);
    generation = greedy(&written, 0);
    generation.constraint = constraint; /* knows no tokens */
    assert_int_equal(tell(&generation, &result, &error), INK_BAD_ARGUMENT);
    ink_constraint_free(constraint);
}

/* ---- Memory */

static ink_status open_and_tell(const ink_allocator *allocator, void *context)
{
    ink_model *own = NULL;
    ink_session *its = NULL;
    ink_constraint *constraint = NULL;
    const ink_model_options options = {.allocator = allocator, .n_threads = 1};
    const ink_session_options small = {.n_context = 64, .n_threads = 1};
    const ink_constraint_source source = {INK_CONSTRAINT_SCHEMA, person, strlen(person),
                                          INK_JSON_PLAIN, INK_THINKING_NONE};
    ink_generation generation = greedy(&written, 12);
    int32_t prompt[] = {1, 403, 407};
    ink_status status = ink_model_open(&own, context, &options, NULL);
    if (status == INK_OK)
        status = ink_session_new(&its, own, &small, NULL);
    if (status == INK_OK)
        status = ink_constraint_new(&constraint, own, &source, NULL);
    generation.constraint = constraint;
    if (status == INK_OK)
        status = ink_generate(its, prompt, 3, &generation, NULL, NULL);
    ink_constraint_free(constraint);
    ink_session_free(its);
    ink_model_free(own);
    return status;
}

static void memory_runs_out(void **state)
{
    char path[1024];
    (void)state;
    written.n_bytes = 0;
    ink_shared_path(STORIES, path, sizeof path);
    assert_true(ink_fail_each_allocation(open_and_tell, path, 4000) > 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(says_what_it_must),  TEST(forced_tokens_are_evaluated), TEST(stops_before_the_end),
        TEST(ends_where_it_must), TEST(dead_ends_are_errors),        TEST(memory_runs_out)};
    return cmocka_run_group_tests(tests, open_stories, close_stories);
}
