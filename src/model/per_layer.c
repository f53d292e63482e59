/*
 * Embeddings by layer (Gemma 3n): beside the embedding that the layers hand on, a token has a
 * narrow vector for each of them. It is looked up, joined by a projection of the embedding, and
 * gates what the layer adds at its end.
 */
#include <math.h>

#include "model/blocks.h"

void ink_block_per_layer_inputs(ink_builder *b, ink_array *x)
{
    const ink_weight *w = b->model->weights;
    size_t n_layers = b->h->n_layers, n = b->h->n_per_layer;
    if (!x || !ink_weight_present(&w[INK_WEIGHT_PER_LAYER_EMBEDDING]))
        return;
    ink_array *looked_up = ink_embed(&w[INK_WEIGHT_PER_LAYER_EMBEDDING].matrix, b->step->tokens);
    looked_up = ink_scale(looked_up, sqrtf((float)n));
    ink_array *made = ink_block_linear(b, &w[INK_WEIGHT_PER_LAYER_IN], x);
    made = ink_scale(made, 1 / sqrtf((float)b->h->n_embedding));
    made = ink_reshape(made, 3, (size_t[]){x->shape[0], n_layers, n});
    made = ink_block_norm(b, &w[INK_WEIGHT_PER_LAYER_IN_NORM], made);
    made = ink_reshape(made, 2, (size_t[]){x->shape[0], n_layers * n});
    b->per_layer = ink_scale(ink_add(made, looked_up), sqrtf(0.5f));
}

ink_array *ink_block_per_layer(ink_builder *b, ink_array *x)
{
    const ink_weight *w = b->weights;
    size_t n = b->h->n_per_layer;
    ink_array *gate = ink_block_linear(b, &w[INK_WEIGHT_PER_LAYER_GATE], x);
    ink_array *given = ink_slice(b->per_layer, b->layer * n, n);
    ink_array *y = ink_multiply(ink_activate(b->model->arch->activation, gate), given);
    y = ink_block_linear(b, &w[INK_WEIGHT_PER_LAYER_OUT], y);
    return y ? ink_block_norm(b, &w[INK_WEIGHT_PER_LAYER_POST_NORM], y) : NULL;
}
