/*
 * The best tokens of the float32 weights: the same from Inkling, as long as the best is clearly
 * ahead. Free running ends at the first close step, after which texts need not be comparable; along
 * the true tokens every clear step counts.
 */
#include "golden.h"

#include <stdlib.h>

#define CLOSE_GAP 0.2 /* logits; README of the data */

/*
 * A KL of 0.004 nats, about the largest mean allowed, is an error of about sqrt(2 * 0.004) = 0.09
 * in a logit and 0.13 in the distance of two; three of those.
 */
#define CLEAR_GAP 0.4

static size_t best(const float *logits, size_t n)
{
    size_t at = 0;
    for (size_t i = 1; i < n; i++)
        at = logits[i] > logits[at] ? i : at;
    return at;
}

static void evaluate(ink_session *session, const int32_t *tokens, size_t n)
{
    ink_error error;
    if (ink_session_evaluate(session, tokens, n, NULL, NULL, &error) != INK_OK)
        fail_msg("%s", error.message);
}

static void a_run(void **state)
{
    const ink_golden_run *run = *state;
    const json_t *tokens = json_object_get(run->json, "greedy_truth");
    const json_t *gaps = json_object_get(run->json, "greedy_truth_gap");
    ink_model *model = ink_golden_open(run->of);
    if (!model)
        return;
    ink_session *session = ink_golden_session(
        model, &(ink_session_options){.n_context = run->n_context, .cache = "f32", .n_threads = 2});
    bool free_running = true;
    evaluate(session, run->prompt, run->n_prompt);
    for (size_t i = 0; i < json_array_size(tokens); i++) {
        int32_t truth = (int32_t)json_integer_value(json_array_get(tokens, i));
        double gap = json_number_value(json_array_get(gaps, i));
        size_t got = best(ink_session_logits(session), run->n_vocab);
        free_running = free_running && gap >= CLOSE_GAP;
        if (got != (size_t)truth && (free_running || (gap >= CLEAR_GAP && !run->of->use_median)))
            fail_msg("step %zu: token %zu instead of %d, which leads by %.3f", i, got, truth, gap);
        if (run->n_prompt + i + 1 < run->n_context)
            evaluate(session, &truth, 1);
    }
    ink_session_free(session);
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
