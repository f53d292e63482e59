/* Qwen 2 and 2.5: biases on queries, keys and values. */
#include "model/arch.h"

const ink_arch ink_arch_qwen2 = {
    .name = "qwen2",
    .norm = INK_NORM_RMS,
    .rope = INK_ROPE_HALVES,
    .activation = INK_ACTIVATION_SILU,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_WEIGHT_FFN_NORM, INK_QKV_PARTS,
                 INK_GATED_PARTS},
    .optional = {INK_WEIGHT_OUTPUT},
    .fresh = {.biases = INK_BIASES_QKV},
};
