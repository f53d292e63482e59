/*
 * Floats to the blocks of every weight format, as close as a search gets: not for the step of a
 * model (kernel/encode.c), but for models that are written. The same input gives the same bits on
 * every machine and thread.
 */
#ifndef INK_QUANT_QUANTIZE_H
#define INK_QUANT_QUANTIZE_H

#include "tensor/format.h"

/* The values that the format can hold are at most so large: beyond, blocks would hold infinity. */
float ink_quantize_limit(ink_format format);

/* Whether its blocks can hold an exact zero beside any other values. */
bool ink_quantize_holds_zero(ink_format format);

/*
 * x[n] to blocks; n is a multiple of the block, |x| at most the format's limit. weights[n], finite
 * and not negative, say how much an error at each place matters; NULL: the same everywhere. Returns
 * the sum of weight * error^2.
 */
double ink_quantize(ink_format format, void *blocks, const float *x, const float *weights,
                    size_t n);

/*
 * The same for weights of a model. What is nearest is a little too small: codes that fit best give
 * back, of a product with the values themselves, less than all, and so does the next layer. Here
 * each block's scale is raised by that, which costs the sum little and a model of few bits half of
 * its loss. Formats whose scales are steps cannot be raised so finely, and stay.
 */
void ink_quantize_straight(ink_format format, void *blocks, const float *x, const float *weights,
                           size_t n);

/* As ink_quantize by plain rounding: scales from the largest values alone. To compare with. */
double ink_quantize_plain(ink_format format, void *blocks, const float *x, const float *weights,
                          size_t n);

#endif
