#include "graph_run.h"

#include <math.h>
#include <stdlib.h>
#include "base/size.h"

void ink_graph_run_init(ink_graph_run *run, int n_threads)
{
    ink_error error;
    uint32_t features;
    *run = (ink_graph_run){.program = NULL};
    ink_graph_init(&run->graph, NULL);
    if (ink_cpu_select(&features, &error) != INK_OK ||
        ink_device_cpu_new(&run->device, n_threads, features, NULL, &error) != INK_OK)
        fail_msg("%s", error.message);
}

void ink_graph_run_deinit(ink_graph_run *run)
{
    ink_program_free(run->program);
    ink_device_free(run->device);
    ink_graph_deinit(&run->graph);
}

void ink_graph_run_compile(ink_graph_run *run)
{
    ink_error error;
    if (ink_program_new(&run->program, run->device, &run->graph, &error) != INK_OK)
        fail_msg("%s", error.message);
}

void *ink_graph_run_data(ink_graph_run *run, ink_array *array)
{
    assert_non_null(array);
    return ink_program_data(run->program, array);
}

void ink_graph_run_go(ink_graph_run *run)
{
    ink_error error;
    if (ink_program_run(run->program, &error) != INK_OK)
        fail_msg("%s", error.message);
}

ink_matrix ink_test_matrix(ink_format format, bool packed, size_t n_experts, size_t n_rows,
                           size_t k, const float *values)
{
    uint64_t file_bytes, packed_bytes;
    assert_true(ink_format_row_bytes(format, k, &file_bytes));
    assert_true(ink_format_packed_bytes(format, n_rows, k, &packed_bytes));
    const size_t row_bytes = (size_t)file_bytes;
    const size_t expert_bytes = packed ? (size_t)packed_bytes : row_bytes * n_rows;
    char *data = calloc(n_experts, expert_bytes), *rows = calloc(INK_TILE_ROWS, row_bytes);
    assert_true(data && rows);
    size_t n_blocks = k / ink_formats[format].block_elements;
    for (size_t expert = 0; expert < n_experts; expert++) {
        for (size_t row = 0; row < n_rows; row++) {
            size_t in_tile = packed ? row % INK_TILE_ROWS : row;
            char *to = packed ? rows : data + expert * expert_bytes;
            assert_true(ink_encode(format, to + in_tile * row_bytes,
                                   values + (expert * n_rows + row) * k, k));
            if (packed && (in_tile == INK_TILE_ROWS - 1 || row == n_rows - 1))
                ink_pack_c(format, data + expert * expert_bytes + (row - in_tile) * row_bytes, rows,
                           in_tile + 1, n_blocks);
        }
    }
    free(rows);
    return (ink_matrix){.format = format,
                        .packed = packed,
                        .n_rows = n_rows,
                        .k = k,
                        .n_experts = n_experts,
                        .data = data,
                        .expert_bytes = expert_bytes};
}

void ink_fill_random(float *x, size_t n, uint64_t *seed)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(int32_t)(ink_test_random(seed) >> 32) * 0x1p-31f;
}

void ink_assert_close(const float *got, const double *wanted, size_t n, double relative,
                      const char *what)
{
    for (size_t i = 0; i < n; i++) {
        double bar = relative * (fabs(wanted[i]) > 1 ? fabs(wanted[i]) : 1);
        if (!(fabs(got[i] - wanted[i]) <= bar) && !(isnan(got[i]) && isnan(wanted[i])))
            fail_msg("%s: element %zu of %zu is %.9g instead of %.9g", what, i, n, (double)got[i],
                     wanted[i]);
    }
}
