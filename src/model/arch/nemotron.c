/* Nemotron: squared ReLU, a part of each head rotated. */
#include "model/arch.h"

const ink_arch ink_arch_nemotron = {
    .name = "nemotron",
    .norm = INK_NORM_LAYER,
    .rope = INK_ROPE_HALVES,
    .activation = INK_ACTIVATION_RELU_SQUARED,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_WEIGHT_FFN_NORM, INK_QKV_PARTS,
                 INK_PLAIN_PARTS},
    .optional = {INK_WEIGHT_OUTPUT},
    .fresh = {.biases = INK_BIASES_NORMS},
};
