/* GPT-2: learned positions, everything biased. */
#include "model/arch.h"

const ink_arch ink_arch_gpt2 = {
    .name = "gpt2",
    .norm = INK_NORM_LAYER,
    .activation = INK_ACTIVATION_GELU,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_POSITION_EMBEDDING, INK_WEIGHT_ATTENTION_NORM,
                 INK_WEIGHT_FFN_NORM, INK_WEIGHT_QKV, INK_WEIGHT_ATTENTION_OUTPUT, INK_PLAIN_PARTS},
    .optional = {INK_WEIGHT_OUTPUT},
    .fresh = {.biases = INK_BIASES_ALL},
};
