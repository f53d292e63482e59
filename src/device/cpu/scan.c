/*
 * Linear recurrences along sequences. A task is one head and goes through all tokens in order. Both
 * steps are weighted sums of rows as attention has them, lanes being the head's dimensions: a token
 * adds its value, by each number of its key, to the rows of the state; and reads the rows by the
 * numbers of its query.
 */
#include "device/cpu/cpu.h"

#include <string.h>

size_t ink_cpu_scan_scratch(const ink_array *node)
{
    return ink_line_length(node->inputs[2]) * sizeof(float);
}

size_t ink_cpu_scan_tasks(const ink_cpu *cpu, const ink_array *node)
{
    (void)cpu;
    return node->shape[1];
}

/* state[width][dim] = state * decay + key value^T */
static void write_state(const ink_cpu_call *call, float *state, size_t token, size_t head)
{
    const ink_array *node = call->node, *keys = node->inputs[2];
    size_t width = ink_line_length(keys), dim = ink_line_length(node);
    float decay = ((const float *)ink_line(node->inputs[1], token, 0))[head],
          *decays = call->scratch;
    for (size_t i = 0; i < width; i++)
        decays[i] = decay;
    call->cpu->kernels.values_f32(&(ink_values){
        .rows = ink_line(node->inputs[0], token, head),
        .row_bytes = dim * sizeof(float),
        .n_rows = 1,
        .head_dim = dim,
        .p = ink_line(keys, token, head / (node->shape[1] / keys->shape[1])),
        .p_stride = 1,
        .rescale = decays,
        .n_cols = width,
        .acc = state,
        .acc_stride = dim,
    });
}

/* y[dim] = the sum over i of query[i] * state[i] */
static void read_state(const ink_cpu_call *call, const float *state, size_t token, size_t head)
{
    const ink_array *node = call->node, *queries = node->inputs[3];
    size_t dim = ink_line_length(node);
    float *y = ink_line(node, token, head);
    const float zero = 0;
    memset(y, 0, dim * sizeof *y);
    call->cpu->kernels.values_f32(&(ink_values){
        .rows = state,
        .row_bytes = dim * sizeof(float),
        .n_rows = ink_line_length(queries),
        .head_dim = dim,
        .p = ink_line(queries, token, head / (node->shape[1] / queries->shape[1])),
        .rescale = &zero,
        .n_cols = 1,
        .acc = y,
    });
}

void ink_cpu_scan(const ink_cpu_call *call, size_t task)
{
    const ink_array *node = call->node;
    const ink_kv_sequence *const *sequences = node->inputs[4]->data;
    ink_state_place place = node->parameters.state;
    size_t head_floats = ink_line_length(node->inputs[2]) * ink_line_length(node);
    for (size_t token = 0; token < node->shape[0]; token++) {
        float *state = sequences[token]->states[place.layer] + place.offset + task * head_floats;
        write_state(call, state, token, task);
        read_state(call, state, token, task);
    }
}
