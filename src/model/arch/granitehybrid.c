/*
 * Granite 4 hybrid: state spaces, and attention in the layers that have key and value heads, which
 * most models do not rotate.
 */
#include "model/arch.h"

const ink_arch ink_arch_granitehybrid = {
    .name = "granitehybrid",
    .norm = INK_NORM_RMS,
    .rope = INK_ROPE_NEIGHBORS,
    .rope_if_finetuned = true,
    .activation = INK_ACTIVATION_SILU,
    .logits = INK_LOGITS_OVER,
    .normalize_experts = true,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_WEIGHT_FFN_NORM},
    .optional = {INK_WEIGHT_OUTPUT, INK_WEIGHT_ROPE_FACTORS, INK_QKV_PARTS, INK_SCAN_PARTS,
                 INK_WEIGHT_SCAN_NORM, INK_GATED_PARTS, INK_EXPERT_PARTS, INK_WEIGHT_SHARED_GATE,
                 INK_WEIGHT_SHARED_UP, INK_WEIGHT_SHARED_DOWN},
};
