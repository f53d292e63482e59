/* OLMo 2: norms only behind each part, and over the full width of queries and keys. */
#include "model/arch.h"

const ink_arch ink_arch_olmo2 = {
    .name = "olmo2",
    .norm = INK_NORM_RMS,
    .rope = INK_ROPE_HALVES,
    .activation = INK_ACTIVATION_SILU,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_POST_NORM, INK_WEIGHT_FFN_POST_NORM,
                 INK_QKV_PARTS, INK_WEIGHT_QUERY_NORM, INK_WEIGHT_KEY_NORM, INK_GATED_PARTS},
    .optional = {INK_WEIGHT_OUTPUT},
    .fresh = {.wide_norms = true},
};
