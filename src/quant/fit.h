/*
 * A group of values that share a scale: which scale and min fit them best (search.h says how), with
 * none of the rounding that scales themselves go through.
 */
#ifndef INK_QUANT_FIT_H
#define INK_QUANT_FIT_H

#include "quant/recipe.h"

#define INK_FIT_LANES 8 /* partial sums, so that loops become vectors */

typedef struct ink_fit_group {
    const ink_recipe *recipe;
    const float *x, *w; /* [n], n a multiple of INK_FIT_LANES */
    size_t n;
    float sum_w, sum_x; /* of the weights, and of weighted values */
    float low, high;    /* of x */
} ink_fit_group;

typedef struct ink_fit {
    float d, m, error;
    float qq, q, qx; /* weighted sums over the codes' levels */
} ink_fit;

/* The next recipe->group values. */
ink_fit_group ink_fit_begin(const ink_recipe *recipe, const float *x, const float *w);

/* 1 / d; 0 where that is no number. */
float ink_fit_invert(float d);

/* The levels nearest to (x - m) / d, as floats: q[n]. */
void ink_fit_levels(const ink_fit_group *group, float d, float m, float *q);

/* What is lost with this scale and min; the same with the sums that least squares need. */
float ink_fit_measure(const ink_fit_group *group, float d, float m);
ink_fit ink_fit_try(const ink_fit_group *group, float d, float m);

/* From the largest and the smallest value alone; the best that is found. */
ink_fit ink_fit_plain(const ink_fit_group *group);
ink_fit ink_fit_search(const ink_fit_group *group);

#endif
