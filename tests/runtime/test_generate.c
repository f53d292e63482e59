/* Generating with stories260K, a trained model small enough for every test. */
#include "stories.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/utf8.h"

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
    if (model)
        session = new_session(model, "f32", 512, 0);
    written = (ink_written){.n_bytes = 0};
    return 0;
}

static int end(void **state)
{
    (void)state;
    ink_session_free(session);
    session = NULL;
    return 0;
}

/* Begins anew in the same session. */
static ink_generated tell(const char *prompt, const ink_generation *generation)
{
    ink_tokens tokens = tokens_of(model, prompt);
    assert_int_equal(ink_session_rewind(session, 0, NULL), INK_OK);
    written.n_bytes = written.n_calls = 0;
    written.text[0] = '\0';
    ink_generated result = generate(session, tokens.ids, tokens.n_tokens, generation);
    ink_tokens_free(&tokens);
    return result;
}

static void keep_text(char *copy, size_t n_bytes)
{
    assert_true(written.n_bytes < n_bytes);
    memcpy(copy, written.text, written.n_bytes + 1);
}

/* ---- Text */

static char *read_story(int number, const char *end_of_name)
{
    char relative[128], path[1024];
    size_t n_bytes;
    (void)snprintf(relative, sizeof relative, "weights/stories260K-greedy/stories260K_t0_%02d.%s",
                   number, end_of_name);
    char *text = ink_read_file(ink_shared_path(relative, path, sizeof path), &n_bytes);
    while (n_bytes > 0 && text[n_bytes - 1] == '\n')
        text[--n_bytes] = '\0';
    return text;
}

static void the_stored_stories_word_for_word(void **state)
{
    (void)state;
    ink_require_shared();
    ink_generation generation = greedy(&written, 256);
    for (int i = 1; i <= 8; i++) {
        char *prompt = read_story(i, "prompt.txt"), *story = read_story(i, "out.txt");
        size_t n_prompt = strlen(prompt);
        (void)tell(prompt, &generation);
        assert_true(strlen(story) > 300 && written.n_bytes + n_prompt >= strlen(story));
        assert_memory_equal(story, prompt, n_prompt);
        assert_memory_equal(story + n_prompt, written.text, strlen(story) - n_prompt);
        free(prompt);
        free(story);
    }
}

/* What comes after a prompt begins with its space, what comes after nothing does not. */
static void text_continues_the_prompt(void **state)
{
    (void)state;
    ink_require_shared();
    ink_generation generation = greedy(&written, 3);
    (void)tell("One day, a small robot", &generation);
    assert_true(written.text[0] == ' ');
    (void)tell("", &generation);
    assert_memory_equal(written.text, "Once", 4);
}

/* Random byte tokens: begun characters wait for their end, and nothing is lost. */
static void characters_are_whole(void **state)
{
    (void)state;
    ink_require_shared();
    const ink_logit_bias biases[] = {
        {3 + 0xe2, 50}, {3 + 0x82, 50}, {3 + 0xac, 50}, {3 + 0xf0, 50}};
    ink_generation generation = greedy(&written, 60);
    generation.sampling.biases = biases;
    generation.sampling.n_biases = 4;
    generation.sampling.temperature = 100;
    for (int seed = 0; seed < 20; seed++) {
        ink_string all = {0};
        generation.sampling.seed = seed;
        ink_generated result = tell("Once", &generation);
        size_t first = session->position - result.n_tokens;
        assert_int_equal(ink_detokenize(model, ink_session_tokens(session) + first, result.n_tokens,
                                        0, &all, NULL),
                         INK_OK);
        size_t stripped = all.n_bytes < written.n_bytes; /* this one does not continue a text */
        assert_int_equal(all.n_bytes + stripped, written.n_bytes);
        assert_memory_equal(all.data, written.text + stripped, all.n_bytes);
        ink_string_free(&all);
    }
}

/* Where pieces ended within `written`. */
typedef struct borders {
    size_t n, at[256];
} borders;

static bool write_borders(void *context, const char *text, size_t n_bytes)
{
    borders *between = context;
    if (!write_collected(&written, text, n_bytes))
        return false;
    assert_true(between->n < sizeof between->at / sizeof *between->at);
    between->at[between->n++] = written.n_bytes;
    return true;
}

/* No border inside a character; bytes that are no character may stand anywhere. */
static void assert_whole(const borders *between)
{
    for (size_t at = 0, next = 0; at < written.n_bytes;) {
        uint32_t code_point;
        size_t n = ink_utf8_decode(written.text + at, written.n_bytes - at, &code_point);
        at += n ? n : 1;
        while (next < between->n && between->at[next] < at)
            assert_true(at - between->at[next++] >= (n ? n : 1));
    }
}

static void no_piece_cuts_a_character(void **state)
{
    (void)state;
    ink_require_shared();
    const ink_logit_bias biases[] = {{3 + 0xe2, 60}, {3 + 0x82, 60}, {3 + 0xac, 60}};
    borders between;
    ink_generation generation = greedy(NULL, 0);
    generation.write = write_borders;
    generation.context = &between;
    generation.sampling.biases = biases;
    generation.sampling.n_biases = 3;
    generation.sampling.temperature = 100;
    for (size_t n = 1; n < 40; n++) {
        between.n = 0;
        generation.max_tokens = n;
        generation.sampling.seed = 5;
        (void)tell("Once", &generation);
        assert_whole(&between);
    }
}

/* ---- Ends */

static void as_many_tokens_as_asked(void **state)
{
    (void)state;
    ink_require_shared();
    for (size_t n = 1; n < 20; n++) {
        ink_generation generation = greedy(&written, n);
        ink_generated result = tell("Once upon a time", &generation);
        assert_int_equal(result.n_tokens, n);
        assert_int_equal(result.stop, INK_STOP_TOKENS);
    }
}

static void two_calls_are_one(void **state)
{
    (void)state;
    ink_require_shared();
    char whole[4096];
    ink_generation generation = greedy(&written, 70);
    (void)tell("Once upon a time", &generation);
    keep_text(whole, sizeof whole);
    generation.max_tokens = 30;
    (void)tell("Once upon a time", &generation);
    generation.max_tokens = 40;
    (void)generate(session, NULL, 0, &generation);
    assert_string_equal(written.text, whole);
}

static void a_full_context_ends(void **state)
{
    (void)state;
    ink_require_shared();
    ink_generation generation = greedy(&written, 0);
    generation.ignore_end = true;
    ink_generated result = tell("Once upon a time", &generation);
    assert_int_equal(result.stop, INK_STOP_CONTEXT);
    assert_int_equal(ink_session_position(session), 512);
    result = generate(session, NULL, 0, &generation);
    assert_int_equal(result.stop, INK_STOP_CONTEXT);
    assert_int_equal(result.n_tokens, 0);
}

static void end_tokens_end_unless_ignored(void **state)
{
    (void)state;
    ink_require_shared();
    int32_t eos = ink_vocab_role(model->vocab, INK_ROLE_EOS);
    assert_true(ink_is_end_token(model, eos));
    const ink_logit_bias bias = {eos, 1000};
    ink_generation generation = greedy(&written, 5);
    generation.sampling.biases = &bias;
    generation.sampling.n_biases = 1;
    ink_generated result = tell("Once", &generation);
    assert_int_equal(result.stop, INK_STOP_END);
    assert_int_equal(result.n_tokens, 1);
    assert_int_equal(written.n_calls, 0);
    generation.ignore_end = true;
    result = tell("Once", &generation);
    assert_int_equal(result.stop, INK_STOP_TOKENS);
    assert_int_equal(result.n_tokens, 5);
}

static void the_callback_cancels(void **state)
{
    (void)state;
    ink_require_shared();
    ink_generation generation = greedy(&written, 50);
    written.cancel_at = 4;
    ink_generated result = tell("Once upon a time", &generation);
    assert_int_equal(result.stop, INK_STOP_CANCELLED);
    assert_int_equal(written.n_calls, 4);
    assert_true(result.n_tokens >= 4 && result.n_tokens < 10);
}

static bool never(void *context, float part)
{
    (void)context;
    (void)part;
    return false;
}

static void progress_cancels_the_prompt(void **state)
{
    (void)state;
    ink_require_shared();
    ink_generation generation = greedy(&written, 5);
    const ink_progress progress = {.report = never};
    ink_generated result = {.n_tokens = 77};
    generation.progress = &progress;
    assert_int_equal(
        ink_generate(session, (const int32_t[]){1, 2, 3}, 3, &generation, &result, NULL),
        INK_CANCELLED);
    assert_int_equal(result.n_tokens, 77);
}

/* ---- Stop strings */

static void assert_stops_at(const char *story, const char *const *strings, size_t n_strings,
                            size_t length)
{
    ink_generation generation = greedy(&written, 120);
    generation.stop_strings = strings;
    generation.n_stop_strings = n_strings;
    ink_generated result = tell("Once upon a time", &generation);
    assert_int_equal(result.stop, length < strlen(story) ? INK_STOP_STRING : INK_STOP_TOKENS);
    assert_int_equal(written.n_bytes, length);
    assert_memory_equal(written.text, story, length);
}

static void stop_strings_cut_the_text(void **state)
{
    (void)state;
    ink_require_shared();
    static char story[4096];
    uint64_t random = 99;
    ink_generation generation = greedy(&written, 120);
    (void)tell("Once upon a time", &generation);
    keep_text(story, sizeof story);
    size_t n_bytes = strlen(story);
    assert_stops_at(story, (const char *[]){"no such words", " Lilx"}, 2, n_bytes);
    for (int trial = 0; trial < 40; trial++) {
        char stop[2][32];
        size_t found = n_bytes, end_found = n_bytes + 1;
        for (int i = 0; i < 2; i++) {
            size_t length = 1 + (size_t)ink_test_random(&random) % 30;
            size_t from = (size_t)ink_test_random(&random) % (n_bytes - length);
            (void)snprintf(stop[i], sizeof stop[i], "%.*s", (int)length, story + from);
            size_t at = (size_t)(strstr(story, stop[i]) - story);
            if (at + length < end_found || (at + length == end_found && at < found)) {
                found = at;
                end_found = at + length;
            }
        }
        assert_stops_at(story, (const char *[]){stop[0], stop[1]}, 2, found);
    }
}

/* ---- Seeds */

static void a_seed_is_reported_and_repeats(void **state)
{
    (void)state;
    ink_require_shared();
    char first[4096];
    ink_generation generation = greedy(&written, 60);
    generation.sampling.temperature = 1;
    ink_generated result = tell("Once", &generation);
    keep_text(first, sizeof first);
    assert_true(result.seed >= 0);
    generation.sampling.seed = result.seed;
    result = tell("Once", &generation);
    assert_string_equal(written.text, first);
    assert_true(result.seed == generation.sampling.seed);
    generation.sampling.seed++;
    (void)tell("Once", &generation);
    assert_string_not_equal(written.text, first);
}

/* ---- Refusals */

static void refusals(void **state)
{
    (void)state;
    ink_require_shared();
    static int32_t long_prompt[600];
    ink_generation generation = greedy(&written, 5);
    ink_generated result;
    ink_error error;
    assert_int_equal(ink_generate(session, NULL, 0, &generation, &result, &error),
                     INK_BAD_ARGUMENT);
    assert_int_equal(ink_generate(session, long_prompt, 600, &generation, &result, &error),
                     INK_LIMIT);
    assert_true(strstr(error.message, "600") && strstr(error.message, "512"));
    generation.stop_strings = (const char *[]){""};
    generation.n_stop_strings = 1;
    assert_int_equal(ink_generate(session, long_prompt, 1, &generation, &result, &error),
                     INK_BAD_ARGUMENT);
    generation.n_stop_strings = 0;
    generation.sampling.top_p = 2;
    assert_int_equal(ink_generate(session, long_prompt, 1, &generation, &result, &error),
                     INK_BAD_ARGUMENT);
    assert_int_equal(ink_session_position(session), 0);
}

static void logits_that_are_no_numbers_are_corrupt(void **state)
{
    (void)state;
    ink_require_shared();
    ink_generation generation = greedy(&written, 5);
    ink_error error;
    evaluate(session, (const int32_t[]){1}, 1);
    session->logits[100] = NAN;
    assert_int_equal(ink_generate(session, NULL, 0, &generation, NULL, &error), INK_CORRUPT);
    assert_non_null(strstr(error.message, "token 100"));
}

static void text_needs_a_vocabulary(void **state)
{
    (void)state;
    ink_require_shared();
    ink_generation generation = greedy(&written, 5);
    ink_vocab *vocab = model->vocab;
    ink_error error;
    model->vocab = NULL;
    ink_status status = ink_generate(session, (const int32_t[]){1}, 1, &generation, NULL, &error);
    generation.write = NULL;
    ink_status silent = ink_generate(session, (const int32_t[]){1}, 1, &generation, NULL, NULL);
    model->vocab = vocab;
    assert_int_equal(status, INK_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "no vocabulary"));
    assert_int_equal(silent, INK_OK);
    assert_int_equal(ink_session_position(session), 6);
}

/* ---- Memory */

typedef struct watch {
    ink_test_allocator *test;
    size_t n_writes, n_calls; /* allocations before the second piece of text */
} watch;

static bool write_watched(void *context, const char *text, size_t n_bytes)
{
    watch *w = context;
    (void)text;
    (void)n_bytes;
    if (++w->n_writes == 2)
        w->n_calls = w->test->n_calls;
    return true;
}

static void nothing_is_allocated_from_the_second_token_on(void **state)
{
    (void)state;
    ink_require_shared();
    ink_test_allocator test;
    ink_test_allocator_init(&test, 0);
    ink_model *counted = open_model(STORIES, &test.allocator);
    ink_session *timeline = new_session(counted, "f16", 512, 0);
    watch w = {.test = &test};
    ink_generation generation = greedy(NULL, 200);
    generation.write = write_watched;
    generation.context = &w;
    generation.stop_strings = (const char *[]){"\n\n\n\n", "no such words in here"};
    generation.n_stop_strings = 2;
    generation.sampling = (ink_sampling){.temperature = 1,
                                         .top_p = 0.99f,
                                         .typical_p = 0.99f,
                                         .min_p = 0.01f,
                                         .repeat_penalty = 1.1f,
                                         .repeat_last_n = 50,
                                         .seed = 4};
    generation.ignore_end = true;
    (void)generate(timeline, (const int32_t[]){1, 403, 407}, 3, &generation);
    assert_true(w.n_writes > 100);
    assert_int_equal(test.n_calls, w.n_calls);
    ink_session_free(timeline);
    ink_model_free(counted);
    assert_int_equal(test.n_blocks, 0);
}

#define IN_SESSION(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SESSION(the_stored_stories_word_for_word),
        IN_SESSION(text_continues_the_prompt),
        IN_SESSION(characters_are_whole),
        IN_SESSION(no_piece_cuts_a_character),
        IN_SESSION(as_many_tokens_as_asked),
        IN_SESSION(two_calls_are_one),
        IN_SESSION(a_full_context_ends),
        IN_SESSION(end_tokens_end_unless_ignored),
        IN_SESSION(the_callback_cancels),
        IN_SESSION(progress_cancels_the_prompt),
        IN_SESSION(stop_strings_cut_the_text),
        IN_SESSION(a_seed_is_reported_and_repeats),
        IN_SESSION(refusals),
        IN_SESSION(logits_that_are_no_numbers_are_corrupt),
        IN_SESSION(text_needs_a_vocabulary),
        IN_SESSION(nothing_is_allocated_from_the_second_token_on),
    };
    return cmocka_run_group_tests(tests, open_stories, close_stories);
}
