/* BitNet b1.58: ternary weights, a norm before each output projection. */
#include "model/arch.h"

const ink_arch ink_arch_bitnet = {
    .name = "bitnet",
    .norm = INK_NORM_RMS,
    .rope = INK_ROPE_HALVES,
    .activation = INK_ACTIVATION_SILU,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_WEIGHT_FFN_NORM, INK_QKV_PARTS,
                 INK_WEIGHT_ATTENTION_SUB_NORM, INK_WEIGHT_FFN_SUB_NORM, INK_GATED_PARTS},
    .optional = {INK_WEIGHT_OUTPUT},
};
