/*
 * Inside the decoder: what the recording of a step carries along, the parts that every block is
 * made of, and the blocks of a layer. A block records its ops and returns its result; NULL in,
 * or a mistake, is NULL out, and the graph keeps the reason (array.h).
 */
#ifndef INK_MODEL_BLOCKS_H
#define INK_MODEL_BLOCKS_H

#include "model/decoder.h"
#include "model/lora.h"

/* What the tokens of a layer put there to be seen: into its cache, or in the step alone. */
typedef struct ink_seen {
    ink_array *stored; /* NULL in a step without a cache, which has these: */
    ink_array *k, *v;  /* [n, n_kv_heads, dim] */
} ink_seen;

typedef struct ink_builder {
    const ink_model *model;
    const ink_hparams *h;
    const ink_weight *weights; /* of the current layer */
    ink_graph *graph;
    ink_step *step;
    /* Rotations of layers that see all, and of windowed ones: by turns, and by positions. */
    ink_array *tables[2][2];
    bool rolls; /* queries have two forms, one by each */
    uint32_t layer;
    ink_seen *seen; /* [n_layers] */
    float dropout, adapter_dropout;
    size_t n_context;     /* of the session */
    ink_array *per_layer; /* [n, n_layers * n_per_layer]; NULL where the model has none */
} ink_builder;

static inline bool ink_weight_present(const ink_weight *weight)
{
    return weight->matrix.n_rows > 0 || weight->vector;
}

/* x times a matrix, plus what adapters add, plus its bias. */
static inline ink_array *ink_block_linear(ink_builder *b, const ink_weight *weight, ink_array *x)
{
    if (!x)
        return NULL;
    ink_array *y = ink_linear(&weight->matrix, x);
    for (const ink_lora_pair *pair = weight->adapters; pair; pair = pair->next)
        y = ink_add(y, ink_lora_record(pair, x, b->step->seed, b->adapter_dropout));
    return weight->bias ? ink_add(y, ink_vector(b->graph, weight->bias, weight->matrix.n_rows)) : y;
}

/* The norm with this weight, or x where there is none. */
static inline ink_array *ink_block_norm(ink_builder *b, const ink_weight *weight, ink_array *x)
{
    if (!weight->vector || !x)
        return x;
    return ink_norm(b->model->arch->norm, x, ink_vector(b->graph, weight->vector, weight->n),
                    ink_vector(b->graph, weight->bias, weight->n), b->h->epsilon);
}

/* Zero stands for a factor that the file does not say. */
static inline ink_array *ink_block_scale(ink_array *x, float factor)
{
    return factor == 0 || factor == 1 ? x : ink_scale(x, factor);
}

/*
 * x[n, n_embedding], normed, to what the layer adds to it, [n, n_embedding]. Stores the keys and
 * values of its tokens, unless it sees those of another layer.
 */
ink_array *ink_block_attention(ink_builder *b, ink_array *x);

/*
 * The same by a gated short convolution (LFM2), which leaves its last inputs in the layer's state.
 */
ink_array *ink_block_convolution(ink_builder *b, ink_array *x);

/* Floats that the convolution before a scan carries: the first of the layer's state. */
static inline size_t ink_convolution_floats(const ink_hparams *h)
{
    size_t n_channels = h->n_scan + 2 * (size_t)h->n_scan_groups * h->n_scan_state;
    return (h->n_scan_taps - 1) * n_channels;
}

/* The same by a state space (Mamba-2): a convolution, then a scan, both in the layer's state. */
ink_array *ink_block_scan(ink_builder *b, ink_array *x);

/* The same by a gated delta net (Qwen 3.5), with the same two things in the state. */
ink_array *ink_block_delta(ink_builder *b, ink_array *x);

/* x[n, n_embedding], normed, to [n, n_embedding]: dense, or a mixture of experts. */
ink_array *ink_block_feed_forward(ink_builder *b, ink_array *x);

/*
 * Both, each between norms of its own: x[n, n_embedding], not normed. The router has its own norm
 * and reads x, too (Gemma 4).
 */
ink_array *ink_block_dense_and_experts(ink_builder *b, ink_array *x);

/* What layers are given of each token beside x: records b->per_layer from the embedded tokens. */
void ink_block_per_layer_inputs(ink_builder *b, ink_array *x);

/* x[n, n_embedding] to what the layer's part of that adds to it, [n, n_embedding]. */
ink_array *ink_block_per_layer(ink_builder *b, ink_array *x);

#endif
