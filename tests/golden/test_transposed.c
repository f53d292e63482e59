/*
 * The gradient of products with packed matrices, in every format that there are models of: dy times
 * the decoded matrix, in double; the same bits on any number of threads, and for any rows beside.
 */
#include "golden.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../exact.h"
#include "array/backward.h"
#include "device/device.h"
#include "model/model.h"

/*
 * A sum of n_rows (a few hundred) products of numbers up to 1 and weights, by fused multiply-adds:
 * 2^-24 each of the sum of magnitudes.
 */
#define TOLERANCE 1e-6

enum { N = 5 };

static void run_on(int n_threads, const ink_matrix *matrix, const float *dy, size_t n, float *out)
{
    ink_graph graph;
    ink_device *device = NULL;
    ink_program *program = NULL;
    ink_error error;
    uint32_t features;
    ink_graph_init(&graph, NULL);
    ink_array *x = ink_input(&graph, INK_F32, 2, (size_t[]){n, matrix->n_rows});
    ink_array *y = ink_output(ink_linear_transposed(matrix, x));
    if (ink_cpu_select(&features, &error) != INK_OK ||
        ink_device_cpu_new(&device, n_threads, features, NULL, &error) != INK_OK ||
        ink_program_new(&program, device, &graph, &error) != INK_OK)
        fail_msg("%s", error.message);
    memcpy(ink_program_data(program, x), dy, n * matrix->n_rows * sizeof *dy);
    assert_int_equal(ink_program_run(program, &error), INK_OK);
    memcpy(out, ink_program_data(program, y), n * matrix->k * sizeof *out);
    ink_program_free(program);
    ink_device_free(device);
    ink_graph_deinit(&graph);
}

/* sums[N][k], and the sums of magnitudes. */
static void by_definition(const ink_matrix *matrix, const float *dy, double *sums, double *sizes)
{
    float *row = calloc(matrix->k, sizeof *row);
    assert_non_null(row);
    for (size_t j = 0; j < matrix->n_rows; j++) {
        ink_exact_decode_row(matrix, j, row);
        for (size_t i = 0; i < N * matrix->k; i++) {
            double term = (double)dy[i / matrix->k * matrix->n_rows + j] * row[i % matrix->k];
            sums[i] += term;
            sizes[i] += fabs(term);
        }
    }
    free(row);
}

static void check_matrix(const ink_matrix *matrix, const char *what)
{
    size_t n_dy = N * matrix->n_rows, n_y = N * matrix->k;
    uint64_t seed = 5;
    float *dy = calloc(n_dy, sizeof *dy), *one = calloc(n_y, sizeof *one),
          *many = calloc(n_y, sizeof *many);
    double *sums = calloc(2 * n_y, sizeof *sums);
    assert_true(dy && one && many && sums);
    for (size_t i = 0; i < n_dy; i++)
        dy[i] = (float)(int32_t)(ink_test_random(&seed) >> 32) * 0x1p-31f;
    by_definition(matrix, dy, sums, sums + n_y);
    run_on(1, matrix, dy, N, one);
    for (size_t i = 0; i < n_y; i++)
        if (!(fabs((double)one[i] - sums[i]) <= TOLERANCE * sums[n_y + i]))
            fail_msg("%s: element %zu is %.9g instead of %.9g", what, i, (double)one[i], sums[i]);
    run_on(3, matrix, dy, N, many);
    ink_assert_same_bits(one, many, n_y, what);
    run_on(2, matrix, dy + matrix->n_rows, 1, many);
    ink_assert_same_bits(one + matrix->k, many, matrix->k, what);
    free(dy);
    free(one);
    free(many);
    free(sums);
}

/* Some kinds of files have several formats: all matrices of the first layer. */
static void a_model(void **state)
{
    const ink_golden_case *of = *state;
    size_t n = 0;
    ink_model *model = ink_golden_open(of);
    for (size_t role = 0; model && role < INK_N_WEIGHT_ROLES; role++) {
        const ink_matrix *matrix = &model->layers[0][role].matrix;
        if (!matrix->data || !matrix->packed || matrix->n_experts != 1)
            continue;
        check_matrix(matrix, of->id);
        n++;
    }
    assert_true(!model || n >= 6);
    ink_model_free(model);
}

static void list_tests(const ink_golden *golden, ink_test_list *list)
{
    for (size_t i = 0; i < golden->n_cases; i++)
        if (strncmp(golden->cases[i].id, "llama-types", 11) == 0)
            ink_test_list_add(list, golden->cases[i].id, a_model, &golden->cases[i]);
}

int main(void)
{
    return ink_golden_main(list_tests);
}
