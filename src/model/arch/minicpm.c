/* MiniCPM: Llama with scales that older files leave to a rule. */
#include <math.h>

#include "model/hparams.h"

static void adjust(ink_hparams *hparams)
{
    if (hparams->embedding_scale == 0)
        hparams->embedding_scale = 12;
    if (hparams->residual_scale == 0)
        hparams->residual_scale = 1.4f / sqrtf((float)hparams->n_layers);
    if (hparams->logit_scale == 0)
        hparams->logit_scale = 256.0f / (float)hparams->n_embedding;
}

const ink_arch ink_arch_minicpm = {
    .name = "minicpm",
    .norm = INK_NORM_RMS,
    .rope = INK_ROPE_NEIGHBORS,
    .activation = INK_ACTIVATION_SILU,
    .logits = INK_LOGITS_OVER,
    .adjust = adjust,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_WEIGHT_FFN_NORM, INK_QKV_PARTS,
                 INK_GATED_PARTS},
    .optional = {INK_WEIGHT_OUTPUT, INK_WEIGHT_ROPE_FACTORS, INK_WEIGHT_ROPE_FACTORS_LONG,
                 INK_WEIGHT_ROPE_FACTORS_SHORT},
};
