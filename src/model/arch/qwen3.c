/* Qwen 3: a norm on every head of queries and keys. */
#include "model/arch.h"

const ink_arch ink_arch_qwen3 = {
    .name = "qwen3",
    .norm = INK_NORM_RMS,
    .rope = INK_ROPE_HALVES,
    .activation = INK_ACTIVATION_SILU,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_WEIGHT_FFN_NORM, INK_QKV_PARTS,
                 INK_WEIGHT_QUERY_NORM, INK_WEIGHT_KEY_NORM, INK_GATED_PARTS},
    .optional = {INK_WEIGHT_OUTPUT},
};
