/*
 * The parts of weights.def as a table: what a role is called in a file, and how large it is for
 * some hyperparameters. Binding reads it, and so does whoever writes a model.
 */
#ifndef INK_MODEL_PART_H
#define INK_MODEL_PART_H

#include "model/hparams.h"

/* What reads a bias beside the weight, as weights.def explains. */
typedef enum ink_bias_reader {
    INK_BIAS_NONE,
    INK_BIAS_LINEAR,
    INK_BIAS_NORM,
    INK_BIAS_ALONE
} ink_bias_reader;

typedef struct ink_part {
    const char *name, *shape; /* as in weights.def */
    bool in_layer;
    ink_bias_reader bias;
} ink_part;

extern const ink_part ink_parts[INK_N_WEIGHT_ROLES];

/* "blk.3.attn_q", "output_norm": what ".weight" and ".bias" stand behind. */
enum { INK_PART_STEM_BYTES = 88 };
const char *ink_part_stem(ink_role role, uint32_t layer, char out[INK_PART_STEM_BYTES]);

/* What a letter of a shape stands for in this layer. */
uint64_t ink_part_dimension(const ink_hparams *hparams, char letter, uint32_t layer);

#endif
