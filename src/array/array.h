/*
 * Lazy arrays. ink_add(a, b) records an op in a graph and returns its result, an array without
 * values; nothing runs until the graph is planned and a device runs the plan. One graph serves
 * inference and training.
 *
 * Shapes are row-major, the first dimension outermost, up to four dimensions; for a decoder's
 * arrays the first is the token. Elements of the last dimension are contiguous. Arrays belong to
 * their graph and end with it.
 *
 * Recording never fails halfway: a mistake or lack of memory is kept in the graph (the first one
 * wins), the op returns NULL, ops on NULL return NULL, and ink_plan reports it.
 */
#ifndef INK_ARRAY_ARRAY_H
#define INK_ARRAY_ARRAY_H

#include "array/kv.h"
#include "base/memory.h"
#include "kernel/kernel.h"

#define INK_MAX_DIMS 4
#define INK_MAX_INPUTS 6
#define INK_MAX_NODES 65536

typedef enum ink_type { INK_F32, INK_I32, INK_Q8, INK_POINTER, INK_N_TYPES } ink_type;

typedef enum ink_op {
#define OP(name, inputs, rows, effect, backward) INK_OP_##name,
#include "array/ops.def"
#undef OP
    INK_N_OPS
} ink_op;

typedef enum ink_locality { INK_LEAF, INK_ROWS, INK_WHOLE } ink_locality;

typedef struct ink_op_info {
    const char *name;
    uint8_t n_inputs;
    ink_locality locality;
    bool writes; /* into the sequences */
} ink_op_info;

extern const ink_op_info ink_ops[INK_N_OPS];

typedef enum ink_activation {
    INK_ACTIVATION_SILU,
    INK_ACTIVATION_GELU, /* tanh form */
    INK_ACTIVATION_RELU,
    INK_ACTIVATION_RELU_SQUARED,
    INK_ACTIVATION_SIGMOID,
    INK_ACTIVATION_TANH,
    INK_ACTIVATION_SOFTPLUS,
    INK_ACTIVATION_EXP,
    INK_N_ACTIVATIONS
} ink_activation;

typedef enum ink_norm_kind { INK_NORM_RMS, INK_NORM_LAYER } ink_norm_kind;

/*
 * What a product of arrays is computed in, one row for each gemm op (kernel.h): F32, or inputs
 * rounded to BF16 and sums in F32, of which there are two, because processors have two. The bits of
 * each are the same everywhere; its speed is not.
 */
#define INK_PRECISION_TABLE(X) \
    X(F32, f32)                \
    X(BF16_PAIRS, bf16_pairs)  \
    X(BF16_TILES, bf16_tiles)

typedef enum ink_precision {
#define X(NAME, op) INK_PRECISION_##NAME,
    INK_PRECISION_TABLE(X)
#undef X
} ink_precision;

/*
 * How far a distribution q is from another, p (backward.h). FORWARD: KL(p || (1 - skew) q + skew
 * p); REVERSE: KL(q || (1 - skew) p + skew q).
 */
typedef enum ink_divergence_kind {
    INK_DIVERGENCE_FORWARD,
    INK_DIVERGENCE_REVERSE
} ink_divergence_kind;

/*
 * A weight matrix [n_experts][n_rows][k]; row-major rows of blocks, or packed into tiles per
 * expert. One that is trained is F32 and not packed: ops on it are recorded as ops on the array
 * that ink_constant makes of its data, which has a gradient.
 */
typedef struct ink_matrix {
    ink_format format;
    bool packed, trained;
    size_t n_rows, k, n_experts;
    const void *data;
    size_t expert_bytes;
    const struct ink_matrix *ahead; /* to be read from its file meanwhile; NULL: it is in memory */
} ink_matrix;

/* How one attention looks at its cache. */
typedef struct ink_attention {
    size_t layer; /* of the sequences' page tables */
    size_t n_heads, n_kv_heads, k_dim, v_dim;
    float scale;    /* of the scores */
    float soft_cap; /* cap * tanh(score / cap); 0 for none */
    size_t window;  /* positions seen, itself included; 0 for all */
    bool causal;    /* else all of the sequence, or window / 2 to each side */
    /* Positions that a sequence may come to; 0: not known, and long ones are not split. */
    size_t n_context;
    bool twofold; /* each query is given in two forms */
} ink_attention;

/* Where an op keeps what it carries from token to token: floats of a layer's state (array/kv.h). */
typedef struct ink_state_place {
    size_t layer, offset;
} ink_state_place;

/* How a scan's heads are laid out. */
typedef struct ink_scan_layout {
    ink_state_place state;
    bool in_turn; /* heads take the groups in turn; else neighbors share one */
} ink_scan_layout;

typedef union ink_parameters {
    const ink_matrix *matrix; /* EMBED, LINEAR, LINEAR_EXPERTS */
    size_t offset;            /* VIEW, in elements */
    bool rotated;             /* QUANTIZE: ink_spread comes first */
    struct {
        bool transpose_a, transpose_b;
        ink_precision precision;
    } matmul; /* MATMUL */
    struct {
        ink_norm_kind kind;
        float epsilon;
    } norm;       /* NORM */
    float factor; /* SCALE, ROPE_TABLE: magnitude */
    struct {
        float low, high;
    } clamp;                   /* CLAMP */
    ink_activation activation; /* ACTIVATE */
    struct {
        bool neighbors; /* else halves */
        bool back;      /* the other way */
    } rope;             /* ROPE */
    struct {
        float rate;
        uint32_t salt;
    } dropout; /* DROPOUT */
    struct {
        ink_divergence_kind kind;
        float skew;
    } divergence;            /* DIVERGENCE */
    ink_attention attention; /* STORE, ATTEND */
    ink_state_place state;   /* CONVOLVE */
    ink_scan_layout scan;    /* SCAN */
} ink_parameters;

typedef struct ink_graph ink_graph;
typedef struct ink_array ink_array;

struct ink_array {
    ink_graph *graph;
    ink_op op;
    ink_type type;
    int n_dims;
    size_t shape[INK_MAX_DIMS], stride[INK_MAX_DIMS]; /* stride in elements; the last is 1 */
    ink_array *inputs[INK_MAX_INPUTS];                /* NULL where optional and absent */
    ink_parameters parameters;
    void *data;           /* CONSTANT: the caller's; others: set when the plan is bound to memory */
    ink_array *quantized; /* the QUANTIZE of this array, once some matmul needed it; */
    ink_array *rotated;   /* the same for matrices whose rows are rotated */
    size_t index;         /* in graph->nodes */
    ink_array *after;     /* it is not to run before this one has; NULL: whenever it can */
    bool output, checkpoint;
};

struct ink_graph {
    ink_arena arena;
    ink_array **nodes; /* in recording order, which is an order of execution */
    size_t n_nodes, capacity;
    ink_error error;         /* the first failure */
    ink_precision precision; /* of products with trained matrices */
};

void ink_graph_init(ink_graph *graph, const ink_allocator *allocator);
void ink_graph_deinit(ink_graph *graph);

/* Forgets all arrays, keeps the memory. */
void ink_graph_reset(ink_graph *graph);

/* ---- Leaves. shape: n_dims sizes, all at least 1. */
ink_array *ink_input(ink_graph *graph, ink_type type, int n_dims, const size_t *shape);
ink_array *ink_constant(ink_graph *graph, const float *data, int n_dims, const size_t *shape);

/* The constant that was recorded for these floats, the same for each use of them; NULL: none. */
ink_array *ink_find_constant(const ink_graph *graph, const float *data);

/* [n_rows, n] int32: 0, 1, ... n - 1 in every row. */
ink_array *ink_range(ink_graph *graph, size_t n_rows, size_t n);

/*
 * A vector of n floats that lives elsewhere; NULL data gives NULL without an error (an optional
 * weight).
 */
ink_array *ink_vector(ink_graph *graph, const float *data, size_t n);

/* ---- Views share memory with x. */

/* Same elements, other shape; x is contiguous, or only its last dimension is split. */
ink_array *ink_reshape(ink_array *x, int n_dims, const size_t *shape);

/* x[..., begin : begin + n] */
ink_array *ink_slice(ink_array *x, size_t begin, size_t n);

/* ---- Ops. Where nothing else is said, x has two dimensions or more; reshape a vector first. */

/* [...] indices, one or two dimensions -> [..., k] */
ink_array *ink_embed(const ink_matrix *matrix, ink_array *ids);

/* x[n, ...], ids[m] -> [m, ...] */
ink_array *ink_pick(ink_array *x, ink_array *ids);

/*
 * x[n, k] -> [n, n_rows]. Quantized formats quantize x first; arrays that share x share that work.
 */
ink_array *ink_linear(const ink_matrix *matrix, ink_array *x);

/*
 * For each token and each of its experts: x[n, k] or x[n, used, k], ids[n, used] -> [n, used,
 * n_rows].
 */
ink_array *ink_linear_experts(const ink_matrix *matrix, ink_array *x, ink_array *ids);

/*
 * a[m, k] or, transposed, [k, m]; b[k, n] or, transposed, [n, k] -> [m, n]. In F32 each element is
 * one sum in increasing k, the same bits as ink_linear's with an F32 matrix.
 */
ink_array *ink_matmul_arrays(ink_array *a, bool transpose_a, ink_array *b, bool transpose_b,
                             ink_precision precision);

/* Over the last dimension; weight and bias [last] or NULL; RMS has no bias. */
ink_array *ink_norm(ink_norm_kind kind, ink_array *x, ink_array *weight, ink_array *bias,
                    float epsilon);

/* a[..., n], b[..., m] of the same leading dimensions -> [..., n + m] */
ink_array *ink_concat(ink_array *a, ink_array *b);

/* b broadcasts to a: missing leading dimensions and sizes of one repeat. */
bool ink_broadcasts(const ink_array *a, const ink_array *b);
ink_array *ink_add(ink_array *a, ink_array *b);
ink_array *ink_multiply(ink_array *a, ink_array *b);

ink_array *ink_scale(ink_array *x, float factor);
ink_array *ink_clamp(ink_array *x, float low, float high);
ink_array *ink_activate(ink_activation activation, ink_array *x);
ink_array *ink_softmax(ink_array *x);

/*
 * positions[n], frequencies[n_pairs] (radians a position) -> [n, 2, n_pairs]: magnitude * cos,
 * magnitude * sin
 */
ink_array *ink_rope_table(ink_array *positions, ink_array *frequencies, float magnitude);

/*
 * x[n, n_heads, dim], the first 2 * n_pairs of each head rotated; pairs are neighbors, or i and i +
 * n_pairs
 */
ink_array *ink_rope(ink_array *x, ink_array *table, bool neighbors);

/*
 * Puts k[n, n_kv_heads, k_dim] and v[n, n_kv_heads, v_dim] where positions[n] stand in sequences[n]
 * (pointers to ink_kv_sequence). The result has no values; it is what ink_attend waits for.
 */
ink_array *ink_store(ink_array *k, ink_array *v, ink_array *positions, ink_array *sequences,
                     const ink_attention *attention);

/*
 * q[n, n_heads, k_dim] -> [n, n_heads, v_dim]. sinks[n_heads]: a score per head that takes part in
 * the sum, or NULL. Twofold queries, [n, n_heads, 2 * k_dim], meet the sequence's sink pages with
 * their second half and all other pages with their first.
 */
ink_array *ink_attend(ink_array *q, ink_array *stored, ink_array *positions, ink_array *sequences,
                      ink_array *sinks, const ink_attention *attention);

/*
 * Each channel along its sequence: y[t] = bias + sum over j of weight[channel][j] * x[t - (n_taps -
 * 1) + j], by products and sums in increasing j, bias last. x[n, n_channels], weight[n_channels,
 * n_taps], bias[n_channels] or NULL -> [n, n_channels]. Tokens of a sequence stand in their order.
 * What it reads of earlier steps, and leaves for later ones, is the last n_taps - 1 rows of x, in
 * the sequences' states from state.offset on: [n_taps - 1][n_channels].
 */
ink_array *ink_convolve(ink_array *x, ink_array *weight, ink_array *bias, ink_array *sequences,
                        ink_state_place state);

/*
 * A linear recurrence in each head: a matrix S[width of keys][dim], zero before the first token, by
 * which, token by token,
 *
 *     S = S * decay + key value^T        y = S^T query
 *
 * Selective state spaces are of this form: Dao & Gu, arXiv:2405.21060. With rates it is the gated
 * delta rule (Yang et al., arXiv:2412.06464): in place of the value goes
 *
 *     rate * (value - decay * S^T key)
 *
 * Tokens of a sequence stand in their order; S is in the sequences' states, [n_heads][width][dim].
 */
typedef struct ink_scan_inputs {
    ink_array *values;         /* [n, n_heads, dim] */
    ink_array *decays, *rates; /* [n, n_heads]; rates NULL: no delta rule */
    ink_array *keys, *queries; /* [n, n_groups, width] */
    ink_array *sequences;      /* [n] */
} ink_scan_inputs;

/* -> [n, n_heads, dim] */
ink_array *ink_scan(const ink_scan_inputs *inputs, ink_scan_layout layout);

/*
 * The indices of the k largest of each row, largest first: x[n, m] -> [n, k]. NaN counts as larger
 * than any number; among equals the lower index comes first.
 */
ink_array *ink_top_k(ink_array *x, size_t k);

/* x[n, m], ids[n, k] -> [n, k] */
ink_array *ink_gather(ink_array *x, ink_array *ids);

/* Each row divided by its sum. */
ink_array *ink_normalize(ink_array *x);

/* x[n, used, m], weights[n, used] -> [n, m]: used rows in order, by fused multiply-adds */
ink_array *ink_combine(ink_array *x, ink_array *weights);

/* x[n, m] -> [1, m] */
ink_array *ink_mean(ink_array *x);

/* Marks what the caller reads after a run. Returns x. */
ink_array *ink_output(ink_array *x);

/* Number of elements; the size of one in bytes. */
size_t ink_elements(const ink_array *x);
size_t ink_type_bytes(ink_type type);

#endif
