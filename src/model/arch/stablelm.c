/* StableLM: layer norms, a part of each head rotated. */
#include "model/arch.h"

const ink_arch ink_arch_stablelm = {
    .name = "stablelm",
    .norm = INK_NORM_LAYER,
    .rope = INK_ROPE_HALVES,
    .activation = INK_ACTIVATION_SILU,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_QKV_PARTS, INK_GATED_PARTS},
    .optional = {INK_WEIGHT_OUTPUT, INK_WEIGHT_FFN_NORM},
    .fresh = {.biases = INK_BIASES_NORMS, .with = {INK_WEIGHT_FFN_NORM}},
};
