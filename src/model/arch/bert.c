/* BERT: looks both ways, norms behind each residual. */
#include "model/arch.h"

const ink_arch ink_arch_bert = {
    .name = "bert",
    .kind = INK_KIND_EMBEDDING,
    .norm = INK_NORM_LAYER,
    .activation = INK_ACTIVATION_GELU,
    .required = {INK_WEIGHT_TOKEN_EMBEDDING, INK_WEIGHT_POSITION_EMBEDDING, INK_WEIGHT_TOKEN_TYPES,
                 INK_WEIGHT_EMBEDDING_NORM, INK_QKV_PARTS, INK_WEIGHT_ATTENTION_OUT_NORM,
                 INK_PLAIN_PARTS, INK_WEIGHT_LAYER_OUT_NORM},
    .optional = {INK_WEIGHT_CLASSIFIER, INK_WEIGHT_CLASSIFIER_OUTPUT},
};
