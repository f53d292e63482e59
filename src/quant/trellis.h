/*
 * Floats to codes along a trellis (kernel/trellis.h). What a value may be depends on those before
 * it, so that runs of 32 are chosen as a whole, by Viterbi's algorithm: of all ways into a state
 * the best goes on. A run is a ring: which state it begins and ends in is taken from the middle of
 * the best way through the run turned by half.
 *
 * With feedback (feedback.h) what each way has lost so far is asked of its later values, way by way
 * (per-survivor processing: Raheli, Polydoros & Tzou, IEEE Trans. Communications 43(2), 1995).
 */
#ifndef INK_QUANT_TRELLIS_H
#define INK_QUANT_TRELLIS_H

#include "quant/feedback.h"

/*
 * x[n] to blocks of a format that is rotated; n is a multiple of the block. `straight` as in
 * ink_quantize_straight.
 */
void ink_trellis_encode(ink_format format, void *blocks, const float *x, size_t n, bool straight);

/*
 * A row with feedback, whose products are of rotated inputs; `room` as in feedback.h, three floats
 * and a byte a column. Runs are then chosen again, with all others known, as long as that makes the
 * sum smaller.
 */
void ink_trellis_feed(ink_format format, void *blocks, const float *x, const ink_feedback *feedback,
                      void *room);

/*
 * Feedback within a block, for columns of which only is known how much each counts: weights of 256
 * columns make the products of their rotated inputs, h[256][256] and u[256][256] of feedback.h.
 * `row` has room for 256 floats. false: no weight is larger than zero.
 */
bool ink_trellis_prepare(float *h, float *u, const float *weights, float *row);

#endif
