/* Command R7B: three windowed layers, which alone are rotated, to one that sees all. */
#include "model/arch.h"

const ink_arch ink_arch_cohere2 = {
    .name = "cohere2",
    .norm = INK_NORM_LAYER,
    .rope = INK_ROPE_NEIGHBORS,
    .activation = INK_ACTIVATION_SILU,
    .parallel = true,
    .logits = INK_LOGITS_TIMES,
    .window_period = 4,
    .rope_in_window_only = true,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_QKV_PARTS, INK_GATED_PARTS},
    .optional = {INK_WEIGHT_OUTPUT},
};
