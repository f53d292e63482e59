/* Rotation frequencies: plain, linear, YaRN, long RoPE, and with factors from the file. */
#ifndef INK_MODEL_ROPE_H
#define INK_MODEL_ROPE_H

#include "model/model.h"

/*
 * Fills frequencies[rope_dims / 2], in radians a position, and the magnitude that cosines and sines
 * are multiplied by. `windowed`: of layers that see a window, which some models rotate on a base of
 * their own, unscaled.
 */
void ink_rope_frequencies(const ink_model *model, bool windowed, size_t n_context,
                          float *frequencies, float *magnitude);

#endif
