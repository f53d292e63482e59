/*
 * The cache of one session: for each layer pages of INK_PAGE positions of keys and values, and
 * the state that the layer carries from token to token (array/kv.h). Either may be absent.
 *
 * Room for the whole context is set aside at once, so that taking a page allocates nothing; the
 * system hands out memory only for pages that are written. Layers that see a window give back the
 * pages that have left it, and have room for no more than the window and one batch. A state is
 * what it was after the last token: it cannot go back.
 */
#ifndef INK_RUNTIME_KV_CACHE_H
#define INK_RUNTIME_KV_CACHE_H

#include "array/kv.h"
#include "base/memory.h"
#include "runtime/cache_spec.h"

typedef struct ink_kv_layer {
    ink_kv_layout layout;
    size_t window;  /* 0: all positions stay */
    size_t n_slots; /* pages there is room for */
    char *slots;    /* [n_slots][layout.page_bytes] */
    uint32_t *free; /* stack of slots that are not in use */
    size_t n_free;
    size_t first_page, n_pages; /* in use: [first_page, n_pages) */
    size_t n_state;             /* floats of its state */
} ink_kv_layer;

typedef struct ink_kv_cache {
    const ink_allocator *allocator;
    size_t n_layers, n_context; /* layers: those of the specification */
    ink_kv_layer *layers;       /* [n_layers] */
    ink_kv_layout *layouts;     /* [n_layers], for the sequence */
    void ***pages;              /* [n_layers][pages of the context] */
    float **states;             /* [n_layers]; NULL where a layer has none */
    size_t n_state;             /* floats of all states */
    void *memory;               /* of all states, one after the other, then of all slots */
    ink_arena arena;            /* of all tables */
    ink_kv_sequence sequence;   /* what the ops see */
} ink_kv_cache;

/* Bytes when full. BAD_ARGUMENT when the model's heads are not a multiple of the format's block. */
ink_status ink_kv_cache_plan(const ink_model *model, const ink_cache_spec *spec, size_t n_context,
                             size_t n_batch, size_t *n_bytes, ink_error *error);

/* Bytes of its tables and of what surrounds its memory, at most. */
size_t ink_kv_cache_table_bytes(size_t n_layers, size_t n_context);

/*
 * Gives the system the memory of pages that are not in use; they hold zeros when they next are.
 */
void ink_kv_cache_trim(ink_kv_cache *cache);

ink_status ink_kv_cache_init(ink_kv_cache *cache, const ink_model *model,
                             const ink_cache_spec *spec, size_t n_context, size_t n_batch,
                             ink_error *error);
void ink_kv_cache_deinit(ink_kv_cache *cache);

/*
 * Makes room for positions [position, position + n), n at most n_batch and within the context;
 * gives back what no position from `position` on sees.
 */
void ink_kv_cache_extend(ink_kv_cache *cache, size_t position, size_t n);

/* Whether everything that a token at `position` sees in pages is still there. */
bool ink_kv_cache_reaches(const ink_kv_cache *cache, size_t position);

/*
 * Gives back the pages behind `position`; at 0, clears the states. With states, any other position
 * is the one they are at.
 */
void ink_kv_cache_truncate(ink_kv_cache *cache, size_t position);

/* Bytes of the pages in use and the states. */
size_t ink_kv_cache_bytes(const ink_kv_cache *cache);

#endif
