#define _POSIX_C_SOURCE 200809L
/*
 * A student and its teacher: the aim is reached, by what is kept in a file as by asking, and on
 * what the student writes; bits, breaks, and what cannot be.
 */
#include "learn.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct teaching {
    ink_test_training of; /* its model is the teacher */
    ink_distillation distillation;
    char student[128], kept[128];
    double first_loss, last_loss;
    int64_t stop_at; /* 0: never */
} teaching;

static bool note(void *context, const ink_training_report *report)
{
    teaching *t = context;
    assert_true(isfinite(report->loss));
    if (report->step == 1)
        t->first_loss = report->loss;
    t->last_loss = report->loss;
    return report->step != t->stop_at;
}

static const char *in_folder(const teaching *t, const char *name, char path[128])
{
    (void)snprintf(path, 128, "%s/%s", t->of.folder, name);
    return path;
}

/* The student is the teacher after some steps on another text. */
static void begin(teaching *t)
{
    memset(t, 0, sizeof *t);
    ink_test_training_init(&t->of);
    ink_distillation_init(&t->distillation);
    in_folder(t, "kept", t->kept);
    in_folder(t, "student.gguf", t->student);
    t->of.options.checkpoint = t->of.checkpoint;
    t->of.options.steps = 30;
    ink_test_train(&t->of, NULL);
    assert_int_equal(rename(t->of.out, t->student), 0);
    assert_int_equal(unlink(t->of.checkpoint), 0);
    t->distillation.teacher = t->of.model;
    t->of.options.report = note;
    t->of.options.report_context = t;
}

static void end(teaching *t)
{
    ink_test_training_deinit(&t->of);
}

static ink_status teach(teaching *t, const char *student, ink_error *error)
{
    return ink_distill(student, t->of.out, &t->distillation, &t->of.options, NULL, error);
}

static void must_teach(teaching *t)
{
    ink_error error;
    if (teach(t, t->student, &error) != INK_OK)
        fail_msg("%s", error.message);
    (void)unlink(t->of.checkpoint);
}

static void must_refuse(teaching *t, ink_status status, const char *word)
{
    ink_error error = {0};
    assert_int_equal(teach(t, t->student, &error), status);
    if (!strstr(error.message, word))
        fail_msg("\"%s\" is not in \"%s\"", word, error.message);
}

/* ---- The aim --------------------------------------------------------------------------------- */

/* Rounding apart: a session and a step of training take their sums in different orders. */
static void nothing_is_to_be_learned_from_oneself(void **state)
{
    (void)state;
    teaching t;
    ink_error error;
    begin(&t);
    t.of.options.steps = 1;
    for (int i = 0; i < 4; i++) {
        t.distillation.divergence = i % 2 ? "reverse" : "forward";
        t.distillation.skew = i / 2 ? 0.3f : 0;
        assert_int_equal(teach(&t, t.of.model, &error), INK_OK);
        (void)unlink(t.of.checkpoint);
        if (!(fabs(t.first_loss) < 1e-6))
            fail_msg("%s, skew %g: %g", t.distillation.divergence, (double)t.distillation.skew,
                     t.first_loss);
    }
    end(&t);
}

static void a_student_comes_nearer(void **state)
{
    (void)state;
    static const struct {
        const char *divergence;
        float skew, temperature, share, on_policy;
    } ways[] = {
        {"forward", 0, 1, 1, 0},    {"reverse", 0, 1, 1, 0}, {"forward", 0.1f, 1, 1, 0},
        {"reverse", 0.1f, 1, 1, 0}, {"forward", 0, 2, 1, 0}, {"forward", 0, 1, 0.5f, 0},
        {"reverse", 0, 1, 1, 0.5f},
    };
    teaching t;
    ink_comparison before, after;
    ink_error error;
    begin(&t);
    t.of.options.validation = 0.2f;
    assert_int_equal(ink_compare(t.student, t.of.model, &t.of.options, &before, &error), INK_OK);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        t.distillation.divergence = ways[i].divergence;
        t.distillation.skew = ways[i].skew;
        t.distillation.temperature = ways[i].temperature;
        t.distillation.share = ways[i].share;
        t.distillation.on_policy = ways[i].on_policy;
        must_teach(&t);
        assert_int_equal(ink_compare(t.of.out, t.of.model, &t.of.options, &after, &error), INK_OK);
        if (!(after.divergence < 0.8 * before.divergence))
            fail_msg("way %zu: the divergence went from %g to %g", i, before.divergence,
                     after.divergence);
    }
    end(&t);
}

static void a_model_agrees_with_itself(void **state)
{
    (void)state;
    teaching t;
    ink_comparison c;
    ink_error error;
    begin(&t);
    assert_int_equal(ink_compare(t.student, t.student, &t.of.options, &c, &error), INK_OK);
    assert_true(c.n_tokens > 0 && c.loss == c.other_loss && c.agreement == 1);
    assert_true(fabs(c.divergence) < 1e-12);
    t.of.options.validation = 0;
    assert_int_equal(ink_compare(t.student, t.student, &t.of.options, &c, &error),
                     INK_BAD_ARGUMENT);
    end(&t);
}

/* ---- What is kept in a file ------------------------------------------------------------------ */

static void all_that_is_kept_says_what_the_teacher_says(void **state)
{
    (void)state;
    teaching t;
    double asked;
    begin(&t);
    t.of.options.steps = 1;
    must_teach(&t);
    asked = t.first_loss;
    t.distillation.keep = 512; /* the whole vocabulary */
    t.distillation.kept = t.kept;
    must_teach(&t);
    if (!(fabs(t.first_loss - asked) < 1e-4 * asked))
        fail_msg("asked %g, kept %g", asked, t.first_loss);
    end(&t);
}

/* Others counting as one, the divergence can only be smaller (the data-processing inequality). */
static void what_is_kept_is_used_again(void **state)
{
    (void)state;
    teaching t;
    char first[128];
    begin(&t);
    t.of.options.steps = 12;
    must_teach(&t);
    double asked = t.first_loss;
    t.distillation.keep = 8;
    t.distillation.kept = t.kept;
    must_teach(&t);
    assert_true(t.first_loss > 0 && t.first_loss < asked);
    assert_int_equal(rename(t.of.out, in_folder(&t, "first.gguf", first)), 0);
    must_teach(&t);
    ink_assert_same_files(first, t.of.out);
    t.distillation.temperature = 2;
    must_refuse(&t, INK_BAD_ARGUMENT, "remove it");
    end(&t);
}

static void a_damaged_file_is_refused(void **state)
{
    (void)state;
    teaching t;
    begin(&t);
    t.of.options.steps = 1;
    t.distillation.keep = 4;
    t.distillation.kept = t.kept;
    must_teach(&t);
    FILE *file = fopen(t.kept, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 4000, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, 4000, SEEK_SET), 0);
    assert_true(fputc(byte ^ 1, file) >= 0);
    assert_int_equal(fclose(file), 0);
    must_refuse(&t, INK_CORRUPT, "damaged");
    assert_int_equal(truncate(t.kept, 5000), 0);
    must_refuse(&t, INK_BAD_ARGUMENT, "remove it");
    end(&t);
}

/* ---- Bits ------------------------------------------------------------------------------------ */

static void neither_threads_nor_breaks_change_a_bit(void **state)
{
    (void)state;
    char whole[128];
    for (int way = 0; way < 2; way++) {
        teaching t;
        ink_error error;
        begin(&t);
        t.of.options.steps = 6;
        t.of.options.n_threads = 1;
        if (way == 0)
            t.distillation.on_policy = 0.5f;
        else
            t.distillation.keep = 8;
        t.distillation.kept = way == 0 ? NULL : t.kept;
        must_teach(&t);
        assert_int_equal(rename(t.of.out, in_folder(&t, "whole.gguf", whole)), 0);
        t.of.options.n_threads = 2;
        for (t.stop_at = 1; t.stop_at < 6; t.stop_at += 2)
            assert_int_equal(teach(&t, t.student, &error), INK_CANCELLED);
        t.stop_at = 0;
        must_teach(&t);
        ink_assert_same_files(whole, t.of.out);
        end(&t);
    }
}

/* ---- What cannot be -------------------------------------------------------------------------- */

static void what_cannot_be_is_said(void **state)
{
    (void)state;
    teaching t;
    begin(&t);
    t.distillation.divergence = "sideways";
    must_refuse(&t, INK_BAD_ARGUMENT, "forward or reverse");
    t.distillation.divergence = "forward";
    t.distillation.keep = 8;
    must_refuse(&t, INK_BAD_ARGUMENT, "needs the other");
    t.distillation.kept = t.kept;
    t.distillation.on_policy = 0.5f;
    must_refuse(&t, INK_BAD_ARGUMENT, "on_policy");
    t.distillation.on_policy = 0;
    t.distillation.keep = 100000;
    must_refuse(&t, INK_BAD_ARGUMENT, "has 512");
    t.distillation.keep = 0;
    t.distillation.kept = NULL;
    t.distillation.share = 0;
    must_refuse(&t, INK_BAD_ARGUMENT, "no effect");
    t.distillation.share = 1;
    t.distillation.temperature = NAN;
    must_refuse(&t, INK_BAD_ARGUMENT, "temperature");
    t.distillation.temperature = 1;
    t.distillation.teacher = NULL;
    must_refuse(&t, INK_BAD_ARGUMENT, "no teacher");
    char other[1024];
    t.distillation.teacher = ink_shared_path("golden/models/gpt2-Q8_0.gguf", other, sizeof other);
    must_refuse(&t, INK_BAD_ARGUMENT, "different vocabularies");
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_to_be_learned_from_oneself),
        cmocka_unit_test(a_student_comes_nearer),
        cmocka_unit_test(a_model_agrees_with_itself),
        cmocka_unit_test(all_that_is_kept_says_what_the_teacher_says),
        cmocka_unit_test(what_is_kept_is_used_again),
        cmocka_unit_test(a_damaged_file_is_refused),
        cmocka_unit_test(neither_threads_nor_breaks_change_a_bit),
        cmocka_unit_test(what_cannot_be_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
