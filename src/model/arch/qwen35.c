/* Qwen 3.5: gated delta nets; every fourth layer attends, and gates what it sees. */
#include "model/arch.h"

const ink_arch ink_arch_qwen35 = {
    .name = "qwen35",
    .norm = INK_NORM_RMS,
    .rope = INK_ROPE_HALVES,
    .activation = INK_ACTIVATION_SILU,
    .attention_period = 4,
    .ffn_norm = INK_WEIGHT_ATTENTION_POST_NORM,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_WEIGHT_ATTENTION_POST_NORM,
                 INK_GATED_PARTS},
    .optional = {INK_WEIGHT_OUTPUT, INK_DELTA_PARTS, INK_GATED_QKV_PARTS, INK_WEIGHT_QUERY_NORM,
                 INK_WEIGHT_KEY_NORM},
};
