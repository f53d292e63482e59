#define _XOPEN_SOURCE 700 /* truncate */
/*
 * Plans beside what the allocator counts, limits that hold, sessions that make room, and weights
 * that are larger than memory.
 */
#include "stories.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/model.h"

#define N_CONTEXT 256

static const char *stories(void)
{
    static char path[1024];
    ink_require_shared();
    return ink_shared_path(STORIES, path, sizeof path);
}

static ink_model *open_with(const ink_model_options *options)
{
    ink_model *model = NULL;
    ink_error error;
    if (ink_model_open(&model, stories(), options, &error) != INK_OK)
        fail_msg("%s", error.message);
    return model;
}

static ink_memory_plan plan_of(const ink_memory_options *options, int n_threads)
{
    ink_memory_plan plan;
    ink_error error;
    ink_model *model =
        open_with(&(ink_model_options){.load = INK_LOAD_METADATA, .n_threads = n_threads});
    if (ink_memory_plan_all(model, options, &plan, &error) != INK_OK)
        fail_msg("%s", error.message);
    ink_model_free(model);
    return plan;
}

/* Fills the context in steps of several shapes, then generates a little from the begin. */
static void use_all(ink_session *session, const ink_model *model)
{
    static const size_t pieces[] = {1, 64, 3, 100, 7, 2, 64};
    int32_t tokens[N_CONTEXT];
    ink_written written = {.n_bytes = 0};
    ink_generation generation = greedy(&written, 20);
    random_tokens(model, tokens, N_CONTEXT, 7);
    size_t at = 0;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        evaluate(session, tokens + at, pieces[i]);
        at += pieces[i];
    }
    evaluate(session, tokens + at, N_CONTEXT - at);
    assert_int_equal(ink_session_rewind(session, 0, NULL), INK_OK);
    (void)generate(session, tokens, 30, &generation);
}

/* The part of a plan that is not reached is small, and nothing is beyond it. */
static void plans_are_what_is_counted(void **state)
{
    static const char *const formats[] = {"f32", "f16"}; /* its heads are too short for q8_0 */
    static const ink_overflow overflows[] = {INK_OVERFLOW_ERROR, INK_OVERFLOW_ROLL,
                                             INK_OVERFLOW_EVICT, INK_OVERFLOW_SLIDE};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        int n_threads = i < 2 ? 1 : 2;
        ink_memory_options options = {.session = {.n_context = N_CONTEXT,
                                                  .n_batch = 64,
                                                  .cache = formats[i % 2],
                                                  .n_threads = n_threads,
                                                  .overflow = overflows[i]}};
        ink_memory_plan plan = plan_of(&options, n_threads);
        ink_test_allocator below;
        ink_test_allocator_init(&below, 0);
        ink_model *model = open_with(&(ink_model_options){.allocator = &below.allocator,
                                                          .n_threads = n_threads,
                                                          .memory_limit = plan.total_bytes});
        ink_session *session = NULL;
        ink_error error = {0};
        ink_status status = ink_session_new(&session, model, &options.session, &error);
        if (status != INK_OK)
            fail_msg("%s", error.message);
        use_all(session, model);
        assert_true(below.peak_bytes <= plan.total_bytes);
        uint64_t large = plan.weights_bytes + plan.cache_bytes + plan.work_bytes;
        assert_true(below.peak_bytes >= large);
        if (plan.total_bytes - below.peak_bytes > plan.total_bytes / 3)
            fail_msg("%llu planned, %zu used", (unsigned long long)plan.total_bytes,
                     below.peak_bytes);
        ink_memory_use use;
        ink_model_get_memory(model, &use);
        assert_int_equal(use.limit_bytes, plan.total_bytes);
        assert_true(use.peak_bytes <= plan.total_bytes);
        assert_int_equal(use.used_bytes, below.n_bytes);
        ink_session_free(session);
        ink_model_free(model);
        assert_int_equal(below.n_blocks, 0);
    }
}

static void more_of_everything_needs_more(void **state)
{
    ink_memory_options options = {.session = {.n_context = N_CONTEXT, .n_threads = 1}};
    (void)state;
    ink_memory_plan one = plan_of(&options, 1);
    options.n_sessions = 3;
    ink_memory_plan three = plan_of(&options, 1);
    assert_int_equal(three.cache_bytes, 3 * one.cache_bytes);
    assert_int_equal(three.model_bytes, one.model_bytes);
    options.n_sessions = 1;
    options.constraint = true;
    ink_memory_plan constrained = plan_of(&options, 1);
    assert_true(constrained.constraint_bytes > (8 << 20));
    assert_true(constrained.model_bytes > one.model_bytes); /* the vocabulary's trees */
    options.session.all_logits = true;
    ink_memory_plan all = plan_of(&options, 1);
    assert_true(all.work_bytes >= constrained.work_bytes); /* logits may lie where others lay */
}

static void a_refusal_says_what_fits(void **state)
{
    ink_memory_options options = {
        .session = {.n_context = 2048, .n_batch = 64, .n_threads = 1, .cache = "f32"}};
    ink_memory_plan plan = plan_of(&options, 1), again;
    ink_error error;
    (void)state;
    ink_model *model = open_with(&(ink_model_options){.load = INK_LOAD_METADATA, .n_threads = 1});
    options.memory_limit = plan.total_bytes;
    assert_int_equal(ink_memory_check(model, &options, &again, &error), INK_OK);
    options.memory_limit = plan.total_bytes - plan.cache_bytes / 4;
    assert_int_equal(ink_memory_check(model, &options, &again, &error), INK_LIMIT);
    size_t fits = 0;
    const char *text = strstr(error.message, "what would fit: a context of ");
    assert_non_null(text);
    assert_int_equal(sscanf(text, "what would fit: a context of %zu positions", &fits), 1);
    assert_non_null(strstr(error.message, "or 2048 with a cache in f16"));
    assert_true(fits >= 64 && fits < 2048);
    /* what it says does fit, and a page more does not */
    options.session.n_context = fits;
    assert_int_equal(ink_memory_check(model, &options, &again, &error), INK_OK);
    options.session.n_context = fits + 64;
    assert_int_equal(ink_memory_check(model, &options, &again, &error), INK_LIMIT);
    options.memory_limit = plan.model_bytes;
    assert_int_equal(ink_memory_check(model, &options, &again, &error), INK_LIMIT);
    assert_non_null(strstr(error.message, "pack_cache"));
    ink_model_free(model);
}

static void limits_hold(void **state)
{
    ink_model *model = NULL;
    ink_session *session = NULL;
    ink_error error;
    ink_session_options wanted = {.n_context = 2048, .n_threads = 1};
    (void)state;
    assert_int_equal(ink_model_open(&model, stories(),
                                    &(ink_model_options){.n_threads = 1, .memory_limit = 700000},
                                    &error),
                     INK_LIMIT);
    assert_non_null(strstr(error.message, "weights do not fit"));
    ink_memory_plan plan = plan_of(&(ink_memory_options){.session = wanted}, 1);
    model = open_with(&(ink_model_options){
        .n_threads = 1, .memory_limit = plan.total_bytes - plan.cache_bytes / 2});
    assert_int_equal(ink_session_new(&session, model, &wanted, &error), INK_LIMIT);
    assert_non_null(strstr(error.message, "what would fit"));
    wanted.n_context = 512;
    assert_int_equal(ink_session_new(&session, model, &wanted, &error), INK_OK);
    ink_session_free(session);
    ink_model_free(model);
}

static void keep_message(void *context, ink_log_level level, const char *message)
{
    if (level == INK_LOG_WARNING)
        (void)snprintf(context, 600, "%s", message);
}

/* What the model was trained for, or what has room, which is then said. */
static void a_context_that_is_not_given(void **state)
{
    char said[600] = "";
    ink_memory_options options = {.session = {.n_context = 2048, .n_threads = 1}};
    ink_session *session = NULL;
    ink_error error;
    (void)state;
    ink_memory_plan plan = plan_of(&options, 1);
    const ink_log log = {.write = keep_message, .context = said};
    ink_model *model = open_with(&(ink_model_options){.n_threads = 1, .log = log});
    options.session.n_context = 0;
    assert_int_equal(plan_of(&options, 1).n_context, 2048);
    assert_int_equal(ink_session_new(&session, model, &options.session, &error), INK_OK);
    assert_int_equal(ink_session_n_context(session), 2048);
    assert_string_equal(said, "");
    ink_session_free(session);
    ink_model_free(model);

    options.memory_limit = plan.total_bytes - plan.cache_bytes / 2;
    plan = plan_of(&options, 1);
    assert_true(plan.n_context < 2048 && plan.total_bytes <= options.memory_limit);
    model = open_with(
        &(ink_model_options){.n_threads = 1, .log = log, .memory_limit = options.memory_limit});
    assert_int_equal(ink_session_new(&session, model, &options.session, &error), INK_OK);
    size_t n = ink_session_n_context(session);
    assert_true(n >= plan.n_context && n < 2048 && n % 64 == 0);
    assert_non_null(strstr(said, "not the 2048 that the model was trained for"));
    ink_session_free(session);
    options.session.n_context = n + 64;
    assert_int_equal(ink_session_new(&session, model, &options.session, &error), INK_LIMIT);
    ink_model_free(model);
}

/* What is kept for sessions to come gives way to one that needs room. */
static void prefixes_give_way_to_sessions(void **state)
{
    int32_t tokens[N_CONTEXT];
    ink_memory_options options = {
        .session = {.n_context = N_CONTEXT, .n_batch = 64, .n_threads = 1}};
    ink_session *session = NULL;
    ink_error error;
    (void)state;
    ink_memory_plan plan = plan_of(&options, 1);
    ink_model *model =
        open_with(&(ink_model_options){.n_threads = 1, .memory_limit = plan.total_bytes});
    random_tokens(model, tokens, N_CONTEXT, 7);
    for (int i = 0; i < 6; i++) { /* of two formats, which have room one after the other */
        options.session.cache = i % 2 ? "f16" : "f32";
        options.session.n_context = i % 2 ? N_CONTEXT : N_CONTEXT / 4;
        if (ink_session_new(&session, model, &options.session, &error) != INK_OK)
            fail_msg("%s", error.message);
        evaluate(session, tokens, options.session.n_context);
        ink_session_free(session);
    }
    ink_model_free(model);
}

/* ---- Pressure -------------------------------------------------------------------------------- */

static void logits_of(ink_session *session, const ink_model *model, float *out)
{
    ink_model_info info;
    ink_model_get_info(model, &info);
    memcpy(out, ink_session_logits(session), info.n_vocab * sizeof *out);
}

static void sessions_make_room_and_go_on(void **state)
{
    static float expected[512], found[512];
    int32_t tokens[200];
    ink_model *model = open_model(STORIES, NULL);
    ink_session *calm = new_session(model, NULL, N_CONTEXT, 128),
                *pressed = new_session(model, NULL, N_CONTEXT, 128), *none = NULL;
    (void)state;
    random_tokens(model, tokens, 200, 3);
    evaluate(calm, tokens, 200);
    logits_of(calm, model, expected);
    evaluate(pressed, tokens, 100);
    size_t work = ink_device_memory_bytes(pressed->device);
    ink_model_set_pressure(model, INK_PRESSURE_BATCH);
    assert_int_equal(ink_model_get_pressure(model), INK_PRESSURE_BATCH);
    evaluate(pressed, tokens + 100, 100);
    assert_true(ink_device_memory_bytes(pressed->device) < work / 2);
    logits_of(pressed, model, found);
    assert_memory_equal(expected, found, sizeof expected);
    ink_error error;
    ink_session *more = new_session(model, NULL, N_CONTEXT, 128);
    ink_session_free(more);
    ink_model_set_pressure(model, INK_PRESSURE_REFUSE);
    assert_int_equal(ink_session_new(&none, model, NULL, &error), INK_LIMIT);
    assert_non_null(strstr(error.message, "scarce"));
    evaluate(pressed, tokens, 5);
    ink_model_set_pressure(model, INK_PRESSURE_NONE);
    assert_int_equal(ink_session_rewind(pressed, 0, NULL), INK_OK);
    evaluate(pressed, tokens, 200);
    logits_of(pressed, model, found);
    assert_memory_equal(expected, found, sizeof expected);
    ink_session_free(pressed);
    ink_session_free(calm);
    ink_model_free(model);
}

static void spilled_sessions_come_back(void **state)
{
    static float expected[512], found[512];
    int32_t tokens[150];
    char folder[64], path[96];
    ink_test_allocator below;
    ink_error error;
    (void)state;
    ink_temporary_folder(folder);
    (void)snprintf(path, sizeof path, "%s/idle", folder);
    ink_test_allocator_init(&below, 0);
    ink_model *model = open_model(STORIES, &below.allocator);
    random_tokens(model, tokens, 150, 5);
    ink_session *session = new_session(model, NULL, N_CONTEXT, 64);
    evaluate(session, tokens, 150);
    logits_of(session, model, expected);
    assert_int_equal(ink_session_rewind(session, 0, NULL), INK_OK);
    evaluate(session, tokens, 100);
    size_t before = below.n_bytes;
    assert_int_equal(ink_session_spill(session, path, &error), INK_OK);
    assert_true(ink_session_is_spilled(session));
    assert_int_equal(ink_session_spill(session, "/elsewhere", &error), INK_OK);
    assert_int_equal(ink_session_cache_bytes(session), 0);
    assert_true(below.n_bytes < before - 100000);
    assert_int_equal(ink_session_position(session), 100);
    assert_int_equal(ink_session_save(session, path, &error), INK_BAD_ARGUMENT);
    /* without memory the call fails, and the session stays where it is */
    below.fail_at = below.n_calls + 1;
    below.fail_after = true;
    assert_int_equal(ink_session_evaluate(session, tokens + 100, 50, NULL, NULL, &error),
                     INK_NO_MEMORY);
    assert_true(ink_session_is_spilled(session));
    assert_int_equal(ink_session_position(session), 100);
    below.fail_at = 0;
    below.fail_after = false;
    evaluate(session, tokens + 100, 50);
    assert_false(ink_session_is_spilled(session));
    assert_int_not_equal(access(path, F_OK), 0);
    logits_of(session, model, found);
    assert_memory_equal(expected, found, sizeof expected);
    assert_int_equal(ink_session_spill(session, path, &error), INK_OK);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_not_equal(ink_session_rewind(session, 10, &error), INK_OK);
    assert_true(ink_session_is_spilled(session));
    ink_session_free(session);
    assert_int_not_equal(access(path, F_OK), 0);
    ink_model_free(model);
    assert_int_equal(below.n_blocks, 0);
    ink_remove_folder(folder);
}

/* ---- Larger than memory ---------------------------------------------------------------------- */

/* What is needed beside weights that stay in their file. */
static uint64_t need_beside(const char *folder, const ink_session_options *session)
{
    ink_memory_plan plan;
    ink_error error;
    const ink_memory_options options = {.session = *session, .memory_limit = 1};
    ink_model *model = open_with(
        &(ink_model_options){.load = INK_LOAD_METADATA, .n_threads = 2, .pack_cache = folder});
    assert_int_equal(ink_memory_plan_all(model, &options, &plan, &error), INK_OK);
    assert_int_equal(plan.weights_bytes, 0);
    assert_true(plan.mapped_bytes > 1000000);
    ink_model_free(model);
    return plan.total_bytes;
}

static void weights_may_stay_in_their_file(void **state)
{
    static float expected[512], found[512];
    int32_t tokens[60];
    char folder[64];
    ink_error error;
    (void)state;
    ink_temporary_folder(folder);
    ink_model *model = open_model(STORIES, NULL);
    ink_session *session = new_session(model, NULL, 64, 8);
    random_tokens(model, tokens, 60, 9);
    evaluate(session, tokens, 60);
    logits_of(session, model, expected);
    ink_session_free(session);
    ink_model_free(model);
    ink_session_options wanted = {.n_context = 64, .n_batch = 8, .n_threads = 2};
    for (int start = 0; start < 2; start++) { /* packed into the file, then found there */
        const ink_model_options options = {
            .n_threads = 2, .pack_cache = folder, .memory_limit = need_beside(folder, &wanted)};
        ink_memory_use use;
        model = open_with(&options);
        ink_model_get_memory(model, &use);
        assert_true(use.mapped_bytes > 1000000);
        assert_true(use.peak_bytes <= options.memory_limit);
        assert_non_null(model->layers[0][INK_WEIGHT_QUERY].matrix.ahead);
        assert_int_equal(ink_session_new(&session, model, &wanted, &error), INK_OK);
        evaluate(session, tokens, 60);
        logits_of(session, model, found);
        assert_memory_equal(expected, found, sizeof expected);
        ink_session_free(session);
        ink_model_free(model);
    }
    ink_remove_folder(folder);
}

/* ---- A plan, then the model ------------------------------------------------------------------ */

static ink_model *open_copy(const char *path, const ink_allocator *allocator)
{
    size_t n_bytes;
    ink_model *model = NULL;
    char *bytes = ink_read_file(stories(), &n_bytes);
    ink_write_file(path, bytes, n_bytes);
    free(bytes);
    const ink_model_options options = {
        .allocator = allocator, .load = INK_LOAD_METADATA, .n_threads = 2};
    assert_int_equal(ink_model_open(&model, path, &options, NULL), INK_OK);
    assert_int_equal(unlink(path), 0); /* whoever opened it again would find nothing */
    return model;
}

static void what_was_planned_is_not_read_again(void **state)
{
    static float expected[512], found[512];
    int32_t tokens[60];
    char folder[64], path[96];
    ink_test_allocator below;
    ink_memory_plan plan;
    ink_memory_use use;
    ink_session *session = NULL;
    ink_error error;
    (void)state;
    ink_temporary_folder(folder);
    (void)snprintf(path, sizeof path, "%s/copy.gguf", folder);
    ink_model *model = open_model(STORIES, NULL);
    session = new_session(model, NULL, 64, 8);
    random_tokens(model, tokens, 60, 9);
    evaluate(session, tokens, 60);
    logits_of(session, model, expected);
    ink_session_free(session);
    ink_model_free(model);

    ink_test_allocator_init(&below, 0);
    ink_model *planned = open_copy(path, &below.allocator);
    const ink_memory_options wanted = {.session = {.n_context = 64, .n_batch = 8, .n_threads = 2},
                                       .constraint = true};
    assert_int_equal(ink_memory_plan_all(planned, &wanted, &plan, &error), INK_OK);
    const ink_model_options options = {
        .allocator = &below.allocator, .n_threads = 2, .memory_limit = plan.total_bytes};
    assert_int_equal(ink_model_open_planned(&model, planned, &options, &error), INK_OK);
    assert_int_equal(ink_session_new(&session, model, &wanted.session, &error), INK_OK);
    evaluate(session, tokens, 60);
    logits_of(session, model, found);
    assert_memory_equal(expected, found, sizeof expected);
    ink_model_get_memory(model, &use);
    assert_int_equal(use.limit_bytes, plan.total_bytes);
    assert_true(use.peak_bytes <= plan.total_bytes);
    ink_session_free(session);

    /* a model that has its weights was not opened to plan; it ends all the same */
    assert_int_equal(ink_model_open_planned(&planned, model, &options, &error), INK_BAD_ARGUMENT);
    assert_int_equal(below.n_blocks, 0);
    planned = open_copy(path, &below.allocator);
    const ink_model_options small = {
        .allocator = &below.allocator, .n_threads = 2, .memory_limit = 700000};
    assert_int_equal(ink_model_open_planned(&model, planned, &small, &error), INK_LIMIT);
    assert_int_equal(below.n_blocks, 0);
    ink_remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_are_what_is_counted),
        cmocka_unit_test(more_of_everything_needs_more),
        cmocka_unit_test(a_refusal_says_what_fits),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(a_context_that_is_not_given),
        cmocka_unit_test(prefixes_give_way_to_sessions),
        cmocka_unit_test(sessions_make_room_and_go_on),
        cmocka_unit_test(spilled_sessions_come_back),
        cmocka_unit_test(weights_may_stay_in_their_file),
        cmocka_unit_test(what_was_planned_is_not_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
