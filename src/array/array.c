#include "array/record.h"

#include <string.h>
#include "base/size.h"

#define NO_GRADIENT NULL
#define LEAF INK_LEAF
#define ROWS INK_ROWS
#define WHOLE INK_WHOLE
#define PURE false
#define WRITES true
const ink_op_info ink_ops[INK_N_OPS] = {
#define OP(name, inputs, rows, effect, backward) [INK_OP_##name] = {#name, inputs, rows, effect},
#include "array/ops.def"
#undef OP
};
#undef LEAF
#undef ROWS
#undef WHOLE
#undef PURE
#undef WRITES

void ink_graph_init(ink_graph *graph, const ink_allocator *allocator)
{
    memset(graph, 0, sizeof *graph);
    ink_arena_init(&graph->arena, allocator, SIZE_MAX);
}

void ink_graph_deinit(ink_graph *graph)
{
    ink_delete(graph->arena.allocator, graph->nodes);
    ink_arena_deinit(&graph->arena);
    memset(graph, 0, sizeof *graph);
}

void ink_graph_reset(ink_graph *graph)
{
    ink_arena_reset(&graph->arena);
    graph->n_nodes = 0;
    graph->error = (ink_error){.status = INK_OK};
}

size_t ink_type_bytes(ink_type type)
{
    static const uint8_t bytes[INK_N_TYPES] = {
        [INK_F32] = sizeof(float),
        [INK_I32] = sizeof(int32_t),
        [INK_Q8] = sizeof(ink_q8),
        [INK_POINTER] = sizeof(void *),
    };
    return bytes[type];
}

size_t ink_elements(const ink_array *x)
{
    size_t n = 1;
    for (int d = 0; d < x->n_dims; d++)
        n *= x->shape[d]; /* checked when the array was recorded */
    return n;
}

/* ---- Recording ------------------------------------------------------------------------------- */

/* Keeps the first failure. */
#define FAIL(graph, code, ...)                                                               \
    ((graph)->error.status == INK_OK ? (void)ink_fail(&(graph)->error, code, 0, __VA_ARGS__) \
                                     : (void)0)

static bool append(ink_graph *graph, ink_array *array)
{
    if (graph->n_nodes == graph->capacity) {
        size_t capacity = graph->capacity ? graph->capacity * 2 : 256;
        ink_array **grown =
            ink_resize(graph->arena.allocator, graph->nodes, capacity, sizeof *grown);
        if (!grown)
            return false;
        graph->nodes = grown;
        graph->capacity = capacity;
    }
    array->index = graph->n_nodes;
    graph->nodes[graph->n_nodes++] = array;
    return true;
}

static bool set_shape(ink_array *array, int n_dims, const size_t *shape)
{
    size_t stride = 1, bytes;
    for (int d = n_dims - 1; d >= 0; d--) {
        array->shape[d] = shape[d];
        array->stride[d] = stride;
        if (shape[d] == 0 || !ink_size_mul(stride, shape[d], &stride))
            return false;
    }
    array->n_dims = n_dims;
    return ink_size_mul(stride, ink_type_bytes(array->type), &bytes);
}

ink_array *ink_record_array(ink_graph *graph, ink_op op, ink_type type, int n_dims,
                            const size_t *shape)
{
    if (graph->error.status != INK_OK)
        return NULL;
    if (graph->n_nodes >= INK_MAX_NODES) {
        FAIL(graph, INK_LIMIT, "the graph has more than %d arrays", INK_MAX_NODES);
        return NULL;
    }
    ink_array *array = ink_arena_take(&graph->arena, 1, sizeof *array);
    if (!array || !append(graph, array)) {
        FAIL(graph, INK_NO_MEMORY, "out of memory for a graph of %zu arrays", graph->n_nodes);
        return NULL;
    }
    array->graph = graph;
    array->op = op;
    array->type = type;
    if (n_dims < 1 || n_dims > INK_MAX_DIMS || !set_shape(array, n_dims, shape)) {
        FAIL(graph, INK_LIMIT, "%s: a dimension is zero or the size overflows", ink_ops[op].name);
        return NULL;
    }
    return array;
}

/* The result of an op on x, in x's graph. */
ink_array *ink_derive(ink_op op, ink_type type, int n_dims, const size_t *shape, ink_array *x)
{
    ink_array *y = ink_record_array(x->graph, op, type, n_dims, shape);
    if (y)
        y->inputs[0] = x;
    return y;
}

void *ink_mismatch(const ink_array *x, ink_op op)
{
    FAIL(x->graph, INK_BAD_ARGUMENT,
         "%s: the shapes do not fit (first input: %d dimensions, %zu x ... x %zu)",
         ink_ops[op].name, x->n_dims, x->shape[0], x->shape[x->n_dims - 1]);
    return NULL;
}

ink_array *ink_derive_alike(ink_op op, ink_array *x)
{
    if (!x)
        return NULL;
    return x->n_dims < 2 ? ink_mismatch(x, op) : ink_derive(op, INK_F32, x->n_dims, x->shape, x);
}

ink_array *ink_input(ink_graph *graph, ink_type type, int n_dims, const size_t *shape)
{
    return ink_record_array(graph, INK_OP_INPUT, type, n_dims, shape);
}

ink_array *ink_find_constant(const ink_graph *graph, const float *data)
{
    for (size_t i = 0; i < graph->n_nodes; i++)
        if (graph->nodes[i]->op == INK_OP_CONSTANT && graph->nodes[i]->data == data)
            return graph->nodes[i];
    return NULL;
}

ink_array *ink_constant(ink_graph *graph, const float *data, int n_dims, const size_t *shape)
{
    ink_array *known = ink_find_constant(graph, data);
    if (known && known->n_dims == n_dims &&
        memcmp(known->shape, shape, (size_t)n_dims * sizeof *shape) == 0)
        return known;
    ink_array *array = ink_record_array(graph, INK_OP_CONSTANT, INK_F32, n_dims, shape);
    if (array)
        array->data = (void *)(uintptr_t)data; /* never written: CONSTANT is only ever an input */
    return array;
}

ink_array *ink_range(ink_graph *graph, size_t n_rows, size_t n)
{
    ink_array *array = ink_record_array(graph, INK_OP_CONSTANT, INK_I32, 2, (size_t[]){n_rows, n});
    int32_t *data = array ? ink_arena_take(&graph->arena, ink_elements(array), sizeof *data) : NULL;
    if (!data) {
        FAIL(graph, INK_NO_MEMORY, "out of memory for a graph of %zu arrays", graph->n_nodes);
        return NULL;
    }
    for (size_t i = 0; i < n_rows * n; i++) /* as many as ink_elements says */
        data[i] = (int32_t)(i % n);
    array->data = data;
    return array;
}

ink_array *ink_vector(ink_graph *graph, const float *data, size_t n)
{
    return data ? ink_constant(graph, data, 1, (size_t[]){n}) : NULL;
}

/* ---- Views ----------------------------------------------------------------------------------- */

ink_array *ink_reshape(ink_array *x, int n_dims, const size_t *shape)
{
    if (!x)
        return NULL;
    ink_array *y = ink_derive(INK_OP_VIEW, x->type, n_dims, shape, x);
    if (!y)
        return NULL;
    if (ink_elements(x) != ink_elements(y))
        return ink_mismatch(x, INK_OP_VIEW);
    bool contiguous = true;
    for (int d = 0; d + 1 < x->n_dims; d++)
        contiguous = contiguous && x->stride[d] == x->stride[d + 1] * x->shape[d + 1];
    if (contiguous)
        return y;
    /* Rows further apart than they are long: only what follows the first dimension may change. */
    if (x->n_dims != 2 || n_dims < 2 || shape[0] != x->shape[0])
        return ink_mismatch(x, INK_OP_VIEW);
    y->stride[0] = x->stride[0];
    return y;
}

ink_array *ink_slice(ink_array *x, size_t begin, size_t n)
{
    if (!x)
        return NULL;
    if (begin > ink_last(x) || n > ink_last(x) - begin)
        return ink_mismatch(x, INK_OP_VIEW);
    size_t shape[INK_MAX_DIMS];
    memcpy(shape, x->shape, sizeof shape);
    shape[x->n_dims - 1] = n;
    ink_array *y = ink_derive(INK_OP_VIEW, x->type, x->n_dims, shape, x);
    if (!y)
        return NULL;
    memcpy(y->stride, x->stride, sizeof y->stride);
    y->parameters.offset = begin;
    return y;
}

/* ---- Ops ------------------------------------------------------------------------------------- */

/* The array that a trained matrix is; with it comes what it is multiplied by or looked up for. */
static ink_array *trained(const ink_matrix *matrix, const ink_array *x)
{
    return ink_constant(x->graph, matrix->data, 2, (size_t[]){matrix->n_rows, matrix->k});
}

ink_array *ink_embed(const ink_matrix *matrix, ink_array *ids)
{
    if (!ids)
        return NULL;
    if (matrix->trained)
        return ids->n_dims == 1 ? ink_pick(trained(matrix, ids), ids)
                                : ink_mismatch(ids, INK_OP_EMBED);
    size_t shape[3] = {ids->shape[0], ids->n_dims == 2 ? ids->shape[1] : matrix->k, matrix->k};
    ink_array *y = ink_derive(INK_OP_EMBED, INK_F32, ids->n_dims + 1, shape, ids);
    if (y)
        y->parameters.matrix = matrix;
    return y;
}

ink_array *ink_pick(ink_array *x, ink_array *ids)
{
    if (!x || !ids)
        return NULL;
    size_t shape[INK_MAX_DIMS];
    memcpy(shape, x->shape, sizeof shape);
    shape[0] = ids->shape[0];
    ink_array *y = ink_derive(INK_OP_PICK, x->type, x->n_dims, shape, x);
    if (y)
        y->inputs[1] = ids;
    return y;
}

/* What a product with this matrix reads in place of x: x itself, or its quantized rows. */
static ink_array *activations(const ink_matrix *matrix, ink_array *x)
{
    if (!ink_format_takes_q8(matrix->format))
        return x;
    bool rotated = ink_format_rotates(matrix->format);
    ink_array **made = rotated ? &x->rotated : &x->quantized, *y = *made;
    if (y)
        return y;
    size_t shape[INK_MAX_DIMS];
    memcpy(shape, x->shape, sizeof shape);
    shape[x->n_dims - 1] /= INK_Q8_GROUP;
    *made = y = ink_derive(INK_OP_QUANTIZE, INK_Q8, x->n_dims, shape, x);
    if (y)
        y->parameters.rotated = rotated;
    return y;
}

ink_array *ink_linear(const ink_matrix *matrix, ink_array *x)
{
    if (!x)
        return NULL;
    if (x->n_dims != 2 || ink_last(x) != matrix->k)
        return ink_mismatch(x, INK_OP_LINEAR);
    if (matrix->trained)
        return ink_matmul_arrays(x, false, trained(matrix, x), true, x->graph->precision);
    ink_array *from = activations(matrix, x);
    if (!from)
        return NULL;
    ink_array *y =
        ink_derive(INK_OP_LINEAR, INK_F32, 2, (size_t[]){x->shape[0], matrix->n_rows}, from);
    if (y)
        y->parameters.matrix = matrix;
    return y;
}

ink_array *ink_linear_experts(const ink_matrix *matrix, ink_array *x, ink_array *ids)
{
    if (!x || !ids)
        return NULL;
    if (ink_last(x) != matrix->k || ids->n_dims != 2 || ids->shape[0] != x->shape[0] ||
        (x->n_dims == 3 && x->shape[1] != ids->shape[1]))
        return ink_mismatch(x, INK_OP_LINEAR_EXPERTS);
    ink_array *from = activations(matrix, x);
    if (!from)
        return NULL;
    size_t shape[3] = {ids->shape[0], ids->shape[1], matrix->n_rows};
    ink_array *y = ink_derive(INK_OP_LINEAR_EXPERTS, INK_F32, 3, shape, from);
    if (y) {
        y->inputs[1] = ids;
        y->parameters.matrix = matrix;
    }
    return y;
}

ink_array *ink_matmul_arrays(ink_array *a, bool transpose_a, ink_array *b, bool transpose_b,
                             ink_precision precision)
{
    if (!a || !b)
        return NULL;
    const size_t k = a->shape[transpose_a ? 0 : 1], n = b->shape[transpose_b ? 0 : 1];
    if (a->n_dims != 2 || b->n_dims != 2 || a->type != INK_F32 || b->type != INK_F32)
        return ink_mismatch(a, INK_OP_MATMUL);
    if (k != b->shape[transpose_b ? 1 : 0]) {
        FAIL(a->graph, INK_BAD_ARGUMENT, "MATMUL: [%zu, %zu]%s does not go with [%zu, %zu]%s",
             a->shape[0], a->shape[1], transpose_a ? " transposed" : "", b->shape[0], b->shape[1],
             transpose_b ? " transposed" : "");
        return NULL;
    }
    const size_t shape[2] = {a->shape[transpose_a ? 1 : 0], n};
    ink_array *y = ink_derive(INK_OP_MATMUL, INK_F32, 2, shape, a);
    if (y) {
        y->inputs[1] = b;
        y->parameters.matmul.transpose_a = transpose_a;
        y->parameters.matmul.transpose_b = transpose_b;
        y->parameters.matmul.precision = precision;
    }
    return y;
}

ink_array *ink_norm(ink_norm_kind kind, ink_array *x, ink_array *weight, ink_array *bias,
                    float epsilon)
{
    if (!x)
        return NULL;
    if ((weight && ink_elements(weight) != ink_last(x)) ||
        (bias && (ink_elements(bias) != ink_last(x) || kind == INK_NORM_RMS)))
        return ink_mismatch(x, INK_OP_NORM);
    ink_array *y = ink_derive_alike(INK_OP_NORM, x);
    if (y) {
        y->inputs[1] = weight;
        y->inputs[2] = bias;
        y->parameters.norm.kind = kind;
        y->parameters.norm.epsilon = epsilon;
    }
    return y;
}

ink_array *ink_concat(ink_array *a, ink_array *b)
{
    if (!a || !b)
        return NULL;
    size_t shape[INK_MAX_DIMS];
    memcpy(shape, a->shape, sizeof shape);
    shape[a->n_dims - 1] += ink_last(b);
    if (a->n_dims < 2 || a->n_dims != b->n_dims ||
        memcmp(a->shape, b->shape, (size_t)(a->n_dims - 1) * sizeof *shape) != 0)
        return ink_mismatch(a, INK_OP_CONCAT);
    ink_array *y = ink_derive(INK_OP_CONCAT, INK_F32, a->n_dims, shape, a);
    if (y)
        y->inputs[1] = b;
    return y;
}

bool ink_broadcasts(const ink_array *a, const ink_array *b)
{
    if (b->n_dims > a->n_dims || (ink_last(b) != ink_last(a) && ink_last(b) != 1))
        return false;
    for (int d = 1; d <= b->n_dims; d++) {
        size_t size = b->shape[b->n_dims - d];
        if (size != 1 && size != a->shape[a->n_dims - d])
            return false;
    }
    return true;
}

static ink_array *elementwise(ink_op op, ink_array *a, ink_array *b)
{
    if (!a || !b)
        return NULL;
    if (!ink_broadcasts(a, b))
        return ink_mismatch(a, op);
    ink_array *y = ink_derive_alike(op, a);
    if (y)
        y->inputs[1] = b;
    return y;
}

ink_array *ink_add(ink_array *a, ink_array *b)
{
    return elementwise(INK_OP_ADD, a, b);
}

ink_array *ink_multiply(ink_array *a, ink_array *b)
{
    return elementwise(INK_OP_MULTIPLY, a, b);
}

ink_array *ink_scale(ink_array *x, float factor)
{
    ink_array *y = ink_derive_alike(INK_OP_SCALE, x);
    if (y)
        y->parameters.factor = factor;
    return y;
}

ink_array *ink_clamp(ink_array *x, float low, float high)
{
    ink_array *y = ink_derive_alike(INK_OP_CLAMP, x);
    if (y) {
        y->parameters.clamp.low = low;
        y->parameters.clamp.high = high;
    }
    return y;
}

ink_array *ink_activate(ink_activation activation, ink_array *x)
{
    ink_array *y = ink_derive_alike(INK_OP_ACTIVATE, x);
    if (y)
        y->parameters.activation = activation;
    return y;
}

ink_array *ink_softmax(ink_array *x)
{
    return ink_derive_alike(INK_OP_SOFTMAX, x);
}

ink_array *ink_normalize(ink_array *x)
{
    return ink_derive_alike(INK_OP_NORMALIZE, x);
}

ink_array *ink_rope_table(ink_array *positions, ink_array *frequencies, float magnitude)
{
    if (!positions || !frequencies)
        return NULL;
    size_t shape[3] = {positions->shape[0], 2, ink_elements(frequencies)};
    ink_array *y = ink_derive(INK_OP_ROPE_TABLE, INK_F32, 3, shape, positions);
    if (y) {
        y->inputs[1] = frequencies;
        y->parameters.factor = magnitude;
    }
    return y;
}

ink_array *ink_rope(ink_array *x, ink_array *table, bool neighbors)
{
    if (!x || !table)
        return NULL;
    if (x->n_dims != 3 || table->shape[0] != x->shape[0] || ink_last(table) > ink_last(x) / 2)
        return ink_mismatch(x, INK_OP_ROPE);
    ink_array *y = ink_derive_alike(INK_OP_ROPE, x);
    if (y) {
        y->inputs[1] = table;
        y->parameters.rope.neighbors = neighbors;
    }
    return y;
}

ink_array *ink_store(ink_array *k, ink_array *v, ink_array *positions, ink_array *sequences,
                     const ink_attention *attention)
{
    if (!k || !v || !positions || !sequences)
        return NULL;
    if (k->n_dims != 3 || v->n_dims != 3 || ink_last(k) != attention->k_dim ||
        ink_last(v) != attention->v_dim)
        return ink_mismatch(k, INK_OP_STORE);
    ink_array *y = ink_derive(INK_OP_STORE, INK_I32, 1, (size_t[]){k->shape[0]}, k);
    if (y) {
        y->inputs[1] = v;
        y->inputs[2] = positions;
        y->inputs[3] = sequences;
        y->parameters.attention = *attention;
    }
    return y;
}

ink_array *ink_attend(ink_array *q, ink_array *stored, ink_array *positions, ink_array *sequences,
                      ink_array *sinks, const ink_attention *attention)
{
    if (!q || !stored || !positions || !sequences)
        return NULL;
    if (q->n_dims != 3 || q->shape[1] != attention->n_heads ||
        ink_last(q) != attention->k_dim << attention->twofold ||
        attention->n_heads % attention->n_kv_heads != 0)
        return ink_mismatch(q, INK_OP_ATTEND);
    size_t shape[3] = {q->shape[0], attention->n_heads, attention->v_dim};
    ink_array *y = ink_derive(INK_OP_ATTEND, INK_F32, 3, shape, q);
    if (y) {
        y->inputs[1] = stored;
        y->inputs[2] = positions;
        y->inputs[3] = sequences;
        y->inputs[4] = sinks;
        y->parameters.attention = *attention;
    }
    return y;
}

ink_array *ink_convolve(ink_array *x, ink_array *weight, ink_array *bias, ink_array *sequences,
                        ink_state_place state)
{
    if (!x || !weight || !sequences)
        return NULL;
    if (x->n_dims != 2 || weight->n_dims != 2 || weight->shape[0] != ink_last(x) ||
        (bias && ink_elements(bias) != ink_last(x)) || sequences->shape[0] != x->shape[0])
        return ink_mismatch(x, INK_OP_CONVOLVE);
    ink_array *y = ink_derive_alike(INK_OP_CONVOLVE, x);
    if (y) {
        y->inputs[1] = weight;
        y->inputs[2] = bias;
        y->inputs[3] = sequences;
        y->parameters.state = state;
    }
    return y;
}

/* A number for each of n heads, or a vector for each of groups that they divide into. */
static bool fits_heads(const ink_array *x, const ink_array *values, int n_dims)
{
    return x->n_dims == n_dims && x->shape[0] == values->shape[0] &&
           values->shape[1] % x->shape[1] == 0;
}

static bool fits_scan(const ink_scan_inputs *in)
{
    const ink_array *values = in->values;
    return values->n_dims == 3 && in->sequences->shape[0] == values->shape[0] &&
           fits_heads(in->decays, values, 2) && in->decays->shape[1] == values->shape[1] &&
           (!in->rates ||
            (fits_heads(in->rates, values, 2) && in->rates->shape[1] == values->shape[1])) &&
           fits_heads(in->keys, values, 3) && fits_heads(in->queries, values, 3) &&
           in->queries->shape[1] == in->keys->shape[1] &&
           ink_last(in->queries) == ink_last(in->keys);
}

ink_array *ink_scan(const ink_scan_inputs *in, ink_scan_layout layout)
{
    if (!in->values || !in->decays || !in->keys || !in->queries || !in->sequences)
        return NULL;
    if (!fits_scan(in))
        return ink_mismatch(in->values, INK_OP_SCAN);
    ink_array *y = ink_derive_alike(INK_OP_SCAN, in->values);
    if (y) {
        y->inputs[1] = in->decays;
        y->inputs[2] = in->keys;
        y->inputs[3] = in->queries;
        y->inputs[4] = in->sequences;
        y->inputs[5] = in->rates;
        y->parameters.scan = layout;
    }
    return y;
}

ink_array *ink_top_k(ink_array *x, size_t k)
{
    if (!x)
        return NULL;
    if (x->n_dims != 2 || k > ink_last(x))
        return ink_mismatch(x, INK_OP_TOP_K);
    return ink_derive(INK_OP_TOP_K, INK_I32, 2, (size_t[]){x->shape[0], k}, x);
}

ink_array *ink_gather(ink_array *x, ink_array *ids)
{
    if (!x || !ids)
        return NULL;
    if (x->n_dims != 2 || ids->n_dims != 2 || x->shape[0] != ids->shape[0])
        return ink_mismatch(x, INK_OP_GATHER);
    ink_array *y = ink_derive(INK_OP_GATHER, INK_F32, 2, ids->shape, x);
    if (y)
        y->inputs[1] = ids;
    return y;
}

ink_array *ink_combine(ink_array *x, ink_array *weights)
{
    if (!x || !weights)
        return NULL;
    if (x->n_dims != 3 || weights->n_dims != 2 || x->shape[1] != weights->shape[1])
        return ink_mismatch(x, INK_OP_COMBINE);
    ink_array *y = ink_derive(INK_OP_COMBINE, INK_F32, 2, (size_t[]){x->shape[0], x->shape[2]}, x);
    if (y)
        y->inputs[1] = weights;
    return y;
}

ink_array *ink_mean(ink_array *x)
{
    if (!x)
        return NULL;
    if (x->n_dims != 2)
        return ink_mismatch(x, INK_OP_MEAN);
    return ink_derive(INK_OP_MEAN, INK_F32, 2, (size_t[]){1, x->shape[1]}, x);
}

ink_array *ink_output(ink_array *x)
{
    if (x)
        x->output = true;
    return x;
}
