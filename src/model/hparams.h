/*
 * A model's hyperparameters: read from metadata, completed, and checked so that nothing later
 * divides by zero.
 */
#ifndef INK_MODEL_HPARAMS_H
#define INK_MODEL_HPARAMS_H

#include "format/gguf.h"
#include "model/arch.h"

#define INK_MAX_LAYERS 1024
#define INK_MAX_WIDTH (1u << 20) /* of an embedding, a feed-forward, all heads together */
#define INK_MAX_CONTEXT (1u << 24)
#define INK_MAX_EXPERTS 1024
#define INK_MAX_STATE (1u << 28) /* floats of a layer's recurrence */
#define INK_MAX_TAPS 64          /* of a convolution along the sequence */

typedef uint32_t ink_hparam_u32;
typedef float ink_hparam_f32;
typedef bool ink_hparam_bool;

typedef enum ink_rope_scaling {
    INK_SCALING_NONE,
    INK_SCALING_LINEAR,
    INK_SCALING_YARN,    /* Peng et al., arXiv:2309.00071 */
    INK_SCALING_LONGROPE /* Ding et al., arXiv:2402.13753 */
} ink_rope_scaling;

/* What may differ from layer to layer. */
typedef struct ink_layer_hparams {
    uint32_t n_heads, n_kv_heads, n_ff;
    bool windowed, rotated;
    uint32_t kv_layer; /* whose keys and values it sees: its own, or those of a layer before it */
} ink_layer_hparams;

typedef struct ink_hparams {
#define HPARAM(type, field, key, fallback) ink_hparam_##type field;
#include "model/hparams.def"
#undef HPARAM
    uint32_t n_vocab; /* rows of the token embedding */
    uint32_t n_token_types;
    float epsilon;
    ink_rope_scaling scaling;
    ink_layer_hparams *layers; /* [n_layers] */
} ink_hparams;

/* Widths of the keys and values of a layer's heads, and of what is rotated of them. */
static inline uint32_t ink_hparams_k_dim(const ink_hparams *h, const ink_layer_hparams *layer)
{
    return layer->windowed ? h->k_dim_window : h->k_dim;
}

static inline uint32_t ink_hparams_v_dim(const ink_hparams *h, const ink_layer_hparams *layer)
{
    return layer->windowed ? h->v_dim_window : h->v_dim;
}

static inline uint32_t ink_hparams_rope_dims(const ink_hparams *h, bool windowed)
{
    return windowed ? h->rope_dims_window : h->rope_dims;
}

/* `layers` comes from the arena. */
ink_status ink_hparams_read(ink_hparams *hparams, const ink_arch *arch, const ink_gguf *gguf,
                            ink_arena *arena, ink_error *error);

struct ink_gguf_writer;

/*
 * The same of a file that is being written, before its tensors: what is possible is known in one
 * place. `file` stands for its name in messages.
 */
ink_status ink_hparams_preview(ink_hparams *hparams, const ink_arch *arch,
                               const struct ink_gguf_writer *writer, const char *file,
                               ink_arena *arena, ink_error *error);

#endif
