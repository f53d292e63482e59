/*
 * Llama, Mistral, SmolLM2, TinyLlama, Mixtral: experts take the place of the feed-forward where a
 * file has them.
 */
#include "model/arch.h"

const ink_arch ink_arch_llama = {
    .name = "llama",
    .norm = INK_NORM_RMS,
    .rope = INK_ROPE_NEIGHBORS,
    .activation = INK_ACTIVATION_SILU,
    .normalize_experts = true,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_WEIGHT_FFN_NORM, INK_QKV_PARTS},
    .optional = {INK_WEIGHT_OUTPUT, INK_WEIGHT_ROPE_FACTORS, INK_GATED_PARTS, INK_EXPERT_PARTS},
    .fresh = {.with = {INK_GATED_PARTS}},
};
