/*
 * Columns of a matrix are taken out one after the other, and what they gave is made good, as far as
 * their inputs are alike, by those that are left: least squares in closed form at every step.
 * Hassibi & Stork, Optimal Brain Surgeon (1993); for whole columns Kurtic et al., ZipLM,
 * arXiv:2302.04089.
 *
 * With H the dampened sum of x x^T over the inputs x of a matrix W (quant/feedback.h), taking out
 * the columns B loses tr(W_B (H^-1_BB)^-1 W_B^T) of the output, summed up over those inputs.
 */
#ifndef INK_SHRINK_ELIMINATE_H
#define INK_SHRINK_ELIMINATE_H

#include <stddef.h>

typedef struct ink_elimination {
    size_t n_rows, k;
    size_t width;   /* columns of a unit: neighbors that go together; divides k */
    float *columns; /* [k][n_rows] of W, which change; 0 where they are out */
    float *inverse; /* [k][k] H^-1 of those that are left; 0 beside */
    float *room;    /* [width][width + n_rows] */
} ink_elimination;

/* inverse[k][k] = U^T U, of the factor that ink_feedback_prepare makes. */
void ink_eliminate_begin(const float *u, float *inverse, size_t k);

/*
 * The matrix is to give, beside what it gave, what it can of something else: sums[k][n_rows] is of
 * x d^T over the inputs, d being that. Before any column is taken out. Returns how much of the sum
 * of d^2 that is.
 */
double ink_eliminate_add(const ink_elimination *elimination, const float *sums);

/* What taking out a unit that is still there would lose. */
double ink_eliminate_cost(const ink_elimination *elimination, size_t unit);

/* Takes it out; what that lost. */
double ink_eliminate(const ink_elimination *elimination, size_t unit);

#endif
