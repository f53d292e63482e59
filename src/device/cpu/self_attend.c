/*
 * Attention among the tokens of a step, and its gradient. A task is one key/value head of one
 * sequence: blocks of its queries meet all keys that they see in plain products. Nothing is kept
 * for the gradient: probabilities are cheaper to compute again than to store.
 *
 *     S = scale Q K^T    P = softmax(S)    O = P V
 *     dV = P^T dO        dP = dO V^T       dS = P (dP - rowsum(dP P))    dQ = dS K    dK = dS^T Q
 */
#include "device/cpu/cpu.h"

#include <math.h>
#include <string.h>
#include "base/size.h"
#include "device/cpu/sum.h"

#define BLOCK 64 /* queries at a time */

/* A run of rows of one head: [n][dim] floats, `stride` apart. */
typedef struct rows {
    float *data;
    size_t stride, dim;
} rows;

typedef struct work {
    const ink_cpu_call *call;
    const ink_attention *attention;
    size_t n; /* tokens of the sequence */
    size_t kv_head;
    size_t first_token;
    float *scores, *slopes, *caps; /* [BLOCK][n] */
    void *gemm;
} work;

/* ---- Sequences ------------------------------------------------------------------------------- */

static const int32_t *positions_of(const ink_array *node)
{
    return node->inputs[3]->data;
}

static size_t count_sequences(const ink_array *node)
{
    size_t n = 1; /* the first token begins one, wherever it stands */
    for (size_t i = 1; i < node->shape[0]; i++)
        n += positions_of(node)[i] == 0;
    return n;
}

static void find_sequence(work *w, size_t sequence)
{
    const ink_array *node = w->call->node;
    size_t first = 0, n = node->shape[0];
    while (sequence > 0)
        sequence -= positions_of(node)[++first] == 0;
    w->first_token = first;
    w->n = 1;
    while (first + w->n < n && positions_of(node)[first + w->n] != 0)
        w->n++;
}

/* Scratch for the longest sequence that there could be: all tokens. */
static size_t carve(work *w, const ink_array *node, void *scratch, size_t n_squares)
{
    size_t square = ink_size_groups(BLOCK * node->shape[0] * sizeof(float), 64) * 64;
    uintptr_t at = (uintptr_t)scratch;
    w->scores = (float *)at;
    w->slopes = (float *)(at + square);
    w->caps = (float *)(at + 2 * square);
    w->gemm = (void *)(at + n_squares * square);
    return n_squares * square + INK_GEMM_SCRATCH_BYTES;
}

static void begin(work *w, const ink_cpu_call *call, size_t task, size_t n_squares)
{
    const ink_array *node = call->node;
    *w = (work){.call = call, .attention = &node->parameters.attention};
    w->kv_head = task % w->attention->n_kv_heads;
    find_sequence(w, task / w->attention->n_kv_heads);
    carve(w, node, call->scratch, n_squares);
}

static rows head_of(const work *w, const ink_array *x, size_t head)
{
    return (rows){(float *)x->data + w->first_token * x->stride[0] + head * x->stride[1],
                  x->stride[0], x->shape[2]};
}

/* ---- Products -------------------------------------------------------------------------------- */

/* What queries [first, first + n) of the sequence see together: keys [begin, end). */
typedef struct block {
    size_t first, n, begin, end;
} block;

static void seen_by(const work *w, size_t query, size_t *begin, size_t *end)
{
    size_t window = w->attention->window, side = window / 2;
    *begin = 0;
    *end = w->n;
    if (w->attention->causal) {
        *end = query + 1;
        *begin = window && query + 1 > window ? query + 1 - window : 0;
    } else if (window) {
        *begin = query > side ? query - side : 0;
        *end = ink_size_min(query + side + 1, w->n);
    }
}

static block block_at(const work *w, size_t first)
{
    block b = {.first = first, .n = ink_size_min(BLOCK, w->n - first)};
    size_t unused;
    seen_by(w, first, &b.begin, &unused);
    seen_by(w, first + b.n - 1, &unused, &b.end);
    return b;
}

static size_t width(const block *b)
{
    return b->end - b->begin;
}

/* squares[i][j] = a[first + i] . b[begin + j] */
static void meet(const work *w, const block *b, rows queries, rows keys, float *squares)
{
    w->call->cpu->kernels.gemm_f32(&(ink_gemm){
        .m = b->n,
        .n = width(b),
        .k = queries.dim,
        .a = queries.data + b->first * queries.stride,
        .a_row = queries.stride,
        .a_col = 1,
        .b = keys.data + b->begin * keys.stride,
        .b_row = 1,
        .b_col = keys.stride,
        .c = squares,
        .c_row = width(b),
        .scratch = w->gemm,
    });
}

/* out[first + i] = sum over j of squares[i][j] x[begin + j] */
static void gather(const work *w, const block *b, const float *squares, rows x, rows out)
{
    w->call->cpu->kernels.gemm_f32(&(ink_gemm){
        .m = b->n,
        .n = x.dim,
        .k = width(b),
        .a = squares,
        .a_row = width(b),
        .a_col = 1,
        .b = x.data + b->begin * x.stride,
        .b_row = x.stride,
        .b_col = 1,
        .c = out.data + b->first * out.stride,
        .c_row = out.stride,
        .scratch = w->gemm,
    });
}

/* out[begin + j] += sum over i of squares[i][j] x[first + i] */
static void spread(const work *w, const block *b, const float *squares, rows x, rows out)
{
    w->call->cpu->kernels.gemm_f32(&(ink_gemm){
        .m = width(b),
        .n = x.dim,
        .k = b->n,
        .a = squares,
        .a_row = 1,
        .a_col = width(b),
        .b = x.data + b->first * x.stride,
        .b_row = x.stride,
        .b_col = 1,
        .c = out.data + b->begin * out.stride,
        .c_row = out.stride,
        .add = true,
        .scratch = w->gemm,
    });
}

/* ---- Probabilities --------------------------------------------------------------------------- */

/* tanh of score / cap goes to `caps` where there is a cap; what a query does not see is 0. */
static void soften_row(const work *w, float *scores, float *caps, size_t begin, size_t end,
                       size_t n)
{
    const ink_kernels *kernels = &w->call->cpu->kernels;
    const ink_attention *a = w->attention;
    ink_softmax_state state = {-INFINITY, 0};
    kernels->scale(scores + begin, scores + begin, a->scale, end - begin);
    if (a->soft_cap > 0) {
        kernels->scale(caps + begin, scores + begin, 1 / a->soft_cap, end - begin);
        kernels->tanh(caps + begin, caps + begin, end - begin);
        kernels->scale(scores + begin, caps + begin, a->soft_cap, end - begin);
    }
    kernels->softmax_page(scores + begin, scores + begin, end - begin, &state);
    kernels->scale(scores + begin, scores + begin, 1 / state.sum, end - begin);
    memset(scores, 0, begin * sizeof *scores);
    memset(scores + end, 0, (n - end) * sizeof *scores);
}

static void probabilities(const work *w, const block *b, rows q, rows k)
{
    meet(w, b, q, k, w->scores);
    for (size_t i = 0; i < b->n; i++) {
        size_t begin, end;
        seen_by(w, b->first + i, &begin, &end);
        soften_row(w, w->scores + i * width(b), w->caps + i * width(b), begin - b->begin,
                   end - b->begin, width(b));
    }
}

/* dP of a row becomes dS, scale included; p and cap are those of the scores. */
static void slope_of_row(const ink_attention *a, float *slope, const float *p, const float *cap,
                         size_t n)
{
    float mean = ink_sum_of_products(p, slope, n);
    for (size_t j = 0; j < n; j++)
        slope[j] = p[j] * (slope[j] - mean) * a->scale;
    for (size_t j = 0; a->soft_cap > 0 && j < n; j++)
        slope[j] *= 1 - cap[j] * cap[j];
}

/* The same of all that the block's queries see; where they do not, it is 0. */
static void slope_of_scores(const work *w, const block *b)
{
    size_t n = width(b);
    for (size_t i = 0; i < b->n; i++) {
        size_t begin, end, row = i * n;
        seen_by(w, b->first + i, &begin, &end);
        begin -= b->begin;
        end -= b->begin;
        slope_of_row(w->attention, w->slopes + row + begin, w->scores + row + begin,
                     w->caps + row + begin, end - begin);
        memset(w->slopes + row, 0, begin * sizeof *w->slopes);
        memset(w->slopes + row + end, 0, (n - end) * sizeof *w->slopes);
    }
}

/* ---- The ops --------------------------------------------------------------------------------- */

size_t ink_cpu_self_attend_tasks(const ink_cpu *cpu, const ink_array *node)
{
    (void)cpu;
    return count_sequences(node) * node->parameters.attention.n_kv_heads;
}

enum { SQUARES = 3 };

size_t ink_cpu_self_attend_scratch(const ink_array *node)
{
    work w;
    return carve(&w, node, NULL, SQUARES);
}

void ink_cpu_self_attend(const ink_cpu_call *call, size_t task)
{
    const ink_array *node = call->node;
    const ink_attention *a = &node->parameters.attention;
    size_t group = a->n_heads / a->n_kv_heads;
    work w;
    begin(&w, call, task, SQUARES);
    rows k = head_of(&w, node->inputs[1], w.kv_head), v = head_of(&w, node->inputs[2], w.kv_head);
    for (size_t head = w.kv_head * group; head < (w.kv_head + 1) * group; head++) {
        rows q = head_of(&w, node->inputs[0], head), y = head_of(&w, node, head);
        for (size_t first = 0; first < w.n; first += BLOCK) {
            block b = block_at(&w, first);
            probabilities(&w, &b, q, k);
            gather(&w, &b, w.scores, v, y);
        }
    }
}

/* Where a head's gradient stands in the result: behind n_before floats, head by head. */
static rows part_of(const work *w, size_t n_before, size_t head, size_t dim)
{
    const ink_array *node = w->call->node;
    return (rows){(float *)node->data + w->first_token * node->stride[0] + n_before + head * dim,
                  node->stride[0], dim};
}

static void clear(const work *w, rows x)
{
    for (size_t i = 0; i < w->n; i++)
        memset(x.data + i * x.stride, 0, x.dim * sizeof *x.data);
}

void ink_cpu_self_attend_gradient(const ink_cpu_call *call, size_t task)
{
    const ink_array *node = call->node;
    const ink_attention *a = &node->parameters.attention;
    size_t group = a->n_heads / a->n_kv_heads;
    size_t n_q = a->n_heads * a->k_dim, n_k = a->n_kv_heads * a->k_dim;
    work w;
    begin(&w, call, task, SQUARES);
    rows k = head_of(&w, node->inputs[1], w.kv_head), v = head_of(&w, node->inputs[2], w.kv_head);
    rows dk = part_of(&w, n_q, w.kv_head, a->k_dim);
    rows dv = part_of(&w, n_q + n_k, w.kv_head, a->v_dim);
    clear(&w, dk);
    clear(&w, dv);
    for (size_t head = w.kv_head * group; head < (w.kv_head + 1) * group; head++) {
        rows q = head_of(&w, node->inputs[0], head), dy = head_of(&w, node->inputs[4], head);
        rows dq = part_of(&w, 0, head, a->k_dim);
        for (size_t first = 0; first < w.n; first += BLOCK) {
            block b = block_at(&w, first);
            probabilities(&w, &b, q, k);
            spread(&w, &b, w.scores, dy, dv);
            meet(&w, &b, dy, v, w.slopes);
            slope_of_scores(&w, &b);
            gather(&w, &b, w.slopes, k, dq);
            spread(&w, &b, w.slopes, q, dk);
        }
    }
}
