/*
 * Steps of training of every golden model that can be trained: their logits are the truth's, and
 * the session's; gradients of the whole model agree with central differences in double; a step of
 * the optimizer makes the loss smaller.
 */
#include "golden.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../exact.h"
#include "array/backward.h"
#include "array/grad.h"
#include "device/device.h"
#include "learn/subject.h"
#include "learn/trainer.h"

/* As in test_logits: float weights and activations differ in the order of sums alone. */
#define MAX_DIFFERENCE 2e-3
#define MAX_KL 1e-6

/*
 * A gradient in float through a few layers is exact to some 1e-5 of its norm; where depth amplifies
 * rounding, to less. What is missing or counted twice is off by a part of the norm itself.
 */
#define TOLERANCE 1e-3
#define DEEP_TOLERANCE 2e-2
#define STEP 1e-5   /* as long as the whole direction is */
#define NOISE 1e-9  /* 2^-53 of a loss of about 10, divided by STEP, some times over */
#define N_TOKENS 12 /* of the prompt, for gradients */

/* Of these every part is trained. */
static const char *const trainable[] = {
    "llama",     "gemma",   "gemma2",  "gemma3",  "phi2",       "phi3",     "qwen2",  "qwen3",
    "smollm3",   "granite", "olmo2",   "gpt2",    "starcoder2", "falcon",   "glm4",   "stablelm",
    "command-r", "cohere2", "minicpm", "exaone4", "gptneox",    "nemotron", "bitnet",
};

static bool must_train(const ink_golden_case *of)
{
    for (size_t i = 0; i < sizeof trainable / sizeof *trainable; i++)
        if (strcmp(trainable[i], of->arch) == 0 && of->dense && of->required)
            return true;
    return false;
}

/* ---- A model that is trained ----------------------------------------------------------------- */

typedef struct learner {
    const ink_golden_run *run;
    ink_subject subject;
    ink_model *model; /* the subject's */
    ink_parameter_list parameters;
    size_t n; /* tokens */
    ink_graph graph;
    ink_device *device;
    ink_program *program;
    ink_step step;
    ink_array *targets, *loss;
} learner;

static const ink_adapter_training adapter = {.rank = 3, .alpha = 6, .targets = "all"};

/* B begins as zeros, beside which A would have no gradient. */
static void fill_adapter(const learner *l)
{
    uint64_t seed = 9;
    for (size_t p = 0; p < l->parameters.n; p++)
        for (size_t i = 0; i < l->parameters.all[p].n; i++)
            l->parameters.all[p].data[i] =
                (float)(int32_t)(ink_test_random(&seed) >> 32) * 0x1p-31f * 0.1f;
}

/* false: it cannot be trained, and says so. */
static bool learner_open(learner *l, const ink_golden_run *run, size_t n,
                         const ink_subject_kind *kind)
{
    char relative[256], path[1024];
    ink_error error;
    *l = (learner){.run = run, .n = n, .subject = {.kind = kind, .adapter = &adapter}};
    (void)snprintf(relative, sizeof relative, "golden/%s",
                   json_string_value(json_object_get(run->of->json, "file")));
    ink_status status = ink_subject_open(&l->subject, ink_shared_path(relative, path, sizeof path),
                                         &(ink_training){.n_threads = 1}, &error);
    l->model = l->subject.model;
    l->parameters = l->subject.parameters;
    if (status == INK_OK && kind->list == ink_subject_adapter.list)
        fill_adapter(l);
    if (status == INK_OK)
        return true;
    if (status != INK_UNSUPPORTED || must_train(run->of))
        fail_msg("%s: %s", run->id, error.message);
    ink_subject_close(&l->subject);
    return false;
}

static void learner_close(learner *l)
{
    ink_program_free(l->program);
    ink_device_free(l->device);
    ink_graph_deinit(&l->graph);
    ink_subject_close(&l->subject);
}

static void learner_record(learner *l)
{
    ink_graph_init(&l->graph, NULL);
    ink_model_record(
        l->model, &l->graph,
        (ink_step_shape){
            .n_tokens = l->n, .n_outputs = l->n, .n_context = l->run->n_context, .training = true},
        &l->step);
    l->targets = ink_input(&l->graph, INK_I32, 1, &l->n);
    l->loss =
        ink_output(ink_reduce(ink_cross_entropy(l->step.result, l->targets), 2, (size_t[]){1, 1}));
}

static void put(const learner *l, const ink_exact *exact, ink_array *input, int32_t first, int kind)
{
    int32_t *data = ink_program_data(l->program, input);
    for (size_t i = 0; i < l->n; i++)
        data[i] = kind == 0      ? (int32_t)i
                  : i + 1 < l->n ? l->run->prompt[i + (size_t)first]
                  : first == 0   ? l->run->prompt[i]
                                 : -1;
    if (exact)
        ink_exact_fill(exact, input, data);
}

static void learner_run(learner *l, const ink_exact *exact)
{
    ink_error error;
    uint32_t features;
    if (ink_cpu_select(&features, &error) != INK_OK ||
        ink_device_cpu_new(&l->device, 2, features, NULL, &error) != INK_OK ||
        ink_program_new(&l->program, l->device, &l->graph, &error) != INK_OK)
        fail_msg("%s: %s", l->run->id, error.message);
    put(l, exact, l->step.positions, 0, 0);
    put(l, exact, l->step.tokens, 0, 1);
    put(l, exact, l->targets, 1, 1);
    if (ink_program_run(l->program, &error) != INK_OK)
        fail_msg("%s: %s", l->run->id, error.message);
}

/* ---- Logits ---------------------------------------------------------------------------------- */

static void assert_divergence(const learner *l, const float *wanted, const float *got,
                              const char *what)
{
    ink_golden_divergence d = ink_diverge(wanted, got, l->n, l->run->n_vocab);
    if (l->run->of->use_median ? !(d.median <= 1e-5)
                               : !(d.max_difference <= MAX_DIFFERENCE && d.largest <= MAX_KL))
        fail_msg("%s against %s: logits differ by up to %.3g, KL up to %.3g, median %.3g",
                 l->run->id, what, d.max_difference, d.largest, d.median);
}

static void logits_are_true(void **state)
{
    const ink_golden_run *run = *state;
    learner l;
    if (!learner_open(&l, run, run->n_prompt, &ink_subject_model))
        return;
    learner_record(&l);
    learner_run(&l, NULL);
    const float *got = ink_program_data(l.program, l.step.result);
    float *truth = ink_golden_floats(run->json, "truth", run->n_prompt * run->n_vocab);
    float *session = ink_golden_logits(
        l.model,
        &(ink_session_options){.n_context = run->n_context, .cache = "f32", .n_threads = 2},
        run->prompt, run->n_prompt);
    assert_divergence(&l, truth, got, "the truth");
    assert_divergence(&l, session, got, "a session");
    free(truth);
    free(session);
    learner_close(&l);
}

/* ---- Gradients ------------------------------------------------------------------------------- */

typedef struct slope_check {
    learner *l;
    ink_exact exact;
    ink_array **arrays, **gradients; /* [n parameters] */
} slope_check;

/* Moves parameters [first, end) by `step` times a direction of length 1. */
static double move(const slope_check *s, size_t first, size_t end, double step, double *norm)
{
    uint64_t seed = 0x9e3779b97f4a7c15u + first;
    double slope = 0, sum = 0, n = 0;
    for (size_t p = first; p < end; p++)
        n += (double)s->l->parameters.all[p].n;
    for (size_t p = first; p < end; p++) {
        const float *gradient = ink_program_data(s->l->program, s->gradients[p]);
        double *values = ink_exact_values(&s->exact, s->arrays[p]);
        for (size_t i = 0; i < s->l->parameters.all[p].n; i++) {
            double sign = (ink_test_random(&seed) >> 63 ? 1 : -1) / sqrt(n);
            values[i] += sign * step;
            slope += sign * (double)gradient[i];
            sum += (double)gradient[i] * (double)gradient[i];
        }
    }
    *norm = sqrt(sum / n);
    return slope;
}

static double loss_of(const slope_check *s)
{
    ink_exact_run(&s->exact, s->l->loss);
    return *ink_exact_values(&s->exact, s->l->loss);
}

static void compare_slopes(const slope_check *s, size_t first, size_t end, const char *what)
{
    double norm, up, down, slope = move(s, first, end, STEP, &norm), tolerance;
    up = loss_of(s);
    move(s, first, end, -2 * STEP, &norm);
    down = loss_of(s);
    move(s, first, end, STEP, &norm);
    tolerance = s->l->run->of->use_median ? DEEP_TOLERANCE : TOLERANCE;
    if (!(fabs(slope - (up - down) / (2 * STEP)) <= tolerance * norm + NOISE))
        fail_msg("%s, %s: a slope of %.9g instead of %.9g (norm %.3g)", s->l->run->id, what, slope,
                 (up - down) / (2 * STEP), norm);
}

static void record_gradients(slope_check *s)
{
    size_t n = s->l->parameters.n;
    s->arrays = calloc(n, sizeof *s->arrays);
    s->gradients = calloc(n, sizeof *s->gradients);
    assert_true(s->arrays && s->gradients);
    for (size_t i = 0; i < n; i++)
        s->arrays[i] = ink_find_constant(&s->l->graph, s->l->parameters.all[i].data);
    ink_grad(s->l->loss, n, s->arrays, s->gradients);
    if (s->l->graph.error.status != INK_OK)
        fail_msg("%s: %s", s->l->run->id, s->l->graph.error.message);
    for (size_t i = 0; i < n; i++) {
        if (!s->gradients[i])
            fail_msg("%s: %s has no gradient", s->l->run->id, s->l->parameters.all[i].name);
        ink_output(s->gradients[i]);
    }
}

/* Everything at once, and alone what is in the first layer or in none. */
static void check_slopes(const ink_golden_run *run, const ink_subject_kind *kind)
{
    learner l;
    slope_check s = {.l = &l};
    if (!learner_open(&l, run, N_TOKENS, kind))
        return;
    learner_record(&l);
    ink_exact_init(&s.exact, &l.graph);
    record_gradients(&s);
    learner_run(&l, &s.exact);
    compare_slopes(&s, 0, l.parameters.n, "all");
    for (size_t i = 0; i < l.parameters.n; i++) {
        const char *name = l.parameters.all[i].name;
        if (strncmp(name, "blk.", 4) != 0 || strncmp(name, "blk.0.", 6) == 0)
            compare_slopes(&s, i, i + 1, name);
    }
    ink_exact_deinit(&s.exact);
    free(s.arrays);
    free(s.gradients);
    learner_close(&l);
}

static void gradients_are_slopes(void **state)
{
    check_slopes(*state, &ink_subject_model);
}

static void slopes_of_adapters(void **state)
{
    ink_subject_kind kind = ink_subject_adapter;
    kind.load = INK_LOAD_TRAINABLE; /* beside floats: quantized ones are multiplied less exactly */
    check_slopes(*state, &kind);
}

/* ---- Learning -------------------------------------------------------------------------------- */

static void check_ok(ink_status status, const ink_error *error)
{
    if (status != INK_OK)
        fail_msg("%s", error->message);
}

/* Twice as many tokens as the sequence has: what is left is filled up with what does not count. */
static void make_a_step(const ink_golden_run *run, const ink_subject_kind *kind)
{
    enum { N = 2 * N_TOKENS };
    int32_t tokens[N] = {0}, positions[N] = {0}, targets[N];
    const ink_batch batch = {
        .n_tokens = N, .tokens = tokens, .positions = positions, .targets = targets};
    const ink_trainer_options options = {.n_tokens = N,
                                         .n_context = run->n_context,
                                         .n_threads = 2,
                                         .adam = {0.9f, 0.99f, 1e-8f, 0, 1}};
    learner l;
    ink_trainer trainer;
    ink_error error;
    float before, same, after;
    double norm;
    if (!learner_open(&l, run, N_TOKENS, kind))
        return;
    for (size_t i = 0; i < N; i++) {
        tokens[i] = i < N_TOKENS ? run->prompt[i] : 0;
        positions[i] = i < N_TOKENS ? (int32_t)i : 0;
        targets[i] = i + 1 < N_TOKENS ? run->prompt[i + 1] : -1;
    }
    check_ok(ink_trainer_init(&trainer, l.model, &l.parameters, &options, &error), &error);
    check_ok(ink_trainer_evaluate(&trainer, &batch, &before, &error), &error);
    check_ok(ink_trainer_learn(&trainer, &batch, true, &same, &error), &error);
    check_ok(ink_trainer_step(&trainer, 1e-4f, &norm, &error), &error);
    check_ok(ink_trainer_evaluate(&trainer, &batch, &after, &error), &error);
    if (!(same == before && after < before && norm > 0))
        fail_msg("%s: a loss of %.9g (%.9g) became %.9g, by gradients of %.3g", run->id,
                 (double)before, (double)same, (double)after, norm);
    ink_trainer_deinit(&trainer);
    learner_close(&l);
}

static void a_step_makes_the_loss_smaller(void **state)
{
    make_a_step(*state, &ink_subject_model);
}

/* Beside weights in their own formats. */
static void a_step_of_an_adapter_makes_the_loss_smaller(void **state)
{
    make_a_step(*state, &ink_subject_adapter);
}

/* ---- The list -------------------------------------------------------------------------------- */

/* Weights become floats whatever their format: one model of a variant is enough. */
static bool is_first_of_kind(const ink_golden *golden, const ink_golden_run *run)
{
    return run == golden->runs || run[-1].of != run->of;
}

static void list_tests(const ink_golden *golden, ink_test_list *list)
{
    for (size_t i = 0; i < golden->n_runs; i++) {
        const ink_golden_run *run = &golden->runs[i];
        if (run->of->embedding)
            continue;
        ink_test_list_add(list, run->id, logits_are_true, (void *)(uintptr_t)run);
        if (strncmp(run->of->id, "llama-types", 11) == 0 || !is_first_of_kind(golden, run))
            continue;
        ink_test_list_add(list, run->id, gradients_are_slopes, (void *)(uintptr_t)run);
        ink_test_list_add(list, run->id, slopes_of_adapters, (void *)(uintptr_t)run);
        ink_test_list_add(list, run->id, a_step_makes_the_loss_smaller, (void *)(uintptr_t)run);
        ink_test_list_add(list, run->id, a_step_of_an_adapter_makes_the_loss_smaller,
                          (void *)(uintptr_t)run);
    }
}

int main(void)
{
    return ink_golden_main(list_tests);
}
