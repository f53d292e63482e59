/*
 * From the second decoded token on nothing is allocated: over several cache pages, in every cache
 * format, with windows and with experts, on one thread and on more.
 */
#include "../support.h"

#include <stdio.h>

#define N_TOKENS 200 /* beyond three pages of 64 */

typedef struct decoding {
    const char *model, *cache;
    int n_threads;
} decoding;

static const decoding decodings[] = {
    {"gemma3-k-Q4_K_M", "f32", 1},  {"gemma3-k-Q4_K_M", "q8_0", 3},
    {"llama-types-Q4_0", "f16", 2}, {"llama-types-Q4_0", "q4_0", 1},
    {"llama-types-Q4_0", "q3r", 2}, {"llama-types-Q4_0", "q4r,q2r/0=q8_0", 1},
    {"llama-moe-Q4_K_M", "f16", 2}, {"phi3-longrope-Q4_K_M", "f16", 1},
};

static void evaluate(ink_session *session, const int32_t *tokens, size_t n)
{
    ink_error error;
    if (ink_session_evaluate(session, tokens, n, NULL, NULL, &error) != INK_OK)
        fail_msg("%s", error.message);
}

static void a_decoding(void **state)
{
    static const int32_t prompt[] = {1, 2, 3, 4, 5};
    const decoding *d = *state;
    char relative[256], path[1024];
    ink_test_allocator memory;
    ink_model *model = NULL;
    ink_session *session = NULL;
    ink_error error;
    ink_require_shared();
    ink_test_allocator_init(&memory, 0);
    (void)snprintf(relative, sizeof relative, "golden/models/%s.gguf", d->model);
    const ink_model_options options = {.allocator = &memory.allocator, .n_threads = 1};
    const ink_session_options wanted = {
        .n_context = 256, .cache = d->cache, .n_threads = d->n_threads};
    ink_shared_path(relative, path, sizeof path);
    if (ink_model_open(&model, path, &options, &error) != INK_OK ||
        ink_session_new(&session, model, &wanted, &error) != INK_OK)
        fail_msg("%s", error.message);
    evaluate(session, prompt, sizeof prompt / sizeof *prompt);
    evaluate(session, &prompt[1], 1);
    size_t n_calls = memory.n_calls, n_bytes = memory.n_bytes;
    assert_true(n_calls > 0);
    for (int32_t i = 0; i < N_TOKENS; i++)
        evaluate(session, &i, 1);
    assert_int_equal(memory.n_calls, n_calls);
    assert_int_equal(memory.n_bytes, n_bytes);
    ink_session_free(session);
    ink_model_free(model);
    assert_int_equal(memory.n_blocks, 0);
}

#define N_DECODINGS (sizeof decodings / sizeof *decodings)

int main(void)
{
    struct CMUnitTest tests[N_DECODINGS];
    for (size_t i = 0; i < N_DECODINGS; i++)
        tests[i] = (struct CMUnitTest){.name = decodings[i].model,
                                       .test_func = a_decoding,
                                       .initial_state = (void *)(uintptr_t)&decodings[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
