/* Mamba 2: state spaces alone, neither attention nor feed-forward. */
#include "model/arch.h"

const ink_arch ink_arch_mamba2 = {
    .name = "mamba2",
    .norm = INK_NORM_RMS,
    .required = {INK_MODEL_PARTS, INK_WEIGHT_ATTENTION_NORM, INK_SCAN_PARTS, INK_WEIGHT_SCAN_NORM},
    .optional = {INK_WEIGHT_OUTPUT},
};
