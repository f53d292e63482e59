#define _POSIX_C_SOURCE 200809L
/*
 * Trainings from file to file: the same bits for any number of threads and after any break; what
 * belongs to another training is refused; full disks, no memory, and options that cannot be.
 */
#include "learn.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Trains with a copy of t's options to a file beside its own. */
static const char *beside(const ink_test_training *t, const char *name, char path[128])
{
    (void)snprintf(path, 128, "%s/%s", t->folder, name);
    return path;
}

/* ---- Learning -------------------------------------------------------------------------------- */

typedef struct history {
    size_t n, n_measured;
    double losses[200];
    int64_t stop_at; /* 0: never */
    int64_t full_at; /* the disk is full from this step on; 0: never */
    size_t disk_bytes;
} history;

/* A limit on file sizes stands for a full disk. */
static void limit_files(size_t n_bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = n_bytes ? n_bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static bool remember(void *context, const ink_training_report *report)
{
    history *h = context;
    assert_true(h->n < sizeof h->losses / sizeof *h->losses);
    assert_true(isfinite(report->loss) && isfinite(report->gradient_norm) && report->rate > 0);
    h->losses[h->n++] = report->loss;
    h->n_measured += isnan(report->validation_loss) == 0;
    if (report->step == h->full_at)
        limit_files(h->disk_bytes);
    return report->step != h->stop_at;
}

static void a_model_learns_a_text(void **state)
{
    (void)state;
    ink_test_training t;
    ink_training_result result;
    history h = {0};
    ink_test_training_init(&t);
    t.options.steps = 60;
    t.options.evaluate_every = 20;
    t.options.report = remember;
    t.options.report_context = &h;
    ink_test_train(&t, &result);
    assert_int_equal(h.n, 60);
    assert_int_equal(h.n_measured, 3);
    if (!(h.losses[59] < 0.8 * h.losses[0]))
        fail_msg("the loss went from %g to %g", h.losses[0], h.losses[59]);
    assert_int_equal(result.last.step, 60);
    assert_int_equal(result.first_step, 0);
    assert_false(result.stopped_early);
    assert_true(result.last.best_validation_loss <= result.last.validation_loss);
    assert_true(result.n_training_tokens > 5 * result.n_validation_tokens);
    assert_true(result.n_validation_tokens > 32 && result.memory_bytes > 0);
    ink_model *model;
    ink_session *session;
    ink_error error;
    const int32_t tokens[] = {1, 403, 407};
    assert_int_equal(ink_model_open(&model, t.out, NULL, &error), INK_OK);
    assert_int_equal(ink_session_new(&session, model, NULL, &error), INK_OK);
    assert_int_equal(ink_session_evaluate(session, tokens, 3, NULL, NULL, &error), INK_OK);
    ink_session_free(session);
    ink_model_free(model);
    ink_test_training_deinit(&t);
}

/* ---- Bits ------------------------------------------------------------------------------------ */

static void threads_change_no_bit(void **state)
{
    (void)state;
    for (int dropped = 0; dropped < 2; dropped++) {
        ink_test_training t;
        char one[128];
        ink_test_training_init(&t);
        t.options.dropout = dropped ? 0.2f : 0;
        t.options.n_threads = 1;
        ink_test_train(&t, NULL);
        assert_int_equal(rename(t.out, beside(&t, "one.gguf", one)), 0);
        for (int n_threads = 2; n_threads <= 3; n_threads++) {
            t.options.n_threads = n_threads;
            ink_test_train(&t, NULL);
            ink_assert_same_files(one, t.out);
        }
        t.options.recompute = 1;
        ink_test_train(&t, NULL);
        ink_assert_same_files(one, t.out);
        ink_test_training_deinit(&t);
    }
}

/* Once without a break, once with one after each step, by other numbers of threads. */
static void a_break_changes_no_bit(void **state)
{
    (void)state;
    ink_test_training t;
    char whole[128], whole_checkpoint[128];
    ink_error error;
    ink_test_training_init(&t);
    t.options.dropout = 0.1f;
    t.options.checkpoint = t.checkpoint;
    ink_test_train(&t, NULL);
    assert_int_equal(rename(t.out, beside(&t, "whole.gguf", whole)), 0);
    assert_int_equal(rename(t.checkpoint, beside(&t, "state.gguf", whole_checkpoint)), 0);
    for (int64_t stop = 1; stop <= t.options.steps; stop++) {
        history h = {.stop_at = stop};
        ink_training_result result;
        t.options.report = remember;
        t.options.report_context = &h;
        t.options.n_threads = 1 + (int)stop % 3;
        assert_int_equal(ink_train(t.model, t.out, &t.options, NULL, &error), INK_CANCELLED);
        assert_int_equal(h.n, stop);
        assert_int_equal(access(t.out, F_OK), -1); /* not before it is done */
        h.stop_at = 0;
        t.options.n_threads = 1 + (int)(stop + 1) % 3;
        ink_test_train(&t, &result);
        assert_int_equal(result.first_step, stop);
        assert_int_equal(h.n, t.options.steps);
        ink_assert_same_files(whole, t.out);
        ink_assert_same_files(whole_checkpoint, t.checkpoint);
        assert_int_equal(unlink(t.out) | unlink(t.checkpoint), 0);
    }
    ink_test_training_deinit(&t);
}

/* Ends after the patience that it has, and would end there again. */
static void patience_ends_it_once(void **state)
{
    (void)state;
    ink_test_training t;
    ink_training_result result, again;
    history h = {0};
    char best[128];
    ink_test_training_init(&t);
    t.options.steps = 100;
    t.options.rate = 0.05f; /* far too high: it gets worse */
    t.options.warmup = 0;
    t.options.evaluate_every = 1;
    t.options.patience = 3;
    t.options.checkpoint = t.checkpoint;
    t.options.report = remember;
    t.options.report_context = &h;
    ink_test_train(&t, &result);
    assert_true(result.stopped_early && result.last.step < 100);
    assert_true(result.last.validation_loss > result.last.best_validation_loss);
    assert_int_equal(rename(t.out, beside(&t, "best.gguf", best)), 0);
    size_t n = h.n;
    assert_int_equal(link(best, t.out), 0);
    ink_test_train(&t, &again);
    assert_int_equal(h.n, n);
    assert_true(again.stopped_early);
    ink_assert_same_files(best, t.out);
    ink_test_training_deinit(&t);
}

/* ---- Kills ----------------------------------------------------------------------------------- */

enum { KILLS = 20 };

/* A child that is killed after so many microseconds, if it has not ended. Gives whether it had. */
static bool train_and_kill(ink_test_training *t, long microseconds)
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(ink_train(t->model, t->out, &t->options, NULL, NULL) == INK_OK ? 0 : 1);
    struct timespec pause = {microseconds / 1000000, microseconds % 1000000 * 1000};
    (void)nanosleep(&pause, NULL);
    (void)kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return !WIFSIGNALED(status);
}

static double seconds(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Each run gets a random part of the time that a whole one takes, so many ends are in files. */
static void killed_at_any_moment(void **state)
{
    (void)state;
    ink_test_training t;
    uint64_t seed = 5;
    char whole[128];
    ink_test_training_init(&t);
    t.options.save_every = 1;
    t.options.steps = 12;
    t.options.checkpoint = t.checkpoint;
    double began = seconds();
    ink_test_train(&t, NULL);
    double took = 1e6 * (seconds() - began);
    assert_int_equal(rename(t.out, beside(&t, "whole.gguf", whole)), 0);
    assert_int_equal(unlink(t.checkpoint), 0);
    for (int i = 0; i < KILLS; i++) {
        double part = (double)(ink_test_random(&seed) >> 11) * 0x1p-53;
        if (train_and_kill(&t, (long)(took * part))) {
            ink_assert_same_files(whole, t.out);
            assert_int_equal(unlink(t.out) | unlink(t.checkpoint), 0);
        }
    }
    ink_test_train(&t, NULL);
    ink_assert_same_files(whole, t.out);
    ink_test_training_deinit(&t);
}

/* ---- Checkpoints of others ------------------------------------------------------------------- */

/* Changes the i-th option; false when there is none. */
static bool change_option(ink_training *t, size_t wanted)
{
    size_t i = 0;
#define X(type, name, fallback, low, high, help)                                                \
    if (i++ == wanted) {                                                                        \
        double half = (double)t->name > 0 ? (double)t->name / 2 : (double)(high) / 2;           \
        t->name = (type)(half > 1000 ? 1 : half >= 0.5 && (type)0.5f == 0 ? ceil(half) : half); \
        return true;                                                                            \
    }
    INK_TRAINING_TABLE(X)
#undef X
    return false;
}

static void other_options_are_refused(void **state)
{
    (void)state;
    ink_test_training t;
    history h = {.stop_at = 2};
    ink_error error;
    size_t n_bytes, n_changed = 0;
    ink_test_training_init(&t);
    t.options.checkpoint = t.checkpoint;
    t.options.report = remember;
    t.options.report_context = &h;
    assert_int_equal(ink_train(t.model, t.out, &t.options, NULL, &error), INK_CANCELLED);
    char *before = ink_read_file(t.checkpoint, &n_bytes);
    for (ink_training changed = t.options; change_option(&changed, n_changed); n_changed++) {
        error.message[0] = 0;
        ink_status status = ink_train(t.model, t.out, &changed, NULL, &error);
        if (status != INK_BAD_ARGUMENT || !strstr(error.message, t.checkpoint))
            fail_msg("option %zu: status %d, \"%s\"", n_changed, (int)status, error.message);
        changed = t.options;
    }
    assert_true(n_changed > 15);
    ink_test_text(t.text, 400, 4);
    assert_int_equal(ink_train(t.model, t.out, &t.options, NULL, &error), INK_BAD_ARGUMENT);
    ink_test_text(t.text, 400, 3);
    ink_write_file(t.checkpoint, before, n_bytes);
    h.stop_at = 0;
    ink_test_train(&t, NULL); /* with what it was made with it goes on */
    free(before);
    ink_test_training_deinit(&t);
}

/* "bf16" is one of the two, by the processor; what was begun goes on by its own name only. */
static void a_precision_is_gone_on_with(void **state)
{
    static const char *const all[] = {"f32", "bf16-pairs", "bf16-tiles"};
    (void)state;
    ink_test_training t;
    history h = {.stop_at = 2};
    ink_error error;
    ink_training_result result;
    char whole[128];
    ink_test_training_init(&t);
    t.options.precision = "bf16";
    ink_test_train(&t, &result);
    assert_int_equal(rename(t.out, beside(&t, "whole.gguf", whole)), 0);
    t.options.checkpoint = t.checkpoint;
    t.options.report = remember;
    t.options.report_context = &h;
    assert_int_equal(ink_train(t.model, t.out, &t.options, NULL, &error), INK_CANCELLED);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strcmp(all[i], result.precision) == 0)
            continue;
        t.options.precision = all[i];
        assert_int_equal(ink_train(t.model, t.out, &t.options, NULL, &error), INK_BAD_ARGUMENT);
        assert_non_null(strstr(error.message, result.precision));
        assert_non_null(strstr(error.message, all[i]));
    }
    t.options.precision = "bf17";
    assert_int_equal(ink_train(t.model, t.out, &t.options, NULL, &error), INK_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "bf17"));
    h.stop_at = 0;
    t.options.precision = result.precision;
    ink_test_train(&t, NULL);
    ink_assert_same_files(whole, t.out);
    ink_test_training_deinit(&t);
}

static void damaged_checkpoints_are_refused(void **state)
{
    (void)state;
    ink_test_training t;
    history h = {.stop_at = 2};
    ink_error error;
    size_t n_bytes;
    uint64_t seed = 6;
    ink_test_training_init(&t);
    t.options.checkpoint = t.checkpoint;
    t.options.report = remember;
    t.options.report_context = &h;
    assert_int_equal(ink_train(t.model, t.out, &t.options, NULL, &error), INK_CANCELLED);
    char *bytes = ink_read_file(t.checkpoint, &n_bytes);
    for (int i = 0; i < 30; i++) { /* cut in the header, in the table of tensors, in the weights */
        size_t limit = i < 10 ? 300 : i < 20 ? 30000 : n_bytes;
        ink_write_file(t.checkpoint, bytes, (size_t)(ink_test_random(&seed) % limit));
        ink_status status = ink_train(t.model, t.out, &t.options, NULL, &error);
        if (status == INK_OK || status == INK_CANCELLED || status == INK_NO_MEMORY)
            fail_msg("cut %d: status %d", i, (int)status);
    }
    assert_int_equal(access(t.out, F_OK), -1);
    ink_write_file(t.checkpoint, "", 0);
    assert_int_not_equal(ink_train(t.model, t.out, &t.options, NULL, &error), INK_OK);
    ink_write_file(t.checkpoint, bytes, n_bytes);
    h.stop_at = 0;
    ink_test_train(&t, NULL);
    free(bytes);
    ink_test_training_deinit(&t);
}

/* ---- Disks ----------------------------------------------------------------------------------- */

static void a_full_disk_keeps_the_checkpoint(void **state)
{
    (void)state;
    ink_test_training t;
    history h = {0};
    char whole[128], kept[128];
    ink_error error;
    size_t n_bytes;
    ink_test_training_init(&t);
    ink_test_train(&t, NULL);
    assert_int_equal(rename(t.out, beside(&t, "whole.gguf", whole)), 0);
    t.options.checkpoint = t.checkpoint;
    h.stop_at = 3;
    t.options.report = remember;
    t.options.report_context = &h;
    assert_int_equal(ink_train(t.model, t.out, &t.options, NULL, &error), INK_CANCELLED);
    char *bytes = ink_read_file(t.checkpoint, &n_bytes);
    ink_write_file(beside(&t, "kept.gguf", kept), bytes, n_bytes);
    free(bytes);
    h = (history){.full_at = 4, .disk_bytes = n_bytes / 2};
    void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(ink_train(t.model, t.out, &t.options, NULL, &error), INK_IO);
    limit_files(0);
    (void)signal(SIGXFSZ, old);
    assert_int_equal(h.n, 1); /* the next after the one that was kept */
    assert_non_null(strstr(error.message, t.checkpoint));
    h.full_at = 0;
    ink_assert_same_files(kept, t.checkpoint);
    assert_int_equal(access(t.out, F_OK), -1);
    ink_test_train(&t, NULL);
    ink_assert_same_files(whole, t.out);
    ink_test_training_deinit(&t);
}

/* ---- Mistakes -------------------------------------------------------------------------------- */

static ink_status try_with(ink_test_training *t, ink_error *error)
{
    ink_status status = ink_train(t->model, t->out, &t->options, NULL, error);
    assert_int_equal(access(t->out, F_OK), -1);
    return status;
}

/* Each option below its least and above its most is refused by name. */
static void options_have_limits(void **state)
{
    (void)state;
    ink_test_training t;
    ink_error error;
    ink_test_training_init(&t);
    const ink_training good = t.options;
#define REFUSED(type, name, value, limit)                         \
    t.options = good;                                             \
    t.options.name = (type)(value);                               \
    if ((double)t.options.name != (double)(limit)) {              \
        assert_int_equal(try_with(&t, &error), INK_BAD_ARGUMENT); \
        assert_non_null(strstr(error.message, #name));            \
    }
#define X(type, name, fallback, low, high, help) \
    REFUSED(type, name, (double)(low)-1, low)    \
    REFUSED(type, name, (double)(high) < 1e18 ? (double)(high)*1.01 + 1 : (double)(high), high)
    INK_TRAINING_TABLE(X)
#undef X
    t.options = good;
    t.options.rate = NAN;
    assert_int_equal(try_with(&t, &error), INK_BAD_ARGUMENT);
    ink_test_training_deinit(&t);
}

static void what_cannot_be_trained(void **state)
{
    (void)state;
    ink_test_training t;
    ink_error error;
    ink_test_training_init(&t);
    const ink_training good = t.options;
    t.options.n_texts = 0;
    assert_int_equal(try_with(&t, &error), INK_BAD_ARGUMENT);
    t.options = good;
    t.options.context = 513; /* the model has 512 */
    assert_int_equal(try_with(&t, &error), INK_BAD_ARGUMENT);
    t.options = good;
    t.options.validation = 0;
    t.options.patience = 1;
    assert_int_equal(try_with(&t, &error), INK_BAD_ARGUMENT);
    t.options = good;
    ink_write_file(t.text, "", 0);
    assert_int_equal(try_with(&t, &error), INK_BAD_ARGUMENT);
    t.texts[0] = "/nowhere/at/all.txt";
    assert_int_equal(try_with(&t, &error), INK_IO);
    assert_non_null(strstr(error.message, "/nowhere/at/all.txt"));
    t.texts[0] = t.text;
    ink_test_text(t.text, 400, 3);
    ink_shared_path("golden/models/llama-moe-Q4_K_M.gguf", t.model, sizeof t.model);
    assert_int_equal(try_with(&t, &error), INK_UNSUPPORTED);
    assert_non_null(strstr(error.message, "experts"));
    ink_shared_path("golden/models/bert-Q8_0.gguf", t.model, sizeof t.model);
    assert_int_equal(try_with(&t, &error), INK_UNSUPPORTED);
    ink_test_training_deinit(&t);
}

/* Nothing is written where the result cannot be. */
static void results_need_a_place(void **state)
{
    (void)state;
    ink_test_training t;
    ink_error error;
    ink_test_training_init(&t);
    t.options.steps = 1;
    (void)snprintf(t.out, sizeof t.out, "/nowhere/at/all.gguf");
    assert_int_equal(try_with(&t, &error), INK_IO);
    ink_test_training_deinit(&t);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static ink_status attempt(const ink_allocator *allocator, void *context)
{
    ink_test_training *t = context;
    ink_error error = {.status = INK_OK};
    t->options.allocator = allocator;
    (void)unlink(t->checkpoint);
    ink_status status = ink_train(t->model, t->out, &t->options, NULL, &error);
    assert_int_equal(error.status, status);
    if (status == INK_OK) /* and once more, from the checkpoint */
        status = ink_train(t->model, t->out, &t->options, NULL, &error);
    return status;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    ink_test_training t;
    ink_test_training_init(&t);
    ink_test_text(t.text, 60, 3);
    t.options.n_threads = 1;
    t.options.steps = 2;
    t.options.context = 8;
    t.options.checkpoint = t.checkpoint;
    assert_true(ink_fail_each_allocation(attempt, &t, 5000) > 100);
    ink_test_training_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_learns_a_text),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(a_break_changes_no_bit),
        cmocka_unit_test(patience_ends_it_once),
        cmocka_unit_test(killed_at_any_moment),
        cmocka_unit_test(other_options_are_refused),
        cmocka_unit_test(a_precision_is_gone_on_with),
        cmocka_unit_test(damaged_checkpoints_are_refused),
        cmocka_unit_test(a_full_disk_keeps_the_checkpoint),
        cmocka_unit_test(options_have_limits),
        cmocka_unit_test(what_cannot_be_trained),
        cmocka_unit_test(results_need_a_place),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
