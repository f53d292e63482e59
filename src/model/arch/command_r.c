/* Command R: attention and feed-forward side by side, logits scaled. */
#include "model/arch.h"

const ink_arch ink_arch_command_r = {
    .name = "command-r",
    .norm = INK_NORM_LAYER,
    .rope = INK_ROPE_NEIGHBORS,
    .activation = INK_ACTIVATION_SILU,
    .parallel = true,
    .logits = INK_LOGITS_TIMES,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_QKV_PARTS, INK_GATED_PARTS},
    .optional = {INK_WEIGHT_OUTPUT, INK_WEIGHT_QUERY_NORM, INK_WEIGHT_KEY_NORM},
};
