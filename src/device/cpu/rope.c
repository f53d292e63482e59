/*
 * Rotary positions: one table of cosines and sines a step, shared by all layers that rotate alike.
 */
#include "device/cpu/cpu.h"

#include <math.h>
#include <string.h>
#include "kernel/angle.h"

#define MAX_ANGLE 0x1p30 /* what ink_sincos takes */

/* No real model turns further; not a number is seen in the result. */
static void turn(double angle, double *sine, double *cosine)
{
    if (fabs(angle) < MAX_ANGLE)
        ink_sincos(angle, sine, cosine);
    else
        *sine = *cosine = NAN;
}

void ink_cpu_rope_table(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node;
    const int32_t *positions = node->inputs[0]->data;
    const float *frequencies = node->inputs[1]->data; /* [n_pairs] */
    double magnitude = node->parameters.factor;
    for (size_t row = first_row; row < first_row + n_rows; row++) {
        float *cosines = ink_line(node, row, 0), *sines = ink_line(node, row, 1);
        for (size_t i = 0; i < ink_line_length(node); i++) {
            double sine, cosine;
            turn((double)positions[row] * (double)frequencies[i], &sine, &cosine);
            cosines[i] = (float)(cosine * magnitude);
            sines[i] = (float)(sine * magnitude);
        }
    }
}

/* The other way is by the opposite angle, whose sine is the opposite. */
size_t ink_cpu_rope_scratch(const ink_array *node)
{
    return node->parameters.rope.back ? ink_line_length(node->inputs[1]) * sizeof(float) : 0;
}

void ink_cpu_rope(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node, *x = node->inputs[0], *table = node->inputs[1];
    const ink_kernels *kernels = &call->cpu->kernels;
    ink_rope_pairs_fn *rotate =
        node->parameters.rope.neighbors ? kernels->rope_pairs : kernels->rope_halves;
    size_t n = ink_line_length(node), n_pairs = ink_line_length(table);
    for (size_t row = first_row; row < first_row + n_rows; row++) {
        const float *sine = ink_line(table, row, 1);
        if (node->parameters.rope.back) {
            kernels->scale(call->scratch, sine, -1, n_pairs);
            sine = call->scratch;
        }
        for (size_t head = 0; head < node->shape[1]; head++) {
            float *y = ink_line(node, row, head);
            memcpy(y, ink_line(x, row, head), n * sizeof *y);
            rotate(y, ink_line(table, row, 0), sine, n_pairs);
        }
    }
}
