/*
 * Rounding that is learned: where each weight stands between the levels of its format, and the
 * scales and mins of groups, are moved by the signs of gradients (Cheng et al., SignRound,
 * arXiv:2309.05516). What is rounded at each step are ordinary blocks; the gradient passes the
 * rounding as if there were none. Scales and mins are moved with the codes as they are.
 *
 * The steps fall to zero and come to less than half a level in all, so that a weight ends at one
 * of the two levels beside it, or beside where error feedback left it.
 */
#ifndef INK_QUANT_LEARNED_H
#define INK_QUANT_LEARNED_H

#include "tensor/format.h"

/* Of one matrix [n_rows][k]; rows are independent. */
typedef struct ink_learned {
    ink_format format;
    size_t n_rows, k;
    int16_t *places;      /* [n_rows][k] */
    float *scales, *mins; /* [n_rows][k / group]; mins NULL: the format has none */
} ink_learned;

/* Whether a format's codes are independent and more than three, with scales that can be moved. */
bool ink_learned_takes(ink_format format);

/* False: memory is out. `deinit` also of what is zeroed. */
bool ink_learned_init(ink_learned *learned, ink_format format, size_t n_rows, size_t k,
                      const ink_allocator *allocator);
void ink_learned_deinit(ink_learned *learned, const ink_allocator *allocator);

/* Begins with a row x[k] that was rounded to these blocks: encoding it gives them again. */
void ink_learned_begin(ink_learned *learned, size_t row, const float *x, const void *blocks);

/* By a part of a level, and scales by a part of themselves, against the gradient[k] of the row. */
typedef struct ink_learned_step {
    float level, scale;
} ink_learned_step;

void ink_learned_move(ink_learned *learned, size_t row, const float *gradient,
                      ink_learned_step step);

/* Writes codes, scales and mins into the row's blocks, whose common halves stay. */
void ink_learned_encode(const ink_learned *learned, size_t row, void *blocks);

#endif
