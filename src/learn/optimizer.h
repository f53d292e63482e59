/*
 * AdamW (Kingma & Ba, arXiv:1412.6980; Loshchilov & Hutter, arXiv:1711.05101) on a list of
 * parameters, with clipping by the norm of all gradients together (Pascanu et al.,
 * arXiv:1211.5063).
 *
 * The same gradients give the same bits on any number of threads: work is cut into pieces of one
 * size, and their sums are taken in order.
 */
#ifndef INK_LEARN_OPTIMIZER_H
#define INK_LEARN_OPTIMIZER_H

#include "learn/parameter.h"

struct ink_pool;

typedef struct ink_adam {
    float beta1, beta2, epsilon;
    float decay; /* each step takes rate * decay of the weights that decay */
    float clip;  /* the gradients' norm is brought down to this; 0: is left */
} ink_adam;

typedef struct ink_optimizer {
    const ink_allocator *allocator;
    struct ink_pool *pool;
    ink_adam adam;
    const ink_parameter_list *parameters;
    float *first, *second; /* [n_floats]: moments, parameter by parameter */
    size_t n_pieces;
    double *piece_sums; /* [n_pieces] */
    uint64_t n_steps;   /* taken */
} ink_optimizer;

/* The parameters and the pool outlive it. The pool must have room for one stage. */
ink_status ink_optimizer_init(ink_optimizer *optimizer, ink_adam adam,
                              const ink_parameter_list *parameters, struct ink_pool *pool,
                              const ink_allocator *allocator, ink_error *error);
void ink_optimizer_deinit(ink_optimizer *optimizer);

/*
 * One step by gradients[i][n of parameter i], each times `scale`. Returns the norm of the scaled
 * gradients before clipping; where that is no finite number nothing has changed.
 */
double ink_optimizer_step(ink_optimizer *optimizer, const float *const *gradients, float scale,
                          float rate);

#endif
