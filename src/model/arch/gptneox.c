/*
 * GPT-NeoX, Pythia: fused biased projections; attention and feed-forward side by side if the file
 * says so.
 */
#include "model/arch.h"

const ink_arch ink_arch_gptneox = {
    .name = "gptneox",
    .norm = INK_NORM_LAYER,
    .rope = INK_ROPE_HALVES,
    .activation = INK_ACTIVATION_GELU,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_OUTPUT, INK_WEIGHT_ATTENTION_NORM, INK_WEIGHT_FFN_NORM,
                 INK_WEIGHT_QKV, INK_WEIGHT_ATTENTION_OUTPUT, INK_PLAIN_PARTS},
    .fresh = {.biases = INK_BIASES_ALL},
};
