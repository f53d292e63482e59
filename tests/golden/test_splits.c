/*
 * A prompt in one batch, token by token, in sevens, in odd pieces, and after going back (where a
 * model can) gives the same bits.
 */
#include "golden.h"

#include <stdlib.h>
#include <string.h>

#define N_THREADS 2

typedef struct splitting {
    const char *name;
    size_t batch;     /* of the session; 0: its default */
    size_t pieces[3]; /* tokens of one call each, in turn; 0 ends the list; all 0: one call */
} splitting;

static const splitting splittings[] = {
    {"token by token", 0, {1}},
    {"a batch of 7", 7, {0}},
    {"pieces of 5, 1 and 9", 0, {5, 1, 9}},
    {"pieces of 11 in batches of 4", 4, {11}},
};

#define N_SPLITTINGS (sizeof splittings / sizeof *splittings)

static const char *const caches[] = {"f32", "f16"};

static void evaluate(ink_session *session, const int32_t *tokens, size_t n, float *logits)
{
    ink_error error;
    if (ink_session_evaluate(session, tokens, n, logits, NULL, &error) != INK_OK)
        fail_msg("%s", error.message);
}

/* Every other piece asks for its last logits only. */
static void check_splitting(const ink_golden_run *run, const ink_model *model,
                            ink_session_options options, const splitting *split,
                            const float *wanted)
{
    size_t n_vocab = run->n_vocab, n_turns = 0;
    float *got = calloc(run->n_prompt * n_vocab, sizeof *got);
    assert_non_null(got);
    options.n_batch = split->batch;
    ink_session *session = ink_golden_session(model, &options);
    while (n_turns < 3 && split->pieces[n_turns] > 0)
        n_turns++;
    for (size_t done = 0, i = 0; done < run->n_prompt; i++) {
        size_t left = run->n_prompt - done, n = n_turns ? split->pieces[i % n_turns] : left;
        bool last_only = i % 2 == 1;
        n = n < left ? n : left;
        evaluate(session, run->prompt + done, n, last_only ? NULL : got + done * n_vocab);
        done += n;
        assert_int_equal(ink_session_position(session), done);
        ink_assert_same_bits(wanted + (done - 1) * n_vocab, ink_session_logits(session), n_vocab,
                             split->name);
        if (last_only)
            memcpy(got + (done - n) * n_vocab, wanted + (done - n) * n_vocab,
                   n * n_vocab * sizeof *got);
    }
    ink_assert_same_bits(wanted, got, run->n_prompt * n_vocab, split->name);
    ink_session_free(session);
    free(got);
}

/* Back to the middle, something else, back again, and on: as if it had never been. */
static void check_rewinding(const ink_golden_run *run, const ink_model *model,
                            const ink_session_options *options, const float *wanted)
{
    size_t n_vocab = run->n_vocab, middle = run->n_prompt / 2, n_rest = run->n_prompt - middle;
    ink_error error;
    float *got = calloc(n_rest * n_vocab, sizeof *got);
    assert_non_null(got);
    ink_session *session = ink_golden_session(model, options);
    evaluate(session, run->prompt, run->n_prompt, NULL);
    for (int i = 0; i < 2; i++) {
        if (ink_session_rewind(session, middle, &error) != INK_OK)
            fail_msg("%s", error.message);
        assert_int_equal(ink_session_position(session), middle);
        assert_null(ink_session_logits(session));
        if (i == 0)
            evaluate(session, run->prompt, n_rest, NULL);
    }
    evaluate(session, run->prompt + middle, n_rest, got);
    ink_assert_same_bits(wanted + middle * n_vocab, got, n_rest * n_vocab, "after going back");
    ink_session_free(session);
    free(got);
}

static void a_run(void **state)
{
    const ink_golden_run *run = *state;
    ink_model *model = ink_golden_open(run->of);
    for (size_t c = 0; model && c < 2; c++) {
        const ink_session_options options = {
            .n_context = run->n_context, .cache = caches[c], .n_threads = N_THREADS};
        float *wanted = ink_golden_logits(model, &options, run->prompt, run->n_prompt);
        for (size_t i = 0; i < N_SPLITTINGS; i++)
            check_splitting(run, model, options, &splittings[i], wanted);
        check_rewinding(run, model, &options, wanted);
        free(wanted);
    }
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
