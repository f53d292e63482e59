/*
 * Linear recurrences along sequences. A task is one head and goes through all tokens in order. All
 * steps are weighted sums of rows as attention has them, lanes being the head's dimensions: a token
 * adds its value, by each number of its key, to the rows of the state; and reads the rows by the
 * numbers of its query, or, for the delta rule, of its key.
 */
#include "device/cpu/cpu.h"

#include <string.h>

typedef struct work {
    const ink_cpu_call *call;
    size_t head, group, width, dim;
    float *decays; /* [width], all the same */
    float *value;  /* [dim] */
} work;

size_t ink_cpu_scan_scratch(const ink_array *node)
{
    return (ink_line_length(node->inputs[2]) + ink_line_length(node)) * sizeof(float);
}

size_t ink_cpu_scan_tasks(const ink_cpu *cpu, const ink_array *node)
{
    (void)cpu;
    return node->shape[1];
}

static float of_head(const work *w, const ink_array *numbers, size_t token)
{
    return ((const float *)ink_line(numbers, token, 0))[w->head];
}

/* y[dim] = the sum over i of by[i] * state[i] */
static void read_state(const work *w, const float *state, const float *by, float *y)
{
    const float zero = 0;
    memset(y, 0, w->dim * sizeof *y);
    w->call->cpu->kernels.values[INK_FORMAT_F32](&(ink_values){
        .rows = state,
        .row_bytes = w->dim * sizeof(float),
        .n_rows = w->width,
        .head_dim = w->dim,
        .p = by,
        .rescale = &zero,
        .n_cols = 1,
        .acc = y,
    });
}

/* state[width][dim] = state * decay + key value^T */
static void write_state(const work *w, float *state, const float *key, const float *value,
                        float decay)
{
    for (size_t i = 0; i < w->width; i++)
        w->decays[i] = decay;
    w->call->cpu->kernels.values[INK_FORMAT_F32](&(ink_values){
        .rows = value,
        .row_bytes = w->dim * sizeof(float),
        .n_rows = 1,
        .head_dim = w->dim,
        .p = key,
        .p_stride = 1,
        .rescale = w->decays,
        .n_cols = w->width,
        .acc = state,
        .acc_stride = w->dim,
    });
}

/* rate * (value - decay * S^T key): what the state does not say already. */
static const float *correction(const work *w, const float *state, const float *key, size_t token,
                               float decay)
{
    const ink_kernels *kernels = &w->call->cpu->kernels;
    const ink_array *node = w->call->node;
    read_state(w, state, key, w->value);
    kernels->scale(w->value, w->value, -decay, w->dim);
    kernels->add(w->value, w->value, ink_line(node->inputs[0], token, w->head), w->dim);
    kernels->scale(w->value, w->value, of_head(w, node->inputs[5], token), w->dim);
    return w->value;
}

static void scan_token(const work *w, float *state, size_t token)
{
    const ink_array *node = w->call->node;
    const float *key = ink_line(node->inputs[2], token, w->group);
    float decay = of_head(w, node->inputs[1], token);
    const float *value = node->inputs[5] ? correction(w, state, key, token, decay)
                                         : ink_line(node->inputs[0], token, w->head);
    write_state(w, state, key, value, decay);
    read_state(w, state, ink_line(node->inputs[3], token, w->group),
               ink_line(node, token, w->head));
}

void ink_cpu_scan(const ink_cpu_call *call, size_t task)
{
    const ink_array *node = call->node, *keys = node->inputs[2];
    const ink_kv_sequence *const *sequences = node->inputs[4]->data;
    const ink_scan_layout *layout = &node->parameters.scan;
    size_t n_heads = node->shape[1], n_groups = keys->shape[1];
    work w = {
        .call = call,
        .head = task,
        .group = layout->in_turn ? task % n_groups : task / (n_heads / n_groups),
        .width = ink_line_length(keys),
        .dim = ink_line_length(node),
        .decays = call->scratch,
    };
    w.value = w.decays + w.width;
    size_t offset = layout->state.offset + task * w.width * w.dim;
    for (size_t token = 0; token < node->shape[0]; token++)
        scan_token(&w, sequences[token]->states[layout->state.layer] + offset, token);
}
