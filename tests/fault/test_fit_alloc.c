/*
 * Allocations fail while a model is fitted. Each one where that is quick (a refusal, timing); of
 * the whole, in which thousands are made again and again, every so many-th.
 */
#include "../support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/status.h"
#include "shrink/hollow.h"

#define MODEL "golden/models/llama-types-F16.gguf"
#define SENTENCE "Once upon a time there was a fox. It liked to run. The fox ran all day long. "

enum { MAX_CALLS = 20000, SAMPLES = 40 };

static char folder[64], text[128], out[128], trial[128], path[1024];
static const char *const texts[] = {text};

static ink_status measure(void *context, const char *cache, double *distance, ink_error *error)
{
    (void)context, (void)cache, (void)error;
    *distance = 0;
    return INK_OK;
}

static ink_status compare(void *context, const char *file, ink_fitted *fit, ink_error *error)
{
    (void)context, (void)file, (void)error;
    fit->divergence = 0;
    return INK_OK;
}

static ink_status fit(const ink_allocator *allocator, void *context)
{
    const ink_fitting fitting = {.quantizing = {.texts = texts,
                                                .n_texts = 1,
                                                .n_context = 8,
                                                .n_tokens = 8,
                                                .n_threads = 1,
                                                .allocator = allocator},
                                 .memory_bytes = *(const uint64_t *)context,
                                 .n_context = 64,
                                 .measure = {measure, NULL},
                                 .compare = compare,
                                 .trial = trial};
    return ink_fit_model(path, out, &fitting, NULL);
}

static ink_status refuse(const ink_allocator *allocator, void *context)
{
    ink_status status = fit(allocator, context);
    assert_true(status == INK_LIMIT || status == INK_NO_MEMORY);
    return status == INK_LIMIT ? INK_OK : status;
}

static ink_status time_hollow(const ink_allocator *allocator, void *context)
{
    ink_pace pace;
    const ink_session_options session = {.n_context = 8, .n_threads = 1};
    return ink_hollow_time(&(ink_hollow){.path = path,
                                         .targets = context,
                                         .session = &session,
                                         .n_threads = 1,
                                         .allocator = allocator},
                           &pace, NULL);
}

static void parts(void **state)
{
    uint64_t memory = 1;
    ink_model *model = NULL;
    ink_targets targets;
    (void)state;
    assert_true(ink_fail_each_allocation(refuse, &memory, MAX_CALLS) > 20);
    const ink_model_options options = {.load = INK_LOAD_METADATA, .n_threads = 1};
    assert_int_equal(ink_model_open(&model, path, &options, NULL), INK_OK);
    assert_int_equal(ink_targets_init(&targets, model, NULL, NULL), INK_OK);
    assert_true(ink_fail_each_allocation(time_hollow, &targets, MAX_CALLS) > 20);
    ink_targets_deinit(&targets);
    ink_model_free(model);
}

static void the_whole(void **state)
{
    uint64_t memory = 64 << 20;
    ink_test_allocator allocator;
    (void)state;
    ink_test_allocator_init(&allocator, 0);
    assert_int_equal(fit(&allocator.allocator, &memory), INK_OK);
    assert_int_equal(allocator.n_blocks, 0);
    size_t n_calls = allocator.n_calls;
    print_message("# %zu allocations\n", n_calls);
    for (size_t i = 0; i < SAMPLES; i++) {
        ink_test_allocator_init(&allocator, 1 + i * (n_calls - 1) / SAMPLES);
        assert_int_equal(fit(&allocator.allocator, &memory), INK_NO_MEMORY);
        assert_int_equal(allocator.n_blocks, 0);
    }
}

static int make_folder(void **state)
{
    char sentences[4 * sizeof SENTENCE] = "";
    (void)state;
    ink_temporary_folder(folder);
    (void)snprintf(text, sizeof text, "%s/text", folder);
    (void)snprintf(out, sizeof out, "%s/out.gguf", folder);
    (void)snprintf(trial, sizeof trial, "%s/trial.gguf", folder);
    for (int i = 0; i < 4; i++)
        memcpy(sentences + strlen(sentences), SENTENCE, sizeof SENTENCE);
    ink_write_file(text, sentences, strlen(sentences));
    ink_shared_path(MODEL, path, sizeof path);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    ink_remove_folder(folder);
    return 0;
}

static int need_shared(void **state)
{
    (void)state;
    ink_require_shared();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(parts, need_shared),
                                       cmocka_unit_test_setup(the_whole, need_shared)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
