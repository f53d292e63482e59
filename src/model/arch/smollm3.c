/* SmolLM 3: every fourth layer is not rotated. */
#include "model/arch.h"

const ink_arch ink_arch_smollm3 = {
    .name = "smollm3",
    .norm = INK_NORM_RMS,
    .rope = INK_ROPE_NEIGHBORS,
    .activation = INK_ACTIVATION_SILU,
    .no_rope_period = 4,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_WEIGHT_FFN_NORM, INK_QKV_PARTS,
                 INK_GATED_PARTS},
    .optional = {INK_WEIGHT_OUTPUT},
};
