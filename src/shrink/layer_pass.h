/*
 * One layer of a model on activations that are kept: forward, and back to what its matrices give.
 * The layer runs as the model does, in blocks; its gradient is that of an ordinary graph.
 */
#ifndef INK_SHRINK_LAYER_PASS_H
#define INK_SHRINK_LAYER_PASS_H

#include "device/device.h"
#include "model/decoder.h"

/* A product of the layer, to compute the gradient of its matrix from: gradient^T x. */
typedef struct ink_layer_product {
    const ink_matrix *matrix;
    ink_array *x;        /* [n_tokens, k] */
    ink_array *gradient; /* [n_tokens, n_rows]; NULL: the result does not depend on it */
} ink_layer_product;

typedef struct ink_layer_pass {
    ink_graph graph;
    ink_program *program;
    ink_step step;
    ink_array *x;             /* [n_tokens, n_embedding] */
    ink_array *wanted;        /* alike, times -1; NULL in a pass without a loss, */
    ink_array *shares, *loss; /* [n_tokens, 1], by which errors are multiplied; [1, 1] */
    ink_layer_product *products;
    size_t n_products; /* 0: forward alone */
} ink_layer_pass;

typedef enum ink_layer_goal { INK_LAYER_RESULT, INK_LAYER_LOSS, INK_LAYER_GRADIENT } ink_layer_goal;

/*
 * Records a pass of n_tokens in windows of n_window. Data of matrices may change between runs. What
 * failed is to be ended, too.
 */
ink_status ink_layer_pass_init(ink_layer_pass *pass, ink_device *device, const ink_model *model,
                               uint32_t layer, size_t n_tokens, size_t n_window,
                               ink_layer_goal goal, ink_error *error);
void ink_layer_pass_deinit(ink_layer_pass *pass);

/* The windows' positions, from 0 in each. Before every run, as programs share their memory. */
void ink_layer_pass_place(const ink_layer_pass *pass, size_t n_tokens, size_t n_window);

#endif
