/* GLM-4: norms before and after each part, half of each head rotated, gate and up fused. */
#include "model/arch.h"

const ink_arch ink_arch_glm4 = {
    .name = "glm4",
    .norm = INK_NORM_RMS,
    .rope = INK_ROPE_NEIGHBORS,
    .activation = INK_ACTIVATION_SILU,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_WEIGHT_FFN_NORM,
                 INK_WEIGHT_ATTENTION_POST_NORM, INK_WEIGHT_FFN_POST_NORM, INK_QKV_PARTS,
                 INK_PLAIN_PARTS},
    .optional = {INK_WEIGHT_OUTPUT},
    .fresh = {.fused_gate = true},
};
