/* Rotation frequencies: plain, linear, YaRN, long RoPE, and with factors from the file. */
#ifndef INK_MODEL_ROPE_H
#define INK_MODEL_ROPE_H

#include "model/model.h"

/*
 * Fills frequencies[ink_hparams_rope_dims / 2], in radians a position, and the magnitude that
 * cosines and sines are multiplied by. `windowed`: of layers that see a window, which some models
 * rotate on a base of their own, unscaled and without factors.
 */
void ink_rope_frequencies(const ink_model *model, bool windowed, size_t n_context,
                          float *frequencies, float *magnitude);

/* Whether sessions with these contexts turn queries and keys alike; some models have two ways. */
bool ink_rope_same(const ink_model *model, size_t n_context, size_t other);

/* Whether layers that see a window rotate otherwise than those that see all. */
bool ink_rope_differs(const ink_hparams *hparams);

#endif
