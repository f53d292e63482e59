/* LFM2: gated short convolutions, and attention in the layers that have key and value heads. */
#include "model/arch.h"

const ink_arch ink_arch_lfm2 = {
    .name = "lfm2",
    .norm = INK_NORM_RMS,
    .rope = INK_ROPE_HALVES,
    .activation = INK_ACTIVATION_SILU,
    .output_norm = INK_WEIGHT_OUTPUT_NORM_LFM2,
    .required = {INK_WEIGHT_TOKEN_EMBEDDING, INK_WEIGHT_OUTPUT_NORM_LFM2, INK_WEIGHT_ATTENTION_NORM,
                 INK_WEIGHT_FFN_NORM, INK_GATED_PARTS},
    .optional = {INK_WEIGHT_OUTPUT, INK_CONV_PARTS, INK_QKV_PARTS, INK_WEIGHT_QUERY_NORM,
                 INK_WEIGHT_KEY_NORM},
};
