/* Phi-3, Phi-3.5, Phi-4-mini: fused projections, long contexts by two sets of rotation factors. */
#include "model/arch.h"

const ink_arch ink_arch_phi3 = {
    .name = "phi3",
    .norm = INK_NORM_RMS,
    .rope = INK_ROPE_HALVES,
    .activation = INK_ACTIVATION_SILU,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_WEIGHT_FFN_NORM, INK_WEIGHT_QKV,
                 INK_WEIGHT_ATTENTION_OUTPUT, INK_PLAIN_PARTS},
    .optional = {INK_WEIGHT_OUTPUT, INK_WEIGHT_ROPE_FACTORS_LONG, INK_WEIGHT_ROPE_FACTORS_SHORT},
    .fresh = {.fused_gate = true},
};
