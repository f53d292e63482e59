/* Gemma: the embedding is scaled, norms come with one added to their weights. */
#include "model/arch.h"

const ink_arch ink_arch_gemma = {
    .name = "gemma",
    .norm = INK_NORM_RMS,
    .rope = INK_ROPE_HALVES,
    .activation = INK_ACTIVATION_GELU,
    .scale_embedding_by_width = true,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_WEIGHT_FFN_NORM, INK_QKV_PARTS,
                 INK_GATED_PARTS},
    .optional = {INK_WEIGHT_OUTPUT},
};
