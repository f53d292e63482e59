/*
 * What a cache of keys and values looks like to the ops that use it. The runtime owns pages and
 * tables.
 *
 * A page holds INK_PAGE positions of one layer. For each head: the keys, packed as four row tiles
 * (a position is a row), so that scores are a product with a weight matrix; then the values, one
 * row a position in file order.
 *
 * Keys and values may be kept rotated (kernel.h, ink_rotate): queries are then rotated before they
 * meet keys, and what attention makes of values is rotated back.
 *
 * A layer may hold its latest positions twice, in the format that stays and in a wider one. Both
 * are written when a position comes. A token at position p sees the pages from
 * ink_kv_first_recent(p) on in the wider form, and those before in the other, so what it sees does
 * not depend on what was stored together with it; and a page leaves the window by being given back.
 *
 * A layer that carries something from token to token in place of, or beside, what it sees of all
 * of them has a state: a fixed number of floats, which ops lay out (array.h). It is zero before the
 * first token.
 */
#ifndef INK_ARRAY_KV_H
#define INK_ARRAY_KV_H

#include <stdatomic.h>
#include "tensor/format.h"

#define INK_PAGE 64 /* positions */

/*
 * Scores are summed up within chunks of pages, and chunks are merged in order, so that a long
 * context may be split over threads without changing a bit.
 */
#define INK_CHUNK_PAGES 16

typedef struct ink_kv_layout {
    ink_format k_format, v_format;
    bool k_rotated, v_rotated;
    size_t n_recent; /* latest positions, of which there are wider pages; 0: there are none */
    size_t n_heads, k_dim, v_dim;
    size_t k_bytes, v_row_bytes; /* of one head: all its keys; one position's values */
    size_t head_bytes, page_bytes;
} ink_kv_layout;

/* Fills the sizes; false when a dimension is not a multiple of its format's block. */
bool ink_kv_layout_init(ink_kv_layout *layout);

#define INK_KV_LAYOUT_FIELDS 8

/* All that pages of a layout depend on, as numbers: for comparing and for digests. */
void ink_kv_layout_get_fields(const ink_kv_layout *layout, uint64_t fields[INK_KV_LAYOUT_FIELDS]);

/* The first page that a token at this position sees in its wider form. */
static inline size_t ink_kv_first_recent(const ink_kv_layout *layout, size_t position)
{
    return (position + 1 > layout->n_recent ? position + 1 - layout->n_recent : 0) / INK_PAGE;
}

typedef struct ink_kv_sequence {
    size_t n_layers;
    /* [n_layers]; where a layer has wider pages, those are the layer n_layers further on */
    const ink_kv_layout *layouts;
    void *const *const *pages; /* likewise [position / INK_PAGE]; NULL where nothing is kept */
    float *const *states;      /* [n_layers]; NULL where a layer has none */
    size_t n_positions;        /* written once this step has run */
    /* The first pages, whose keys queries meet in their second form (array.h, ink_attend). */
    size_t n_sink_pages;
    /*
     * How much attention each position was given by tokens at first_observed and later, over all
     * heads of layers without a window: probabilities in units of 1 / heat_of_one, whole numbers,
     * so that their order does not matter. NULL: nobody wants to know.
     */
    _Atomic uint32_t *heat; /* [first_observed + n] */
    size_t first_observed;
    float heat_of_one;
} ink_kv_sequence;

#endif
