/* What is recorded for each rule, in the order of ops.def; then what uses arrays more than once. */
#include "grad_check.h"

#include <stdlib.h>
#include "array/backward.h"

typedef struct shape {
    int n_dims;
    size_t sizes[INK_MAX_DIMS];
} shape;

/* ---- Views ----------------------------------------------------------------------------------- */

static ink_array *slice(ink_grad_recording *r, int part)
{
    (void)part;
    return ink_slice(ink_grad_unknown_2(r, 4, 9), 2, 5);
}

static ink_array *slice_of_three(ink_grad_recording *r, int part)
{
    (void)part;
    return ink_slice(ink_slice(ink_grad_unknown_3(r, 2, 3, 9), 1, 7), 2, 4);
}

/* Heads of a part, whose rows lie further apart than they are long. */
static ink_array *split_heads(ink_grad_recording *r, int part)
{
    size_t begin = (size_t)part * 6;
    return ink_reshape(ink_slice(ink_grad_unknown_2(r, 4, 18), begin, 6), 3, (size_t[]){4, 2, 3});
}

/* Back from heads, and a part of what comes of it. */
static ink_array *join_heads(ink_grad_recording *r, int part)
{
    (void)part;
    ink_array *joined = ink_reshape(ink_grad_unknown_3(r, 4, 2, 3), 2, (size_t[]){4, 6});
    return ink_add(ink_slice(joined, 0, 3), ink_slice(joined, 3, 3));
}

static ink_array *part_of_a_vector(ink_grad_recording *r, int part)
{
    (void)part;
    ink_array *vector = ink_grad_unknown(r, 1, (size_t[]){10});
    return ink_add(ink_add(ink_grad_unknown_2(r, 3, 5), ink_slice(vector, 0, 5)),
                   ink_slice(vector, 4, 5));
}

static ink_array *vector_as_rows(ink_grad_recording *r, int part)
{
    (void)part;
    ink_array *vector = ink_grad_unknown(r, 1, (size_t[]){12});
    return ink_scale(ink_reshape(vector, 2, (size_t[]){3, 4}), 2);
}

/* ---- Lookups and products -------------------------------------------------------------------- */

static ink_array *pick(ink_grad_recording *r, int n_dims)
{
    static const int32_t ids[] = {4, 0, 4, 1, 4, 299};
    ink_array *x = n_dims == 2 ? ink_grad_unknown_2(r, 300, 5) : ink_grad_unknown_3(r, 300, 2, 3);
    return ink_pick(x, ink_grad_integers(r, 6, ids));
}

/* More than one piece of columns, more than one of rows, and a tile that is not full. */
static ink_array *linear(ink_grad_recording *r, int format)
{
    enum { ROWS = 70, K = 288 };
    uint64_t seed = 7;
    float *values = calloc(ROWS * K, sizeof *values);
    assert_non_null(values);
    ink_fill_random(values, ROWS * K, &seed);
    r->matrix = ink_test_matrix((ink_format)format, true, 1, ROWS, K, values);
    free(values);
    return ink_linear(&r->matrix, ink_grad_unknown_2(r, 3, K));
}

static ink_array *matmul_of(ink_grad_recording *r, int turned, size_t m, size_t n, size_t k)
{
    bool at = turned & 1, bt = turned & 2;
    ink_array *a = ink_grad_unknown_2(r, at ? k : m, at ? m : k);
    ink_array *b = ink_grad_unknown_2(r, bt ? n : k, bt ? k : n);
    return ink_matmul_arrays(a, at, b, bt,
                             turned & 8   ? INK_PRECISION_BF16_TILES
                             : turned & 4 ? INK_PRECISION_BF16_PAIRS
                                          : INK_PRECISION_F32);
}

static ink_array *matmul(ink_grad_recording *r, int turned)
{
    return matmul_of(r, turned, 5, 3, 7);
}

static ink_array *matmul_of_tasks(ink_grad_recording *r, int turned)
{
    return matmul_of(r, turned, 150, 140, 6);
}

static ink_array *matmul_of_parts(ink_grad_recording *r, int turned)
{
    bool at = turned & 1, bt = turned & 2;
    ink_array *a = ink_slice(ink_grad_unknown_2(r, 4, 9), 3, 4);
    ink_array *b = ink_slice(ink_grad_unknown_2(r, 4, 7), 2, 4);
    return ink_matmul_arrays(a, at, b, bt, INK_PRECISION_F32);
}

/* ---- Lines ----------------------------------------------------------------------------------- */

enum { WEIGHT = 1, BIAS = 2, LAYER = 4, THREE = 8, LONG = 16 };

static ink_array *norm(ink_grad_recording *r, int kind)
{
    size_t n = kind & LONG ? 70 : 11;
    ink_array *x = kind & THREE ? ink_grad_unknown_3(r, 3, 2, n) : ink_grad_unknown_2(r, 3, n);
    ink_array *weight = kind & WEIGHT ? ink_grad_unknown(r, 1, &n) : NULL;
    ink_array *bias = kind & BIAS && kind & LAYER ? ink_grad_unknown(r, 1, &n) : NULL;
    return ink_norm(kind & LAYER ? INK_NORM_LAYER : INK_NORM_RMS, x, weight, bias, 0.01f);
}

static ink_array *norm_of_a_part(ink_grad_recording *r, int kind)
{
    ink_array *x = ink_slice(ink_grad_unknown_2(r, 3, 20), 4, 11);
    return ink_norm(kind & LAYER ? INK_NORM_LAYER : INK_NORM_RMS, x, NULL, NULL, 0.01f);
}

static ink_array *concat(ink_grad_recording *r, int n_dims)
{
    return n_dims == 2 ? ink_concat(ink_grad_unknown_2(r, 4, 3), ink_grad_unknown_2(r, 4, 2))
                       : ink_concat(ink_grad_unknown_3(r, 2, 4, 3), ink_grad_unknown_3(r, 2, 4, 2));
}

static const struct {
    shape a, b;
} broadcasts[] = {
    {{2, {3, 5}}, {2, {3, 5}}},       {{2, {3, 5}}, {1, {5}}},
    {{2, {3, 5}}, {1, {1}}},          {{2, {3, 5}}, {2, {1, 5}}},
    {{2, {3, 5}}, {2, {3, 1}}},       {{2, {3, 5}}, {2, {1, 1}}},
    {{3, {2, 3, 5}}, {1, {5}}},       {{3, {2, 3, 5}}, {2, {3, 5}}},
    {{3, {2, 3, 5}}, {2, {1, 5}}},    {{3, {2, 3, 5}}, {2, {3, 1}}},
    {{3, {2, 3, 5}}, {3, {2, 1, 5}}}, {{3, {2, 3, 5}}, {3, {2, 3, 1}}},
    {{3, {2, 3, 5}}, {3, {1, 3, 5}}}, {{3, {2, 3, 5}}, {3, {1, 1, 1}}},
    {{4, {2, 2, 3, 5}}, {2, {3, 5}}}, {{4, {2, 2, 3, 5}}, {3, {2, 1, 1}}},
    {{2, {3, 70}}, {2, {1, 70}}},     {{2, {300, 5}}, {2, {300, 1}}},
};
#define N_BROADCASTS ((int)(sizeof broadcasts / sizeof *broadcasts))

static ink_array *add(ink_grad_recording *r, int i)
{
    ink_array *a = ink_grad_unknown(r, broadcasts[i].a.n_dims, broadcasts[i].a.sizes);
    return ink_add(a, ink_grad_unknown(r, broadcasts[i].b.n_dims, broadcasts[i].b.sizes));
}

static ink_array *multiply(ink_grad_recording *r, int i)
{
    ink_array *a = ink_grad_unknown(r, broadcasts[i].a.n_dims, broadcasts[i].a.sizes);
    return ink_multiply(a, ink_grad_unknown(r, broadcasts[i].b.n_dims, broadcasts[i].b.sizes));
}

static ink_array *multiply_parts(ink_grad_recording *r, int part)
{
    ink_array *x = ink_grad_unknown_2(r, 4, 10);
    (void)part;
    return ink_multiply(ink_slice(x, 0, 5), ink_slice(x, 5, 5));
}

static ink_array *reduce(ink_grad_recording *r, int i)
{
    ink_array *a = ink_grad_unknown(r, broadcasts[i].a.n_dims, broadcasts[i].a.sizes);
    ink_array *y = ink_reduce(a, broadcasts[i].b.n_dims, broadcasts[i].b.sizes);
    return ink_reshape(y, 2, (size_t[]){1, y ? ink_elements(y) : 1}); /* a vector has no rows */
}

static ink_array *repeat(ink_grad_recording *r, int i)
{
    ink_array *b = ink_grad_unknown(r, broadcasts[i].b.n_dims, broadcasts[i].b.sizes);
    return ink_repeat(b, broadcasts[i].a.n_dims, broadcasts[i].a.sizes);
}

/* ---- Elementwise ----------------------------------------------------------------------------- */

static ink_array *scale(ink_grad_recording *r, int part)
{
    (void)part;
    return ink_scale(ink_grad_unknown_2(r, 3, 5), -1.7f);
}

static ink_array *clamp(ink_grad_recording *r, int part)
{
    (void)part;
    return ink_clamp(ink_grad_unknown_2(r, 6, 9), -0.5f, 0.25f);
}

/* From -6 to 6, so that the flat parts are there too. */
static ink_array *activate(ink_grad_recording *r, int activation)
{
    return ink_activate((ink_activation)activation, ink_scale(ink_grad_unknown_2(r, 8, 17), 6));
}

static ink_array *activate_a_part(ink_grad_recording *r, int activation)
{
    return ink_activate((ink_activation)activation, ink_slice(ink_grad_unknown_2(r, 3, 9), 4, 5));
}

static ink_array *softmax(ink_grad_recording *r, int part)
{
    (void)part;
    return ink_softmax(ink_scale(ink_grad_unknown_2(r, 5, 40), 4));
}

static ink_array *dropout(ink_grad_recording *r, int percent)
{
    static const int32_t seed[2] = {-5, 77};
    ink_array *numbers = ink_reshape(ink_grad_integers(r, 2, seed), 2, (size_t[]){1, 2});
    ink_array *x = ink_dropout(ink_grad_unknown_3(r, 5, 2, 7), numbers, 0.01f * (float)percent);
    return ink_dropout(x, numbers, 0.25f); /* a mask of its own */
}

static ink_array *cross_entropy(ink_grad_recording *r, int part)
{
    static const int32_t targets[] = {3, -1, 0, 40, 40, -100};
    (void)part;
    return ink_cross_entropy(ink_scale(ink_grad_unknown_2(r, 6, 41), 5),
                             ink_grad_integers(r, 6, targets));
}

enum { REVERSE = 1, SKEWED = 2, NAMED = 4, N_DIVERGENCES = 8 };

/* A teacher that is far from the student in some rows, and names some tokens or says all. */
static ink_array *divergence(ink_grad_recording *r, int kind)
{
    enum { ROWS = 4, WIDTH = 9, N_NAMED = 3 };
    static const int32_t targets[ROWS] = {1, -1, 0, 5},
                         ids[ROWS * N_NAMED] = {0, 4, 8, 1, 2, 3, 7, 6, 0, 5, 8, 2};
    static const float named[ROWS * N_NAMED] = {-1,    -2,    -3, -0.5f, -4, -4,
                                                -1.5f, -1.5f, -9, -2,    -2, -2};
    static float all[ROWS * WIDTH];
    for (size_t i = 0; i < ROWS * WIDTH; i++)
        all[i] = (float)(i * i % 17) * 0.5f - 4;
    ink_array *teacher = kind & NAMED ? ink_constant(r->graph, named, 2, (size_t[]){ROWS, N_NAMED})
                                      : ink_constant(r->graph, all, 2, (size_t[]){ROWS, WIDTH});
    ink_array *tokens =
        ink_reshape(ink_grad_integers(r, ROWS * N_NAMED, ids), 2, (size_t[]){ROWS, N_NAMED});
    return ink_divergence(
        kind & REVERSE ? INK_DIVERGENCE_REVERSE : INK_DIVERGENCE_FORWARD, kind & SKEWED ? 0.1f : 0,
        ink_scale(ink_grad_unknown_2(r, ROWS, WIDTH), 2), ink_grad_integers(r, ROWS, targets),
        teacher, kind & NAMED ? tokens : NULL);
}

/* ---- Attention ------------------------------------------------------------------------------- */

enum { NEIGHBORS = 1, PARTIAL = 2, STRIDED = 4 };

static ink_array *rope(ink_grad_recording *r, int kind)
{
    static const int32_t positions[] = {0, 1, 2, 3, 1000};
    static const float frequencies[] = {1, 0.3f, 0.02f, 0.001f};
    ink_array *table =
        ink_rope_table(ink_grad_integers(r, 5, positions),
                       ink_vector(r->graph, frequencies, kind & PARTIAL ? 2 : 4), 1.3f);
    ink_array *x = kind & STRIDED ? ink_reshape(ink_slice(ink_grad_unknown_2(r, 5, 20), 3, 16), 3,
                                                (size_t[]){5, 2, 8})
                                  : ink_grad_unknown_3(r, 5, 2, 8);
    return ink_rope(x, table, kind & NEIGHBORS);
}

/* Sequences of these lengths, one behind the other; 0 ends them. */
typedef struct attention_case {
    size_t lengths[5];
    ink_attention attention;
} attention_case;

static const attention_case attentions[] = {
    {{7}, {0, 1, 1, 4, 4, 0.5f, 0, 0, true, 0, false}},
    {{1, 1, 5, 2}, {0, 4, 2, 4, 3, 0.7f, 0, 0, true, 0, false}},
    {{9, 6}, {0, 4, 1, 3, 5, 0.7f, 1.5f, 0, true, 0, false}},
    {{20}, {0, 2, 2, 4, 4, 0.7f, 0, 6, true, 0, false}},
    {{9, 3}, {0, 2, 1, 4, 4, 0.7f, 2, 1, true, 0, false}},
    {{9, 6}, {0, 4, 2, 4, 4, 0.7f, 0, 0, false, 0, false}},
    {{20, 4}, {0, 2, 1, 4, 4, 0.7f, 1, 6, false, 0, false}},
    {{20}, {0, 2, 1, 4, 4, 0.7f, 0, 5, false, 0, false}},
    {{63, 64, 65}, {0, 2, 1, 4, 2, 0.7f, 0, 0, true, 0, false}},
    {{130, 3}, {0, 2, 1, 3, 2, 0.7f, 1.5f, 0, true, 0, false}},
    {{140}, {0, 2, 1, 3, 2, 0.7f, 0, 70, true, 0, false}},
    {{140}, {0, 2, 1, 3, 2, 0.7f, 0, 20, true, 0, false}},
    {{130}, {0, 2, 1, 3, 2, 0.7f, 0, 0, false, 0, false}},
    {{140}, {0, 2, 1, 3, 2, 0.7f, 0, 40, false, 0, false}},
};
#define N_ATTENTIONS ((int)(sizeof attentions / sizeof *attentions))

static ink_array *positions_of(ink_grad_recording *r, const attention_case *of)
{
    static int32_t positions[256];
    size_t n = 0;
    for (size_t s = 0; of->lengths[s] > 0; s++)
        for (size_t i = 0; i < of->lengths[s]; i++)
            positions[n++] = (int32_t)i;
    return ink_grad_integers(r, n, positions);
}

static ink_array *self_attend(ink_grad_recording *r, int i)
{
    const ink_attention *a = &attentions[i].attention;
    ink_array *positions = positions_of(r, &attentions[i]);
    size_t n = positions->shape[0];
    ink_array *q = ink_scale(ink_grad_unknown_3(r, n, a->n_heads, a->k_dim), 4);
    ink_array *k = ink_grad_unknown_3(r, n, a->n_kv_heads, a->k_dim);
    return ink_self_attend(q, k, ink_grad_unknown_3(r, n, a->n_kv_heads, a->v_dim), positions, a);
}

/* Queries, keys and values as parts of one product, as models have them. */
static ink_array *attend_to_parts(ink_grad_recording *r, int i)
{
    const ink_attention *a = &attentions[i].attention;
    ink_array *positions = positions_of(r, &attentions[i]);
    size_t n = positions->shape[0], n_q = a->n_heads * a->k_dim, n_k = a->n_kv_heads * a->k_dim,
           n_v = a->n_kv_heads * a->v_dim;
    ink_array *all = ink_grad_unknown_2(r, n, n_q + n_k + n_v);
    return ink_self_attend(
        ink_reshape(ink_slice(all, 0, n_q), 3, (size_t[]){n, a->n_heads, a->k_dim}),
        ink_reshape(ink_slice(all, n_q, n_k), 3, (size_t[]){n, a->n_kv_heads, a->k_dim}),
        ink_reshape(ink_slice(all, n_q + n_k, n_v), 3, (size_t[]){n, a->n_kv_heads, a->v_dim}),
        positions, a);
}

/* ---- More than once -------------------------------------------------------------------------- */

/* An embedding that is the output's matrix too. */
static ink_array *tied_matrix(ink_grad_recording *r, int part)
{
    static const int32_t ids[] = {2, 5, 2};
    (void)part;
    ink_array *w = ink_grad_unknown_2(r, 6, 4);
    ink_array *x = ink_activate(INK_ACTIVATION_TANH, ink_pick(w, ink_grad_integers(r, 3, ids)));
    return ink_matmul_arrays(x, false, w, true, INK_PRECISION_F32);
}

static ink_array *tied_vector(ink_grad_recording *r, int part)
{
    (void)part;
    ink_array *w = ink_grad_unknown(r, 1, (size_t[]){9}), *x = ink_grad_unknown_2(r, 3, 9);
    for (int i = 0; i < 3; i++)
        x = ink_add(ink_norm(INK_NORM_LAYER, x, w, w, 0.1f), w);
    return x;
}

static ink_array *with_itself(ink_grad_recording *r, int part)
{
    ink_array *x = ink_grad_unknown_2(r, 4, 4);
    return part == 0   ? ink_multiply(x, x)
           : part == 1 ? ink_add(x, x)
           : part == 2 ? ink_matmul_arrays(x, false, x, false, INK_PRECISION_F32)
           : part == 3 ? ink_matmul_arrays(x, true, x, false, INK_PRECISION_F32)
                       : ink_concat(x, x);
}

/* ---- The table ------------------------------------------------------------------------------- */

/* A factor is rounded to 2^-9, and the largest gradient is of the order of single products. */
#define BF16_ERROR 0.02

#define ALL(array) 0, N_##array
#define ONE(variant) variant, 1

const ink_grad_case ink_grad_cases[] = {
    {"slice", INK_OP_VIEW, slice, ONE(0), 0},
    {"slice of a slice", INK_OP_VIEW, slice_of_three, ONE(0), 0},
    {"heads of a part", INK_OP_VIEW, split_heads, 0, 3, 0},
    {"joined heads", INK_OP_VIEW, join_heads, ONE(0), 0},
    {"part of a vector", INK_OP_VIEW, part_of_a_vector, ONE(0), 0},
    {"vector as rows", INK_OP_VIEW, vector_as_rows, ONE(0), 0},
    {"pick", INK_OP_PICK, pick, 2, 2, 0},
    {"linear, F32", INK_OP_LINEAR, linear, ONE(INK_FORMAT_F32), 0},
    {"linear, F16", INK_OP_LINEAR, linear, ONE(INK_FORMAT_F16), 0},
    {"linear, BF16", INK_OP_LINEAR, linear, ONE(INK_FORMAT_BF16), 0},
    {"linear, Q8_0", INK_OP_LINEAR, linear, ONE(INK_FORMAT_Q8_0), 0},
    {"linear, Q4_0", INK_OP_LINEAR, linear, ONE(INK_FORMAT_Q4_0), 0},
    {"matmul", INK_OP_MATMUL, matmul, 0, 4, 0},
    {"matmul of several tasks", INK_OP_MATMUL, matmul_of_tasks, 0, 4, 0},
    {"matmul of parts", INK_OP_MATMUL, matmul_of_parts, 0, 4, 0},
    {"matmul in pairs of BF16", INK_OP_MATMUL, matmul, 4, 4, BF16_ERROR},
    {"matmul in tiles of BF16", INK_OP_MATMUL, matmul, 8, 4, BF16_ERROR},
    {"norm", INK_OP_NORM, norm, 0, 32, 0},
    {"norm of a part", INK_OP_NORM, norm_of_a_part, 0, 8, 0},
    {"concat", INK_OP_CONCAT, concat, 2, 2, 0},
    {"add", INK_OP_ADD, add, ALL(BROADCASTS), 0},
    {"multiply", INK_OP_MULTIPLY, multiply, ALL(BROADCASTS), 0},
    {"multiply parts", INK_OP_MULTIPLY, multiply_parts, ONE(0), 0},
    {"scale", INK_OP_SCALE, scale, ONE(0), 0},
    {"clamp", INK_OP_CLAMP, clamp, ONE(0), 0},
    {"activate", INK_OP_ACTIVATE, activate, 0, INK_N_ACTIVATIONS, 0},
    {"activate a part", INK_OP_ACTIVATE, activate_a_part, 0, INK_N_ACTIVATIONS, 0},
    {"softmax", INK_OP_SOFTMAX, softmax, ONE(0), 0},
    {"rope", INK_OP_ROPE, rope, 0, 8, 0},
    {"self-attention", INK_OP_SELF_ATTEND, self_attend, ALL(ATTENTIONS), 0},
    {"self-attention to parts", INK_OP_SELF_ATTEND, attend_to_parts, 0, 4, 0},
    {"dropout", INK_OP_DROPOUT, dropout, ONE(10), 0},
    {"dropout", INK_OP_DROPOUT, dropout, ONE(60), 0},
    {"cross-entropy", INK_OP_CROSS_ENTROPY, cross_entropy, ONE(0), 0},
    {"divergence", INK_OP_DIVERGENCE, divergence, 0, N_DIVERGENCES, 0},
    {"reduce", INK_OP_REDUCE, reduce, ALL(BROADCASTS), 0},
    {"repeat", INK_OP_REPEAT, repeat, ALL(BROADCASTS), 0},
    {"tied matrix", INK_OP_MATMUL, tied_matrix, ONE(0), 0},
    {"tied vector", INK_OP_NORM, tied_vector, ONE(0), 0},
    {"with itself", INK_OP_MULTIPLY, with_itself, 0, 5, 0},
};
const size_t ink_n_grad_cases = sizeof ink_grad_cases / sizeof *ink_grad_cases;
