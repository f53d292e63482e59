/* Gemma 3: five windowed layers to one that sees all, each kind with a rotation base of its own. */
#include "model/arch.h"

const ink_arch ink_arch_gemma3 = {
    .name = "gemma3",
    .norm = INK_NORM_RMS,
    .rope = INK_ROPE_HALVES,
    .activation = INK_ACTIVATION_GELU,
    .scale_embedding_by_width = true,
    .window_period = 6,
    .window_rope_base = 10000,
    .wide_scale_layers = 62 /* 27B */,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_WEIGHT_FFN_NORM,
                 INK_WEIGHT_ATTENTION_POST_NORM, INK_WEIGHT_FFN_POST_NORM, INK_QKV_PARTS,
                 INK_WEIGHT_QUERY_NORM, INK_WEIGHT_KEY_NORM, INK_GATED_PARTS},
    .optional = {INK_WEIGHT_OUTPUT},
};
