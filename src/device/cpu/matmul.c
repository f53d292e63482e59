/*
 * Products of arrays: tasks are blocks of the result, each with all of k, so that no sum is split
 * over threads. A task packs what it reads; the squarer its block, the less that is.
 */
#include "base/size.h"
#include "device/cpu/cpu.h"

#define TASKS_A_THREAD 2
#define LEAST_SIDE 64 /* of a block: with less packing takes as long as multiplying */
#define COLUMNS 32    /* of a block a multiple: whole vectors */

/* Blocks of rows x columns, n_across of them side by side. */
typedef struct grid {
    size_t rows, columns, n_down, n_across;
} grid;

static void size_blocks(grid *g, const ink_array *node)
{
    g->rows = ink_size_groups(node->shape[0], g->n_down);
    g->columns = ink_size_groups(ink_size_groups(node->shape[1], g->n_across), COLUMNS) * COLUMNS;
}

/* Whatever the number of threads, the bits are the same. */
static grid grid_of(const ink_cpu *cpu, const ink_array *node)
{
    const size_t enough = cpu->n_threads == 1 ? 1 : (size_t)cpu->n_threads * TASKS_A_THREAD;
    grid g = {.n_down = 1, .n_across = 1};
    for (size_blocks(&g, node); g.n_down * g.n_across < enough; size_blocks(&g, node)) {
        if (ink_size_max(g.rows, g.columns) < 2 * LEAST_SIDE)
            break;
        *(g.rows > g.columns ? &g.n_down : &g.n_across) += 1;
    }
    g.n_down = ink_size_groups(node->shape[0], g.rows);
    g.n_across = ink_size_groups(node->shape[1], g.columns);
    return g;
}

size_t ink_cpu_matmul_scratch(const ink_array *node)
{
    (void)node;
    return INK_GEMM_SCRATCH_BYTES;
}

size_t ink_cpu_matmul_tasks(const ink_cpu *cpu, const ink_array *node)
{
    const grid g = grid_of(cpu, node);
    return g.n_down * g.n_across;
}

void ink_cpu_matmul(const ink_cpu_call *call, size_t task)
{
    const ink_array *node = call->node, *a = node->inputs[0], *b = node->inputs[1];
    const ink_kernels *kernels = &call->cpu->kernels;
    const bool a_turned = node->parameters.matmul.transpose_a;
    const bool b_turned = node->parameters.matmul.transpose_b;
    const grid g = grid_of(call->cpu, node);
    const size_t row = task / g.n_across * g.rows, column = task % g.n_across * g.columns;
    ink_gemm product = {
        .m = ink_size_min(g.rows, node->shape[0] - row),
        .n = ink_size_min(g.columns, node->shape[1] - column),
        .k = a->shape[a_turned ? 0 : 1],
        .a_row = a_turned ? 1 : a->stride[0],
        .a_col = a_turned ? a->stride[0] : 1,
        .b_row = b_turned ? 1 : b->stride[0],
        .b_col = b_turned ? b->stride[0] : 1,
        .c = (float *)node->data + row * node->stride[0] + column,
        .c_row = node->stride[0],
        .scratch = call->scratch,
    };
    product.a = (const float *)a->data + row * product.a_row;
    product.b = (const float *)b->data + column * product.b_col;
    switch (node->parameters.matmul.precision) {
#define X(NAME, op)                   \
    case INK_PRECISION_##NAME:        \
        kernels->gemm_##op(&product); \
        break;
        INK_PRECISION_TABLE(X)
#undef X
    }
}
