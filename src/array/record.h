/*
 * What recordings of ops are made of: array.c and backward.c use it, and nobody else. A failure
 * stays in the graph, and gives NULL.
 */
#ifndef INK_ARRAY_RECORD_H
#define INK_ARRAY_RECORD_H

#include "array/array.h"

/* An array without inputs. */
ink_array *ink_record_array(ink_graph *graph, ink_op op, ink_type type, int n_dims,
                            const size_t *shape);

/* The result of an op on x, in x's graph. */
ink_array *ink_derive(ink_op op, ink_type type, int n_dims, const size_t *shape, ink_array *x);

/* One of x's shape. Row by row: a vector alone has no rows, and is refused. */
ink_array *ink_derive_alike(ink_op op, ink_array *x);

/* Keeps the failure that the inputs of an op do not fit each other; NULL. */
void *ink_mismatch(const ink_array *x, ink_op op);

static inline size_t ink_last(const ink_array *x)
{
    return x->shape[x->n_dims - 1];
}

static inline bool ink_same_shape(const ink_array *a, const ink_array *b)
{
    bool same = a->n_dims == b->n_dims;
    for (int d = 0; same && d < a->n_dims; d++)
        same = a->shape[d] == b->shape[d];
    return same;
}

#endif
