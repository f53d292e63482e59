/*
 * A session saved in the middle of a prompt and restored into a new one goes on with the same bits.
 */
#include "golden.h"

#include <stdio.h>
#include <stdlib.h>

#define N_THREADS 2

static void evaluate(ink_session *session, const int32_t *tokens, size_t n, float *logits)
{
    ink_error error;
    if (ink_session_evaluate(session, tokens, n, logits, NULL, &error) != INK_OK)
        fail_msg("%s", error.message);
}

/* What stands in the file is all that the second session gets. */
static void go_on(const ink_golden_run *run, const ink_model *model,
                  const ink_session_options *options, const char *path, float *logits)
{
    size_t middle = run->n_prompt / 2;
    ink_error error;
    ink_session *first = ink_golden_session(model, options);
    evaluate(first, run->prompt, middle, NULL);
    if (ink_session_save(first, path, &error) != INK_OK)
        fail_msg("%s", error.message);
    ink_session *second = ink_golden_session(model, options);
    if (ink_session_restore(second, path, &error) != INK_OK)
        fail_msg("%s", error.message);
    assert_int_equal(ink_session_position(second), middle);
    assert_non_null(ink_session_logits(second));
    ink_assert_same_bits(ink_session_logits(first), ink_session_logits(second), run->n_vocab,
                         "the last logits before saving");
    ink_session_free(first);
    evaluate(second, run->prompt + middle, run->n_prompt - middle, logits);
    ink_session_free(second);
}

static void a_run(void **state)
{
    static const char *const caches[] = {"f32", "f16"};
    const ink_golden_run *run = *state;
    size_t middle = run->n_prompt / 2, n_rest = (run->n_prompt - middle) * run->n_vocab;
    char folder[64], path[128];
    ink_model *model = ink_golden_open(run->of);
    if (!model)
        return;
    (void)snprintf(path, sizeof path, "%s/state", ink_temporary_folder(folder));
    for (size_t c = 0; c < 2; c++) {
        const ink_session_options options = {
            .n_context = run->n_context, .cache = caches[c], .n_threads = N_THREADS};
        float *wanted = ink_golden_logits(model, &options, run->prompt, run->n_prompt);
        float *got = calloc(n_rest, sizeof *got);
        assert_non_null(got);
        go_on(run, model, &options, path, got);
        ink_assert_same_bits(wanted + middle * run->n_vocab, got, n_rest,
                             "after saving and restoring");
        free(wanted);
        free(got);
    }
    ink_remove_folder(folder);
    ink_model_free(model);
}

static void list_tests(const ink_golden *golden, ink_test_list *list)
{
    for (size_t i = 0; i < golden->n_runs; i++)
        if (!golden->runs[i].of->embedding)
            ink_test_list_add(list, golden->runs[i].id, a_run, &golden->runs[i]);
}

int main(void)
{
    return ink_golden_main(list_tests);
}
