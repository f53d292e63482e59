/*
 * One builder for all architectures: it records a step of the model as a graph, from the
 * hyperparameters, the roles that are present, and the choices of the architecture's row.
 */
#ifndef INK_MODEL_DECODER_H
#define INK_MODEL_DECODER_H

#include "model/model.h"

/* What a step reads and gives; the arrays belong to its graph. */
typedef struct ink_step {
    ink_array *tokens, *positions; /* [n_tokens] int32 */
    ink_array *sequences;          /* [n_tokens] pointers to ink_kv_sequence; NULL: no cache */
    /* [n_tokens] int32: what keys and queries are turned by; NULL: positions, or by nothing */
    ink_array *turns;
    /* [n_outputs] int32: the tokens whose results are wanted; NULL: all or none */
    ink_array *chosen;
    ink_array *token_types; /* [n_tokens] int32, all 0; NULL where the model has none */
    ink_array *seed;        /* [1, 2] int32, of what is dropped out; NULL: nothing is */
    ink_array *result; /* [n_outputs, n_vocab] logits or [n_outputs, n_embedding]; NULL for none */
} ink_step;

/* How much of a step is computed. */
typedef struct ink_step_shape {
    size_t n_tokens, n_outputs;
    size_t n_context; /* of the session: some models rotate otherwise in long ones */
    /*
     * A step of training: its tokens see each other alone, and nothing is kept. The first position
     * of each sequence is 0. Each part that a layer adds, and what adapters read, is dropped out by
     * these rates.
     */
    bool training, recompute; /* recompute: layers are checkpoints (array/grad.h) */
    float dropout, adapter_dropout;
    /*
     * Of a session that drops positions behind its first ones, and goes on: keys stay turned as
     * they were, by more than their positions are now. Queries meet those of the first pages as
     * turned by their own.
     */
    bool rolls;
} ink_step_shape;

/*
 * Records into an empty graph. Mistakes stay in the graph (array.h) and come out when it is
 * planned.
 */
void ink_model_record(const ink_model *model, ink_graph *graph, ink_step_shape shape,
                      ink_step *step);

/* Its first part alone: the result is what the first layer reads, [n_tokens, n_embedding]. */
void ink_model_record_embedding(const ink_model *model, ink_graph *graph, ink_step_shape shape,
                                ink_step *step);

/*
 * One layer alone, of a step of training. Returns its input, [n_tokens, n_embedding]; the result,
 * alike, is not marked as an output.
 */
ink_array *ink_model_record_layer(const ink_model *model, ink_graph *graph, uint32_t layer,
                                  ink_step_shape shape, ink_step *step);

/* NULL, or the part of the model, or of a layer, that cannot be recorded for training. */
const char *ink_model_untrainable(const ink_model *model);
const char *ink_layer_untrainable(const ink_model *model, size_t layer);

/* NULL, or what a layer reads beside its input, so that it cannot be recorded alone. */
const char *ink_layer_dependent(const ink_model *model, size_t layer);

/* The cache of one layer, without formats and sizes; no heads: it has none. */
void ink_model_kv_layout(const ink_model *model, size_t layer, ink_kv_layout *layout);

/* Floats that a layer carries from token to token (array/kv.h); 0: none. */
size_t ink_model_state_floats(const ink_model *model, size_t layer);

/* The window that a layer's cache must keep: positions, or 0 for all. */
size_t ink_model_window(const ink_model *model, size_t layer);

#endif
