/*
 * Steps of learning on a small model: batches that are summed up are one large batch, what does not
 * count is not learned from, dropping out is of the step and the seed, and what is no number is
 * reported.
 */
#include "learn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "learn/subject.h"
#include "learn/trainer.h"

enum { CONTEXT = 12, MOST = 4 * CONTEXT };

typedef struct fixture {
    ink_subject subject;
    ink_model *model; /* the subject's */
    ink_parameter_list parameters;
    ink_trainer trainer;
    float *before; /* the weights */
} fixture;

static void check_ok(ink_status status, const ink_error *error)
{
    if (status != INK_OK)
        fail_msg("%s", error->message);
}

static void fixture_init(fixture *f, size_t n_tokens, float dropout, uint64_t seed)
{
    char path[1024];
    ink_error error;
    *f = (fixture){.subject = {.kind = &ink_subject_model}};
    check_ok(ink_subject_open(&f->subject,
                              ink_shared_path("weights/stories260K.gguf", path, sizeof path),
                              &(ink_training){.n_threads = 1}, &error),
             &error);
    f->model = f->subject.model;
    f->parameters = f->subject.parameters;
    check_ok(ink_trainer_init(&f->trainer, f->model, &f->parameters,
                              &(ink_trainer_options){.n_tokens = n_tokens,
                                                     .n_context = CONTEXT,
                                                     .dropout = dropout,
                                                     .seed = seed,
                                                     .n_threads = 2,
                                                     .adam = {0.9f, 0.99f, 1e-8f, 0, 0}},
                              &error),
             &error);
    f->before = malloc(f->model->weight_bytes);
    assert_non_null(f->before);
    memcpy(f->before, f->model->memory, f->model->weight_bytes);
}

static void fixture_deinit(fixture *f)
{
    ink_trainer_deinit(&f->trainer);
    ink_subject_close(&f->subject);
    free(f->before);
}

typedef struct sequences {
    int32_t tokens[MOST], positions[MOST], targets[MOST];
} sequences;

static ink_batch batch_of(sequences *s, size_t first, size_t n)
{
    return (ink_batch){.n_tokens = n * CONTEXT,
                       .tokens = s->tokens + first * CONTEXT,
                       .positions = s->positions + first * CONTEXT,
                       .targets = s->targets + first * CONTEXT};
}

static void draw(sequences *s, uint64_t seed)
{
    for (size_t i = 0; i < MOST; i++) {
        s->tokens[i] = (int32_t)(ink_test_random(&seed) % 512);
        s->targets[i] = (int32_t)(ink_test_random(&seed) % 512);
        s->positions[i] = (int32_t)(i % CONTEXT);
    }
}

static float learn(fixture *f, ink_batch batch, bool last)
{
    ink_error error;
    float loss;
    check_ok(ink_trainer_learn(&f->trainer, &batch, last, &loss, &error), &error);
    return loss;
}

/* The largest difference of gradients, as a part of the largest. */
static double gradients_apart(const fixture *a, const fixture *b, double scale)
{
    double most = 0, apart = 0;
    for (size_t p = 0; p < a->parameters.n; p++)
        for (size_t i = 0; i < a->parameters.all[p].n; i++) {
            double x = (double)a->trainer.gradients[p][i] * scale,
                   y = (double)b->trainer.gradients[p][i];
            most = fmax(most, fabs(x));
            apart = fmax(apart, fabs(x - y));
        }
    return apart / most;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

/* The mean of means is the mean where as many count; sums of floats in another order: 1e-5. */
static void batches_add_up(void **state)
{
    (void)state;
    ink_require_shared();
    sequences s;
    fixture one, four;
    draw(&s, 1);
    fixture_init(&one, CONTEXT, 0, 0);
    fixture_init(&four, MOST, 0, 0);
    double sum = 0, norm_one, norm_four;
    for (size_t i = 0; i < 4; i++)
        sum += (double)learn(&one, batch_of(&s, i, 1), i == 3);
    double loss = (double)learn(&four, batch_of(&s, 0, 4), true);
    assert_true(fabs(sum / 4 - loss) < 1e-5 * loss);
    assert_true(gradients_apart(&one, &four, 0.25) < 1e-5);
    assert_int_equal(ink_trainer_step(&one.trainer, 1e-3f, &norm_one, NULL), INK_OK);
    assert_int_equal(ink_trainer_step(&four.trainer, 1e-3f, &norm_four, NULL), INK_OK);
    assert_true(fabs(norm_one - norm_four) < 1e-5 * norm_four);
    /* After a step nothing is left of its batches. */
    (void)learn(&one, batch_of(&s, 1, 1), false);
    (void)learn(&one, batch_of(&s, 2, 1), true);
    fixture two;
    fixture_init(&two, 2 * CONTEXT, 0, 0);
    memcpy(two.model->memory, one.model->memory, one.model->weight_bytes);
    (void)learn(&two, batch_of(&s, 1, 2), true);
    assert_true(gradients_apart(&one, &two, 0.5) < 1e-5);
    fixture_deinit(&one);
    fixture_deinit(&two);
    fixture_deinit(&four);
}

static void what_does_not_count_is_not_learned(void **state)
{
    (void)state;
    ink_require_shared();
    sequences s;
    fixture one, four;
    double norm;
    draw(&s, 2);
    for (size_t i = CONTEXT; i < MOST; i++)
        s.targets[i] = -1;
    fixture_init(&one, CONTEXT, 0, 0);
    fixture_init(&four, MOST, 0, 0);
    float alone = learn(&one, batch_of(&s, 0, 1), true);
    assert_true(alone == learn(&four, batch_of(&s, 0, 4), true));
    assert_true(gradients_apart(&one, &four, 1) < 1e-5);
    /* Nothing counts at all: no loss, no slope, nothing moves. */
    s.targets[0] = -1;
    memset(s.targets, 0xff, sizeof s.targets);
    assert_int_equal(ink_trainer_step(&one.trainer, 0, &norm, NULL), INK_OK);
    assert_true(learn(&one, batch_of(&s, 0, 1), true) == 0);
    for (size_t i = 0; i < one.parameters.all[0].n; i++)
        assert_true(one.trainer.gradients[0][i] == 0);
    assert_int_equal(ink_trainer_step(&one.trainer, 0, &norm, NULL), INK_OK);
    assert_true(norm == 0);
    assert_memory_equal(one.model->memory, one.before, one.model->weight_bytes);
    fixture_deinit(&one);
    fixture_deinit(&four);
}

/* Each batch of each step drops others, the same with the same seed; measuring drops none. */
static void dropping_out_is_of_the_batch(void **state)
{
    (void)state;
    ink_require_shared();
    enum { RUNS = 3 }; /* the same twice, then another seed */
    sequences s;
    float losses[RUNS][4], measured, again;
    double norm;
    draw(&s, 3);
    for (size_t i = 0; i < RUNS; i++) {
        fixture f;
        ink_error error;
        ink_batch batch = batch_of(&s, 0, 1);
        fixture_init(&f, CONTEXT, 0.3f, i == 2 ? 8 : 7);
        check_ok(ink_trainer_evaluate(&f.trainer, &batch, &measured, &error), &error);
        for (size_t j = 0; j < 4; j++) {
            losses[i][j] = learn(&f, batch, j % 2);
            if (j % 2) /* a rate of 0: the weights stay */
                check_ok(ink_trainer_step(&f.trainer, 0, &norm, &error), &error);
        }
        check_ok(ink_trainer_evaluate(&f.trainer, &batch, &again, &error), &error);
        assert_true(measured == again);
        for (size_t j = 0; j < 4; j++) {
            assert_true(losses[i][j] != measured);
            for (size_t k = 0; k < j; k++)
                assert_true(losses[i][j] != losses[i][k]);
        }
        fixture_deinit(&f);
    }
    assert_memory_equal(losses[0], losses[1], sizeof losses[0]);
    assert_memory_not_equal(losses[0], losses[2], sizeof losses[0]);
}

static void what_is_no_number_is_reported(void **state)
{
    (void)state;
    ink_require_shared();
    sequences s;
    fixture f;
    ink_error error;
    double norm;
    draw(&s, 4);
    fixture_init(&f, CONTEXT, 0, 0);
    f.parameters.all[0].data[(size_t)s.tokens[3] * 64] = NAN;
    memcpy(f.before, f.model->memory, f.model->weight_bytes);
    assert_true(isnan(learn(&f, batch_of(&s, 0, 1), true)));
    assert_int_equal(ink_trainer_step(&f.trainer, 1e-3f, &norm, &error), INK_CORRUPT);
    assert_non_null(strstr(error.message, "step 1"));
    assert_memory_equal(f.model->memory, f.before, f.model->weight_bytes);
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_add_up),
        cmocka_unit_test(what_does_not_count_is_not_learned),
        cmocka_unit_test(dropping_out_is_of_the_batch),
        cmocka_unit_test(what_is_no_number_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
