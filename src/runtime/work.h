/*
 * What a step of a model has to do at least: the bytes that it must read and the operations that it
 * must perform, counted from the weights in memory and the layout of the cache.
 *
 * Of a weight counts what a token reads: all of a matrix that multiplies, once (an embedding that
 * also makes the logits too), but not a table in which a row is looked up; of experts as many as
 * are used. A product and its sum are two operations.
 */
#ifndef INK_RUNTIME_WORK_H
#define INK_RUNTIME_WORK_H

#include "array/kv.h"
#include "model/model.h"

typedef struct ink_work {
    double weight_bytes, cache_bytes;
    double dot_ops, fma_ops; /* of quantized weights with 8-bit activations; of floats */
} ink_work;

/*
 * n_tokens of one sequence evaluated together behind `position` others; logits of the last one.
 * `layouts` [n_layers] are those of the cache.
 */
ink_work ink_work_of_step(const ink_model *model, const ink_kv_layout *layouts, size_t position,
                          size_t n_tokens);

void ink_work_add(ink_work *sum, const ink_work *work);

#endif
