/* What is learned: arrays of floats that a graph reads and an optimizer changes. */
#ifndef INK_LEARN_PARAMETER_H
#define INK_LEARN_PARAMETER_H

#include "model/model.h"

typedef struct ink_parameter {
    const char *name; /* of the tensor that it is; the model's */
    float *data;      /* [n], in the order of the file */
    size_t n;
    int n_dims;
    size_t shape[INK_MAX_DIMS]; /* rows first, as the graph has it */
    bool decays;                /* matrices do; norms and biases do not */
} ink_parameter;

typedef struct ink_parameter_list {
    ink_parameter *all;
    size_t n;
    size_t n_floats; /* of all together */
} ink_parameter_list;

/*
 * All weights of a model that was opened with INK_LOAD_TRAINABLE. What says how to rotate is left
 * out. UNSUPPORTED names the part of the model that has no gradient. To be ended by
 * ink_delete(allocator, parameters->all).
 */
ink_status ink_parameters_of_model(ink_parameter_list *parameters, ink_model *model,
                                   ink_error *error);

#endif
