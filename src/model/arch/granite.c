/* Granite 3: Llama with scales on embedding, scores, residuals and logits. */
#include "model/arch.h"

const ink_arch ink_arch_granite = {
    .name = "granite",
    .norm = INK_NORM_RMS,
    .rope = INK_ROPE_NEIGHBORS,
    .activation = INK_ACTIVATION_SILU,
    .logits = INK_LOGITS_OVER,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_WEIGHT_FFN_NORM, INK_QKV_PARTS,
                 INK_GATED_PARTS},
    .optional = {INK_WEIGHT_OUTPUT, INK_WEIGHT_ROPE_FACTORS},
};
