/*
 * What the sessions of a model have in common: the pools of their caches, one for each layout of
 * pages and way of turning keys.
 */
#ifndef INK_RUNTIME_KV_SHARE_H
#define INK_RUNTIME_KV_SHARE_H

#include "model/model.h"
#include "runtime/kv_pool.h"

/* What a pool is to be. */
typedef struct ink_kv_pool_shape {
    size_t n_layers, n_context; /* of the session that asks */
    const ink_kv_layout *layouts;
    size_t unit_bytes[INK_KV_KINDS];
    size_t n_window_blocks[INK_KV_PAGED];
} ink_kv_pool_shape;

/* Bytes that a model with sessions takes for this, beside its pools. */
size_t ink_kv_share_bytes(void);

/* The pool of this shape, found or made, with n units of each kind reserved. */
ink_status ink_kv_share_reserve(ink_kv_pool **out, const ink_model *model,
                                const ink_kv_pool_shape *shape, const size_t n[INK_KV_KINDS],
                                ink_error *error);

/* Bytes that this would take beyond what is there; false: nothing is there. */
bool ink_kv_share_missing(const ink_model *model, const ink_kv_pool_shape *shape,
                          const size_t n[INK_KV_KINDS], size_t *n_bytes);

#endif
