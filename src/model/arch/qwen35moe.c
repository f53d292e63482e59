/* Qwen 3.5 with experts, one of them shared and gated. */
#include "model/arch.h"

const ink_arch ink_arch_qwen35moe = {
    .name = "qwen35moe",
    .norm = INK_NORM_RMS,
    .rope = INK_ROPE_HALVES,
    .activation = INK_ACTIVATION_SILU,
    .attention_period = 4,
    .normalize_experts = true,
    .ffn_norm = INK_WEIGHT_ATTENTION_POST_NORM,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_WEIGHT_ATTENTION_POST_NORM},
    .optional = {INK_WEIGHT_OUTPUT, INK_DELTA_PARTS, INK_GATED_QKV_PARTS, INK_WEIGHT_QUERY_NORM,
                 INK_WEIGHT_KEY_NORM, INK_EXPERT_PARTS, INK_WEIGHT_EXPERTS_GATE_UP,
                 INK_GATED_SHARED_PARTS},
};
