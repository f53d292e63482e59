/*
 * Texts that are longer than the context: what stays is what was promised, gives the bits that it
 * gives as a prompt, and what went is told.
 */
#define _DEFAULT_SOURCE /* strdup */
#include "stories.h"

#include <stdlib.h>
#include <string.h>

#define N_CONTEXT 128

/* What the session holds gives what it gives in one that is new. */
static void assert_as_fresh(const ink_session *session)
{
    size_t n_vocab = session->model->hparams.n_vocab;
    ink_session *fresh = new_session(session->model, NULL, N_CONTEXT, 32);
    evaluate(fresh, ink_session_tokens(session), ink_session_position(session));
    assert_memory_equal(ink_session_logits(session), ink_session_logits(fresh),
                        n_vocab * sizeof(float));
    ink_session_free(fresh);
}

static ink_generated run(ink_session *session, const int32_t *prompt, size_t n_prompt,
                         const ink_generation *generation)
{
    ink_generated result = {.n_dropped = SIZE_MAX};
    ink_error error;
    if (ink_generate(session, prompt, n_prompt, generation, &result, &error) != INK_OK)
        fail_msg("%s", error.message);
    return result;
}

static void a_long_prompt_slides(void **state)
{
    static const char *const models[] = {STORIES, "golden/models/lfm2-Q8_0.gguf",
                                         "golden/models/gemma3-Q4_0.gguf"};
    static ink_written written;
    int32_t prompt[300];
    (void)state;
    ink_require_shared();
    for (size_t i = 0; i < 3; i++) {
        ink_model *model = open_model(models[i], NULL);
        ink_session *session = new_session(model, NULL, N_CONTEXT, 32);
        ink_generation generation = greedy(&written, 1);
        ink_error error;
        generation.write = NULL;
        generation.ignore_end = true;
        random_tokens(model, prompt, 300, 4);
        assert_int_equal(ink_generate(session, prompt, 300, &generation, NULL, &error), INK_LIMIT);
        assert_non_null(strstr(error.message, "300"));
        assert_non_null(strstr(error.message, "128"));
        generation.overflow = INK_OVERFLOW_SLIDE;
        generation.n_keep = 10;
        ink_generated result = run(session, prompt, 300, &generation);
        assert_int_equal(result.n_dropped, 300 - 10 - (N_CONTEXT - 10) / 2);
        assert_int_equal(ink_session_position(session), 10 + (N_CONTEXT - 10) / 2 + 1);
        assert_memory_equal(ink_session_tokens(session), prompt, 10 * sizeof *prompt);
        assert_memory_equal(ink_session_tokens(session) + 10, prompt + 300 - (N_CONTEXT - 10) / 2,
                            (N_CONTEXT - 10) / 2 * sizeof *prompt);
        assert_as_fresh(session);
        /* what fits is left as it is */
        result = run(session, prompt, 20, &generation);
        assert_int_equal(result.n_dropped, 0);
        assert_as_fresh(session);
        /* and together with what is there it does not fit again */
        result = run(session, prompt, 100, &generation);
        assert_true(result.n_dropped > 0);
        assert_memory_equal(ink_session_tokens(session), prompt, 10 * sizeof *prompt);
        assert_as_fresh(session);
        ink_session_free(session);
        ink_model_free(model);
    }
}

static void an_endless_text_slides(void **state)
{
    static ink_written written;
    int32_t prompt[40];
    (void)state;
    ink_require_shared();
    ink_model *model = open_model(STORIES, NULL);
    ink_session *session = new_session(model, NULL, N_CONTEXT, 32);
    ink_generation generation = greedy(&written, 500);
    generation.ignore_end = true;
    random_tokens(model, prompt, 40, 4);
    ink_generated result = run(session, prompt, 40, &generation);
    assert_int_equal(result.stop, INK_STOP_CONTEXT);
    assert_int_equal(result.n_tokens, N_CONTEXT - 40);
    assert_int_equal(result.n_dropped, 0);
    assert_int_equal(ink_session_rewind(session, 0, NULL), INK_OK);
    generation.overflow = INK_OVERFLOW_SLIDE;
    generation.n_keep = 40;
    written.n_bytes = 0;
    result = run(session, prompt, 40, &generation);
    assert_int_equal(result.stop, INK_STOP_TOKENS);
    assert_int_equal(result.n_tokens, 500);
    assert_int_equal(result.n_dropped, 540 - ink_session_position(session));
    assert_memory_equal(ink_session_tokens(session), prompt, sizeof prompt);
    assert_as_fresh(session);
    ink_session_free(session);
    ink_model_free(model);
}

static void what_cannot_stay_is_refused(void **state)
{
    ink_error error;
    (void)state;
    ink_require_shared();
    ink_model *model = open_model(STORIES, NULL);
    ink_session *session = new_session(model, NULL, N_CONTEXT, 32);
    ink_generation generation;
    ink_generation_init(&generation);
    generation.overflow = INK_OVERFLOW_SLIDE;
    static const size_t kept[] = {N_CONTEXT - 1, N_CONTEXT, SIZE_MAX};
    for (size_t i = 0; i < 3; i++) {
        generation.n_keep = kept[i];
        assert_int_equal(ink_generate(session, (int32_t[]){1, 2}, 2, &generation, NULL, &error),
                         INK_BAD_ARGUMENT);
        assert_non_null(strstr(error.message, "n_keep"));
    }
    ink_session_free(session);
    ink_model_free(model);
}

/* ---- Turns ----------------------------------------------------------------------------------- */

static const char conversation[] = "[{\"role\":\"system\",\"content\":\"Be brief.\"},"
                                   "{\"role\":\"user\",\"content\":\"first question\"},"
                                   "{\"role\":\"assistant\",\"content\":\"first answer\"},"
                                   "{\"role\":\"user\",\"content\":\"second question\"},"
                                   "{\"role\":\"assistant\",\"content\":\"second answer\"},"
                                   "{\"role\":\"assistant\",\"content\":\"and more\"},"
                                   "{\"role\":\"user\",\"content\":\"third question\"}]";

static char *text_of(const ink_model *model, const ink_tokens *tokens)
{
    ink_string text = {0};
    assert_int_equal(ink_detokenize(model, tokens->ids, tokens->n_tokens, 0, &text, NULL), INK_OK);
    char *copy = strdup(text.data);
    ink_string_free(&text);
    return copy;
}

static void the_oldest_turns_go_first(void **state)
{
    static const size_t n_dropped[] = {0, 2, 5};
    char path[1024];
    ink_model *model = NULL;
    ink_error error;
    ink_tokens tokens = {0};
    size_t n = 0, most = SIZE_MAX;
    (void)state;
    ink_require_shared();
    if (ink_model_open(&model, ink_shared_path("vocab/ggml-vocab-qwen2.gguf", path, sizeof path),
                       &(ink_model_options){.load = INK_LOAD_VOCABULARY}, &error) != INK_OK)
        fail_msg("%s", error.message);
    for (size_t i = 0; i < 3; i++, most = tokens.n_tokens - 1) {
        if (ink_chat_tokenize_fitting(model, conversation, strlen(conversation), 0, most, &tokens,
                                      &n, &error) != INK_OK)
            fail_msg("%s", error.message);
        char *text = text_of(model, &tokens);
        assert_int_equal(n, n_dropped[i]);
        assert_true(tokens.n_tokens <= most);
        assert_non_null(strstr(text, "Be brief."));
        assert_non_null(strstr(text, "third question"));
        assert_int_equal(strstr(text, "first") != NULL, i < 1);
        assert_int_equal(strstr(text, "second") != NULL, i < 2);
        assert_int_equal(strstr(text, "and more") != NULL, i < 2);
        free(text);
    }
    assert_int_equal(ink_chat_tokenize_fitting(model, conversation, strlen(conversation), 0, most,
                                               &tokens, &n, &error),
                     INK_LIMIT);
    assert_non_null(strstr(error.message, "tokens do not fit, where"));
    assert_int_equal(n, 5); /* outputs are as they were */
    static const char one[] = "[{\"role\":\"user\",\"content\":\"x\"}]";
    assert_int_equal(ink_chat_tokenize_fitting(model, one, strlen(one), 0, 0, &tokens, &n, &error),
                     INK_LIMIT);
    ink_tokens_free(&tokens);
    ink_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_prompt_slides),
        cmocka_unit_test(an_endless_text_slides),
        cmocka_unit_test(what_cannot_stay_is_refused),
        cmocka_unit_test(the_oldest_turns_go_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
