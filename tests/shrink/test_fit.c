/* Formats for a memory and a speed: plans of what is not there yet, timing, choosing, refusing. */
#include "small.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/session.h"
#include "runtime/work.h"
#include "shrink/hollow.h"

enum { MAX_FITS = 16, CONTEXT = 128 };
#define HEADER_BYTES 4096 /* that two keys of metadata may take in tables */

static small s;

static void prepare(void)
{
    if (!s.folder[0])
        small_init(&s);
}

static ink_model *open_metadata(const char *path)
{
    ink_model *model = NULL;
    ink_error error;
    const ink_model_options options = {.load = INK_LOAD_METADATA, .n_threads = 1};
    if (ink_model_open(&model, path, &options, &error) != INK_OK)
        fail_msg("%s", error.message);
    return model;
}

static ink_memory_plan plan_of(const ink_model *model, const char *cache)
{
    ink_memory_plan plan;
    ink_error error;
    const ink_memory_options options = {
        .session = {.n_context = CONTEXT, .n_threads = 1, .cache = cache}};
    if (ink_memory_plan_all(model, &options, &plan, &error) != INK_OK)
        fail_msg("%s", error.message);
    return plan;
}

/* ---- What is assumed ------------------------------------------------------------------------- */

/* A model taken for another type is planned as the file of that type, but for its header. */
static void assumed_is_as_written(void **state)
{
    static const char *const types[] = {"Q8_0", "Q4_K_M", "F16", "TQ2_0"};
    (void)state;
    prepare();
    const char *const models[] = {s.stories, s.k_model, s.experts};
    for (size_t m = 0; m < sizeof models / sizeof *models; m++)
        for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
            ink_targets targets;
            ink_model *model = open_metadata(models[m]);
            assert_int_equal(ink_targets_init(&targets, model, NULL, NULL), INK_OK);
            ink_targets_mix(&targets, ink_mixture_find(types[i]));
            assert_int_equal(ink_targets_assume(&targets, model, NULL), INK_OK);
            quantize_or_fail(models[m], s.out, &(ink_quantizing){.type = types[i]});
            ink_model *written = open_metadata(s.out);
            ink_memory_plan a = plan_of(model, "f16"), b = plan_of(written, "f16");
            assert_int_equal(a.weights_bytes, b.weights_bytes);
            assert_int_equal(a.cache_bytes, b.cache_bytes);
            assert_int_equal(a.work_bytes, b.work_bytes);
            assert_int_equal(a.steps_bytes, b.steps_bytes);
            assert_int_equal(a.session_bytes, b.session_bytes);
            assert_true(llabs((long long)a.total_bytes - (long long)b.total_bytes) < HEADER_BYTES);
            ink_targets_sum sum = ink_targets_add_up(&targets);
            ink_model_info info;
            ink_model_get_info(written, &info);
            assert_true(sum.n_bytes < info.file_bytes && sum.n_parameters == info.n_parameters);
            ink_targets_deinit(&targets);
            ink_model_free(model);
            ink_model_free(written);
        }
}

/* ---- Timing ---------------------------------------------------------------------------------- */

/* What a token of the model itself reads at this depth. */
static double read_bytes_of(const char *path, const ink_session_options *options, size_t depth)
{
    ink_model *model = NULL;
    ink_session *session = NULL;
    assert_int_equal(ink_model_open(&model, path, &(ink_model_options){.n_threads = 1}, NULL),
                     INK_OK);
    assert_int_equal(ink_session_new(&session, model, options, NULL), INK_OK);
    ink_work work = ink_work_of_step(model, session->cache.layouts, depth, 1);
    ink_session_free(session);
    ink_model_free(model);
    return work.weight_bytes + work.cache_bytes;
}

/* Windows, states, experts, learned positions: each runs hollow, and reads what the model reads. */
static void hollow_models_run(void **state)
{
    static const char *const names[] = {
        "llama-types-F16",      "llama-moe-Q4_K_M", "gemma3-Q4_0",
        "mamba2-Q4_K_M",        "qwen35-Q4_K_M",    "gpt2-Q8_0",
        "phi3-longrope-Q4_K_M", "lfm2moe-Q8_0",     "falcon-h1-Q4_K_M"};
    (void)state;
    prepare();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char relative[128], path[1024];
        ink_targets targets;
        ink_pace pace;
        ink_error error;
        (void)snprintf(relative, sizeof relative, "golden/models/%s.gguf", names[i]);
        ink_model *model = open_metadata(ink_shared_path(relative, path, sizeof path));
        assert_int_equal(ink_targets_init(&targets, model, NULL, NULL), INK_OK);
        const ink_session_options session = {.n_context = CONTEXT, .n_threads = 1};
        const ink_hollow hollow = {
            .path = path, .targets = &targets, .session = &session, .n_threads = 1};
        if (ink_hollow_time(&hollow, &pace, &error) != INK_OK)
            fail_msg("%s: %s", names[i], error.message);
        assert_true(pace.seconds > 0 && pace.seconds < 10);
        double wanted = read_bytes_of(path, &session, CONTEXT / 2);
        if (pace.read_bytes != wanted)
            fail_msg("%s: reads %g bytes, hollow %g", names[i], wanted, pace.read_bytes);
        ink_targets_deinit(&targets);
        ink_model_free(model);
    }
}

static bool stop(void *context, float part)
{
    int *n = context;
    (void)part;
    return --*n > 0;
}

static void timing_is_cancelled(void **state)
{
    int n = 3;
    ink_targets targets;
    ink_pace pace = {.seconds = -1};
    (void)state;
    prepare();
    ink_model *model = open_metadata(s.stories);
    assert_int_equal(ink_targets_init(&targets, model, NULL, NULL), INK_OK);
    const ink_progress progress = {stop, &n};
    const ink_session_options session = {.n_context = CONTEXT, .n_threads = 1};
    const ink_hollow hollow = {.path = s.stories,
                               .targets = &targets,
                               .session = &session,
                               .n_threads = 1,
                               .progress = &progress};
    assert_int_equal(ink_hollow_time(&hollow, &pace, NULL), INK_CANCELLED);
    assert_true(pace.seconds < 0 && n == 0);
    ink_targets_deinit(&targets);
    ink_model_free(model);
}

/* ---- Choosing -------------------------------------------------------------------------------- */

typedef struct found {
    ink_fitted fits[MAX_FITS];
    size_t n, n_compared, n_measured;
    ink_status compared; /* what comparing comes to */
} found;

static void note(void *context, const ink_fitted *fit)
{
    found *f = context;
    assert_true(f->n < MAX_FITS);
    f->fits[f->n++] = *fit;
}

/* As if each cache lost as much as bits are missing. */
static ink_status measure(void *context, const char *cache, double *distance, ink_error *error)
{
    ink_cache_info info;
    ink_model *model = open_metadata(s.k_model);
    ((found *)context)->n_measured++;
    ink_status status = ink_cache_get_info(model, cache, &info, error);
    *distance = status == INK_OK ? (16 - info.bits) * 1e-5 : 0;
    ink_model_free(model);
    return status;
}

static ink_status compare(void *context, const char *path, ink_fitted *fit, ink_error *error)
{
    found *f = context;
    ink_model *model = open_metadata(path);
    ink_memory_plan plan = plan_of(model, fit->cache);
    (void)error;
    f->n_compared++;
    assert_true(plan.total_bytes < fit->plan.total_bytes + HEADER_BYTES);
    assert_int_equal(plan.weights_bytes, fit->plan.weights_bytes);
    fit->divergence = 0.5;
    ink_model_free(model);
    return f->compared;
}

static ink_fitting fitting_of(found *f, uint64_t memory)
{
    *f = (found){.n = 0};
    return (ink_fitting){
        .quantizing = {.texts = s.texts, .n_texts = 1, .n_context = 32, .n_threads = 1},
        .memory_bytes = memory,
        .n_context = CONTEXT,
        .measure = {measure, f},
        .compare = compare,
        .trial = s.other,
        .found = note,
        .context = f};
}

static uint64_t bytes_as_it_is(void)
{
    ink_model *model = open_metadata(s.k_model);
    uint64_t bytes = plan_of(model, "f16").total_bytes;
    ink_model_free(model);
    return bytes;
}

static const ink_fitted *choice_of(const found *f)
{
    const ink_fitted *choice = NULL;
    for (size_t i = 0; i < f->n; i++)
        if (f->fits[i].is_choice) {
            assert_null(choice);
            choice = &f->fits[i];
        }
    assert_non_null(choice);
    return choice;
}

static double loss_of(const ink_fitted *fit)
{
    return fit->weights_loss + fit->cache_loss;
}

static void a_frontier(void **state)
{
    found f;
    ink_error error;
    (void)state;
    prepare();
    uint64_t memory = bytes_as_it_is() / 5 * 4;
    ink_fitting fitting = fitting_of(&f, memory);
    (void)remove(s.out);
    if (ink_fit_model(s.k_model, s.out, &fitting, &error) != INK_OK)
        fail_msg("%s", error.message);
    const ink_fitted *choice = choice_of(&f);
    assert_true(choice->plan.total_bytes <= memory);
    assert_true(choice->tokens_per_second > 0 && choice->read_bytes > 0);
    assert_true(f.n > 4 && f.n_compared == f.n && f.n_measured >= 6);
    for (size_t i = 0; i < f.n; i++)
        assert_true(f.fits[i].divergence == 0.5);
    for (size_t i = 1; i < f.n; i++) {
        assert_true(f.fits[i].plan.total_bytes >= f.fits[i - 1].plan.total_bytes);
        assert_true(loss_of(&f.fits[i]) <= 1.05 * loss_of(&f.fits[i - 1])); /* nearly the best */
        /* what is larger than the choice had no room */
        if (&f.fits[i - 1] == choice)
            assert_true(f.fits[i].plan.total_bytes + (16 << 10) > memory);
    }
    assert_false(there_is(s.other));
    ink_model *model = open_metadata(s.out);
    assert_true(plan_of(model, choice->cache).total_bytes <= memory);
    ink_model_info info;
    ink_model_get_info(model, &info);
    assert_true(info.file_bytes <= choice->file_bytes);
    ink_model_free(model);
}

/* With more than it can use a model is copied: nothing is lost. */
static void room_for_all_of_it(void **state)
{
    found f;
    (void)state;
    prepare();
    ink_fitting fitting = fitting_of(&f, 4 * bytes_as_it_is());
    fitting.compare = NULL;
    assert_int_equal(ink_fit_model(s.k_model, NULL, &fitting, NULL), INK_OK);
    const ink_fitted *choice = choice_of(&f);
    assert_true(choice->weights_loss == 0 && isnan(choice->divergence));
    assert_string_equal(choice->cache, "f16");
    assert_int_equal(f.n_compared, 0);
}

/* What a cache is fixed to, and one that nobody measures. */
static void caches(void **state)
{
    found f;
    uint64_t memory;
    (void)state;
    prepare();
    memory = bytes_as_it_is();
    ink_fitting fitting = fitting_of(&f, memory);
    fitting.compare = NULL;
    fitting.cache = "q8_0,q4_0";
    assert_int_equal(ink_fit_model(s.k_model, NULL, &fitting, NULL), INK_OK);
    for (size_t i = 0; i < f.n; i++)
        assert_string_equal(f.fits[i].cache, "q8_0,q4_0");
    assert_int_equal(f.n_measured, 1);
    fitting = fitting_of(&f, memory);
    fitting.compare = NULL;
    fitting.measure.measure = NULL;
    assert_int_equal(ink_fit_model(s.k_model, NULL, &fitting, NULL), INK_OK);
    const ink_fitted *choice = choice_of(&f);
    assert_true(isnan(choice->cache_loss));
    assert_true(choice->plan.cache_bytes <= memory / 4);
    /* heads of 8 numbers: there are floats alone */
    fitting = fitting_of(&f, 4 << 20);
    fitting.compare = NULL;
    fitting.measure.measure = NULL;
    assert_int_equal(ink_fit_model(s.stories, NULL, &fitting, NULL), INK_OK);
    assert_string_equal(choice_of(&f)->cache, "f16");
}

static void a_speed_is_kept(void **state)
{
    found f;
    ink_error error;
    (void)state;
    prepare();
    ink_fitting fitting = fitting_of(&f, bytes_as_it_is());
    fitting.compare = NULL;
    fitting.tokens_per_second = 1;
    if (ink_fit_model(s.k_model, NULL, &fitting, &error) != INK_OK)
        fail_msg("%s", error.message);
    assert_true(choice_of(&f)->tokens_per_second >= 1);
}

/* ---- What cannot be -------------------------------------------------------------------------- */

static ink_error refused(const ink_fitting *fitting, ink_status status)
{
    ink_error error = {0};
    assert_int_equal(ink_fit_model(s.k_model, s.out, fitting, &error), status);
    assert_int_equal(error.status, status);
    assert_false(there_is(s.out));
    assert_false(there_is(s.other));
    return error;
}

static void says(const ink_error *error, const char *what)
{
    if (!strstr(error->message, what))
        fail_msg("\"%s\" is not in \"%s\"", what, error->message);
}

/* What a refusal says would do, does; a byte less is refused. */
static void too_little_memory(void **state)
{
    found f;
    unsigned long long missing = 0, least = 0;
    (void)state;
    prepare();
    (void)remove(s.out);
    ink_fitting fitting = fitting_of(&f, 1);
    ink_error error = refused(&fitting, INK_LIMIT);
    says(&error, "too few for a context of 128: with the shortest formats");
    assert_int_equal(
        sscanf(strstr(error.message, "memory are ") + strlen("memory are "), "%llu", &missing), 1);
    assert_int_equal(
        sscanf(strstr(error.message, "it takes ") + strlen("it takes "), "%llu", &least), 1);
    assert_int_equal(missing + 1, least);
    assert_int_equal(f.n + f.n_measured, 0); /* before anything is read */
    fitting.memory_bytes = least - 1;
    fitting.n_context = CONTEXT;
    error = refused(&fitting, INK_LIMIT);
    says(&error, "what would fit: a context of ");
    fitting.memory_bytes = least;
    fitting.compare = NULL;
    assert_int_equal(ink_fit_model(s.k_model, NULL, &fitting, NULL), INK_OK);
    assert_true(choice_of(&f)->plan.total_bytes <= least);
}

static void too_quick(void **state)
{
    found f;
    (void)state;
    prepare();
    (void)remove(s.out);
    ink_fitting fitting = fitting_of(&f, bytes_as_it_is());
    fitting.tokens_per_second = 1e9f;
    fitting.machine_read_bytes = 1.5e10;
    ink_error error = refused(&fitting, INK_LIMIT);
    says(&error, "1e+09 tokens/s are wanted, ");
    says(&error, "times too few: each reads ");
    says(&error, "of 1.5e+10 that this machine reads in a second at most");
    says(&error, "a context of 128 it is ");
    assert_int_equal(f.n_measured, 0);
}

static void hostile_options(void **state)
{
    found f;
    char gpt2[1024];
    (void)state;
    prepare();
    (void)remove(s.out);
    ink_fitting fitting = fitting_of(&f, UINT64_MAX);
    fitting.n_context = (size_t)1 << 40;
    ink_error error = refused(&fitting, INK_BAD_ARGUMENT);
    says(&error, "positions; at most ");
    fitting = fitting_of(&f, UINT64_MAX);
    fitting.quantizing.n_texts = 0;
    error = refused(&fitting, INK_BAD_ARGUMENT);
    says(&error, "calibrate with one");
    fitting = fitting_of(&f, UINT64_MAX);
    fitting.quantizing.type = "Q4_0";
    error = refused(&fitting, INK_BAD_ARGUMENT);
    fitting = fitting_of(&f, UINT64_MAX);
    fitting.cache = "q9";
    error = refused(&fitting, INK_BAD_ARGUMENT);
    says(&error, "q9");
    fitting = fitting_of(&f, UINT64_MAX / 2);
    ink_shared_path("golden/models/gpt2-Q8_0.gguf", gpt2, sizeof gpt2);
    fitting.n_context = 100000;
    assert_int_equal(ink_fit_model(gpt2, s.out, &fitting, &error), INK_BAD_ARGUMENT);
    says(&error, "has learned ");
    ink_shared_path("golden/models/bert-Q8_0.gguf", gpt2, sizeof gpt2);
    assert_int_equal(ink_fit_model(gpt2, s.out, &fitting, &error), INK_UNSUPPORTED);
    says(&error, "for embeddings");
}

/* Whatever ends it in the middle, nothing is left but what was written whole. */
static void broken_off(void **state)
{
    found f;
    int n = 5;
    (void)state;
    prepare();
    (void)remove(s.out);
    ink_fitting fitting = fitting_of(&f, bytes_as_it_is());
    fitting.trying = (ink_progress){stop, &n};
    ink_error error = refused(&fitting, INK_CANCELLED);
    fitting = fitting_of(&f, bytes_as_it_is());
    f.compared = INK_IO;
    assert_int_equal(ink_fit_model(s.k_model, s.out, &fitting, &error), INK_IO);
    assert_int_equal(f.n_compared, 1);
    assert_int_equal(f.n, 0);
    assert_false(there_is(s.other));
    assert_true(there_is(s.out));
}

static int deinit(void **state)
{
    (void)state;
    if (s.folder[0])
        small_deinit(&s);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(assumed_is_as_written),
        cmocka_unit_test(hollow_models_run),
        cmocka_unit_test(timing_is_cancelled),
        cmocka_unit_test(a_frontier),
        cmocka_unit_test(room_for_all_of_it),
        cmocka_unit_test(caches),
        cmocka_unit_test(a_speed_is_kept),
        cmocka_unit_test(too_little_memory),
        cmocka_unit_test(too_quick),
        cmocka_unit_test(hostile_options),
        cmocka_unit_test(broken_off),
    };
    return cmocka_run_group_tests(tests, NULL, deinit);
}
