/* Falcon: attention and feed-forward side by side, the larger ones with a norm for each. */
#include "model/arch.h"

const ink_arch ink_arch_falcon = {
    .name = "falcon",
    .norm = INK_NORM_LAYER,
    .rope = INK_ROPE_HALVES,
    .activation = INK_ACTIVATION_GELU,
    .parallel = true,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_WEIGHT_QKV,
                 INK_WEIGHT_ATTENTION_OUTPUT, INK_PLAIN_PARTS},
    .optional = {INK_WEIGHT_OUTPUT, INK_WEIGHT_ATTENTION_NORM_2},
    .fresh = {.biases = INK_BIASES_NORMS},
};
