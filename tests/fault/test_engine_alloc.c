/*
 * A whole life of a model under a failing allocator, and no allocation at all once generation has
 * begun.
 */
#include "../support.h"

#include <string.h>

static const char *const models[] = {
    "golden/models/gemma3-Q4_0.gguf",   /* windows, a vocabulary, two rotation tables */
    "golden/models/lfm2-Q8_0.gguf",     /* a state */
    "golden/models/mamba2-Q4_K_M.gguf", /* nothing but states */
};

#define N_MODELS (sizeof models / sizeof *models)

typedef struct life {
    const char *path;
    size_t n_tokens;
} life;

static bool ignore_text(void *context, const char *text, size_t n_bytes)
{
    (void)context, (void)text, (void)n_bytes;
    return true;
}

static ink_status generate(ink_session *session, const ink_model *model, size_t n_tokens)
{
    ink_tokens prompt = {0};
    ink_generation generation;
    ink_generated result;
    ink_generation_init(&generation);
    generation.sampling.temperature = 0;
    generation.max_tokens = n_tokens;
    generation.ignore_end = true;
    generation.write = ignore_text;
    ink_status status = ink_tokenize(model, "a b c", 5, INK_SPECIAL_ADD, &prompt, NULL);
    if (status == INK_OK)
        status = ink_generate(session, prompt.ids, prompt.n_tokens, &generation, &result, NULL);
    ink_tokens_free(&prompt);
    return status;
}

static ink_status live(const ink_allocator *allocator, void *context)
{
    const life *of = context;
    const ink_model_options options = {.allocator = allocator, .n_threads = 1};
    const ink_session_options session_options = {.n_context = 64, .n_batch = 8, .n_threads = 1};
    ink_model *model = NULL;
    ink_session *session = NULL;
    ink_status status = ink_model_open(&model, of->path, &options, NULL);
    if (status == INK_OK)
        status = ink_session_new(&session, model, &session_options, NULL);
    if (status == INK_OK)
        status = generate(session, model, of->n_tokens);
    ink_session_free(session);
    ink_model_free(model);
    return status;
}

static void every_allocation_of_a_life_may_fail(void **state)
{
    char path[4096];
    life of = {.n_tokens = 3};
    (void)state;
    ink_require_shared();
    for (size_t m = 0; m < N_MODELS; m++) {
        of.path = ink_shared_path(models[m], path, sizeof path);
        assert_true(ink_fail_each_allocation(live, &of, 5000) > 20);
    }
}

/* More tokens need no more allocations: all are made before the second token. */
static void tokens_allocate_nothing(void **state)
{
    char path[4096];
    size_t n_calls[2];
    (void)state;
    ink_require_shared();
    for (size_t i = 0; i < 2 * N_MODELS; i++) {
        ink_test_allocator test;
        life of = {.path = ink_shared_path(models[i / 2], path, sizeof path),
                   .n_tokens = i % 2 == 0 ? 3 : 50};
        ink_test_allocator_init(&test, 0);
        assert_int_equal(live(&test.allocator, &of), INK_OK);
        assert_int_equal(test.n_blocks, 0);
        n_calls[i % 2] = test.n_calls;
        if (i % 2 == 1)
            assert_int_equal(n_calls[0], n_calls[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_of_a_life_may_fail),
        cmocka_unit_test(tokens_allocate_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
