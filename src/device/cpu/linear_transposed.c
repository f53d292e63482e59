/*
 * The gradient of a product with respect to what was multiplied: dy times the matrix itself, which
 * lies packed in tiles of rows. A task is a run of columns; it decodes its part of some tiles at a
 * time and multiplies dy with them. Rows of the matrix are taken in increasing order.
 */
#include "device/cpu/cpu.h"

#include <assert.h>
#include <string.h>
#include "base/size.h"

#define DECODED_ROWS 64     /* at a time */
#define COLUMNS_OF_TASK 256 /* a multiple of every format's block */

typedef struct parts {
    float *decoded; /* [DECODED_ROWS][COLUMNS_OF_TASK] */
    char *blocks;   /* one row's */
    void *gemm;
} parts;

static size_t carve(parts *p, const ink_array *node, void *scratch)
{
    const ink_format_info *format = &ink_formats[node->parameters.matrix->format];
    size_t decoded = (size_t)DECODED_ROWS * COLUMNS_OF_TASK * sizeof(float);
    size_t blocks = COLUMNS_OF_TASK / format->block_elements * format->block_bytes;
    blocks = ink_size_groups(blocks, 64) * 64;
    p->decoded = scratch;
    p->blocks = (char *)((uintptr_t)scratch + decoded);
    p->gemm = (void *)((uintptr_t)scratch + decoded + blocks);
    return decoded + blocks + INK_GEMM_SCRATCH_BYTES;
}

size_t ink_cpu_linear_transposed_scratch(const ink_array *node)
{
    parts p;
    return carve(&p, node, NULL);
}

size_t ink_cpu_linear_transposed_tasks(const ink_cpu *cpu, const ink_array *node)
{
    (void)cpu;
    return ink_size_groups(node->parameters.matrix->k, COLUMNS_OF_TASK);
}

/* Columns [first, first + n) of rows [row, row + n_rows). */
static void decode(const parts *p, const ink_matrix *matrix, size_t row, size_t n_rows,
                   size_t first, size_t n)
{
    const ink_format_info *format = &ink_formats[matrix->format];
    size_t row_bytes = matrix->k / format->block_elements * format->block_bytes;
    size_t before = first / format->block_elements * format->block_bytes;
    size_t n_blocks = n / format->block_elements;
    for (size_t i = row; i < row + n_rows; i++) {
        const char *tile = (const char *)matrix->data +
                           i / INK_TILE_ROWS * INK_TILE_ROWS * row_bytes + before * INK_TILE_ROWS;
        ink_tile_get_row(matrix->format, p->blocks, tile, i % INK_TILE_ROWS, n_blocks);
        ink_decode(matrix->format, p->decoded + (i - row) * COLUMNS_OF_TASK, p->blocks, n_blocks);
    }
}

void ink_cpu_linear_transposed(const ink_cpu_call *call, size_t task)
{
    const ink_array *node = call->node, *dy = node->inputs[0];
    const ink_matrix *matrix = node->parameters.matrix;
    size_t first = task * COLUMNS_OF_TASK, n = ink_size_min(COLUMNS_OF_TASK, matrix->k - first);
    parts p;
    carve(&p, node, call->scratch);
    assert(matrix->packed);
    for (size_t row = 0; row < matrix->n_rows; row += DECODED_ROWS) {
        size_t n_rows = ink_size_min(DECODED_ROWS, matrix->n_rows - row);
        decode(&p, matrix, row, n_rows, first, n);
        call->cpu->kernels.gemm_f32(&(ink_gemm){
            .m = node->shape[0],
            .n = n,
            .k = n_rows,
            .a = (const float *)dy->data + row,
            .a_row = dy->stride[0],
            .a_col = 1,
            .b = p.decoded,
            .b_row = COLUMNS_OF_TASK,
            .b_col = 1,
            .c = (float *)node->data + first,
            .c_row = node->stride[0],
            .add = row > 0,
            .scratch = p.gemm,
        });
    }
}
