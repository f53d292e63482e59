/*
 * The search for scales and codes: for n values with weights, which scale (and min) and which
 * levels make
 *
 *     sum of weight[k] * (x[k] - (d * level[code[k]] + m))^2
 *
 * small. Scales are tried on a grid; given the codes the best scale is known (least squares), and
 * given the scale the best codes are, so that from each trial both take turns until nothing is
 * gained. Where groups share a block's scale, integers for scales and mins are searched around what
 * the groups want, in turn with the block's.
 */
#ifndef INK_QUANT_SEARCH_H
#define INK_QUANT_SEARCH_H

#include "quant/recipe.h"

/*
 * The block's scales and codes for x[block], finite, and weights[block], finite, not negative.
 * `search` false: as plain rounding has it, from the largest and the smallest values alone. Returns
 * the sum above; INFINITY: halves do not reach as far as the values do.
 */
double ink_choose(ink_format format, ink_choice *choice, const float *x, const float *weights,
                  bool search);

/* The code of one more value at place k of the block, and the number that it stands for. */
uint8_t ink_choice_round(ink_format format, const ink_choice *choice, size_t k, float x,
                         float *value);

#endif
