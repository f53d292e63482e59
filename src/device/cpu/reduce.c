/* Ops that bring rows together: sums over what broadcasting repeats, and over rows of one index. */
#include "device/cpu/cpu.h"

#include <string.h>
#include "base/size.h"
#include "device/cpu/sum.h"

#define COLUMNS_OF_TASK 64
#define ROWS_OF_TASK 256

/*
 * A task is a run of columns where they stay apart, and everything where a line becomes one number.
 * Lines are added in their order.
 */
size_t ink_cpu_reduce_tasks(const ink_cpu *cpu, const ink_array *node)
{
    (void)cpu;
    bool keeps_columns = ink_line_length(node) == ink_line_length(node->inputs[0]);
    return keeps_columns ? ink_size_groups(ink_line_length(node), COLUMNS_OF_TASK) : 1;
}

void ink_cpu_reduce(const ink_cpu_call *call, size_t task)
{
    const ink_array *node = call->node, *x = node->inputs[0];
    size_t n = ink_line_length(x), n_y = ink_line_length(node);
    size_t begin = n_y == n ? task * COLUMNS_OF_TASK : 0;
    size_t n_columns = n_y == n ? ink_size_min(COLUMNS_OF_TASK, n - begin) : 1;
    for (size_t i = 0; i < ink_elements(node); i += n_y)
        memset((float *)node->data + i + begin, 0, n_columns * sizeof(float));
    for (size_t row = 0; row < x->shape[0]; row++) {
        for (size_t line = 0; line < ink_lines_of_row(x); line++) {
            float *y = (float *)(uintptr_t)ink_broadcast_line(node, x, row, line) + begin;
            const float *from = (const float *)ink_line(x, row, line) + begin;
            if (n_y == n)
                call->cpu->kernels.add(y, y, from, n_columns);
            else
                *y += ink_sum(from, n);
        }
    }
}

/* A task is a run of the result's rows: it takes, in their order, the rows that belong there. */
size_t ink_cpu_scatter_tasks(const ink_cpu *cpu, const ink_array *node)
{
    (void)cpu;
    return ink_size_groups(node->shape[0], ROWS_OF_TASK);
}

void ink_cpu_scatter(const ink_cpu_call *call, size_t task)
{
    const ink_array *node = call->node, *dy = node->inputs[0];
    const int32_t *ids = node->inputs[1]->data;
    size_t n = ink_line_length(node), n_lines = ink_lines_of_row(node);
    size_t first = task * ROWS_OF_TASK, end = ink_size_min(first + ROWS_OF_TASK, node->shape[0]);
    memset(ink_line(node, first, 0), 0, (end - first) * n_lines * n * sizeof(float));
    for (size_t row = 0; row < dy->shape[0]; row++) {
        size_t to = (size_t)ids[row];
        for (size_t line = 0; to >= first && to < end && line < n_lines; line++) {
            float *y = ink_line(node, to, line);
            call->cpu->kernels.add(y, y, ink_line(dy, row, line), n);
        }
    }
}
