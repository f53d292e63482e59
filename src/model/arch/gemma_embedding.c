/* EmbeddingGemma: Gemma 3 that looks both ways, its window to either side. */
#include "model/arch.h"

const ink_arch ink_arch_gemma_embedding = {
    .name = "gemma-embedding",
    .kind = INK_KIND_EMBEDDING,
    .norm = INK_NORM_RMS,
    .rope = INK_ROPE_HALVES,
    .activation = INK_ACTIVATION_GELU,
    .scale_embedding_by_width = true,
    .window_period = 6,
    .window_rope_base = 10000,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_WEIGHT_FFN_NORM,
                 INK_WEIGHT_ATTENTION_POST_NORM, INK_WEIGHT_FFN_POST_NORM, INK_QKV_PARTS,
                 INK_WEIGHT_QUERY_NORM, INK_WEIGHT_KEY_NORM, INK_GATED_PARTS},
    .optional = {INK_WEIGHT_OUTPUT},
};
