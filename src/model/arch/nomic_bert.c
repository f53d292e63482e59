/* Nomic BERT: rotated instead of learned positions, a gated feed-forward. */
#include "model/arch.h"

const ink_arch ink_arch_nomic_bert = {
    .name = "nomic-bert",
    .kind = INK_KIND_EMBEDDING,
    .norm = INK_NORM_LAYER,
    .rope = INK_ROPE_HALVES,
    .activation = INK_ACTIVATION_SILU,
    .required = {INK_WEIGHT_TOKEN_EMBEDDING, INK_WEIGHT_TOKEN_TYPES, INK_WEIGHT_EMBEDDING_NORM,
                 INK_WEIGHT_QKV, INK_WEIGHT_ATTENTION_OUTPUT, INK_WEIGHT_ATTENTION_OUT_NORM,
                 INK_GATED_PARTS, INK_WEIGHT_LAYER_OUT_NORM},
    .optional = {INK_WEIGHT_CLASSIFIER, INK_WEIGHT_CLASSIFIER_OUTPUT},
};
