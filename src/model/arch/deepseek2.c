/* DeepSeek V2 and V3: latent attention, dense layers first, then experts with a shared one. */
#include <math.h>

#include "model/hparams.h"

/*
 * The scores of stretched contexts are scaled (YaRN), by the square of a factor that the file
 * carries as a slope.
 */
static void adjust(ink_hparams *hparams)
{
    double stretch = 1;
    if (hparams->scaling == INK_SCALING_YARN)
        stretch += hparams->yarn_log_factor * log(hparams->rope_factor);
    if (hparams->k_dim_latent > 0)
        hparams->attention_scale = (float)(stretch * stretch / sqrt(hparams->k_dim_latent));
}

const ink_arch ink_arch_deepseek2 = {
    .name = "deepseek2",
    .norm = INK_NORM_RMS,
    .rope = INK_ROPE_NEIGHBORS,
    .activation = INK_ACTIVATION_SILU,
    .adjust = adjust,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_WEIGHT_FFN_NORM, INK_WEIGHT_KV_A,
                 INK_WEIGHT_KV_A_NORM, INK_WEIGHT_KEY_B, INK_WEIGHT_VALUE_B,
                 INK_WEIGHT_ATTENTION_OUTPUT},
    .optional = {INK_WEIGHT_OUTPUT, INK_WEIGHT_QUERY, INK_WEIGHT_QUERY_A, INK_WEIGHT_QUERY_A_NORM,
                 INK_WEIGHT_QUERY_B, INK_GATED_PARTS, INK_EXPERT_PARTS, INK_WEIGHT_EXPERTS_GATE_UP,
                 INK_WEIGHT_ROUTER_BIAS, INK_WEIGHT_SHARED_GATE, INK_WEIGHT_SHARED_UP,
                 INK_WEIGHT_SHARED_DOWN},
};
