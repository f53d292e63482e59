/*
 * Each op on the CPU device against its definition written out: exactly where an op only moves,
 * compares or rounds once, else against double precision.
 */
#include "graph_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * float32 has 2^-24 = 6e-8 relative; sums here have at most 200 terms of magnitude 1 in 16 partial
 * sums, and the polynomials of exp and tanh state 1e-6.
 */
#define TOLERANCE 4e-6

typedef struct bench {
    ink_graph_run run;
    uint64_t seed;
} bench;

static bench start(void)
{
    bench b = {.seed = 0x853c49e6748fea9b};
    ink_graph_run_init(&b.run, 3);
    return b;
}

static ink_array *floats(bench *b, size_t rows, size_t columns)
{
    return ink_input(&b->run.graph, INK_F32, 2, (size_t[]){rows, columns});
}

static ink_array *heads(bench *b, size_t rows, size_t n, size_t columns)
{
    return ink_input(&b->run.graph, INK_F32, 3, (size_t[]){rows, n, columns});
}

static ink_array *ids(bench *b, size_t rows, size_t columns)
{
    return ink_input(&b->run.graph, INK_I32, columns ? 2 : 1, (size_t[]){rows, columns});
}

/* The values stay valid until the program ends, also while it runs. */
static float *fill(bench *b, ink_array *x)
{
    float *data = ink_graph_run_data(&b->run, x);
    ink_fill_random(data, ink_elements(x), &b->seed);
    return data;
}

static void compile(bench *b, ink_array *y)
{
    ink_output(y);
    ink_graph_run_compile(&b->run);
}

static const float *go(bench *b, ink_array *y)
{
    ink_graph_run_go(&b->run);
    return ink_graph_run_data(&b->run, y);
}

static void end(bench *b)
{
    ink_graph_run_deinit(&b->run);
}

static double *doubles(size_t n)
{
    double *x = calloc(n, sizeof *x);
    assert_non_null(x);
    return x;
}

/* ---- Elementwise. */

typedef struct broadcast_case {
    int n_dims;
    size_t shape[3]; /* of b; a is [5, 4, 9] */
} broadcast_case;

static void broadcasting(void **state)
{
    static const broadcast_case cases[] = {
        {3, {5, 4, 9}}, {3, {5, 4, 1}}, {3, {5, 1, 9}}, {3, {1, 4, 9}}, {3, {1, 1, 1}},
        {2, {4, 9}},    {2, {4, 1}},    {2, {1, 9}},    {1, {9}},       {1, {1}},
    };
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        bench b = start();
        ink_array *x = heads(&b, 5, 4, 9),
                  *z = ink_input(&b.run.graph, INK_F32, cases[c].n_dims, cases[c].shape);
        ink_array *sum = ink_output(ink_add(x, z)), *product = ink_multiply(x, z);
        compile(&b, product);
        const float *xs = fill(&b, x), *zs = fill(&b, z);
        const float *products = go(&b, product), *sums = ink_graph_run_data(&b.run, sum);
        for (size_t i = 0; i < 5 * 4 * 9; i++) {
            size_t index[3] = {i / 36, i / 9 % 4, i % 9}, at = 0;
            for (int d = 0; d < cases[c].n_dims; d++) {
                size_t size = cases[c].shape[d];
                at = at * size + (size == 1 ? 0 : index[d + 3 - cases[c].n_dims]);
            }
            assert_true(sums[i] == xs[i] + zs[at]);
            assert_true(products[i] == xs[i] * zs[at]);
        }
        end(&b);
    }
}

static void scaling_and_clamping(void **state)
{
    (void)state;
    bench b = start();
    ink_array *x = floats(&b, 7, 33), *scaled = ink_output(ink_scale(x, -1.7f)),
              *y = ink_clamp(x, -0.5f, 0.25f);
    compile(&b, y);
    float *xs = fill(&b, x);
    xs[3] = INFINITY;
    xs[4] = -INFINITY;
    const float *clamped = go(&b, y), *scales = ink_graph_run_data(&b.run, scaled);
    for (size_t i = 0; i < 7 * 33; i++) {
        assert_true(scales[i] == xs[i] * -1.7f);
        assert_true(clamped[i] == (xs[i] < -0.5f ? -0.5f : xs[i] > 0.25f ? 0.25f : xs[i]));
    }
    end(&b);
}

static double activated(ink_activation activation, double x)
{
    switch (activation) {
    case INK_ACTIVATION_SILU:
        return x / (1 + exp(-x));
    case INK_ACTIVATION_GELU:
        return 0.5 * x * (1 + tanh(sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
    case INK_ACTIVATION_RELU:
        return x > 0 ? x : 0;
    case INK_ACTIVATION_RELU_SQUARED:
        return x > 0 ? x * x : 0;
    case INK_ACTIVATION_SIGMOID:
        return 1 / (1 + exp(-x));
    case INK_ACTIVATION_TANH:
        return tanh(x);
    case INK_ACTIVATION_SOFTPLUS:
        return x > 30 ? x : log1p(exp(x));
    default:
        return exp(x);
    }
}

static void activations(void **state)
{
    enum { N = 65 };
    (void)state;
    for (ink_activation activation = 0; activation < INK_N_ACTIVATIONS; activation++) {
        bench b = start();
        ink_array *x = floats(&b, 3, N), *y = ink_activate(activation, x);
        double wanted[3 * N];
        compile(&b, y);
        float *xs = ink_graph_run_data(&b.run, x);
        for (int i = 0; i < 3 * N; i++)
            xs[i] = (float)(i - 3 * N / 2) * 0.137f;
        for (int i = 0; i < 3 * N; i++)
            wanted[i] = activated(activation, xs[i]);
        ink_assert_close(go(&b, y), wanted, 3 * N, TOLERANCE, "an activation");
        end(&b);
    }
}

/* ---- Along rows. The input is a slice, so that rows are further apart than they are long. */

static void norm_of(double *y, const float *x, const float *weight, const float *bias, size_t n,
                    bool rms)
{
    double mean = 0, sum = 0;
    for (size_t i = 0; i < n && !rms; i++)
        mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    for (size_t i = 0; i < n; i++)
        y[i] = (x[i] - mean) / sqrt(sum / (double)n + 1e-3) * (weight ? weight[i] : 1) +
               (bias ? bias[i] : 0);
}

static void norms(void **state)
{
    enum { ROWS = 5, HEADS = 3, WIDTH = 37, ALL = 50, BEGIN = 6 };
    (void)state;
    for (int variant = 0; variant < 6; variant++) {
        bench b = start();
        bool rms = variant<2, weighted = variant % 2, biased = variant> 3;
        float weight[WIDTH], bias[WIDTH];
        ink_fill_random(weight, WIDTH, &b.seed);
        ink_fill_random(bias, WIDTH, &b.seed);
        ink_array *x = heads(&b, ROWS, HEADS, ALL);
        ink_array *y = ink_norm(rms ? INK_NORM_RMS : INK_NORM_LAYER, ink_slice(x, BEGIN, WIDTH),
                                ink_vector(&b.run.graph, weighted ? weight : NULL, WIDTH),
                                ink_vector(&b.run.graph, biased ? bias : NULL, WIDTH), 1e-3f);
        compile(&b, y);
        const float *xs = fill(&b, x), *got = go(&b, y);
        for (size_t i = 0; i < ROWS * HEADS; i++) {
            double wanted[WIDTH];
            norm_of(wanted, xs + i * ALL + BEGIN, weighted ? weight : NULL, biased ? bias : NULL,
                    WIDTH, rms);
            ink_assert_close(got + i * WIDTH, wanted, WIDTH, TOLERANCE, "a norm");
        }
        end(&b);
    }
}

static void softmax_and_normalize(void **state)
{
    enum { ROWS = 6, WIDTH = 35, ALL = 40 };
    (void)state;
    bench b = start();
    ink_array *x = floats(&b, ROWS, ALL), *part = ink_slice(x, 2, WIDTH);
    ink_array *soft = ink_output(ink_softmax(part)), *y = ink_normalize(part);
    compile(&b, y);
    float *xs = fill(&b, x);
    for (size_t i = 0; i < ROWS * ALL; i++)
        xs[i] = xs[i] * 20 + 21; /* above zero: sums of what has both signs may cancel */
    const float *normal = go(&b, y), *softened = ink_graph_run_data(&b.run, soft);
    for (size_t row = 0; row < ROWS; row++) {
        double wanted[WIDTH], divided[WIDTH], sum = 0, plain = 0;
        for (size_t i = 0; i < WIDTH; i++)
            sum += wanted[i] = exp(xs[row * ALL + 2 + i]);
        for (size_t i = 0; i < WIDTH; i++)
            plain += xs[row * ALL + 2 + i];
        for (size_t i = 0; i < WIDTH; i++) {
            wanted[i] /= sum;
            divided[i] = xs[row * ALL + 2 + i] / plain;
        }
        ink_assert_close(softened + row * WIDTH, wanted, WIDTH, TOLERANCE, "softmax");
        ink_assert_close(normal + row * WIDTH, divided, WIDTH, TOLERANCE, "normalize");
    }
    end(&b);
}

static void rotation(void **state)
{
    enum { ROWS = 6, HEADS = 3, WIDTH = 20, PAIRS = 8 };
    static const int32_t positions[ROWS] = {0, 1, 2, 63, 4095, 131071};
    (void)state;
    for (int neighbors = 0; neighbors < 2; neighbors++) {
        bench b = start();
        float frequencies[PAIRS];
        for (int i = 0; i < PAIRS; i++)
            frequencies[i] = powf(10000, -(float)i / PAIRS);
        ink_array *at = ids(&b, ROWS, 0), *x = heads(&b, ROWS, HEADS, WIDTH);
        ink_array *table = ink_rope_table(at, ink_vector(&b.run.graph, frequencies, PAIRS), 1.25f);
        ink_array *y = ink_rope(x, table, neighbors);
        compile(&b, y);
        const float *xs = fill(&b, x);
        memcpy(ink_graph_run_data(&b.run, at), positions, sizeof positions);
        const float *got = go(&b, y);
        for (size_t i = 0; i < ROWS * HEADS; i++) {
            double wanted[WIDTH];
            for (size_t j = 0; j < WIDTH; j++)
                wanted[j] = xs[i * WIDTH + j];
            for (size_t pair = 0; pair < PAIRS; pair++) {
                size_t first = neighbors ? 2 * pair : pair,
                       second = neighbors ? first + 1 : pair + PAIRS;
                double angle = (double)positions[i / HEADS] * frequencies[pair];
                double u = xs[i * WIDTH + first], v = xs[i * WIDTH + second];
                wanted[first] = 1.25 * (u * cos(angle) - v * sin(angle));
                wanted[second] = 1.25 * (u * sin(angle) + v * cos(angle));
            }
            ink_assert_close(got + i * WIDTH, wanted, WIDTH, TOLERANCE, "a rotation");
        }
        end(&b);
    }
}

/* ---- Choosing and moving. */

static void the_largest(void **state)
{
    enum { N = 10, K = 4, ROWS = 4 };
    static const float rows[ROWS][N] = {
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
        {3, 1, 3, 0, 3, 3, 3, 1, 2, 3},
        {-1, NAN, 5, -INFINITY, NAN, 4, INFINITY, 3, -2, NAN},
        {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN},
    };
    static const int32_t wanted[ROWS][K] = {{9, 8, 7, 6}, {0, 2, 4, 5}, {1, 4, 9, 6}, {0, 1, 2, 3}};
    (void)state;
    bench b = start();
    ink_array *x = floats(&b, ROWS, N), *best = ink_output(ink_top_k(x, K)),
              *y = ink_gather(x, best);
    compile(&b, y);
    memcpy(ink_graph_run_data(&b.run, x), rows, sizeof rows);
    const float *values = go(&b, y);
    const int32_t *got = ink_graph_run_data(&b.run, best);
    for (int row = 0; row < ROWS; row++) {
        for (int i = 0; i < K; i++) {
            assert_int_equal(got[row * K + i], wanted[row][i]);
            assert_memory_equal(&values[row * K + i], &rows[row][wanted[row][i]], sizeof(float));
        }
    }
    end(&b);
}

static void picking_and_joining(void **state)
{
    static const int32_t chosen[3] = {4, 0, 4};
    (void)state;
    bench b = start();
    ink_array *x = heads(&b, 5, 2, 7), *z = heads(&b, 5, 2, 3), *which = ids(&b, 3, 0);
    ink_array *both = ink_output(ink_concat(ink_slice(x, 1, 4), z)), *y = ink_pick(x, which);
    compile(&b, y);
    const float *xs = fill(&b, x), *zs = fill(&b, z);
    memcpy(ink_graph_run_data(&b.run, which), chosen, sizeof chosen);
    const float *picked = go(&b, y), *joined = ink_graph_run_data(&b.run, both);
    for (int i = 0; i < 3; i++)
        assert_memory_equal(picked + i * 14, xs + chosen[i] * 14, 14 * sizeof *xs);
    for (int i = 0; i < 10; i++) {
        assert_memory_equal(joined + i * 7, xs + i * 7 + 1, 4 * sizeof *xs);
        assert_memory_equal(joined + i * 7 + 4, zs + i * 3, 3 * sizeof *zs);
    }
    end(&b);
}

static void combining_and_averaging(void **state)
{
    enum { ROWS = 4, USED = 3, WIDTH = 21 };
    (void)state;
    bench b = start();
    ink_array *x = heads(&b, ROWS, USED, WIDTH), *weights = floats(&b, ROWS, USED);
    ink_array *combined = ink_output(ink_combine(x, weights)), *y = ink_mean(combined);
    compile(&b, y);
    const float *xs = fill(&b, x), *ws = fill(&b, weights);
    const float *mean = go(&b, y), *sums = ink_graph_run_data(&b.run, combined);
    double wanted[ROWS * WIDTH] = {0}, means[WIDTH] = {0};
    for (size_t row = 0; row < ROWS; row++) {
        for (size_t i = 0; i < WIDTH; i++) {
            for (size_t e = 0; e < USED; e++)
                wanted[row * WIDTH + i] +=
                    (double)ws[row * USED + e] * xs[(row * USED + e) * WIDTH + i];
            means[i] += wanted[row * WIDTH + i] / ROWS;
        }
    }
    ink_assert_close(sums, wanted, ROWS * WIDTH, TOLERANCE, "a combination");
    ink_assert_close(mean, means, WIDTH, TOLERANCE, "a mean");
    end(&b);
}

/* ---- Weights. */

static const ink_format formats[] = {INK_FORMAT_F32, INK_FORMAT_F16, INK_FORMAT_BF16,
                                     INK_FORMAT_Q8_0, INK_FORMAT_Q4_0};
#define N_TRIED (sizeof formats / sizeof *formats)

/* What the format keeps of the floats. */
static void as_stored(ink_format format, float *values, size_t n)
{
    uint64_t n_bytes;
    assert_true(ink_format_row_bytes(format, n, &n_bytes));
    void *blocks = malloc((size_t)n_bytes);
    assert_non_null(blocks);
    assert_true(ink_encode(format, blocks, values, n));
    ink_decode(format, values, blocks, n / ink_formats[format].block_elements);
    free(blocks);
}

static void embedding_rows(void **state)
{
    enum { ROWS = 19, K = 64 };
    static const int32_t chosen[6] = {18, 0, 15, 16, 3, 18};
    (void)state;
    for (size_t f = 0; f < 2 * N_TRIED; f++) {
        bench b = start();
        float values[ROWS * K];
        ink_format format = formats[f / 2];
        ink_fill_random(values, ROWS * K, &b.seed);
        ink_matrix matrix = ink_test_matrix(format, f % 2, 1, ROWS, K, values);
        as_stored(format, values, ROWS * K);
        ink_array *flat = ids(&b, 6, 0), *pairs = ids(&b, 3, 2);
        ink_array *two = ink_output(ink_embed(&matrix, pairs)), *y = ink_embed(&matrix, flat);
        compile(&b, y);
        memcpy(ink_graph_run_data(&b.run, flat), chosen, sizeof chosen);
        memcpy(ink_graph_run_data(&b.run, pairs), chosen, sizeof chosen);
        const float *got = go(&b, y), *got_two = ink_graph_run_data(&b.run, two);
        for (int i = 0; i < 6; i++) {
            assert_memory_equal(got + i * K, values + chosen[i] * K, K * sizeof *got);
            assert_memory_equal(got_two + i * K, values + chosen[i] * K, K * sizeof *got);
        }
        end(&b);
        free((void *)(uintptr_t)matrix.data);
    }
}

/* What a product with this format reads of a row. */
static void as_read(ink_format format, double *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i];
    for (size_t group = 0; ink_format_takes_q8(format) && group < n / INK_Q8_GROUP; group++) {
        ink_q8 q;
        ink_quantize_q8_c(&q, x + group * INK_Q8_GROUP, 1);
        for (size_t i = 0; i < INK_Q8_GROUP; i++)
            y[group * INK_Q8_GROUP + i] = (double)q.d * q.q[i];
    }
}

static void products(void **state)
{
    enum { COLUMNS = 5, ROWS = 83, K = 96 };
    (void)state;
    for (size_t f = 0; f < N_TRIED; f++) {
        bench b = start();
        float *values = calloc(ROWS * K, sizeof *values);
        double *wanted = doubles(COLUMNS * ROWS), read[K];
        assert_non_null(values);
        ink_fill_random(values, ROWS * K, &b.seed);
        ink_matrix matrix = ink_test_matrix(formats[f], true, 1, ROWS, K, values);
        as_stored(formats[f], values, ROWS * K);
        ink_array *x = floats(&b, COLUMNS, K), *y = ink_linear(&matrix, x);
        compile(&b, y);
        const float *xs = fill(&b, x);
        for (size_t i = 0; i < COLUMNS * ROWS; i++) {
            as_read(formats[f], read, xs + i / ROWS * K, K);
            for (size_t k = 0; k < K; k++)
                wanted[i] += read[k] * values[i % ROWS * K + k];
        }
        ink_assert_close(go(&b, y), wanted, COLUMNS * ROWS, TOLERANCE,
                         ink_formats[formats[f]].name);
        end(&b);
        free(wanted);
        free(values);
        free((void *)(uintptr_t)matrix.data);
    }
}

/* Each expert's product is that of a matrix of its own, bit for bit, wherever a token names it. */
static void products_of_experts(void **state)
{
    enum { TOKENS = 7, USED = 2, EXPERTS = 5, ROWS = 37, K = 64 };
    (void)state;
    for (size_t f = 0; f < 2 * N_TRIED; f++) {
        bench b = start();
        bool own_rows = f % 2; /* an input for each of a token's experts */
        float *values = calloc(EXPERTS * ROWS * K, sizeof *values);
        ink_matrix alone[EXPERTS];
        ink_array *single[EXPERTS];
        assert_non_null(values);
        ink_fill_random(values, EXPERTS * ROWS * K, &b.seed);
        ink_matrix matrix = ink_test_matrix(formats[f / 2], true, EXPERTS, ROWS, K, values);
        ink_array *flat = floats(&b, TOKENS * (own_rows ? USED : 1), K),
                  *chosen = ids(&b, TOKENS, USED);
        ink_array *x = own_rows ? ink_reshape(flat, 3, (size_t[]){TOKENS, USED, K}) : flat;
        for (size_t e = 0; e < EXPERTS; e++) {
            alone[e] = ink_test_matrix(formats[f / 2], true, 1, ROWS, K, values + e * ROWS * K);
            single[e] = ink_output(ink_linear(&alone[e], flat));
        }
        ink_array *y = ink_linear_experts(&matrix, x, chosen);
        compile(&b, y);
        fill(&b, flat);
        int32_t *which = ink_graph_run_data(&b.run, chosen);
        for (size_t i = 0; i < TOKENS * USED; i++)
            which[i] = (int32_t)(i / USED + i % USED * 3) % EXPERTS;
        const float *got = go(&b, y);
        for (size_t i = 0; i < TOKENS * USED; i++) {
            const float *wanted = ink_graph_run_data(&b.run, single[which[i]]);
            assert_memory_equal(got + i * ROWS, wanted + (own_rows ? i : i / USED) * ROWS,
                                ROWS * sizeof *got);
        }
        end(&b);
        for (size_t e = 0; e < EXPERTS; e++)
            free((void *)(uintptr_t)alone[e].data);
        free((void *)(uintptr_t)matrix.data);
        free(values);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broadcasting),
        cmocka_unit_test(scaling_and_clamping),
        cmocka_unit_test(activations),
        cmocka_unit_test(norms),
        cmocka_unit_test(softmax_and_normalize),
        cmocka_unit_test(rotation),
        cmocka_unit_test(the_largest),
        cmocka_unit_test(picking_and_joining),
        cmocka_unit_test(combining_and_averaging),
        cmocka_unit_test(embedding_rows),
        cmocka_unit_test(products),
        cmocka_unit_test(products_of_experts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
