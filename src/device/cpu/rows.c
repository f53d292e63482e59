/* Ops that go row by row: lookups, norms, elementwise arithmetic, activations. */
#include "device/cpu/cpu.h"

#include <assert.h>
#include <string.h>

/* The row that an index names. Indices come from the caller of the graph and were checked there. */
static size_t index_of(const ink_array *ids, size_t row, size_t line)
{
    int32_t id = ((const int32_t *)ids->data)[row * ids->stride[0] + line];
    assert(id >= 0);
    return (size_t)id;
}

size_t ink_cpu_embed_scratch(const ink_array *node)
{
    const ink_matrix *matrix = node->parameters.matrix;
    const ink_format_info *format = &ink_formats[matrix->format];
    return matrix->k / format->block_elements * format->block_bytes;
}

void ink_cpu_embed(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node;
    const ink_matrix *matrix = node->parameters.matrix;
    const ink_format_info *format = &ink_formats[matrix->format];
    size_t n_blocks = matrix->k / format->block_elements,
           row_bytes = n_blocks * format->block_bytes;
    INK_FOR_LINES(node, first_row, n_rows)
    {
        size_t id = index_of(node->inputs[0], row, line);
        const char *blocks = (const char *)matrix->data + id * row_bytes;
        if (matrix->packed) {
            const char *tile =
                (const char *)matrix->data + id / INK_TILE_ROWS * INK_TILE_ROWS * row_bytes;
            ink_tile_get_row(matrix->format, call->scratch, tile, id % INK_TILE_ROWS, n_blocks);
            blocks = call->scratch;
        }
        ink_decode(matrix->format, ink_line(node, row, line), blocks, n_blocks);
    }
}

void ink_cpu_pick(const ink_cpu_call *call, size_t task)
{
    const ink_array *node = call->node, *x = node->inputs[0];
    size_t bytes = ink_line_length(x) * ink_type_bytes(x->type);
    (void)task;
    INK_FOR_LINES(node, 0, node->shape[0])
    memcpy(ink_line(node, row, line), ink_line(x, index_of(node->inputs[1], row, 0), line), bytes);
}

static void quantize_rotated(const ink_kernels *kernels, ink_q8 *y, const float *x, size_t n)
{
    enum { GROUPS = INK_SPREAD_BLOCK / INK_Q8_GROUP };
    float block[INK_SPREAD_BLOCK];
    for (size_t i = 0; i < n; i += GROUPS, x += INK_SPREAD_BLOCK) {
        memcpy(block, x, sizeof block);
        ink_spread(block, INK_SPREAD_BLOCK);
        kernels->quantize_q8(y + i, block, GROUPS);
    }
}

void ink_cpu_quantize(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node, *x = node->inputs[0];
    const ink_kernels *kernels = &call->cpu->kernels;
    size_t n = ink_line_length(node);
    INK_FOR_LINES(node, first_row, n_rows)
    {
        if (node->parameters.rotated)
            quantize_rotated(kernels, ink_line(node, row, line), ink_line(x, row, line), n);
        else
            kernels->quantize_q8(ink_line(node, row, line), ink_line(x, row, line), n);
    }
}

void ink_cpu_norm(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node, *x = node->inputs[0];
    const ink_kernels *kernels = &call->cpu->kernels;
    const float *weight = node->inputs[1] ? node->inputs[1]->data : NULL;
    const float *bias = node->inputs[2] ? node->inputs[2]->data : NULL;
    float epsilon = node->parameters.norm.epsilon;
    size_t n = ink_line_length(node);
    INK_FOR_LINES(node, first_row, n_rows)
    {
        float *y = ink_line(node, row, line);
        if (node->parameters.norm.kind == INK_NORM_RMS)
            kernels->rms_norm(y, ink_line(x, row, line), weight, n, epsilon);
        else
            kernels->layer_norm(y, ink_line(x, row, line), weight, bias, n, epsilon);
    }
}

void ink_cpu_add(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node, *a = node->inputs[0], *b = node->inputs[1];
    size_t n = ink_line_length(node);
    INK_FOR_LINES(node, first_row, n_rows)
    {
        const float *x = ink_line(a, row, line), *z = ink_broadcast_line(b, a, row, line);
        float *y = ink_line(node, row, line);
        if (ink_line_length(b) == n) {
            call->cpu->kernels.add(y, x, z, n);
            continue;
        }
        for (size_t i = 0; i < n; i++)
            y[i] = x[i] + *z;
    }
}

void ink_cpu_multiply(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node, *a = node->inputs[0], *b = node->inputs[1];
    size_t n = ink_line_length(node);
    INK_FOR_LINES(node, first_row, n_rows)
    {
        const float *x = ink_line(a, row, line), *z = ink_broadcast_line(b, a, row, line);
        float *y = ink_line(node, row, line);
        if (ink_line_length(b) == n)
            call->cpu->kernels.multiply(y, x, z, n);
        else
            call->cpu->kernels.scale(y, x, *z, n);
    }
}

void ink_cpu_concat(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node, *a = node->inputs[0], *b = node->inputs[1];
    size_t n = ink_line_length(a), m = ink_line_length(b);
    INK_FOR_LINES(node, first_row, n_rows)
    {
        float *y = ink_line(node, row, line);
        memcpy(y, ink_line(a, row, line), n * sizeof *y);
        memcpy(y + n, ink_line(b, row, line), m * sizeof *y);
    }
}

void ink_cpu_scale(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node, *x = node->inputs[0];
    INK_FOR_LINES(node, first_row, n_rows)
    call->cpu->kernels.scale(ink_line(node, row, line), ink_line(x, row, line),
                             node->parameters.factor, ink_line_length(node));
}

void ink_cpu_clamp(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node;
    float low = node->parameters.clamp.low, high = node->parameters.clamp.high;
    INK_FOR_LINES(node, first_row, n_rows)
    {
        const float *x = ink_line(node->inputs[0], row, line);
        float *y = ink_line(node, row, line);
        for (size_t i = 0; i < ink_line_length(node); i++)
            y[i] = x[i] < low ? low : x[i] > high ? high : x[i];
    }
}

void ink_cpu_activate(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node, *x = node->inputs[0];
    const ink_kernels *kernels = &call->cpu->kernels;
    ink_silu_fn *const functions[INK_N_ACTIVATIONS] = {
        [INK_ACTIVATION_SILU] = kernels->silu,
        [INK_ACTIVATION_GELU] = kernels->gelu,
        [INK_ACTIVATION_RELU] = kernels->relu,
        [INK_ACTIVATION_RELU_SQUARED] = kernels->relu_squared,
        [INK_ACTIVATION_SIGMOID] = kernels->sigmoid,
        [INK_ACTIVATION_TANH] = kernels->tanh,
        [INK_ACTIVATION_SOFTPLUS] = kernels->softplus,
        [INK_ACTIVATION_EXP] = kernels->exp,
    };
    INK_FOR_LINES(node, first_row, n_rows)
    functions[node->parameters.activation](ink_line(node, row, line), ink_line(x, row, line),
                                           ink_line_length(node));
}

void ink_cpu_softmax(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node, *x = node->inputs[0];
    INK_FOR_LINES(node, first_row, n_rows)
    call->cpu->kernels.softmax(ink_line(node, row, line), ink_line(x, row, line),
                               ink_line_length(node));
}

void ink_cpu_normalize(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node;
    INK_FOR_LINES(node, first_row, n_rows)
    {
        const float *x = ink_line(node->inputs[0], row, line);
        float sum = 0;
        for (size_t i = 0; i < ink_line_length(node); i++)
            sum += x[i];
        call->cpu->kernels.scale(ink_line(node, row, line), x, 1.0f / sum, ink_line_length(node));
    }
}

void ink_cpu_mean(const ink_cpu_call *call, size_t task)
{
    const ink_array *node = call->node, *x = node->inputs[0];
    const ink_kernels *kernels = &call->cpu->kernels;
    float *y = node->data;
    size_t n = ink_line_length(node);
    (void)task;
    memset(y, 0, n * sizeof *y);
    for (size_t row = 0; row < x->shape[0]; row++)
        kernels->add(y, y, ink_line(x, row, 0), n);
    kernels->scale(y, y, 1.0f / (float)x->shape[0], n);
}
