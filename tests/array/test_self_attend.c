/*
 * Attention without a cache: the same as ink_store and ink_attend with a cache of floats, and what
 * a sequence gets, forward and back, has the same bits whatever stands beside it.
 */
#include "graph_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "array/backward.h"

/* As in test_attention, of which each side is within 1e-5. */
#define TOLERANCE 2e-5

enum { HEADS = 4, KV_HEADS = 2, K_DIM = 16, V_DIM = 12, MOST = 300 };

typedef struct variant {
    const char *name;
    size_t n; /* tokens */
    ink_attention attention;
} variant;

#define ATTENTION(cap, window, causal)                                         \
    {                                                                          \
        0, HEADS, KV_HEADS, K_DIM, V_DIM, 0.25f, cap, window, causal, 0, false \
    }

static const variant variants[] = {
    {"one token", 1, ATTENTION(0, 0, true)},
    {"a block less one", 63, ATTENTION(0, 0, true)},
    {"a block", 64, ATTENTION(0, 0, true)},
    {"a block and one", 65, ATTENTION(0, 0, true)},
    {"blocks", 300, ATTENTION(0, 0, true)},
    {"soft cap", 150, ATTENTION(2.5f, 0, true)},
    {"window of one", 70, ATTENTION(0, 1, true)},
    {"window", 200, ATTENTION(0, 16, true)},
    {"window of a block", 200, ATTENTION(0, 64, true)},
    {"wide window, soft cap", 300, ATTENTION(1.5f, 130, true)},
    {"both ways", 130, ATTENTION(0, 0, false)},
    {"both ways in a window", 200, ATTENTION(0, 16, false)},
    {"both ways in an odd window", 200, ATTENTION(0, 99, false)},
};
#define N_VARIANTS (sizeof variants / sizeof *variants)

enum { Q, K, V, DY, N_VALUES };
static const size_t sizes[N_VALUES] = {HEADS * K_DIM, KV_HEADS *K_DIM, KV_HEADS *V_DIM,
                                       HEADS *V_DIM};
enum { ALL_SIZES = HEADS * K_DIM + KV_HEADS * (K_DIM + V_DIM) };

typedef struct values {
    float *of[N_VALUES]; /* [n][sizes] */
} values;

static void values_init(values *x, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < N_VALUES; i++) {
        x->of[i] = calloc(n * sizes[i], sizeof(float));
        assert_non_null(x->of[i]);
        ink_fill_random(x->of[i], n * sizes[i], &seed);
    }
    for (size_t i = 0; i < n * sizes[Q]; i++)
        x->of[Q][i] *= 4; /* scores with some contrast */
}

static void values_deinit(values *x)
{
    for (size_t i = 0; i < N_VALUES; i++)
        free(x->of[i]);
}

/* ---- Running --------------------------------------------------------------------------------- */

typedef struct step {
    ink_graph_run run;
    ink_array *inputs[N_VALUES], *positions;
} step;

static void step_init(step *s, size_t n, int n_threads)
{
    static const size_t heads[N_VALUES] = {HEADS, KV_HEADS, KV_HEADS, HEADS};
    ink_graph_run_init(&s->run, n_threads);
    for (size_t i = 0; i < N_VALUES; i++)
        s->inputs[i] =
            ink_input(&s->run.graph, INK_F32, 3, (size_t[]){n, heads[i], sizes[i] / heads[i]});
    s->positions = ink_input(&s->run.graph, INK_I32, 1, &n);
}

static void step_put(step *s, size_t at, const values *x, size_t n)
{
    for (size_t i = 0; i < N_VALUES; i++)
        memcpy((float *)ink_graph_run_data(&s->run, s->inputs[i]) + at * sizes[i], x->of[i],
               n * sizes[i] * sizeof(float));
    for (size_t i = 0; i < n; i++)
        ((int32_t *)ink_graph_run_data(&s->run, s->positions))[at + i] = (int32_t)i;
}

/* [n][HEADS * V_DIM], of one sequence in a cache. Ended by free(). */
static float *by_cache(const values *x, const variant *v)
{
    ink_kv_layout layout = {.k_format = INK_FORMAT_F32,
                            .v_format = INK_FORMAT_F32,
                            .n_heads = KV_HEADS,
                            .k_dim = K_DIM,
                            .v_dim = V_DIM};
    void *pages[MOST / INK_PAGE + 1], *const *layers[1] = {pages};
    ink_kv_sequence sequence = {
        .n_layers = 1, .layouts = &layout, .pages = layers, .n_positions = v->n};
    step s;
    assert_true(ink_kv_layout_init(&layout));
    for (size_t i = 0; i < MOST / INK_PAGE + 1; i++) {
        pages[i] = calloc(1, layout.page_bytes);
        assert_non_null(pages[i]);
    }
    step_init(&s, v->n, 2);
    ink_array *sequences = ink_input(&s.run.graph, INK_POINTER, 1, &v->n);
    ink_array *stored = ink_store(s.inputs[K], s.inputs[V], s.positions, sequences, &v->attention);
    ink_array *y =
        ink_output(ink_attend(s.inputs[Q], stored, s.positions, sequences, NULL, &v->attention));
    ink_graph_run_compile(&s.run);
    step_put(&s, 0, x, v->n);
    for (size_t i = 0; i < v->n; i++)
        ((const ink_kv_sequence **)ink_graph_run_data(&s.run, sequences))[i] = &sequence;
    ink_graph_run_go(&s.run);
    float *out = calloc(v->n * sizes[DY], sizeof *out);
    assert_non_null(out);
    memcpy(out, ink_graph_run_data(&s.run, y), v->n * sizes[DY] * sizeof *out);
    ink_graph_run_deinit(&s.run);
    for (size_t i = 0; i < MOST / INK_PAGE + 1; i++)
        free(pages[i]);
    return out;
}

typedef struct results {
    float *y, *gradient; /* [n][sizes[DY]], [n][ALL_SIZES] */
} results;

/* Sequences of n[i] tokens one behind the other. */
static results by_step(const ink_attention *a, size_t n_sequences, const values *x, const size_t *n,
                       int n_threads)
{
    step s;
    size_t total = 0, at = 0;
    for (size_t i = 0; i < n_sequences; i++)
        total += n[i];
    step_init(&s, total, n_threads);
    ink_array *y =
        ink_output(ink_self_attend(s.inputs[Q], s.inputs[K], s.inputs[V], s.positions, a));
    ink_array *gradient = ink_output(ink_self_attend_gradient(s.inputs[Q], s.inputs[K], s.inputs[V],
                                                              s.positions, s.inputs[DY], a));
    ink_graph_run_compile(&s.run);
    for (size_t i = 0; i < n_sequences; at += n[i++])
        step_put(&s, at, &x[i], n[i]);
    ink_graph_run_go(&s.run);
    results r = {calloc(total * sizes[DY], sizeof(float)),
                 calloc(total * ALL_SIZES, sizeof(float))};
    assert_true(r.y && r.gradient);
    memcpy(r.y, ink_graph_run_data(&s.run, y), total * sizes[DY] * sizeof(float));
    memcpy(r.gradient, ink_graph_run_data(&s.run, gradient), total * ALL_SIZES * sizeof(float));
    ink_graph_run_deinit(&s.run);
    return r;
}

static void results_deinit(results *r)
{
    free(r->y);
    free(r->gradient);
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void a_cache_of_floats_gives_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VARIANTS; i++) {
        const variant *v = &variants[i];
        values x;
        values_init(&x, v->n, 0x2545f4914f6cdd1d + i);
        float *wanted = by_cache(&x, v);
        results got = by_step(&v->attention, 1, &x, &v->n, 3);
        for (size_t j = 0; j < v->n * sizes[DY]; j++)
            if (!(fabs((double)got.y[j] - (double)wanted[j]) <= TOLERANCE))
                fail_msg("%s: element %zu is %.9g instead of %.9g", v->name, j, (double)got.y[j],
                         (double)wanted[j]);
        results_deinit(&got);
        free(wanted);
        values_deinit(&x);
    }
}

/* In the middle of others, by any number of threads. */
static void a_sequence_is_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VARIANTS; i++) {
        const variant *v = &variants[i];
        const size_t n[3] = {5, v->n, 70};
        values x[3];
        for (size_t j = 0; j < 3; j++)
            values_init(&x[j], n[j], 77 + 10 * i + j);
        results alone = by_step(&v->attention, 1, &x[1], &n[1], 1);
        for (int n_threads = 1; n_threads <= 3; n_threads++) {
            results all = by_step(&v->attention, 3, x, n, n_threads);
            if (memcmp(alone.y, all.y + n[0] * sizes[DY], v->n * sizes[DY] * sizeof(float)) != 0)
                fail_msg("%s: other bits beside others, %d threads", v->name, n_threads);
            if (memcmp(alone.gradient, all.gradient + n[0] * ALL_SIZES,
                       v->n * ALL_SIZES * sizeof(float)) != 0)
                fail_msg("%s: another gradient beside others, %d threads", v->name, n_threads);
            results_deinit(&all);
        }
        results_deinit(&alone);
        for (size_t j = 0; j < 3; j++)
            values_deinit(&x[j]);
    }
}

/* What is no number in one sequence is seen in its gradient, and in no other's. */
static void no_number_stays_in_its_sequence(void **state)
{
    (void)state;
    for (size_t where = Q; where <= DY; where++) {
        const ink_attention a = ATTENTION(1.5f, 0, true);
        const size_t n[2] = {70, 70};
        values x[2];
        values_init(&x[0], n[0], 3);
        values_init(&x[1], n[1], 4);
        results wanted = by_step(&a, 1, x, n, 1);
        x[1].of[where][5] = NAN;
        results got = by_step(&a, 2, x, n, 2);
        assert_memory_equal(wanted.y, got.y, n[0] * sizes[DY] * sizeof(float));
        assert_memory_equal(wanted.gradient, got.gradient, n[0] * ALL_SIZES * sizeof(float));
        size_t n_seen = 0;
        for (size_t i = 0; i < n[1] * ALL_SIZES; i++)
            n_seen += isnan(got.gradient[n[0] * ALL_SIZES + i]) != 0;
        assert_true(n_seen >= K_DIM);
        results_deinit(&wanted);
        results_deinit(&got);
        values_deinit(&x[0]);
        values_deinit(&x[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cache_of_floats_gives_the_same),
        cmocka_unit_test(a_sequence_is_alone),
        cmocka_unit_test(no_number_stays_in_its_sequence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
