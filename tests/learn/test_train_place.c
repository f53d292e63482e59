#define _POSIX_C_SOURCE 200809L
/*
 * Where training writes: nobody else may at the same time, those that were killed do not count, and
 * what cannot be written is said before anything is learned.
 */
#include "learn.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TRAIN, LORA, DISTILL, N_WAYS };

static ink_status start(ink_test_training *t, int way, ink_error *error)
{
    ink_adapter_training adapter;
    ink_distillation distillation;
    ink_adapter_training_init(&adapter);
    ink_distillation_init(&distillation);
    distillation.teacher = t->model;
    if (way == LORA)
        return ink_train_adapter(t->model, t->out, &adapter, &t->options, NULL, error);
    if (way == DISTILL)
        return ink_distill(t->model, t->out, &distillation, &t->options, NULL, error);
    return ink_train(t->model, t->out, &t->options, NULL, error);
}

static const char *lock_of(const ink_test_training *t, char path[160])
{
    (void)snprintf(path, 160, "%s.lock", t->out);
    return path;
}

/* ---- One at a time --------------------------------------------------------------------------- */

static bool rival(void *context, const ink_training_report *report)
{
    ink_test_training other = *(ink_test_training *)context;
    char lock[160];
    other.options.report = NULL;
    for (int way = TRAIN; report->step == 1 && way < N_WAYS; way++) {
        ink_error error = {0};
        assert_int_equal(start(&other, way, &error), INK_IO);
        if (!strstr(error.message, "another process is at work") ||
            !strstr(error.message, other.out))
            fail_msg("%s", error.message);
        assert_int_equal(access(lock_of(&other, lock), F_OK), 0); /* not taken from its owner */
    }
    return true;
}

static void two_at_once_are_refused(void **state)
{
    (void)state;
    for (int way = TRAIN; way < N_WAYS; way++) {
        ink_test_training t;
        ink_error error = {0};
        char lock[160];
        ink_test_training_init(&t);
        t.options.checkpoint = t.checkpoint;
        t.options.report = rival;
        t.options.report_context = &t;
        t.options.steps = 2;
        if (start(&t, way, &error) != INK_OK)
            fail_msg("way %d: %s", way, error.message);
        assert_int_not_equal(access(lock_of(&t, lock), F_OK), 0);
        ink_test_training_deinit(&t);
    }
}

static bool die(void *context, const ink_training_report *report)
{
    (void)context;
    return report->step < 3 || raise(SIGKILL) == 0;
}

/* What a killed training leaves stands there, and is in nobody's way. */
static void locks_of_the_dead_do_not_count(void **state)
{
    (void)state;
    ink_test_training t;
    char lock[160];
    int status;
    ink_test_training_init(&t);
    t.options.checkpoint = t.checkpoint;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        t.options.report = die;
        _exit(ink_train(t.model, t.out, &t.options, NULL, NULL) == INK_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(access(lock_of(&t, lock), F_OK), 0);
    ink_training_result result;
    ink_test_train(&t, &result);
    assert_int_equal(result.first_step, 2); /* that it had kept */
    assert_int_not_equal(access(lock, F_OK), 0);
    ink_test_training_deinit(&t);
}

/* ---- A place --------------------------------------------------------------------------------- */

static bool never(void *context, const ink_training_report *report)
{
    (void)context;
    (void)report;
    fail_msg("a step was learned that cannot be kept");
    return false;
}

static void expect_refusal(ink_test_training *t, const char *path)
{
    for (int way = TRAIN; way < N_WAYS; way++) {
        ink_error error = {0};
        assert_int_equal(start(t, way, &error), INK_IO);
        if (!strstr(error.message, path))
            fail_msg("\"%s\" is not in \"%s\"", path, error.message);
    }
}

/* A limit on the size of files stands for a full disk. */
static void expect_no_room(ink_test_training *t, size_t n_bytes, const char *path)
{
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = n_bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    ink_error error = {0};
    ink_status status = ink_train(t->model, t->out, &t->options, NULL, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, INK_IO);
    if (!strstr(error.message, path) || !strstr(error.message, "ulimit"))
        fail_msg("\"%s\" is not in \"%s\"", path, error.message);
}

static void no_place_is_said_before_it_begins(void **state)
{
    (void)state;
    ink_test_training t;
    struct stat facts;
    ink_test_training_init(&t);
    ink_test_train(&t, NULL);
    assert_int_equal(stat(t.out, &facts), 0);
    assert_int_equal(unlink(t.out), 0);
    t.options.report = never;
    t.options.checkpoint = t.checkpoint;
    expect_no_room(&t, (size_t)facts.st_size / 2, t.out);
    expect_no_room(&t, (size_t)facts.st_size + 4096, t.checkpoint);
    assert_int_equal(mkdir(t.checkpoint, 0700), 0);
    expect_refusal(&t, t.checkpoint);
    assert_int_equal(rmdir(t.checkpoint), 0);
    t.options.checkpoint = "/nowhere/at/all.checkpoint";
    expect_refusal(&t, "/nowhere/at/all.checkpoint");
    t.options.checkpoint = NULL;
    assert_int_equal(mkdir(t.out, 0700), 0);
    expect_refusal(&t, t.out);
    assert_int_equal(rmdir(t.out), 0);
    (void)snprintf(t.out, sizeof t.out, "/nowhere/at/all.gguf");
    expect_refusal(&t, "/nowhere/at/all.gguf");
    ink_test_training_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_at_once_are_refused),
        cmocka_unit_test(locks_of_the_dead_do_not_count),
        cmocka_unit_test(no_place_is_said_before_it_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
