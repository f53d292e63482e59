#include "stories.h"

#include <string.h>

ink_model *open_model(const char *relative, const ink_allocator *allocator)
{
    char path[1024];
    ink_model *model = NULL;
    ink_error error;
    const ink_model_options options = {.allocator = allocator, .n_threads = 1};
    ink_shared_path(relative, path, sizeof path);
    if (ink_model_open(&model, path, &options, &error) != INK_OK)
        fail_msg("%s", error.message);
    return model;
}

ink_session *new_session(const ink_model *model, const char *cache, size_t n_context,
                         size_t n_batch)
{
    ink_session *session = NULL;
    ink_error error;
    const ink_session_options options = {.n_context = n_context,
                                         .cache = cache,
                                         .n_batch = n_batch,
                                         .n_threads = 1,
                                         .isolated = true};
    if (ink_session_new(&session, model, &options, &error) != INK_OK)
        fail_msg("%s", error.message);
    return session;
}

ink_tokens tokens_of(const ink_model *model, const char *text)
{
    ink_tokens tokens = {0};
    ink_error error;
    if (ink_tokenize(model, text, strlen(text), INK_SPECIAL_ADD, &tokens, &error) != INK_OK)
        fail_msg("%s", error.message);
    return tokens;
}

void random_tokens(const ink_model *model, int32_t *tokens, size_t n_tokens, uint64_t seed)
{
    for (size_t i = 0; i < n_tokens; i++)
        tokens[i] = (int32_t)(ink_test_random(&seed) % model->hparams.n_vocab);
}

void evaluate(ink_session *session, const int32_t *tokens, size_t n_tokens)
{
    ink_error error;
    if (ink_session_evaluate(session, tokens, n_tokens, NULL, NULL, &error) != INK_OK)
        fail_msg("%s", error.message);
}

bool write_collected(void *context, const char *text, size_t n_bytes)
{
    ink_written *written = context;
    assert_true(n_bytes > 0 && written->n_bytes + n_bytes < sizeof written->text);
    assert_true(text[n_bytes] == '\0');
    memcpy(written->text + written->n_bytes, text, n_bytes + 1);
    written->n_bytes += n_bytes;
    return ++written->n_calls != written->cancel_at;
}

ink_generation greedy(ink_written *written, size_t max_tokens)
{
    ink_generation generation;
    ink_generation_init(&generation);
    generation.sampling.temperature = 0;
    generation.max_tokens = max_tokens;
    generation.write = write_collected;
    generation.context = written;
    return generation;
}

ink_generated generate(ink_session *session, const int32_t *prompt, size_t n_prompt,
                       const ink_generation *generation)
{
    ink_generated result = {0};
    ink_error error;
    size_t before = ink_session_position(session);
    if (ink_generate(session, prompt, n_prompt, generation, &result, &error) != INK_OK)
        fail_msg("%s", error.message);
    assert_int_equal(result.n_prompt, n_prompt);
    assert_int_equal(ink_session_position(session), before + n_prompt + result.n_tokens);
    assert_true(generation->max_tokens == 0 || result.n_tokens <= generation->max_tokens);
    return result;
}
