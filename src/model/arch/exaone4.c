/* EXAONE 4: norms only behind each part; of the hybrid ones only windowed layers are rotated. */
#include "model/arch.h"

const ink_arch ink_arch_exaone4 = {
    .name = "exaone4",
    .norm = INK_NORM_RMS,
    .rope = INK_ROPE_HALVES,
    .activation = INK_ACTIVATION_SILU,
    .window_period = 4,
    .rope_in_window_only = true,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_POST_NORM, INK_WEIGHT_FFN_POST_NORM,
                 INK_QKV_PARTS, INK_WEIGHT_QUERY_NORM, INK_WEIGHT_KEY_NORM, INK_GATED_PARTS},
    .optional = {INK_WEIGHT_OUTPUT, INK_WEIGHT_ROPE_FACTORS},
};
