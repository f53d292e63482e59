/*
 * Rounding with error feedback: columns are rounded one after the other, and what a column lost is
 * made good, as far as their inputs are alike, by those that come after it. Frantar et al., GPTQ,
 * arXiv:2210.17323.
 *
 * What is to become small is (w - v)^T H (w - v) for each row w and its rounding v, where H is the
 * sum of x x^T over the inputs x of a matrix.
 */
#ifndef INK_QUANT_FEEDBACK_H
#define INK_QUANT_FEEDBACK_H

#include "tensor/format.h"

#define INK_FEEDBACK_DAMPING 0.01f /* that is enough for texts */

typedef struct ink_feedback {
    size_t k;
    const float *h; /* [k][k], H, dampened; of rotated inputs for formats that are rotated */
    const float *u; /* [k][k], upper triangular: U^T U = H^-1 */
} ink_feedback;

/*
 * Adds damp * mean of its diagonal to the diagonal of h[k][k], which is symmetric, so that columns
 * that read nothing count as if they read a little; and fills u. `row` has room for k floats.
 * false: H is not positive definite even so, or holds what is no number. damp 0: it has been added.
 */
bool ink_feedback_prepare(float *h, float *u, size_t k, float damp, float *row);

/* Room that quantizing a row needs, aligned as malloc does. */
size_t ink_feedback_bytes(size_t k);

/*
 * One row x[k], finite and within the format's limit, to blocks. `weights`[k] are those of
 * ink_quantize, by which scales are chosen. Codes are then moved one by one as long as that makes
 * the sum smaller (Behdin et al., QuantEase, arXiv:2309.01885).
 */
void ink_feedback_quantize(ink_format format, void *blocks, const float *x, const float *weights,
                           const ink_feedback *feedback, void *room);

#endif
