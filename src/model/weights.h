/*
 * From tensors of a file to the weights of a model: binding checks that every part that the
 * architecture needs is there, in the shape that the hyperparameters say, and that the file holds
 * nothing else; loading reads the bytes.
 */
#ifndef INK_MODEL_WEIGHTS_H
#define INK_MODEL_WEIGHTS_H

#include "model/model.h"

struct ink_pool;

/* One tensor with the place that its bytes will have. */
typedef struct ink_binding {
    const ink_gguf_tensor *tensor;
    ink_matrix *matrix;     /* where the result is announced: a matrix, */
    const float **vector;   /* or floats */
    size_t offset, n_bytes; /* in the model's memory */
} ink_binding;

typedef struct ink_bindings {
    ink_binding *all;
    size_t n, capacity;
    size_t memory_bytes;
} ink_bindings;

/*
 * Fills the tables of `model` (shapes, no data yet) and model->bindings, the list of what to read.
 * All of it comes from the model's arena.
 */
ink_status ink_weights_bind(struct ink_model *model, ink_error *error);

/*
 * Of a model that was opened without weights: as if its file had this matrix in another format,
 * whose blocks fill its rows.
 */
ink_status ink_matrix_assume(struct ink_model *model, ink_matrix *matrix, ink_format format,
                             ink_error *error);

/*
 * Leaves only vectors to read: what recording a step needs to know, without the weights that take
 * memory.
 */
void ink_bindings_keep_vectors(ink_bindings *bindings);

/* Points matrices and vectors at their places in `memory`. */
void ink_weights_place(const ink_bindings *bindings, const void *memory);

/*
 * Reads all of it into `memory`, or where that is NULL into model->memory, which is then taken;
 * matrices packed into tiles or, to be trained, decoded, by all threads of the pool.
 */
ink_status ink_weights_load(struct ink_model *model, const ink_bindings *bindings,
                            struct ink_pool *pool, const ink_progress *progress, void *memory,
                            ink_error *error);

/* Bytes beside the weights that reading them takes, all threads together. */
size_t ink_weights_loading_bytes(const ink_bindings *bindings, int n_threads);

/*
 * Weights in a mapped file that is larger than memory: whoever multiplies with a matrix asks the
 * system to read the same one of the next layer.
 */
void ink_weights_read_ahead(struct ink_model *model);

#endif
