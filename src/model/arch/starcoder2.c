/* StarCoder 2: layer norms and biases around a plain feed-forward. */
#include "model/arch.h"

const ink_arch ink_arch_starcoder2 = {
    .name = "starcoder2",
    .norm = INK_NORM_LAYER,
    .rope = INK_ROPE_HALVES,
    .activation = INK_ACTIVATION_GELU,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_WEIGHT_FFN_NORM, INK_QKV_PARTS,
                 INK_PLAIN_PARTS},
    .optional = {INK_WEIGHT_OUTPUT},
    .fresh = {.biases = INK_BIASES_ALL},
};
