/*
 * AdamW against its definition in double; the same bits on any number of threads; gradients that
 * are no numbers change nothing.
 */
#include "../support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/pool.h"
#include "learn/optimizer.h"

/* Less than a piece, a whole one, and more; what decays and what does not. */
static const size_t sizes[] = {1, 100, 32768, 70001};
enum { N = 4, N_FLOATS = 1 + 100 + 32768 + 70001, N_STEPS = 6 };

/*
 * Each step rounds weight and moments by 2^-24 of themselves, and its own length, which is about
 * the rate, by some 2^-22. Six steps add up.
 */
#define TOLERANCE 2e-6

static const ink_adam adam = {0.9f, 0.95f, 1e-8f, 0.1f, 1};

typedef struct learner {
    ink_parameter all[N];
    ink_parameter_list list;
    float *weights, *gradients;
    const float *of[N];
    ink_pool *pool;
    ink_optimizer optimizer;
} learner;

static float small_number(uint64_t *seed)
{
    return (float)(int32_t)(ink_test_random(seed) >> 32) * 0x1p-31f;
}

static void learner_init(learner *l, ink_adam how, int n_threads)
{
    uint64_t seed = 0x2545f4914f6cdd1d;
    size_t at = 0;
    *l = (learner){.weights = calloc(N_FLOATS, sizeof(float)),
                   .gradients = calloc(N_FLOATS, sizeof(float))};
    assert_true(l->weights && l->gradients);
    for (size_t i = 0; i < N_FLOATS; i++)
        l->weights[i] = small_number(&seed);
    for (size_t i = 0; i < N; at += sizes[i++]) {
        l->all[i] = (ink_parameter){
            .name = "w", .data = l->weights + at, .n = sizes[i], .decays = i % 2 != 0};
        l->of[i] = l->gradients + at;
    }
    l->list = (ink_parameter_list){.all = l->all, .n = N, .n_floats = N_FLOATS};
    assert_int_equal(ink_pool_new(&l->pool, n_threads, NULL, NULL), INK_OK);
    assert_int_equal(ink_pool_reserve(l->pool, 1, NULL), INK_OK);
    assert_int_equal(ink_optimizer_init(&l->optimizer, how, &l->list, l->pool, NULL, NULL), INK_OK);
}

static void learner_deinit(learner *l)
{
    ink_optimizer_deinit(&l->optimizer);
    ink_pool_free(l->pool);
    free(l->weights);
    free(l->gradients);
}

static void draw_gradients(learner *l, uint64_t step)
{
    uint64_t seed = 77 + step;
    for (size_t i = 0; i < N_FLOATS; i++)
        l->gradients[i] = small_number(&seed) * (i % 3 ? 1e-4f : 1);
}

/* ---- The definition -------------------------------------------------------------------------- */

typedef struct naive {
    double *w, *m, *v; /* [N_FLOATS] */
} naive;

static double naive_step(naive *o, const learner *l, ink_adam how, int step, double scale,
                         double rate)
{
    double square = 0, factor = scale;
    for (size_t i = 0; i < N_FLOATS; i++)
        square += scale * scale * (double)l->gradients[i] * (double)l->gradients[i];
    if (how.clip > 0 && sqrt(square) > (double)how.clip)
        factor *= (double)how.clip / sqrt(square);
    double b1 = (double)how.beta1, b2 = (double)how.beta2;
    for (size_t p = 0, i = 0; p < N; p++)
        for (size_t end = i + sizes[p]; i < end; i++) {
            double g = (double)l->gradients[i] * factor;
            o->m[i] = b1 * o->m[i] + (1 - b1) * g;
            o->v[i] = b2 * o->v[i] + (1 - b2) * g * g;
            double m = o->m[i] / (1 - pow(b1, step)), v = o->v[i] / (1 - pow(b2, step));
            if (l->all[p].decays)
                o->w[i] -= rate * (double)how.decay * o->w[i];
            o->w[i] -= rate * m / (sqrt(v) + (double)how.epsilon);
        }
    return sqrt(square);
}

static void compare(ink_adam how, float scale)
{
    learner l;
    naive o = {calloc(N_FLOATS, sizeof(double)), calloc(N_FLOATS, sizeof(double)),
               calloc(N_FLOATS, sizeof(double))};
    assert_true(o.w && o.m && o.v);
    learner_init(&l, how, 2);
    for (size_t i = 0; i < N_FLOATS; i++)
        o.w[i] = (double)l.weights[i];
    for (int step = 1; step <= N_STEPS; step++) {
        float rate = 0.01f / (float)step;
        draw_gradients(&l, (uint64_t)step);
        double norm = ink_optimizer_step(&l.optimizer, l.of, scale, rate);
        double wanted = naive_step(&o, &l, how, step, (double)scale, (double)rate);
        assert_true(fabs(norm - wanted) <= 1e-9 * wanted);
        assert_int_equal(l.optimizer.n_steps, step);
    }
    for (size_t i = 0; i < N_FLOATS; i++)
        if (!(fabs((double)l.weights[i] - o.w[i]) <= TOLERANCE))
            fail_msg("weight %zu is %.9g instead of %.9g", i, (double)l.weights[i], o.w[i]);
    learner_deinit(&l);
    free(o.w);
    free(o.m);
    free(o.v);
}

static void steps_are_those_of_the_definition(void **state)
{
    (void)state;
    compare(adam, 1);
    compare((ink_adam){0.9f, 0.999f, 1e-8f, 0, 0}, 0.25f);
    compare((ink_adam){0, 0, 1e-3f, 1, 1e6f}, 1);
}

/* ---- Bits ------------------------------------------------------------------------------------ */

static void threads_change_no_bit(void **state)
{
    (void)state;
    learner one;
    learner_init(&one, adam, 1);
    for (int n_threads = 2; n_threads <= 4; n_threads++) {
        learner many;
        learner_init(&many, adam, n_threads);
        for (uint64_t step = 0; step < 3; step++) {
            draw_gradients(&many, step);
            double norm = ink_optimizer_step(&many.optimizer, many.of, 1, 0.01f), wanted;
            if (n_threads > 2)
                continue;
            draw_gradients(&one, step);
            wanted = ink_optimizer_step(&one.optimizer, one.of, 1, 0.01f);
            assert_true(norm == wanted);
        }
        assert_memory_equal(one.weights, many.weights, N_FLOATS * sizeof(float));
        assert_memory_equal(one.optimizer.first, many.optimizer.first, N_FLOATS * sizeof(float));
        assert_memory_equal(one.optimizer.second, many.optimizer.second, N_FLOATS * sizeof(float));
        learner_deinit(&many);
    }
    learner_deinit(&one);
}

static void no_number_changes_nothing(void **state)
{
    static const float values[] = {NAN, INFINITY, -INFINITY};
    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (size_t at = 0; at < N_FLOATS; at += N_FLOATS - 1) {
            learner l, before;
            learner_init(&l, adam, 2);
            learner_init(&before, adam, 1);
            draw_gradients(&l, 1);
            l.gradients[at] = values[i];
            assert_false(isfinite(ink_optimizer_step(&l.optimizer, l.of, 1, 0.01f)) != 0);
            assert_int_equal(l.optimizer.n_steps, 0);
            assert_memory_equal(l.weights, before.weights, N_FLOATS * sizeof(float));
            assert_memory_equal(l.optimizer.first, before.optimizer.first,
                                N_FLOATS * sizeof(float));
            learner_deinit(&before);
            learner_deinit(&l);
        }
}

static ink_status attempt(const ink_allocator *allocator, void *context)
{
    const learner *l = context;
    ink_optimizer optimizer;
    ink_error error = {.status = INK_OK};
    ink_status status = ink_optimizer_init(&optimizer, adam, &l->list, l->pool, allocator, &error);
    assert_int_equal(error.status, status);
    if (status == INK_OK)
        ink_optimizer_deinit(&optimizer);
    return status;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    learner l;
    learner_init(&l, adam, 1);
    assert_int_equal(ink_fail_each_allocation(attempt, &l, 10), 3);
    learner_deinit(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_those_of_the_definition),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(no_number_changes_nothing),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
