/* LFM2 with experts, behind dense layers. */
#include "model/arch.h"

const ink_arch ink_arch_lfm2moe = {
    .name = "lfm2moe",
    .norm = INK_NORM_RMS,
    .rope = INK_ROPE_HALVES,
    .activation = INK_ACTIVATION_SILU,
    .gate = INK_GATE_SIGMOID,
    .normalize_experts = true,
    .output_norm = INK_WEIGHT_OUTPUT_NORM_LFM2,
    .required = {INK_WEIGHT_TOKEN_EMBEDDING, INK_WEIGHT_OUTPUT_NORM_LFM2, INK_WEIGHT_ATTENTION_NORM,
                 INK_WEIGHT_FFN_NORM},
    .optional = {INK_WEIGHT_OUTPUT, INK_CONV_PARTS, INK_QKV_PARTS, INK_WEIGHT_QUERY_NORM,
                 INK_WEIGHT_KEY_NORM, INK_GATED_PARTS, INK_EXPERT_PARTS, INK_WEIGHT_ROUTER_BIAS},
};
