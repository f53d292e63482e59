/*
 * Convolution along sequences. A task is a run of channels and goes through all tokens in order;
 * vector lanes are channels, and a channel's sum takes its taps in order, so that a result depends
 * neither on the batch nor on who computed it.
 */
#include "device/cpu/cpu.h"

#include <string.h>
#include "base/size.h"

#define TASK_CHANNELS 256

/* The channels of one task, and the tokens of one sequence. */
typedef struct work {
    const ink_cpu_call *call;
    size_t first_channel, n_channels, n_taps;
    size_t first_row, n_rows;
    float *taps;           /* [n_taps][n_channels] */
    float *product;        /* [n_channels] */
    float *history;        /* from first_channel on, a row each history_stride */
    size_t history_stride; /* all channels */
} work;

static size_t channels_of_task(const ink_array *node)
{
    return ink_size_min(ink_line_length(node), TASK_CHANNELS);
}

size_t ink_cpu_convolve_scratch(const ink_array *node)
{
    size_t n_taps = ink_line_length(node->inputs[1]);
    return (n_taps + 1) * channels_of_task(node) * sizeof(float);
}

size_t ink_cpu_convolve_tasks(const ink_cpu *cpu, const ink_array *node)
{
    (void)cpu;
    return ink_size_groups(ink_line_length(node), TASK_CHANNELS);
}

/* A file has a channel's taps side by side; lanes want a tap of all channels. */
static void load_taps(const work *w, const ink_array *weight)
{
    for (size_t channel = 0; channel < w->n_channels; channel++) {
        const float *taps = ink_line(weight, w->first_channel + channel, 0);
        for (size_t j = 0; j < w->n_taps; j++)
            w->taps[j * w->n_channels + channel] = taps[j];
    }
}

/* What stands `at` rows behind the oldest row of the history, which the tokens follow. */
static const float *row_at(const work *w, size_t at)
{
    size_t n_history = w->n_taps - 1;
    if (at < n_history)
        return w->history + at * w->history_stride;
    const float *row = ink_line(w->call->node->inputs[0], w->first_row + at - n_history, 0);
    return row + w->first_channel;
}

static void convolve_row(const work *w, size_t row, const float *bias)
{
    const ink_kernels *kernels = &w->call->cpu->kernels;
    float *y = (float *)ink_line(w->call->node, w->first_row + row, 0) + w->first_channel;
    kernels->multiply(y, w->taps, row_at(w, row), w->n_channels);
    for (size_t j = 1; j < w->n_taps; j++) {
        kernels->multiply(w->product, w->taps + j * w->n_channels, row_at(w, row + j),
                          w->n_channels);
        kernels->add(y, y, w->product, w->n_channels);
    }
    if (bias)
        kernels->add(y, y, bias + w->first_channel, w->n_channels);
}

/* The last rows become the history; what is still needed of the old one moves to its front. */
static void keep_history(const work *w)
{
    for (size_t i = 0; i + 1 < w->n_taps; i++)
        memcpy(w->history + i * w->history_stride, row_at(w, w->n_rows + i),
               w->n_channels * sizeof *w->history);
}

void ink_cpu_convolve(const ink_cpu_call *call, size_t task)
{
    const ink_array *node = call->node;
    const ink_kv_sequence *const *sequences = node->inputs[3]->data;
    const float *bias = node->inputs[2] ? node->inputs[2]->data : NULL;
    ink_state_place state = node->parameters.state;
    size_t n_all = ink_line_length(node), end = node->shape[0];
    work w = {.call = call,
              .first_channel = task * TASK_CHANNELS,
              .n_taps = ink_line_length(node->inputs[1]),
              .taps = call->scratch,
              .history_stride = n_all};
    w.n_channels = ink_size_min(TASK_CHANNELS, n_all - w.first_channel);
    w.product = w.taps + w.n_taps * w.n_channels;
    load_taps(&w, node->inputs[1]);
    for (size_t row = 0; row < end; row = w.first_row + w.n_rows) {
        w.first_row = row;
        w.history = sequences[row]->states[state.layer] + state.offset + w.first_channel;
        for (w.n_rows = 1; row + w.n_rows < end && sequences[row + w.n_rows] == sequences[row];)
            w.n_rows++;
        for (size_t i = 0; i < w.n_rows; i++)
            convolve_row(&w, i, bias);
        keep_history(&w);
    }
}
