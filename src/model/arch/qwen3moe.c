/* Qwen 3 with experts. */
#include "model/arch.h"

const ink_arch ink_arch_qwen3moe = {
    .name = "qwen3moe",
    .norm = INK_NORM_RMS,
    .rope = INK_ROPE_HALVES,
    .activation = INK_ACTIVATION_SILU,
    .normalize_experts = true,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_WEIGHT_FFN_NORM, INK_QKV_PARTS,
                 INK_WEIGHT_QUERY_NORM, INK_WEIGHT_KEY_NORM, INK_EXPERT_PARTS},
    .optional = {INK_WEIGHT_OUTPUT},
};
