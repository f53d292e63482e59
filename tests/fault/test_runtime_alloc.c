/*
 * Each allocation fails in turn while a model is opened, tells three words, is saved and restored.
 */
#include "support.h"

#include <stdio.h>
#include <string.h>
#include "base/status.h"

#define MAX_CALLS 2000

typedef struct files {
    char model[1024], state[128], folder[64];
} files;

static bool count_text(void *context, const char *text, size_t n_bytes)
{
    (void)text;
    *(size_t *)context += n_bytes;
    return true;
}

static ink_status tell(ink_session *session, const ink_model *model)
{
    static const char *const stops[] = {"\n\n", "The end"};
    ink_tokens tokens = {0};
    ink_generation generation;
    size_t n_written = 0;
    INK_TRY(ink_tokenize(model, "Once upon a time", 16, INK_SPECIAL_ADD, &tokens, NULL));
    ink_generation_init(&generation);
    generation.sampling.seed = 1;
    generation.sampling.repeat_penalty = 1.1f;
    generation.max_tokens = 3;
    generation.stop_strings = stops;
    generation.n_stop_strings = 2;
    generation.write = count_text;
    generation.context = &n_written;
    ink_status status = ink_generate(session, tokens.ids, tokens.n_tokens, &generation, NULL, NULL);
    assert_true(status != INK_OK || n_written > 0);
    ink_tokens_free(&tokens);
    return status;
}

/* A restore that fails for memory leaves the session as it was. */
static ink_status restore(ink_session *session, const char *path)
{
    size_t position = ink_session_position(session);
    ink_status status = ink_session_restore(session, path, NULL);
    assert_int_equal(ink_session_position(session), position);
    return status;
}

/* Blocks that are full are kept on the disk, found there again, and shared by a fork. */
static ink_status share(ink_session *session)
{
    int32_t tokens[200];
    ink_session *forked = NULL;
    for (int32_t i = 0; i < 200; i++)
        tokens[i] = 3 + i;
    INK_TRY(ink_session_rewind(session, 0, NULL));
    INK_TRY(ink_session_evaluate(session, tokens, 200, NULL, NULL, NULL));
    INK_TRY(ink_session_keep_prefix(session, 200, NULL));
    INK_TRY(ink_session_fork(&forked, session, NULL));
    ink_status status = ink_session_rewind(forked, 100, NULL);
    if (status == INK_OK)
        status = ink_session_evaluate(forked, tokens, 50, NULL, NULL, NULL);
    ink_session_free(forked);
    return status;
}

static ink_status run(const ink_model *model, const char *state)
{
    ink_session *session = NULL;
    const ink_session_options options = {.n_context = 256, .n_threads = 2};
    INK_TRY(ink_session_new(&session, model, &options, NULL));
    ink_status status = tell(session, model);
    if (status == INK_OK)
        status = ink_session_save(session, state, NULL);
    if (status == INK_OK)
        status = restore(session, state);
    if (status == INK_OK)
        status = share(session);
    ink_session_free(session);
    return status;
}

static ink_status whole(const ink_allocator *allocator, void *context)
{
    const files *f = context;
    ink_model *model = NULL;
    ink_error error = {.status = INK_OK};
    const ink_model_options options = {.allocator = allocator, .n_threads = 1};
    ink_status status = ink_model_open(&model, f->model, &options, &error);
    assert_true(status == INK_OK ? model != NULL : model == NULL && error.status == status);
    if (status == INK_OK)
        status = ink_model_set_prefix_store(model, f->folder, 0, NULL);
    if (status == INK_OK)
        status = run(model, f->state);
    ink_model_free(model);
    return status;
}

static void from_file_to_text_to_state(void **state)
{
    (void)state;
    ink_require_shared();
    files f;
    ink_temporary_folder(f.folder);
    ink_shared_path("weights/stories260K.gguf", f.model, sizeof f.model);
    (void)snprintf(f.state, sizeof f.state, "%s/story.state", f.folder);
    size_t n_calls = ink_fail_each_allocation(whole, &f, MAX_CALLS);
    assert_true(n_calls > 40);
    ink_remove_folder(f.folder);
}

/* ---- A cache in formats that are chosen for each layer, and in two forms. */

static ink_status tell_length(void *context, const char *cache, double *distance, ink_error *error)
{
    (void)context, (void)error;
    *distance = (double)strlen(cache);
    return INK_OK;
}

static ink_status use_cache(const ink_model *model, const char *cache)
{
    ink_session *session = NULL;
    const ink_session_options options = {
        .n_context = 256, .cache = cache, .n_threads = 1, .overflow = INK_OVERFLOW_EVICT};
    INK_TRY(ink_session_new(&session, model, &options, NULL));
    ink_status status =
        ink_session_evaluate(session, (const int32_t[]){1, 2, 3}, 3, NULL, NULL, NULL);
    ink_session_free(session);
    return status;
}

static ink_status choose_and_use(const ink_allocator *allocator, void *context)
{
    ink_model *model = NULL;
    ink_string chosen = {0};
    const ink_model_options options = {.allocator = allocator, .n_threads = 1};
    INK_TRY(ink_model_open(&model, context, &options, NULL));
    ink_status status =
        ink_cache_choose(model, 4, &(ink_cache_measure){tell_length, NULL}, &chosen, NULL);
    if (status == INK_OK)
        status = use_cache(model, chosen.data);
    if (status == INK_OK)
        status = use_cache(model, "q2r");
    ink_string_free(&chosen);
    ink_model_free(model);
    return status;
}

static void formats_of_a_cache(void **state)
{
    char path[1024];
    (void)state;
    ink_require_shared();
    ink_shared_path("golden/models/llama-gqa-Q8_0.gguf", path, sizeof path);
    assert_true(ink_fail_each_allocation(choose_and_use, path, MAX_CALLS) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_file_to_text_to_state),
        cmocka_unit_test(formats_of_a_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
