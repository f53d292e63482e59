/*
 * Falcon-H1 (arXiv:2507.22448): attention and a state space side by side in every layer. What the
 * model multiplies its parts by stands in the weights of the file.
 */
#include "model/arch.h"

const ink_arch ink_arch_falcon_h1 = {
    .name = "falcon-h1",
    .norm = INK_NORM_RMS,
    .rope = INK_ROPE_HALVES,
    .activation = INK_ACTIVATION_SILU,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_WEIGHT_FFN_NORM, INK_QKV_PARTS,
                 INK_SCAN_PARTS, INK_GATED_PARTS},
    .optional = {INK_WEIGHT_OUTPUT, INK_WEIGHT_SCAN_NORM, INK_WEIGHT_ROPE_FACTORS},
};
