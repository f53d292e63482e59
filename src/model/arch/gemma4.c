/*
 * Gemma 4: heads of windowed layers are narrower than those of layers that see all, the last layers
 * share keys and values, values are normed, and take the keys' projection where they have none.
 * Small models have embeddings by layer, large ones experts beside the dense part.
 */
#include "model/hparams.h"

/* Queries and keys are normed: their scores are not scaled. */
static void adjust(ink_hparams *hparams)
{
    hparams->attention_scale = 1;
}

const ink_arch ink_arch_gemma4 = {
    .name = "gemma4",
    .norm = INK_NORM_RMS,
    .rope = INK_ROPE_HALVES,
    .activation = INK_ACTIVATION_GELU,
    .scale_embedding_by_width = true,
    .norm_values = true,
    .normalize_experts = true,
    .window_period = 6,
    .adjust = adjust,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_WEIGHT_ATTENTION_POST_NORM,
                 INK_WEIGHT_QUERY, INK_WEIGHT_QUERY_NORM, INK_WEIGHT_KEY, INK_WEIGHT_KEY_NORM,
                 INK_WEIGHT_ATTENTION_OUTPUT, INK_WEIGHT_FFN_NORM, INK_GATED_PARTS,
                 INK_WEIGHT_FFN_POST_NORM},
    .optional = {INK_WEIGHT_OUTPUT, INK_WEIGHT_ROPE_FACTORS, INK_PER_LAYER_PARTS, INK_WEIGHT_VALUE,
                 INK_EXPERT_PARTS, INK_WEIGHT_EXPERTS_GATE_UP, INK_WEIGHT_EXPERTS_SCALE,
                 INK_WEIGHT_ROUTER_NORM, INK_WEIGHT_EXPERTS_NORM, INK_WEIGHT_EXPERTS_POST_NORM,
                 INK_WEIGHT_DENSE_POST_NORM, INK_WEIGHT_LAYER_OUT_SCALE},
};
