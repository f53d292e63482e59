/* What is learned: arrays of floats that a graph reads and an optimizer changes. */
#ifndef INK_LEARN_PARAMETER_H
#define INK_LEARN_PARAMETER_H

#include "model/model.h"

typedef struct ink_parameter {
    const char *name; /* of the tensor that it is in files; the model's */
    float *data;      /* [n], in the order of the file */
    size_t n;
    uint32_t n_dims;
    size_t shape[INK_MAX_DIMS]; /* rows first, as the graph has it */
    bool decays;                /* matrices do; norms and biases do not */
} ink_parameter;

typedef struct ink_parameter_list {
    ink_parameter *all; /* [n + n_fixed] */
    size_t n;
    size_t n_fixed;  /* behind those: what is not learned, and goes into the same files */
    size_t n_floats; /* of all that is learned together */
} ink_parameter_list;

#endif
