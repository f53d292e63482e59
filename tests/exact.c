#include "exact.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/kernel.h"

/* An op at work: its values, and those of its inputs. */
typedef struct call {
    const ink_array *node;
    const double *in[INK_MAX_INPUTS];
    double *y;
} call;

static size_t last(const ink_array *x)
{
    return x->shape[x->n_dims - 1];
}

static size_t lines(const ink_array *x)
{
    return ink_elements(x) / last(x);
}

/* Where in b, which broadcasts to a, the element stands that goes with a's element i. */
static size_t beside(const ink_array *b, const ink_array *a, size_t i)
{
    size_t at = 0, stride = 1;
    for (int d = 1; d <= a->n_dims; d++) {
        size_t size = a->shape[a->n_dims - d], index = i % size;
        i /= size;
        if (d > b->n_dims)
            break;
        size_t mine = b->shape[b->n_dims - d];
        at += mine == 1 ? 0 : index * stride;
        stride *= mine;
    }
    return at;
}

/* ---- Moving ---------------------------------------------------------------------------------- */

static void view(const call *c)
{
    const ink_array *x = c->node->inputs[0];
    size_t n = last(c->node), width = ink_elements(x) == ink_elements(c->node) ? n : last(x);
    for (size_t line = 0; line < lines(c->node); line++)
        memcpy(c->y + line * n, c->in[0] + line * width + c->node->parameters.offset,
               n * sizeof *c->y);
}

static void pick(const call *c)
{
    size_t n = ink_elements(c->node) / c->node->shape[0];
    for (size_t row = 0; row < c->node->shape[0]; row++)
        memcpy(c->y + row * n, c->in[0] + (size_t)c->in[1][row] * n, n * sizeof *c->y);
}

static void concat(const call *c)
{
    size_t n = last(c->node->inputs[0]), m = last(c->node->inputs[1]);
    for (size_t line = 0; line < lines(c->node); line++) {
        memcpy(c->y + line * (n + m), c->in[0] + line * n, n * sizeof *c->y);
        memcpy(c->y + line * (n + m) + n, c->in[1] + line * m, m * sizeof *c->y);
    }
}

static void reduce(const call *c)
{
    const ink_array *x = c->node->inputs[0];
    memset(c->y, 0, ink_elements(c->node) * sizeof *c->y);
    for (size_t i = 0; i < ink_elements(x); i++)
        c->y[beside(c->node, x, i)] += c->in[0][i];
}

static void repeat(const call *c)
{
    for (size_t i = 0; i < ink_elements(c->node); i++)
        c->y[i] = c->in[0][beside(c->node->inputs[0], c->node, i)];
}

/* ---- Elementwise ----------------------------------------------------------------------------- */

static void add(const call *c)
{
    for (size_t i = 0; i < ink_elements(c->node); i++)
        c->y[i] = c->in[0][i] + c->in[1][beside(c->node->inputs[1], c->node, i)];
}

static void multiply(const call *c)
{
    for (size_t i = 0; i < ink_elements(c->node); i++)
        c->y[i] = c->in[0][i] * c->in[1][beside(c->node->inputs[1], c->node, i)];
}

static void scale(const call *c)
{
    for (size_t i = 0; i < ink_elements(c->node); i++)
        c->y[i] = c->in[0][i] * (double)c->node->parameters.factor;
}

static void clamp(const call *c)
{
    double low = (double)c->node->parameters.clamp.low,
           high = (double)c->node->parameters.clamp.high;
    for (size_t i = 0; i < ink_elements(c->node); i++)
        c->y[i] = fmin(fmax(c->in[0][i], low), high);
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double activation(ink_activation kind, double x)
{
    static const double root = 0.79788456080286535588; /* of 2 / pi */
    switch (kind) {
    case INK_ACTIVATION_SILU:
        return x * sigmoid(x);
    case INK_ACTIVATION_GELU:
        return 0.5 * x * (1 + tanh(root * (x + 0.044715 * x * x * x)));
    case INK_ACTIVATION_RELU:
        return fmax(x, 0);
    case INK_ACTIVATION_RELU_SQUARED:
        return fmax(x, 0) * fmax(x, 0);
    case INK_ACTIVATION_SIGMOID:
        return sigmoid(x);
    case INK_ACTIVATION_TANH:
        return tanh(x);
    case INK_ACTIVATION_SOFTPLUS:
        return log1p(exp(x));
    case INK_ACTIVATION_EXP:
        return exp(x);
    case INK_N_ACTIVATIONS:
        break;
    }
    fail_msg("activation %d has no definition here", (int)kind);
    return 0;
}

static void activate(const call *c)
{
    for (size_t i = 0; i < ink_elements(c->node); i++)
        c->y[i] = activation(c->node->parameters.activation, c->in[0][i]);
}

/* SplitMix64, Steele et al., OOPSLA 2014: the i-th number after a start. */
static uint64_t split_mix(uint64_t start, uint64_t i)
{
    uint64_t z = start + (i + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static void dropout(const call *c)
{
    double rate = (double)c->node->parameters.dropout.rate;
    uint64_t low = (uint32_t)(int32_t)c->in[1][0], high = (uint32_t)(int32_t)c->in[1][1];
    uint64_t stream = split_mix(high << 32 | low, c->node->parameters.dropout.salt);
    for (size_t i = 0; i < ink_elements(c->node); i++) {
        double chance = (double)(split_mix(stream, i) >> 32) * 0x1p-32;
        c->y[i] = chance < rate ? 0 : c->in[0][i] / (1 - rate);
    }
}

/* ---- Along a line ---------------------------------------------------------------------------- */

static void norm(const call *c)
{
    size_t n = last(c->node);
    for (size_t line = 0; line < lines(c->node); line++) {
        const double *x = c->in[0] + line * n;
        double *y = c->y + line * n, mean = 0, square = 0;
        for (size_t i = 0; i < n && c->node->parameters.norm.kind == INK_NORM_LAYER; i++)
            mean += x[i] / (double)n;
        for (size_t i = 0; i < n; i++)
            square += (x[i] - mean) * (x[i] - mean) / (double)n;
        for (size_t i = 0; i < n; i++)
            y[i] = (x[i] - mean) / sqrt(square + (double)c->node->parameters.norm.epsilon) *
                       (c->in[1] ? c->in[1][i] : 1) +
                   (c->in[2] ? c->in[2][i] : 0);
    }
}

static double log_sum(const double *x, size_t n)
{
    double most = -(double)INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, x[i]);
    for (size_t i = 0; i < n; i++)
        sum += exp(x[i] - most);
    return most + log(sum);
}

static void softmax(const call *c)
{
    size_t n = last(c->node);
    for (size_t i = 0; i < ink_elements(c->node); i++)
        c->y[i] = exp(c->in[0][i] - log_sum(c->in[0] + i / n * n, n));
}

static void cross_entropy(const call *c)
{
    size_t n = last(c->node->inputs[0]);
    for (size_t row = 0; row < c->node->shape[0]; row++) {
        const double *x = c->in[0] + row * n;
        c->y[row] = c->in[1][row] < 0 ? 0 : log_sum(x, n) - x[(size_t)c->in[1][row]];
    }
}

/* KL(p || q) of n numbers. */
static double divergence_of(const double *p, const double *q, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += p[i] > 0 ? p[i] * log(p[i] / q[i]) : 0;
    return sum;
}

/* Probabilities of the tokens that the teacher names, and of all others as one; without, of all. */
static size_t group(const call *c, size_t row, double *p, double *q)
{
    const ink_array *ids = c->node->inputs[3];
    size_t n = last(c->node->inputs[0]), k = last(c->node->inputs[2]);
    const double *x = c->in[0] + row * n, *teacher = c->in[2] + row * k;
    double x_sum = log_sum(x, n), teacher_sum = ids ? 0 : log_sum(teacher, n);
    p[k] = q[k] = 1;
    for (size_t i = 0; i < k; i++) {
        p[i] = exp(teacher[i] - teacher_sum);
        q[i] = exp(x[ids ? (size_t)c->in[3][row * k + i] : i] - x_sum);
        p[k] -= p[i];
        q[k] -= q[i];
    }
    return ids ? k + 1 : k;
}

static void divergence(const call *c)
{
    size_t most = last(c->node->inputs[2]) + 1;
    double skew = (double)c->node->parameters.divergence.skew;
    bool forward = c->node->parameters.divergence.kind == INK_DIVERGENCE_FORWARD;
    double *p = calloc(3 * most, sizeof *p), *q = p + most, *mixed = q + most;
    assert_non_null(p);
    for (size_t row = 0; row < c->node->shape[0]; row++) {
        size_t n = group(c, row, p, q);
        const double *of = forward ? p : q, *other = forward ? q : p;
        for (size_t i = 0; i < n; i++)
            mixed[i] = (1 - skew) * other[i] + skew * of[i];
        c->y[row] = c->in[1][row] < 0 ? 0 : divergence_of(of, mixed, n);
    }
    free(p);
}

/* ---- Products -------------------------------------------------------------------------------- */

static void product(const call *c)
{
    const ink_array *node = c->node;
    bool at = node->parameters.matmul.transpose_a, bt = node->parameters.matmul.transpose_b;
    size_t m = node->shape[0], n = node->shape[1], k = node->inputs[0]->shape[at ? 0 : 1];
    memset(c->y, 0, m * n * sizeof *c->y);
    for (size_t i = 0; i < m; i++)
        for (size_t l = 0; l < k; l++) {
            double a = c->in[0][at ? l * m + i : i * k + l];
            const double *b = c->in[1] + (bt ? l : l * n);
            for (size_t j = 0; j < n; j++)
                c->y[i * n + j] += a * b[bt ? j * k : j];
        }
}

void ink_exact_decode_row(const ink_matrix *matrix, size_t row, float *out)
{
    const ink_format_info *format = &ink_formats[matrix->format];
    size_t n_blocks = matrix->k / format->block_elements, bytes = n_blocks * format->block_bytes;
    const char *data = matrix->data;
    char *blocks = malloc(bytes);
    assert_non_null(blocks);
    if (matrix->packed)
        ink_tile_get_row(matrix->format, blocks, data + row / INK_TILE_ROWS * INK_TILE_ROWS * bytes,
                         row % INK_TILE_ROWS, n_blocks);
    else
        memcpy(blocks, data + row * bytes, bytes);
    ink_decode(matrix->format, out, blocks, n_blocks);
    free(blocks);
}

static void linear(const call *c)
{
    const ink_matrix *matrix = c->node->parameters.matrix;
    float *row = calloc(matrix->k, sizeof *row);
    assert_non_null(row);
    for (size_t j = 0; j < matrix->n_rows; j++) {
        ink_exact_decode_row(matrix, j, row);
        for (size_t i = 0; i < c->node->shape[0]; i++) {
            double sum = 0;
            for (size_t l = 0; l < matrix->k; l++)
                sum += (double)row[l] * c->in[0][i * matrix->k + l];
            c->y[i * matrix->n_rows + j] = sum;
        }
    }
    free(row);
}

static void embed(const call *c)
{
    const ink_matrix *matrix = c->node->parameters.matrix;
    float *row = calloc(matrix->k, sizeof *row);
    assert_non_null(row);
    for (size_t i = 0; i < ink_elements(c->node->inputs[0]); i++) {
        ink_exact_decode_row(matrix, (size_t)c->in[0][i], row);
        for (size_t l = 0; l < matrix->k; l++)
            c->y[i * matrix->k + l] = (double)row[l];
    }
    free(row);
}

static void as_it_is(const call *c)
{
    memcpy(c->y, c->in[0], ink_elements(c->node->inputs[0]) * sizeof *c->y);
}

/* ---- Attention ------------------------------------------------------------------------------- */

static void rope_table(const call *c)
{
    size_t n = last(c->node);
    double magnitude = (double)c->node->parameters.factor;
    for (size_t row = 0; row < c->node->shape[0]; row++)
        for (size_t i = 0; i < n; i++) {
            c->y[2 * row * n + i] = magnitude * cos(c->in[0][row] * c->in[1][i]);
            c->y[(2 * row + 1) * n + i] = magnitude * sin(c->in[0][row] * c->in[1][i]);
        }
}

static void rope(const call *c)
{
    const ink_array *node = c->node;
    size_t n = last(node), n_pairs = last(node->inputs[1]), n_heads = node->shape[1];
    bool neighbors = node->parameters.rope.neighbors;
    memcpy(c->y, c->in[0], ink_elements(node) * sizeof *c->y);
    for (size_t line = 0; line < lines(node); line++) {
        const double *table = c->in[1] + line / n_heads * 2 * n_pairs;
        for (size_t i = 0; i < n_pairs; i++) {
            size_t first = line * n + (neighbors ? 2 * i : i);
            size_t second = first + (neighbors ? 1 : n_pairs);
            double a = c->in[0][first], b = c->in[0][second];
            c->y[first] = a * table[i] - b * table[n_pairs + i];
            c->y[second] = a * table[n_pairs + i] + b * table[i];
        }
    }
}

static bool sees(const ink_attention *a, double query, double key)
{
    double back = query - key, window = (double)a->window, side = floor(window / 2);
    if (a->causal)
        return back >= 0 && (a->window == 0 || back < window);
    return a->window == 0 || fabs(back) <= side;
}

/* One head of one query; tokens [first, end) are its sequence. */
static void attend_one(const call *c, size_t token, size_t head, size_t first, size_t end)
{
    const ink_attention *a = &c->node->parameters.attention;
    size_t kv_head = head / (a->n_heads / a->n_kv_heads);
    const double *q = c->in[0] + (token * a->n_heads + head) * a->k_dim, *positions = c->in[3];
    double *y = c->y + (token * a->n_heads + head) * a->v_dim, total;
    double *scores = calloc(end - first, sizeof *scores);
    assert_non_null(scores);
    for (size_t j = first; j < end; j++) {
        const double *k = c->in[1] + (j * a->n_kv_heads + kv_head) * a->k_dim;
        double score = 0, cap = (double)a->soft_cap;
        for (size_t i = 0; i < a->k_dim; i++)
            score += q[i] * k[i] * (double)a->scale;
        score = cap > 0 ? cap * tanh(score / cap) : score;
        scores[j - first] = sees(a, positions[token], positions[j]) ? score : -(double)INFINITY;
    }
    total = log_sum(scores, end - first);
    memset(y, 0, a->v_dim * sizeof *y);
    for (size_t j = first; j < end; j++)
        for (size_t i = 0; i < a->v_dim; i++)
            y[i] += exp(scores[j - first] - total) *
                    c->in[2][(j * a->n_kv_heads + kv_head) * a->v_dim + i];
    free(scores);
}

static void self_attend(const call *c)
{
    size_t n = c->node->shape[0];
    for (size_t first = 0, end; first < n; first = end) {
        for (end = first + 1; end < n && c->in[3][end] > 0;)
            end++;
        for (size_t token = first; token < end; token++)
            for (size_t head = 0; head < c->node->parameters.attention.n_heads; head++)
                attend_one(c, token, head, first, end);
    }
}

/* ---- Graphs ---------------------------------------------------------------------------------- */

static void (*const definitions[INK_N_OPS])(const call *c) = {
    [INK_OP_VIEW] = view,
    [INK_OP_EMBED] = embed,
    [INK_OP_PICK] = pick,
    [INK_OP_QUANTIZE] = as_it_is,
    [INK_OP_LINEAR] = linear,
    [INK_OP_MATMUL] = product,
    [INK_OP_NORM] = norm,
    [INK_OP_CONCAT] = concat,
    [INK_OP_ADD] = add,
    [INK_OP_MULTIPLY] = multiply,
    [INK_OP_SCALE] = scale,
    [INK_OP_CLAMP] = clamp,
    [INK_OP_ACTIVATE] = activate,
    [INK_OP_SOFTMAX] = softmax,
    [INK_OP_ROPE_TABLE] = rope_table,
    [INK_OP_ROPE] = rope,
    [INK_OP_SELF_ATTEND] = self_attend,
    [INK_OP_DROPOUT] = dropout,
    [INK_OP_CROSS_ENTROPY] = cross_entropy,
    [INK_OP_DIVERGENCE] = divergence,
    [INK_OP_REDUCE] = reduce,
    [INK_OP_REPEAT] = repeat,
};

static void set(double *to, const ink_array *like, const void *data)
{
    for (size_t i = 0; i < ink_elements(like); i++)
        to[i] = like->type == INK_I32 ? (double)((const int32_t *)data)[i]
                                      : (double)((const float *)data)[i];
}

void ink_exact_init(ink_exact *exact, const ink_graph *graph)
{
    *exact = (ink_exact){.graph = graph, .n_nodes = graph->n_nodes};
    exact->values = calloc(exact->n_nodes, sizeof *exact->values);
    assert_non_null(exact->values);
    for (size_t i = 0; i < exact->n_nodes; i++) {
        const ink_array *node = graph->nodes[i];
        exact->values[i] =
            calloc(ink_elements(node) * (node->type == INK_Q8 ? INK_Q8_GROUP : 1), sizeof(double));
        assert_non_null(exact->values[i]);
        if (node->op == INK_OP_CONSTANT)
            set(exact->values[i], node, node->data);
    }
}

void ink_exact_deinit(ink_exact *exact)
{
    for (size_t i = 0; i < exact->n_nodes; i++)
        free(exact->values[i]);
    free(exact->values);
    *exact = (ink_exact){.graph = NULL};
}

double *ink_exact_values(const ink_exact *exact, const ink_array *array)
{
    assert_true(array->index < exact->n_nodes);
    return exact->values[array->index];
}

void ink_exact_fill(const ink_exact *exact, const ink_array *input, const void *data)
{
    set(ink_exact_values(exact, input), input, data);
}

static void mark(const ink_exact *exact, bool *needed, size_t of)
{
    needed[of] = true;
    for (size_t i = of + 1; i-- > 0;)
        for (int j = 0; needed[i] && j < INK_MAX_INPUTS; j++)
            if (exact->graph->nodes[i]->inputs[j])
                needed[exact->graph->nodes[i]->inputs[j]->index] = true;
}

void ink_exact_run(const ink_exact *exact, const ink_array *of)
{
    bool *needed = calloc(exact->n_nodes, sizeof *needed);
    assert_non_null(needed);
    mark(exact, needed, of->index);
    for (size_t i = 0; i <= of->index; i++) {
        call c = {.node = exact->graph->nodes[i], .y = exact->values[i]};
        if (!needed[i] || c.node->op == INK_OP_INPUT || c.node->op == INK_OP_CONSTANT)
            continue;
        for (int j = 0; j < INK_MAX_INPUTS; j++)
            c.in[j] = c.node->inputs[j] ? exact->values[c.node->inputs[j]->index] : NULL;
        if (!definitions[c.node->op])
            fail_msg("the op %s has no definition here", ink_ops[c.node->op].name);
        definitions[c.node->op](&c);
    }
    free(needed);
}
