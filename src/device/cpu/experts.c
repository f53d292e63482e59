/* Choosing experts and adding up what they say. */
#include "device/cpu/cpu.h"

#include <math.h>
#include <string.h>

/* NaN is above all numbers: it is chosen and shows in the result, instead of hiding others. */
static bool above(float a, float b)
{
    return isnan(a) ? !isnan(b) : a > b;
}

/* k is small: a selection beats a sort. */
void ink_cpu_top_k(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node;
    size_t n = ink_line_length(node->inputs[0]), k = ink_line_length(node);
    for (size_t row = first_row; row < first_row + n_rows; row++) {
        const float *x = ink_line(node->inputs[0], row, 0);
        int32_t *ids = ink_line(node, row, 0);
        size_t n_chosen = 0;
        for (size_t i = 0; i < n; i++) {
            size_t at = n_chosen;
            while (at > 0 && above(x[i], x[ids[at - 1]]))
                at--;
            if (at >= k)
                continue;
            if (n_chosen < k)
                n_chosen++;
            memmove(ids + at + 1, ids + at, (n_chosen - at - 1) * sizeof *ids);
            ids[at] = (int32_t)i;
        }
    }
}

void ink_cpu_gather(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node;
    for (size_t row = first_row; row < first_row + n_rows; row++) {
        const float *x = ink_line(node->inputs[0], row, 0);
        const int32_t *ids = ink_line(node->inputs[1], row, 0);
        float *y = ink_line(node, row, 0);
        for (size_t i = 0; i < ink_line_length(node); i++)
            y[i] = x[ids[i]];
    }
}

void ink_cpu_combine(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node, *x = node->inputs[0], *weights = node->inputs[1];
    const float zero = 0;
    for (size_t row = first_row; row < first_row + n_rows; row++) {
        float *y = ink_line(node, row, 0);
        memset(y, 0, ink_line_length(node) * sizeof *y);
        call->cpu->kernels.values[INK_FORMAT_F32](&(ink_values){
            .rows = ink_line(x, row, 0),
            .row_bytes = x->stride[1] * sizeof(float),
            .n_rows = x->shape[1],
            .head_dim = ink_line_length(node),
            .p = ink_line(weights, row, 0),
            .rescale = &zero,
            .n_cols = 1,
            .acc = y,
        });
    }
}
