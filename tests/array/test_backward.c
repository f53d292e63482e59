/*
 * The ops of backward.h against plain loops, bit for bit where the order of sums is part of the
 * definition; what is not a number shows; shapes that do not fit are refused.
 */
#include "graph_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "array/backward.h"

typedef struct shape {
    int n_dims;
    size_t sizes[3];
} shape;

static void fill(ink_graph_run *run, ink_array *x, uint64_t seed)
{
    ink_fill_random(ink_graph_run_data(run, x), ink_elements(x), &seed);
}

static void assert_bits(const float *got, const float *wanted, size_t n, const char *what,
                        size_t number)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(&got[i], &wanted[i], sizeof *got) != 0)
            fail_msg("%s %zu: element %zu is %a instead of %a", what, number, i, (double)got[i],
                     (double)wanted[i]);
}

/* Sixteen sums by index modulo 16, combined in a tree. */
static float tree_sum(const float *x, size_t n)
{
    float sums[16] = {0};
    for (size_t i = 0; i < n; i++)
        sums[i % 16] += x[i];
    for (size_t width = 8; width > 0; width /= 2)
        for (size_t i = 0; i < width; i++)
            sums[i] += sums[i + width];
    return sums[0];
}

/* ---- Sums ------------------------------------------------------------------------------------ */

static const struct {
    shape x, y;
} sums[] = {
    {{2, {1000, 70}}, {1, {70}}},        {{2, {1000, 70}}, {2, {1, 70}}},
    {{2, {50, 200}}, {2, {50, 1}}},      {{2, {50, 200}}, {2, {1, 1}}},
    {{3, {9, 20, 65}}, {2, {20, 65}}},   {{3, {9, 20, 65}}, {2, {20, 1}}},
    {{3, {9, 20, 65}}, {3, {9, 1, 65}}}, {{2, {300, 1}}, {1, {1}}},
};

static void by_loops(const float *x, const shape *of, float *y, const shape *to)
{
    size_t columns = of->sizes[of->n_dims - 1], rows = of->n_dims == 3 ? of->sizes[1] : 1;
    size_t y_rows = to->n_dims > 1 && of->n_dims == 3 ? to->sizes[to->n_dims - 2] : 1;
    size_t y_columns = to->sizes[to->n_dims - 1];
    size_t y_n = to->n_dims == of->n_dims ? to->sizes[0] : 1;
    memset(y, 0, y_n * y_rows * y_columns * sizeof *y);
    for (size_t i = 0; i < of->sizes[0]; i++)
        for (size_t row = 0; row < rows; row++) {
            const float *line = x + (i * rows + row) * columns;
            float *sum = y + ((y_n == 1 ? 0 : i) * y_rows + (y_rows == 1 ? 0 : row)) * y_columns;
            for (size_t j = 0; j < columns && y_columns > 1; j++)
                sum[j] += line[j];
            if (y_columns == 1)
                *sum += tree_sum(line, columns);
        }
}

static void sums_are_taken_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++)
        for (int n_threads = 1; n_threads <= 3; n_threads++) {
            ink_graph_run run;
            ink_graph_run_init(&run, n_threads);
            ink_array *x = ink_input(&run.graph, INK_F32, sums[i].x.n_dims, sums[i].x.sizes);
            ink_array *y = ink_output(ink_reduce(x, sums[i].y.n_dims, sums[i].y.sizes));
            ink_graph_run_compile(&run);
            fill(&run, x, 5 + i);
            ink_graph_run_go(&run);
            float *wanted = calloc(ink_elements(y), sizeof *wanted);
            assert_non_null(wanted);
            by_loops(ink_graph_run_data(&run, x), &sums[i].x, wanted, &sums[i].y);
            assert_bits(ink_graph_run_data(&run, y), wanted, ink_elements(y), "sum", i);
            free(wanted);
            ink_graph_run_deinit(&run);
        }
}

/* More rows than a task has, and several that go to one. */
static void rows_are_scattered_in_order(void **state)
{
    enum { N = 700, ROWS = 600, COLUMNS = 33 };
    static float wanted[ROWS * COLUMNS];
    (void)state;
    for (int n_threads = 1; n_threads <= 3; n_threads++) {
        ink_graph_run run;
        uint64_t seed = 9;
        ink_graph_run_init(&run, n_threads);
        ink_array *dy = ink_input(&run.graph, INK_F32, 2, (size_t[]){N, COLUMNS});
        ink_array *ids = ink_input(&run.graph, INK_I32, 1, (size_t[]){N});
        ink_array *y = ink_output(ink_scatter(dy, ids, ROWS));
        ink_graph_run_compile(&run);
        fill(&run, dy, 8);
        int32_t *to = ink_graph_run_data(&run, ids);
        const float *from = ink_graph_run_data(&run, dy);
        memset(wanted, 0, sizeof wanted);
        for (size_t i = 0; i < N; i++) {
            to[i] = (int32_t)(ink_test_random(&seed) % 3 ? ink_test_random(&seed) % ROWS : 256);
            for (size_t j = 0; j < COLUMNS; j++)
                wanted[(size_t)to[i] * COLUMNS + j] += from[i * COLUMNS + j];
        }
        ink_graph_run_go(&run);
        assert_bits(ink_graph_run_data(&run, y), wanted, (size_t)ROWS * COLUMNS, "scatter", 0);
        ink_graph_run_deinit(&run);
    }
}

static void a_part_is_put_back(void **state)
{
    enum { N = 5, LINES = 3, WIDTH = 9, PART = 4 };
    (void)state;
    for (size_t begin = 0; begin <= WIDTH - PART; begin++) {
        ink_graph_run run;
        float wanted[N * LINES * WIDTH] = {0};
        ink_graph_run_init(&run, 2);
        ink_array *dy = ink_input(&run.graph, INK_F32, 3, (size_t[]){N, LINES, PART});
        ink_array *y = ink_output(ink_insert(dy, begin, WIDTH));
        ink_graph_run_compile(&run);
        fill(&run, dy, 6);
        const float *from = ink_graph_run_data(&run, dy);
        for (size_t i = 0; i < (size_t)N * LINES * PART; i++)
            wanted[i / PART * WIDTH + begin + i % PART] = from[i];
        memset(ink_graph_run_data(&run, y), 0xff, sizeof wanted);
        ink_graph_run_go(&run);
        assert_bits(ink_graph_run_data(&run, y), wanted, N * LINES * WIDTH, "insert", begin);
        ink_graph_run_deinit(&run);
    }
}

/* ---- Dropping out ---------------------------------------------------------------------------- */

enum { DROPPED = 40000 };

/* Two ops on ones, with the same seed. */
static void drop(int32_t first, int32_t second, float rate, int n_threads, float *a, float *b)
{
    ink_graph_run run;
    ink_graph_run_init(&run, n_threads);
    ink_array *x = ink_input(&run.graph, INK_F32, 2, (size_t[]){DROPPED / 50, 50});
    ink_array *seed = ink_input(&run.graph, INK_I32, 2, (size_t[]){1, 2});
    ink_array *y = ink_output(ink_dropout(x, seed, rate));
    ink_array *z = ink_output(ink_dropout(x, seed, rate));
    ink_graph_run_compile(&run);
    for (size_t i = 0; i < DROPPED; i++)
        ((float *)ink_graph_run_data(&run, x))[i] = 1;
    ((int32_t *)ink_graph_run_data(&run, seed))[0] = first;
    ((int32_t *)ink_graph_run_data(&run, seed))[1] = second;
    ink_graph_run_go(&run);
    memcpy(a, ink_graph_run_data(&run, y), DROPPED * sizeof *a);
    memcpy(b, ink_graph_run_data(&run, z), DROPPED * sizeof *b);
    ink_graph_run_deinit(&run);
}

static size_t count_different(const float *a, const float *b)
{
    size_t n = 0;
    for (size_t i = 0; i < DROPPED; i++)
        n += a[i] != b[i];
    return n;
}

/*
 * Of n drawn with chance p, n p are expected and sqrt(n p (1 - p)) is the deviation: five of them
 * are not exceeded in a million draws. Masks that are independent differ with chance 2 p (1 - p).
 */
static void assert_expected(size_t n, double chance)
{
    double expected = DROPPED * chance, deviation = sqrt(expected * (1 - chance));
    if (!(fabs((double)n - expected) < 5 * deviation))
        fail_msg("%zu of %d, where %.0f were expected", n, DROPPED, expected);
}

static void a_part_is_dropped(void **state)
{
    static const float rates[] = {0.1f, 0.25f, 0.5f, 0.9f};
    static float a[DROPPED], b[DROPPED], c[DROPPED], d[DROPPED];
    (void)state;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        double rate = (double)rates[i];
        size_t n_dropped = 0;
        drop(1, 2, rates[i], 1, a, b);
        for (size_t j = 0; j < DROPPED; j++) {
            assert_true(a[j] == 0 || a[j] == 1 / (1 - rates[i]));
            n_dropped += a[j] == 0;
        }
        assert_expected(n_dropped, rate);
        assert_expected(count_different(a, b), 2 * rate * (1 - rate)); /* two ops */
        drop(1, 2, rates[i], 3, c, d);
        assert_int_equal(count_different(a, c) + count_different(b, d), 0); /* threads */
        drop(2, 2, rates[i], 1, c, d);
        assert_expected(count_different(a, c), 2 * rate * (1 - rate)); /* seeds */
        drop(1, 3, rates[i], 1, c, d);
        assert_expected(count_different(a, c), 2 * rate * (1 - rate));
    }
}

static void nothing_is_dropped_at_rate_zero(void **state)
{
    (void)state;
    ink_graph graph;
    ink_graph_init(&graph, NULL);
    ink_array *x = ink_input(&graph, INK_F32, 2, (size_t[]){2, 2});
    assert_ptr_equal(ink_dropout(x, NULL, 0), x);
    assert_ptr_equal(ink_dropout(x, ink_input(&graph, INK_I32, 2, (size_t[]){1, 2}), 0), x);
    assert_int_equal(graph.error.status, INK_OK);
    ink_graph_deinit(&graph);
}

/* ---- The loss -------------------------------------------------------------------------------- */

/* Logits far apart, alike, and infinitely unlikely. */
static void losses_of_extreme_logits(void **state)
{
    enum { N = 5, M = 4 };
    static const float logits[N][M] = {{1000, -1000, 0, 0},
                                       {1000, -1000, 0, 0},
                                       {-INFINITY, 2, -INFINITY, 2},
                                       {1e30f, 1e30f, 1e30f, 1e30f},
                                       {0, NAN, 0, 0}};
    static const int32_t targets[N] = {0, 1, 3, 2, 0};
    (void)state;
    ink_graph_run run;
    ink_graph_run_init(&run, 2);
    ink_array *x = ink_input(&run.graph, INK_F32, 2, (size_t[]){N, M});
    ink_array *t = ink_input(&run.graph, INK_I32, 1, (size_t[]){N});
    ink_array *dy = ink_input(&run.graph, INK_F32, 2, (size_t[]){N, 1});
    ink_array *y = ink_output(ink_cross_entropy(x, t));
    ink_array *dx = ink_output(ink_cross_entropy_gradient(x, t, dy));
    ink_graph_run_compile(&run);
    memcpy(ink_graph_run_data(&run, x), logits, sizeof logits);
    memcpy(ink_graph_run_data(&run, t), targets, sizeof targets);
    for (size_t i = 0; i < N; i++)
        ((float *)ink_graph_run_data(&run, dy))[i] = 2;
    ink_graph_run_go(&run);
    const float *loss = ink_graph_run_data(&run, y), *slopes = ink_graph_run_data(&run, dx);
    static const double wanted[] = {0, 2000, 0.69314718055994531, 1.3862943611198906};
    ink_assert_close(loss, wanted, 4, 1e-6, "loss");
    static const double wanted_slopes[4 * M] = {0, 0, 0, 0,  2,   -2,  0,    0,
                                                0, 1, 0, -1, 0.5, 0.5, -1.5, 0.5};
    ink_assert_close(slopes, wanted_slopes, 4 * M, 1e-6, "slopes");
    assert_true(isnan(loss[4]) && isnan(slopes[4 * M]) && isnan(slopes[4 * M + 2]));
    ink_graph_run_deinit(&run);
}

/* ---- What is not a number -------------------------------------------------------------------- */

enum { SPECIAL = 6 };

/* A slope is not a number where x or dy is not, wherever x is; but for flat sides of kinks. */
static void no_number_shows(void **state)
{
    static const float x_values[SPECIAL] = {NAN, 1, -1, 30, -30, 1e20f};
    static const float dy_values[SPECIAL] = {1, NAN, NAN, NAN, 1, 1};
    (void)state;
    for (int activation = 0; activation < INK_N_ACTIVATIONS; activation++) {
        bool flat = activation == INK_ACTIVATION_RELU || activation == INK_ACTIVATION_RELU_SQUARED;
        bool steep = activation == INK_ACTIVATION_EXP;
        ink_graph_run run;
        ink_graph_run_init(&run, 1);
        ink_array *x = ink_input(&run.graph, INK_F32, 2, (size_t[]){1, SPECIAL});
        ink_array *dy = ink_input(&run.graph, INK_F32, 2, (size_t[]){1, SPECIAL});
        ink_array *dx = ink_output(ink_activate_gradient((ink_activation)activation, x, dy));
        ink_graph_run_compile(&run);
        memcpy(ink_graph_run_data(&run, x), x_values, sizeof x_values);
        memcpy(ink_graph_run_data(&run, dy), dy_values, sizeof dy_values);
        ink_graph_run_go(&run);
        const float *got = ink_graph_run_data(&run, dx);
        if ((!flat && !isnan(got[0])) || !isnan(got[1]) || !isnan(got[3]) ||
            (!flat && !isnan(got[2])))
            fail_msg("activation %d: %g %g %g %g", activation, (double)got[0], (double)got[1],
                     (double)got[2], (double)got[3]);
        if (!(fabsf(got[4]) < 1e-10f) || !(steep || isfinite(got[5])))
            fail_msg("activation %d: at -30 %g, at 1e20 %g", activation, (double)got[4],
                     (double)got[5]);
        ink_graph_run_deinit(&run);
    }
}

/* ---- Mistakes -------------------------------------------------------------------------------- */

static void shapes_must_fit(void **state)
{
    (void)state;
    for (int mistake = 0; mistake < 12; mistake++) {
        ink_graph graph;
        ink_graph_init(&graph, NULL);
        const ink_attention a = {0, 2, 2, 4, 4, 1, 0, 0, true, 0, false};
        ink_array *x = ink_input(&graph, INK_F32, 2, (size_t[]){3, 4});
        ink_array *other = ink_input(&graph, INK_F32, 2, (size_t[]){4, 3});
        ink_array *ids = ink_input(&graph, INK_I32, 1, (size_t[]){4});
        ink_array *heads = ink_input(&graph, INK_F32, 3, (size_t[]){3, 2, 5});
        ink_array *y = x;
        switch (mistake) {
        case 0:
            y = ink_self_attend(heads, heads, heads, ids, &a);
            break;
        case 1:
            y = ink_dropout(x, ids, 0.5f);
            break;
        case 2:
            y = ink_dropout(x, ink_input(&graph, INK_I32, 2, (size_t[]){1, 2}), 1);
            break;
        case 3:
            y = ink_cross_entropy(x, ids);
            break;
        case 4:
            y = ink_reduce(x, 2, (size_t[]){3, 2});
            break;
        case 5:
            y = ink_repeat(x, 2, (size_t[]){6, 4});
            break;
        case 6:
            y = ink_insert(x, 2, 5);
            break;
        case 7:
            y = ink_scatter(x, ids, 9);
            break;
        case 8:
            y = ink_norm_gradient(INK_NORM_RMS, x, ids, other, 1);
            break;
        case 9:
            y = ink_softmax_gradient(x, other);
            break;
        case 10:
            y = ink_cross_entropy_gradient(x, ids, x);
            break;
        default:
            y = ink_norm(INK_NORM_RMS, x, NULL, ids, 1);
            break;
        }
        assert_null(y);
        assert_int_equal(graph.error.status, INK_BAD_ARGUMENT);
        ink_graph_deinit(&graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_taken_in_order),
        cmocka_unit_test(rows_are_scattered_in_order),
        cmocka_unit_test(a_part_is_put_back),
        cmocka_unit_test(a_part_is_dropped),
        cmocka_unit_test(nothing_is_dropped_at_rate_zero),
        cmocka_unit_test(losses_of_extreme_logits),
        cmocka_unit_test(no_number_shows),
        cmocka_unit_test(shapes_must_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
