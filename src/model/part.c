#include "model/part.h"

#include <stdio.h>

#define MODEL false
#define LAYER true
const ink_part ink_parts[INK_N_WEIGHT_ROLES] = {
#define WEIGHT(role, scope, name, shape, bias) \
    [INK_WEIGHT_##role] = {name, shape, scope, INK_BIAS_##bias},
#include "model/weights.def"
#undef WEIGHT
};
#undef MODEL
#undef LAYER

const char *ink_part_stem(ink_role role, uint32_t layer, char out[INK_PART_STEM_BYTES])
{
    if (ink_parts[role].in_layer)
        (void)snprintf(out, INK_PART_STEM_BYTES, "blk.%u.%s", layer, ink_parts[role].name);
    else
        (void)snprintf(out, INK_PART_STEM_BYTES, "%s", ink_parts[role].name);
    return out;
}

uint64_t ink_part_dimension(const ink_hparams *h, char letter, uint32_t layer_index)
{
    const ink_layer_hparams *layer = &h->layers[layer_index];
    uint64_t k_dim = ink_hparams_k_dim(h, layer), v_dim = ink_hparams_v_dim(h, layer);
    uint64_t q = layer->n_heads * k_dim, k = layer->n_kv_heads * k_dim;
    uint64_t v = layer->n_kv_heads * v_dim;
    uint64_t scan_keys = 2 * (uint64_t)h->n_scan_groups * h->n_scan_state;
    /* clang-format off */
    switch (letter) {
    case 'V': return h->n_vocab;
    case 'E': return h->n_embedding;
    case 'C': return h->n_context;
    case 'T': return h->n_token_types;
    case 'Q': return q;
    case 'K': return k;
    case 'W': return v;
    case 'O': return (uint64_t)layer->n_heads * (h->v_dim_latent ? h->v_dim_latent : v_dim);
    case 'a': return h->q_rank;
    case 'c': return h->kv_rank;
    case 'b': return (uint64_t)h->kv_rank + h->rope_dims;
    case 'B': return (uint64_t)layer->n_heads * h->k_dim_latent;
    case 'p': return h->k_dim_latent - h->rope_dims;
    case 'h': return h->v_dim_latent;
    case 'S': return q + k + v;
    case 'D': return k_dim;
    case 'H': return layer->n_heads;
    case 'R': return h->rope_dims / 2;
    case 'F': return layer->n_ff;
    case 'G': return 2 * (uint64_t)layer->n_ff;
    case 'X': return h->n_experts;
    case 'f': return h->n_expert_ff;
    case 'g': return 2 * (uint64_t)h->n_expert_ff;
    case 's': return h->n_shared_ff;
    case 't': return h->n_conv_taps;
    case 'e': return 3 * (uint64_t)h->n_embedding;
    case 'P': return h->n_per_layer;
    case 'L': return (uint64_t)h->n_per_layer * h->n_layers;
    case 'I': return h->n_scan;
    case 'J': return h->n_scan / h->n_scan_groups;
    case 'i': return h->n_scan + scan_keys;
    case 'j': return 2 * (uint64_t)h->n_scan + scan_keys + h->n_scan_heads;
    case 'v': return h->n_scan / h->n_scan_heads;
    case 'q': return 2 * q;
    case 'm': return h->n_scan_groups;
    case 'n': return h->n_scan_heads;
    case 'k': return h->n_scan_taps;
    default: return 1; /* '1' and '?' */
    }
    /* clang-format on */
}
