/*
 * Products of arrays on the CPU device against their definition, three loops of fmaf, bit for bit:
 * every transposition, strided rows, shapes of one task and of many, and any number of threads.
 */
#include "graph_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct product_case {
    size_t m, n, k;
} product_case;

static const product_case cases[] = {
    {1, 1, 1}, {1, 33, 5}, {17, 1, 64}, {5, 70, 1}, {130, 200, 48}, {300, 65, 300}, {64, 520, 31},
};
#define N_CASES (sizeof cases / sizeof *cases)

enum { GAP = 3 }; /* what a slice leaves out at both sides */

/* An operand [rows, columns], perhaps part of a wider one; *whole is what the caller fills. */
static ink_array *operand(ink_graph *graph, size_t rows, size_t columns, bool sliced,
                          ink_array **whole)
{
    size_t width = columns + (sliced ? 2 * GAP : 0);
    *whole = ink_input(graph, INK_F32, 2, (size_t[]){rows, width});
    return sliced ? ink_slice(*whole, GAP, columns) : *whole;
}

static const float *filled(ink_graph_run *run, ink_array *whole, bool sliced, uint64_t *seed)
{
    float *x = ink_graph_run_data(run, whole);
    ink_fill_random(x, ink_elements(whole), seed);
    return x + (sliced ? GAP : 0);
}

typedef struct operands {
    const float *a, *b;
    size_t a_row, a_col, b_row, b_col;
} operands;

static float element(const operands *o, size_t i, size_t j, size_t k)
{
    float sum = 0;
    for (size_t l = 0; l < k; l++)
        sum = fmaf(o->a[i * o->a_row + l * o->a_col], o->b[l * o->b_row + j * o->b_col], sum);
    return sum;
}

static void check_case(product_case c, bool turn_a, bool turn_b, bool sliced, int n_threads)
{
    ink_graph_run run;
    uint64_t seed = 0x9e3779b97f4a7c15u + c.m;
    ink_array *wholes[2];
    ink_graph_run_init(&run, n_threads);
    ink_array *a = operand(&run.graph, turn_a ? c.k : c.m, turn_a ? c.m : c.k, sliced, &wholes[0]);
    ink_array *b = operand(&run.graph, turn_b ? c.n : c.k, turn_b ? c.k : c.n, sliced, &wholes[1]);
    ink_array *y = ink_output(ink_matmul_arrays(a, turn_a, b, turn_b, INK_PRECISION_F32));
    ink_graph_run_compile(&run);
    operands o = {.a = filled(&run, wholes[0], sliced, &seed),
                  .b = filled(&run, wholes[1], sliced, &seed)};
    o.a_row = turn_a ? 1 : a->stride[0];
    o.a_col = turn_a ? a->stride[0] : 1;
    o.b_row = turn_b ? 1 : b->stride[0];
    o.b_col = turn_b ? b->stride[0] : 1;
    ink_graph_run_go(&run);
    const float *got = ink_graph_run_data(&run, y);
    for (size_t i = 0; i < c.m; i++)
        for (size_t j = 0; j < c.n; j++) {
            float wanted = element(&o, i, j, c.k);
            if (memcmp(&got[i * c.n + j], &wanted, sizeof wanted) != 0)
                fail_msg("%zu x %zu x %zu%s%s, %d threads: [%zu][%zu] is %a instead of %a", c.m,
                         c.n, c.k, turn_a ? ", a transposed" : "", turn_b ? ", b transposed" : "",
                         n_threads, i, j, (double)got[i * c.n + j], (double)wanted);
        }
    ink_graph_run_deinit(&run);
}

static void every_transposition_is_exact(void **state)
{
    static const int threads[] = {1, 3};
    (void)state;
    for (size_t i = 0; i < N_CASES; i++)
        for (unsigned bits = 0; bits < 8; bits++)
            for (size_t t = 0; t < sizeof threads / sizeof *threads; t++)
                check_case(cases[i], bits & 1, bits & 2, bits & 4, threads[t]);
}

/* The product of tiles takes the same sums in the same order. */
static void a_linear_layer_has_the_same_bits(void **state)
{
    enum { TOKENS = 37, ROWS = 150, K = 300 };
    (void)state;
    ink_graph_run run;
    uint64_t seed = 3;
    float *values = calloc(ROWS * K, sizeof *values);
    assert_non_null(values);
    ink_fill_random(values, ROWS * K, &seed);
    ink_matrix matrix = ink_test_matrix(INK_FORMAT_F32, true, 1, ROWS, K, values);
    ink_graph_run_init(&run, 2);
    ink_array *x = ink_input(&run.graph, INK_F32, 2, (size_t[]){TOKENS, K});
    ink_array *w = ink_constant(&run.graph, values, 2, (size_t[]){ROWS, K});
    ink_array *by_tiles = ink_output(ink_linear(&matrix, x));
    ink_array *y = ink_output(ink_matmul_arrays(x, false, w, true, INK_PRECISION_F32));
    ink_graph_run_compile(&run);
    ink_fill_random(ink_graph_run_data(&run, x), TOKENS * K, &seed);
    ink_graph_run_go(&run);
    assert_memory_equal(ink_graph_run_data(&run, y), ink_graph_run_data(&run, by_tiles),
                        TOKENS * ROWS * sizeof(float));
    ink_graph_run_deinit(&run);
    free((void *)(uintptr_t)matrix.data);
    free(values);
}

/* As the C kernel has them, for any number of threads. */
static void check_definition(ink_precision precision, ink_gemm_f32_fn *definition)
{
    enum { M = 140, N = 150, K = 77 };
    static float wanted[M * N];
    for (int n_threads = 1; n_threads <= 3; n_threads += 2) {
        ink_graph_run run;
        uint64_t seed = 11;
        ink_graph_run_init(&run, n_threads);
        ink_array *a = ink_input(&run.graph, INK_F32, 2, (size_t[]){M, K});
        ink_array *b = ink_input(&run.graph, INK_F32, 2, (size_t[]){N, K});
        ink_array *y = ink_output(ink_matmul_arrays(a, false, b, true, precision));
        ink_graph_run_compile(&run);
        float *as = ink_graph_run_data(&run, a), *bs = ink_graph_run_data(&run, b);
        ink_fill_random(as, M * K, &seed);
        ink_fill_random(bs, N * K, &seed);
        definition(&(ink_gemm){.m = M,
                               .n = N,
                               .k = K,
                               .a = as,
                               .a_row = K,
                               .a_col = 1,
                               .b = bs,
                               .b_row = 1,
                               .b_col = K,
                               .c = wanted,
                               .c_row = N});
        ink_graph_run_go(&run);
        assert_memory_equal(ink_graph_run_data(&run, y), wanted, sizeof wanted);
        ink_graph_run_deinit(&run);
    }
}

static void bf16_has_the_bits_of_its_definitions(void **state)
{
    (void)state;
    check_definition(INK_PRECISION_BF16_PAIRS, ink_gemm_bf16_pairs_c);
    check_definition(INK_PRECISION_BF16_TILES, ink_gemm_bf16_tiles_c);
}

static void operands_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    for (int wrong = 0; wrong < 4; wrong++) {
        ink_graph graph;
        ink_graph_init(&graph, NULL);
        ink_array *a = ink_input(&graph, wrong == 3 ? INK_I32 : INK_F32, 2, (size_t[]){4, 6});
        ink_array *b = ink_input(&graph, INK_F32, wrong == 2 ? 3 : 2, (size_t[]){6, 4, 2});
        /* 0: k is 6 and 4; 1: 4 and 6 */
        assert_null(ink_matmul_arrays(a, wrong == 1, b, wrong == 0, INK_PRECISION_F32));
        assert_int_equal(graph.error.status, INK_BAD_ARGUMENT);
        assert_non_null(strstr(graph.error.message, "MATMUL"));
        ink_graph_deinit(&graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_transposition_is_exact),
        cmocka_unit_test(a_linear_layer_has_the_same_bits),
        cmocka_unit_test(bf16_has_the_bits_of_its_definitions),
        cmocka_unit_test(operands_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
