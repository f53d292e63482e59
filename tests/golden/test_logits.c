/*
 * Logits of every golden run against the truth: no further from it than 1.5 times the reference
 * engine, over all dense runs of a weight type together 1.2 times; with float weights, equal but
 * for the order of sums.
 */
#include "golden.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RUN_FACTOR 1.5
#define SUM_FACTOR 1.2
#define FLOOR 1e-5 /* nats: float32 sums in another order and a rounded activation or two */

/*
 * With float weights only the order of sums differs, which alone gives about 1e-5 (README of the
 * data).
 */
#define FLOAT_MAX_DIFFERENCE 2e-3
#define FLOAT_MAX_KL 1e-6

typedef struct measured {
    const ink_golden_run *run;
    bool done, refused;
    ink_golden_divergence f32, f16; /* by cache */
} measured;

static measured *all;
static size_t n_all;

static ink_golden_divergence diverge_with(const ink_golden_run *run, const ink_model *model,
                                          const char *cache)
{
    const ink_session_options options = {
        .n_context = run->n_context, .cache = cache, .n_threads = 2};
    size_t n = run->n_prompt * run->n_vocab;
    float *truth = ink_golden_floats(run->json, "truth", n);
    float *got = ink_golden_logits(model, &options, run->prompt, run->n_prompt);
    ink_golden_divergence out = ink_diverge(truth, got, run->n_prompt, run->n_vocab);
    free(truth);
    free(got);
    return out;
}

/* Once a run, whichever test comes first. */
static void measure(measured *m)
{
    if (m->done)
        return;
    ink_model *model = ink_golden_open(m->run->of);
    m->refused = !model;
    if (model) {
        m->f32 = diverge_with(m->run, model, "f32");
        m->f16 = diverge_with(m->run, model, "f16");
    }
    ink_model_free(model);
    m->done = true;
}

static double with_floor(double bar)
{
    return bar > FLOOR ? bar : FLOOR;
}

/* Not a number is above every bar. */
static void assert_at_most(double value, double bar, const char *what)
{
    if (!(value <= bar))
        fail_msg("%s: %.6g, at most %.6g is allowed", what, value, bar);
}

static void a_run(void **state)
{
    measured *m = *state;
    const json_t *json = m->run->json;
    measure(m);
    if (m->refused)
        return;
    if (m->run->of->use_median) {
        double bar = RUN_FACTOR * with_floor(ink_golden_number(json, "kl_median"));
        assert_at_most(m->f32.median, bar, "median KL");
        assert_at_most(m->f16.median, bar, "median KL with an f16 cache");
    } else {
        assert_at_most(m->f32.mean, RUN_FACTOR * with_floor(ink_golden_number(json, "kl_mean")),
                       "mean KL");
        assert_at_most(m->f16.mean,
                       RUN_FACTOR * with_floor(ink_golden_number(json, "kl_mean_kv_f16")),
                       "mean KL with an f16 cache");
    }
    if (!m->run->of->floats)
        return;
    assert_at_most(m->f32.max_difference, FLOAT_MAX_DIFFERENCE, "difference of a logit");
    assert_at_most(m->f32.largest, FLOAT_MAX_KL, "largest KL");
}

/* ---- Sums over all dense runs of the weight type of the run given. */

static void a_weight_type(void **state)
{
    const ink_golden_run *first = *state;
    double sums[2] = {0}, bars[2] = {0};
    size_t n_supported = 0;
    for (size_t i = 0; i < n_all; i++) {
        const ink_golden_case *of = all[i].run->of;
        if (strcmp(of->quant, first->of->quant) != 0 || !of->dense)
            continue;
        measure(&all[i]);
        if (all[i].refused)
            continue;
        n_supported++;
        sums[0] += all[i].f32.mean;
        sums[1] += all[i].f16.mean;
        bars[0] += with_floor(ink_golden_number(all[i].run->json, "kl_mean"));
        bars[1] += with_floor(ink_golden_number(all[i].run->json, "kl_mean_kv_f16"));
    }
    if (n_supported == 0)
        return;
    assert_at_most(sums[0], SUM_FACTOR * bars[0], "sum of mean KL");
    assert_at_most(sums[1], SUM_FACTOR * bars[1], "sum of mean KL with an f16 cache");
}

/* ---- Embeddings. */

static double distance(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return sqrt(sum);
}

static double cosine(const float *a, const float *b, size_t n)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ab += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return ab / sqrt(aa * bb);
}

/* The angle grows like the relative distance, so 1 - cosine grows like its square. */
static void compare_vectors(const json_t *json, const float *got, size_t n_rows, size_t width,
                            const char *what)
{
    float *truth = ink_golden_floats(json, "truth", n_rows * width),
          *zero = calloc(n_rows * width, sizeof *zero);
    assert_non_null(zero);
    double norm = distance(truth, zero, n_rows * width);
    assert_at_most(distance(truth, got, n_rows * width) / norm,
                   RUN_FACTOR * ink_golden_number(json, "rel_l2_to_truth"), what);
    double bar = RUN_FACTOR * RUN_FACTOR * (1 - ink_golden_number(json, "cos_min_to_truth"));
    for (size_t row = 0; row < n_rows; row++)
        assert_at_most(1 - cosine(truth + row * width, got + row * width, width), bar, what);
    free(truth);
    free(zero);
}

static void an_embedding(void **state)
{
    const measured *m = *state;
    const ink_golden_run *run = m->run;
    const json_t *pooled = json_object_get(run->json, "pooled");
    ink_error error;
    ink_model_info info;
    ink_model *model = ink_golden_open(run->of);
    if (!model)
        return;
    ink_model_get_info(model, &info);
    ink_session *session = ink_golden_session(
        model, &(ink_session_options){.n_context = run->n_context, .cache = "f32", .n_threads = 2});
    float *got = calloc(run->n_prompt * info.n_embedding, sizeof *got);
    assert_non_null(got);
    if (ink_session_embed(session, run->prompt, run->n_prompt, false, got, &error) != INK_OK)
        fail_msg("%s", error.message);
    compare_vectors(json_object_get(run->json, "tokens"), got, run->n_prompt, info.n_embedding,
                    "rows");
    if (ink_session_embed(session, run->prompt, run->n_prompt, true, got, &error) != INK_OK)
        fail_msg("%s", error.message);
    compare_vectors(pooled, got, 1, info.n_embedding, "pooled");
    free(got);
    ink_session_free(session);
    ink_model_free(model);
}

/* ---- The list. */

static bool is_first_of_type(const ink_golden *golden, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(golden->runs[i].of->quant, golden->runs[index].of->quant) == 0)
            return false;
    return true;
}

static void list_tests(const ink_golden *golden, ink_test_list *list)
{
    n_all = golden->n_runs;
    all = calloc(n_all, sizeof *all);
    for (size_t i = 0; all && i < n_all; i++) {
        const ink_golden_run *run = &golden->runs[i];
        all[i].run = run;
        ink_test_list_add(list, run->id, run->of->embedding ? an_embedding : a_run, &all[i]);
    }
    for (size_t i = 0; i < n_all; i++)
        if (is_first_of_type(golden, i))
            ink_test_list_add(list, golden->runs[i].of->quant, a_weight_type, &golden->runs[i]);
}

int main(void)
{
    int n_failed = ink_golden_main(list_tests);
    free(all);
    return n_failed;
}
