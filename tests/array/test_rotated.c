/*
 * Matrices whose rows are rotated: what they are multiplied with is rotated before it is quantized,
 * once for all of them, and others that read the same get it as it is; rows that are looked up, and
 * gradients, are those of the weights themselves.
 */
#include "graph_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "array/backward.h"
#include "base/half.h"
#include "kernel/reference.h"

enum { COLUMNS = 5, ROWS = 43, K = 2 * INK_SPREAD_BLOCK };

/* Float sums of 512 terms, and the rotations before them. */
#define TOLERANCE 2e-5

static const ink_format formats[] = {INK_FORMAT_T2, INK_FORMAT_T3};
#define N_TRIED (sizeof formats / sizeof *formats)

typedef struct weights {
    ink_matrix matrix;
    float values[ROWS * K], rotated[ROWS * K];
} weights;

/* Any bits are codes. */
static weights *make_weights(ink_format format, uint64_t *seed)
{
    weights *w = calloc(1, sizeof *w);
    assert_non_null(w);
    const ink_format_info *info = &ink_formats[format];
    const size_t n_blocks = K / info->block_elements, row_bytes = n_blocks * info->block_bytes;
    const size_t n_tiles = (ROWS + INK_TILE_ROWS - 1) / INK_TILE_ROWS,
                 tile_bytes = INK_TILE_ROWS * row_bytes;
    uint8_t *rows = calloc(n_tiles, tile_bytes), *tiles = calloc(n_tiles, tile_bytes);
    assert_true(rows && tiles);
    for (size_t b = 0; b < ROWS * n_blocks; b++) {
        uint8_t *block = rows + b * info->block_bytes;
        for (size_t i = 0; i < info->block_bytes; i++)
            block[i] = (uint8_t)(ink_test_random(seed) >> 13);
        const ink_half d = ink_half_from_float(0.001f * (float)(1 + b % 7));
        memcpy(block, &d, sizeof d);
    }
    ink_decode(format, w->values, rows, ROWS * n_blocks);
    ink_decode_rows(format, w->rotated, rows, ROWS * n_blocks);
    for (size_t i = 0; i < n_tiles; i++)
        ink_pack_c(format, tiles + i * tile_bytes, rows + i * tile_bytes,
                   i + 1 < n_tiles ? INK_TILE_ROWS : ROWS % INK_TILE_ROWS, n_blocks);
    free(rows);
    w->matrix = (ink_matrix){.format = format,
                             .packed = true,
                             .n_rows = ROWS,
                             .k = K,
                             .n_experts = 1,
                             .data = tiles,
                             .expert_bytes = n_tiles * tile_bytes};
    return w;
}

static void free_weights(weights *w)
{
    free((void *)(uintptr_t)w->matrix.data);
    free(w);
}

/* y[col][row] of rows[ROWS][K] and what is left of x when it was quantized. */
static void multiply(double *y, const float *rows, const float *x, bool rotated)
{
    for (size_t c = 0; c < COLUMNS; c++) {
        float column[K];
        ink_q8 q[K / INK_Q8_GROUP];
        memcpy(column, x + c * K, sizeof column);
        if (rotated)
            ink_spread(column, K);
        ink_quantize_q8_c(q, column, K / INK_Q8_GROUP);
        for (size_t r = 0; r < ROWS; r++)
            for (size_t k = 0; k < K; k++)
                y[c * ROWS + r] += (double)rows[r * K + k] * (double)q[k / INK_Q8_GROUP].d *
                                   q[k / INK_Q8_GROUP].q[k % INK_Q8_GROUP];
    }
}

static void products(void **state)
{
    (void)state;
    for (size_t f = 0; f < N_TRIED; f++) {
        ink_graph_run run;
        uint64_t seed = 17 + f;
        static float plain[ROWS * K], stored[ROWS * K];
        static uint8_t blocks[ROWS * K * 2];
        weights *w = make_weights(formats[f], &seed), *second = make_weights(formats[f], &seed);
        ink_fill_random(plain, ROWS * K, &seed);
        ink_matrix beside = ink_test_matrix(INK_FORMAT_Q8_0, true, 1, ROWS, K, plain);
        assert_true(ink_encode(INK_FORMAT_Q8_0, blocks, plain, ROWS * K));
        ink_decode(INK_FORMAT_Q8_0, stored, blocks, ROWS * K / 32);
        ink_graph_run_init(&run, 3);
        ink_array *x = ink_input(&run.graph, INK_F32, 2, (size_t[]){COLUMNS, K});
        ink_array *y = ink_output(ink_linear(&w->matrix, x));
        ink_array *z = ink_output(ink_linear(&beside, x));
        size_t n_nodes = run.graph.n_nodes;
        ink_array *again = ink_output(ink_linear(&second->matrix, x));
        assert_int_equal(run.graph.n_nodes, n_nodes + 1); /* quantized once for both */
        ink_graph_run_compile(&run);
        float *xs = ink_graph_run_data(&run, x);
        ink_fill_random(xs, COLUMNS * K, &seed);
        ink_graph_run_go(&run);
        double of_y[COLUMNS * ROWS] = {0}, of_z[COLUMNS * ROWS] = {0},
                              of_again[COLUMNS * ROWS] = {0};
        multiply(of_y, w->rotated, xs, true);
        multiply(of_again, second->rotated, xs, true);
        multiply(of_z, stored, xs, false);
        ink_assert_close(ink_graph_run_data(&run, y), of_y, COLUMNS * ROWS, TOLERANCE, "rotated");
        ink_assert_close(ink_graph_run_data(&run, again), of_again, COLUMNS * ROWS, TOLERANCE,
                         "another");
        ink_assert_close(ink_graph_run_data(&run, z), of_z, COLUMNS * ROWS, TOLERANCE, "beside it");
        ink_graph_run_deinit(&run);
        free((void *)(uintptr_t)beside.data);
        free_weights(w);
        free_weights(second);
    }
}

/* What is multiplied is what the weights say: the rest is what int8 loses of activations. */
static void near_the_weights_themselves(void **state)
{
    (void)state;
    for (size_t f = 0; f < N_TRIED; f++) {
        uint64_t seed = 99;
        float x[COLUMNS * K];
        double got[COLUMNS * ROWS] = {0}, off = 0, all = 0;
        weights *w = make_weights(formats[f], &seed);
        ink_fill_random(x, COLUMNS * K, &seed);
        multiply(got, w->rotated, x, true);
        for (size_t c = 0; c < COLUMNS; c++)
            for (size_t r = 0; r < ROWS; r++) {
                double sum = 0;
                for (size_t k = 0; k < K; k++)
                    sum += (double)w->values[r * K + k] * (double)x[c * K + k];
                off += pow(sum - got[c * ROWS + r], 2);
                all += sum * sum;
            }
        assert_true(off < 1e-4 * all);
        free_weights(w);
    }
}

static void rows_and_gradients(void **state)
{
    static const int32_t chosen[3] = {42, 0, 17};
    (void)state;
    for (size_t f = 0; f < N_TRIED; f++) {
        ink_graph_run run;
        uint64_t seed = 5;
        static double wanted[COLUMNS * K];
        weights *w = make_weights(formats[f], &seed);
        ink_graph_run_init(&run, 2);
        ink_array *ids = ink_input(&run.graph, INK_I32, 1, (size_t[]){3});
        ink_array *rows = ink_output(ink_embed(&w->matrix, ids));
        ink_array *dy = ink_input(&run.graph, INK_F32, 2, (size_t[]){COLUMNS, ROWS});
        ink_array *dx = ink_output(ink_linear_transposed(&w->matrix, dy));
        ink_graph_run_compile(&run);
        memcpy(ink_graph_run_data(&run, ids), chosen, sizeof chosen);
        float *dys = ink_graph_run_data(&run, dy);
        ink_fill_random(dys, COLUMNS * ROWS, &seed);
        ink_graph_run_go(&run);
        const float *got = ink_graph_run_data(&run, rows);
        for (size_t i = 0; i < 3; i++)
            assert_memory_equal(got + i * K, w->values + (size_t)chosen[i] * K, K * sizeof *got);
        memset(wanted, 0, sizeof wanted);
        for (size_t c = 0; c < COLUMNS; c++)
            for (size_t r = 0; r < ROWS; r++)
                for (size_t k = 0; k < K; k++)
                    wanted[c * K + k] += (double)dys[c * ROWS + r] * (double)w->values[r * K + k];
        ink_assert_close(ink_graph_run_data(&run, dx), wanted, COLUMNS * K, TOLERANCE, "gradients");
        ink_graph_run_deinit(&run);
        free_weights(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products),
        cmocka_unit_test(near_the_weights_themselves),
        cmocka_unit_test(rows_and_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
