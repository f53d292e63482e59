/*
 * gpt-oss: experts with biases and a clamped gate, attention sinks, every other layer sees a
 * window.
 */
#include "model/arch.h"

const ink_arch ink_arch_gpt_oss = {
    .name = "gpt-oss",
    .norm = INK_NORM_RMS,
    .rope = INK_ROPE_HALVES,
    .activation = INK_ACTIVATION_SILU,
    .gate = INK_GATE_SOFTMAX_OF_CHOSEN,
    .gate_limit = 7,
    .window_period = 2,
    .ffn_norm = INK_WEIGHT_ATTENTION_POST_NORM,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_WEIGHT_ATTENTION_POST_NORM,
                 INK_QKV_PARTS, INK_WEIGHT_SINKS, INK_EXPERT_PARTS},
    .optional = {INK_WEIGHT_OUTPUT},
};
