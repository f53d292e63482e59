/*
 * The gated short convolution of a layer (LFM2, arXiv:2511.23404): from x come two gates and what
 * they stand around; that is gated, convolved with what came before it, gated again.
 */
#include "model/blocks.h"

ink_array *ink_block_convolution(ink_builder *b, ink_array *x)
{
    const ink_weight *w = b->weights, *taps = &w[INK_WEIGHT_CONV];
    size_t n = b->h->n_embedding;
    ink_array *all = ink_block_linear(b, &w[INK_WEIGHT_CONV_IN], x);
    ink_array *in = ink_slice(all, 0, n), *out = ink_slice(all, n, n);
    ink_array *weight = ink_constant(b->graph, taps->vector, 2, (size_t[]){n, b->h->n_conv_taps});
    ink_array *y = ink_convolve(ink_multiply(in, ink_slice(all, 2 * n, n)), weight, NULL,
                                b->step->sequences, (ink_state_place){.layer = b->layer});
    return ink_block_linear(b, &w[INK_WEIGHT_CONV_OUT], ink_multiply(y, out));
}
