/* Phi-2: attention and feed-forward side by side behind one norm, a part of each head rotated. */
#include "model/arch.h"

const ink_arch ink_arch_phi2 = {
    .name = "phi2",
    .norm = INK_NORM_LAYER,
    .rope = INK_ROPE_HALVES,
    .activation = INK_ACTIVATION_GELU,
    .parallel = true,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_OUTPUT, INK_WEIGHT_ATTENTION_NORM,
                 INK_WEIGHT_ATTENTION_OUTPUT, INK_PLAIN_PARTS},
    .optional = {INK_WEIGHT_QKV, INK_WEIGHT_QUERY, INK_WEIGHT_KEY, INK_WEIGHT_VALUE},
    .fresh = {.biases = INK_BIASES_OUTPUT, .with = {INK_WEIGHT_QKV}},
};
