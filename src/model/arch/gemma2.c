/* Gemma 2: norms before and after each part, soft caps, every other layer sees a window. */
#include "model/arch.h"

const ink_arch ink_arch_gemma2 = {
    .name = "gemma2",
    .norm = INK_NORM_RMS,
    .rope = INK_ROPE_HALVES,
    .activation = INK_ACTIVATION_GELU,
    .scale_embedding_by_width = true,
    .window_period = 2,
    .wide_scale_layers = 46 /* 27B */,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_WEIGHT_FFN_NORM,
                 INK_WEIGHT_ATTENTION_POST_NORM, INK_WEIGHT_FFN_POST_NORM, INK_QKV_PARTS,
                 INK_GATED_PARTS},
    .optional = {INK_WEIGHT_OUTPUT},
};
