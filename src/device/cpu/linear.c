/*
 * Products with weight matrices: tasks are runs of tiles, so that every weight is read by one
 * thread, once.
 */
#include "device/cpu/cpu.h"

#include <assert.h>
#include "base/file.h"
#include "base/size.h"

#define TASKS_A_THREAD 8
#define PANEL_TILES 4 /* kernels unpack up to four tiles at once when there are many columns */

static size_t tiles_of_task(const ink_cpu *cpu, const ink_matrix *matrix, size_t n_columns)
{
    size_t n_tiles = ink_size_groups(matrix->n_rows, INK_TILE_ROWS);
    size_t tiles = ink_size_groups(n_tiles, (size_t)cpu->n_threads * TASKS_A_THREAD);
    return n_columns == 1 ? tiles : ink_size_groups(tiles, PANEL_TILES) * PANEL_TILES;
}

static size_t tasks_of_matrix(const ink_cpu *cpu, const ink_matrix *matrix, size_t n_columns)
{
    size_t n_tiles = ink_size_groups(matrix->n_rows, INK_TILE_ROWS);
    return ink_size_groups(n_tiles, tiles_of_task(cpu, matrix, n_columns));
}

/* The tiles of one task of one expert; columns are the caller's to fill in. */
static ink_matmul task_of(const ink_cpu_call *call, const ink_matrix *matrix, size_t expert,
                          size_t first_tile, size_t n_tiles)
{
    const ink_format_info *format = &ink_formats[matrix->format];
    size_t tile_bytes = matrix->k / format->block_elements * format->block_bytes * INK_TILE_ROWS;
    size_t first_row = first_tile * INK_TILE_ROWS;
    assert(matrix->packed);
    return (ink_matmul){
        .tiles =
            (const char *)matrix->data + expert * matrix->expert_bytes + first_tile * tile_bytes,
        .k = matrix->k,
        .n_rows = ink_size_min(n_tiles * INK_TILE_ROWS, matrix->n_rows - first_row),
        .scratch = call->scratch,
    };
}

/*
 * A tile's rows as floats, rows interleaved for each k as F32 tiles have them. `row` holds the
 * blocks, then floats.
 */
static void decode_tile(const ink_matrix *matrix, float *tile, const void *packed, char *row)
{
    const ink_format_info *format = &ink_formats[matrix->format];
    size_t n_blocks = matrix->k / format->block_elements;
    float *values = (float *)(row + ink_size_groups(n_blocks * format->block_bytes, 64) * 64);
    for (size_t r = 0; r < INK_TILE_ROWS; r++) {
        ink_tile_get_row(matrix->format, row, packed, r, n_blocks);
        ink_decode(matrix->format, values, row, n_blocks);
        for (size_t k = 0; k < matrix->k; k++)
            tile[k * INK_TILE_ROWS + r] = values[k];
    }
}

/* The product of a format without kernels of its own: tile by tile through floats. */
static void multiply_decoded(const ink_cpu_call *call, const ink_matrix *matrix,
                             const ink_matmul *m)
{
    const ink_format_info *format = &ink_formats[matrix->format];
    size_t tile_bytes = matrix->k / format->block_elements * format->block_bytes * INK_TILE_ROWS;
    float *tile = call->scratch;
    char *row = (char *)(tile + matrix->k * INK_TILE_ROWS);
    for (size_t first = 0; first < m->n_rows; first += INK_TILE_ROWS) {
        ink_matmul part = *m;
        decode_tile(matrix, tile, (const char *)m->tiles + first / INK_TILE_ROWS * tile_bytes, row);
        part.tiles = tile;
        part.n_rows = ink_size_min(m->n_rows - first, INK_TILE_ROWS);
        part.y = m->y + first;
        part.scratch = row;
        call->cpu->kernels.matmul[INK_FORMAT_F32](&part);
    }
}

static void multiply(const ink_cpu_call *call, const ink_matrix *matrix, const ink_matmul *m)
{
    if (call->cpu->kernels.matmul[matrix->format])
        call->cpu->kernels.matmul[matrix->format](m);
    else
        multiply_decoded(call, matrix, m);
}

size_t ink_cpu_linear_scratch(const ink_array *node)
{
    const ink_matrix *matrix = node->parameters.matrix;
    size_t decoded =
        matrix->k * sizeof(float) * (INK_TILE_ROWS + 2) + 128; /* a tile, and a row in both forms */
    return ink_matmul_scratch_bytes(matrix->k) +
           (ink_format_takes_q8(matrix->format) ? 0 : decoded);
}

size_t ink_cpu_linear_tasks(const ink_cpu *cpu, const ink_array *node)
{
    return tasks_of_matrix(cpu, node->parameters.matrix, node->shape[0]);
}

/* The task that comes first asks for the weights that come later. */
static void read_ahead(const ink_matrix *matrix, size_t task)
{
    if (task == 0 && matrix->ahead)
        ink_mapping_read_ahead(matrix->ahead->data,
                               matrix->ahead->expert_bytes * matrix->ahead->n_experts);
}

void ink_cpu_linear(const ink_cpu_call *call, size_t task)
{
    const ink_array *node = call->node, *x = node->inputs[0];
    const ink_matrix *matrix = node->parameters.matrix;
    read_ahead(matrix, task);
    size_t n_tiles = tiles_of_task(call->cpu, matrix, node->shape[0]), first_tile = task * n_tiles;
    ink_matmul product = task_of(call, matrix, 0, first_tile, n_tiles);
    product.x = x->data;
    product.x_stride = x->stride[0];
    product.n_cols = node->shape[0];
    product.y = (float *)node->data + first_tile * INK_TILE_ROWS;
    product.y_stride = node->stride[0];
    multiply(call, matrix, &product);
}

/*
 * ---- Experts: a task is a run of tiles of one expert and goes through all tokens that chose it,
 * so that the tiles come from memory once.
 */

size_t ink_cpu_linear_experts_tasks(const ink_cpu *cpu, const ink_array *node)
{
    const ink_matrix *matrix = node->parameters.matrix;
    return matrix->n_experts * tasks_of_matrix(cpu, matrix, 1);
}

void ink_cpu_linear_experts(const ink_cpu_call *call, size_t task)
{
    const ink_array *node = call->node, *x = node->inputs[0], *ids = node->inputs[1];
    const ink_matrix *matrix = node->parameters.matrix;
    size_t n_tasks = tasks_of_matrix(call->cpu, matrix, 1), expert = task / n_tasks;
    size_t n_tiles = tiles_of_task(call->cpu, matrix, 1), first_tile = task % n_tasks * n_tiles;
    ink_matmul product = task_of(call, matrix, expert, first_tile, n_tiles);
    product.n_cols = 1;
    for (size_t token = 0; token < ids->shape[0]; token++) {
        const int32_t *chosen = ink_line(ids, token, 0);
        for (size_t slot = 0; slot < ids->shape[1]; slot++) {
            if ((size_t)chosen[slot] != expert)
                continue;
            product.x = ink_line(x, token, x->n_dims == 3 ? slot : 0);
            product.y = (float *)ink_line(node, token, slot) + first_tile * INK_TILE_ROWS;
            multiply(call, matrix, &product);
        }
    }
}
