/*
 * An architecture is data: one file of this table's fields in arch/ and one row in archs.def. What
 * it consists of is a list of roles from weights.def; shared blocks (blocks.h) do what the roles
 * that are present and these choices say. Nothing here knows files or graphs.
 */
#ifndef INK_MODEL_ARCH_H
#define INK_MODEL_ARCH_H

#include "array/array.h"

typedef enum ink_role {
    INK_WEIGHT_END, /* ends a list */
#define WEIGHT(role, scope, name, shape, bias) INK_WEIGHT_##role,
#include "model/weights.def"
#undef WEIGHT
    INK_N_WEIGHT_ROLES
} ink_role;

#define INK_MAX_ROLES 40 /* in one list of an architecture */

typedef enum ink_rope_kind { INK_ROPE_NONE, INK_ROPE_NEIGHBORS, INK_ROPE_HALVES } ink_rope_kind;

/* How the logit_scale of the metadata is meant. */
typedef enum ink_logit_rule { INK_LOGITS_PLAIN, INK_LOGITS_TIMES, INK_LOGITS_OVER } ink_logit_rule;

typedef enum ink_kind { INK_KIND_CAUSAL, INK_KIND_EMBEDDING } ink_kind;

typedef enum ink_expert_gate {
    INK_GATE_DEFAULT,
    INK_GATE_SOFTMAX, /* over all experts, then the chosen ones */
    INK_GATE_SIGMOID,
    INK_GATE_SOFTMAX_OF_CHOSEN /* over the chosen ones' logits */
} ink_expert_gate;

/* Which biases a new model has; each has those of the one before, but norms and QKV. */
#define INK_BIASES_TABLE(X) \
    X(NONE, "none")         \
    X(QKV, "qkv")           \
    X(NORMS, "norms")       \
    X(ALL, "all")           \
    X(OUTPUT, "all and output")

typedef enum ink_biases {
#define X(name, text) INK_BIASES_##name,
    INK_BIASES_TABLE(X)
#undef X
        INK_N_BIASES
} ink_biases;

/* What a new model has where lists and shapes leave it open, so that other engines take it too. */
typedef struct ink_fresh {
    ink_biases biases;
    bool fused_gate; /* gate and up of a feed-forward are one matrix */
    bool wide_norms; /* queries and keys are normed over all heads together */
    uint8_t with[6]; /* of the optional parts */
} ink_fresh;

struct ink_hparams;

typedef struct ink_arch {
    const char *name; /* general.architecture */
    ink_kind kind;
    ink_norm_kind norm;
    ink_rope_kind rope;
    ink_activation activation;
    ink_logit_rule logits;
    ink_expert_gate gate;
    bool scale_embedding_by_width; /* times the square root of its width */
    bool norm_values;              /* values are normed by head, without a weight */
    bool parallel;                 /* attention and feed-forward read the same input */
    uint8_t ffn_norm;    /* the role of the norm before the feed-forward; 0: INK_WEIGHT_FFN_NORM */
    uint8_t output_norm; /* the role of the norm before the logits; 0: INK_WEIGHT_OUTPUT_NORM */
    /* gated by x sigmoid(1.702 x), both sides clamped, up plus one; 0: as usual */
    float gate_limit;
    bool normalize_experts; /* weights of the chosen experts sum up to one */
    /* every window_period-th layer sees all, the others the window; 0: all see all */
    uint32_t window_period;
    /* every attention_period-th layer attends, unless the metadata says; 0: see n_kv_heads */
    uint32_t attention_period;
    float window_rope_base;   /* of windowed layers, unless the metadata says; 0: as all */
    uint32_t no_rope_period;  /* every no_rope_period-th layer is not rotated; 0: all are */
    bool rope_if_finetuned;   /* none is, where the metadata says so */
    bool rope_in_window_only; /* layers that see all are not rotated */
    /* with so many layers scores are scaled by embedding / heads, not key width */
    uint32_t wide_scale_layers;
    /* defaults that follow from other values; NULL: none */
    void (*adjust)(struct ink_hparams *hparams);
    uint8_t required[INK_MAX_ROLES], optional[INK_MAX_ROLES];
    ink_fresh fresh;
} ink_arch;

#define ARCH(name) extern const ink_arch ink_arch_##name;
#include "model/archs.def"
#undef ARCH

/* NULL when unknown. */
const ink_arch *ink_arch_find(const char *name);

/* What makes a model with this part one that cannot be trained: "experts", ...; NULL: it can. */
const char *ink_role_untrainable(ink_role role);

/* Whether its models must have such a part; whether they must or may. */
bool ink_arch_requires(const ink_arch *arch, ink_role role);
bool ink_arch_lists(const ink_arch *arch, ink_role role);

/* ---- Lists that several architectures share. */
#define INK_MODEL_PARTS INK_WEIGHT_TOKEN_EMBEDDING, INK_WEIGHT_OUTPUT_NORM
#define INK_QKV_PARTS \
    INK_WEIGHT_QUERY, INK_WEIGHT_KEY, INK_WEIGHT_VALUE, INK_WEIGHT_ATTENTION_OUTPUT
#define INK_CONV_PARTS INK_WEIGHT_CONV_IN, INK_WEIGHT_CONV, INK_WEIGHT_CONV_OUT
#define INK_BESIDE_DENSE_PARTS                                          \
    INK_WEIGHT_ROUTER, INK_WEIGHT_ROUTER_NORM, INK_WEIGHT_EXPERTS_NORM, \
        INK_WEIGHT_EXPERTS_POST_NORM, INK_WEIGHT_DENSE_POST_NORM
#define INK_PER_LAYER_PARTS                                                                \
    INK_WEIGHT_PER_LAYER_EMBEDDING, INK_WEIGHT_PER_LAYER_IN, INK_WEIGHT_PER_LAYER_IN_NORM, \
        INK_WEIGHT_PER_LAYER_GATE, INK_WEIGHT_PER_LAYER_OUT, INK_WEIGHT_PER_LAYER_POST_NORM
#define INK_SCAN_PARTS                                                                     \
    INK_WEIGHT_SCAN_IN, INK_WEIGHT_SCAN_CONV, INK_WEIGHT_SCAN_TIME, INK_WEIGHT_SCAN_DECAY, \
        INK_WEIGHT_SCAN_SKIP, INK_WEIGHT_SCAN_OUT
#define INK_DELTA_PARTS                                                                           \
    INK_WEIGHT_DELTA_QKV, INK_WEIGHT_DELTA_GATE, INK_WEIGHT_DELTA_TIME, INK_WEIGHT_DELTA_RATE,    \
        INK_WEIGHT_SCAN_CONV, INK_WEIGHT_SCAN_TIME, INK_WEIGHT_SCAN_DECAY, INK_WEIGHT_DELTA_NORM, \
        INK_WEIGHT_SCAN_OUT
#define INK_GATED_QKV_PARTS \
    INK_WEIGHT_QUERY_GATED, INK_WEIGHT_KEY, INK_WEIGHT_VALUE, INK_WEIGHT_ATTENTION_OUTPUT
#define INK_GATED_PARTS INK_WEIGHT_FFN_GATE, INK_WEIGHT_FFN_UP, INK_WEIGHT_FFN_DOWN
#define INK_PLAIN_PARTS INK_WEIGHT_FFN_UP, INK_WEIGHT_FFN_DOWN
#define INK_GATED_SHARED_PARTS \
    INK_WEIGHT_SHARED_ROUTER, INK_WEIGHT_SHARED_GATE, INK_WEIGHT_SHARED_UP, INK_WEIGHT_SHARED_DOWN
#define INK_EXPERT_PARTS \
    INK_WEIGHT_ROUTER, INK_WEIGHT_EXPERTS_GATE, INK_WEIGHT_EXPERTS_UP, INK_WEIGHT_EXPERTS_DOWN

#endif
