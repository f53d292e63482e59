/*
 * The cache of one session: for each layer pages of INK_PAGE positions of keys and values, and
 * the state that the layer carries from token to token (array/kv.h). Either may be absent.
 *
 * Pages lie in units of a pool (kv_pool.h): one unit holds a block of positions of all layers that
 * see everything, another those of all layers that see a window, a third the wider pages of latest
 * positions, which are a window, too (cache_spec.h). What the session may come to need
 * is reserved at once, so that taking a unit allocates nothing; the system hands out memory only
 * for pages that are written. Units that have left the window are given back. A state is what it
 * was after the last token: it goes back to 0, or to where a checkpoint was made.
 *
 * A session that shares publishes every block that is full, and adopts blocks that others
 * published. What is shared is never written: who has to write into it copies it first.
 */
#ifndef INK_RUNTIME_KV_CACHE_H
#define INK_RUNTIME_KV_CACHE_H

#include "array/kv.h"
#include "base/memory.h"
#include "runtime/cache_spec.h"
#include "runtime/kv_pool.h"

typedef struct ink_kv_layer {
    ink_kv_layout layout;
    ink_kv_kind kind;
    size_t offset;  /* of its page in a unit */
    size_t window;  /* 0: all positions stay */
    size_t n_state; /* floats of its state */
} ink_kv_layer;

typedef struct ink_kv_cache {
    const ink_allocator *allocator;
    ink_kv_pool *pool;                             /* NULL: there is no cache */
    size_t n_layers, n_context, n_blocks;          /* layers: those of the specification */
    size_t windows[INK_KV_PAGED];                  /* of the layers of a kind; 0: not a window */
    size_t n_most[INK_KV_PAGED];                   /* units it may hold; 0: no such layers */
    size_t n_reserved[INK_KV_KINDS];               /* one more of each, and what checkpoints need */
    ink_kv_layer *layers;                          /* [n_layers] */
    ink_kv_layout *layouts;                        /* [n_layers], for the sequence */
    void ***pages;                                 /* [n_layers][n_blocks] */
    ink_kv_unit **units[INK_KV_PAGED];             /* [n_blocks] */
    size_t first[INK_KV_PAGED], end[INK_KV_PAGED]; /* blocks that are held: [first, end) */
    bool shares;
    bool is_foreign;     /* it came from a file that anyone may have made: not for others */
    ink_kv_node **chain; /* [n_blocks]: the first n_chain are held, the nodes of its blocks */
    size_t n_chain;
    size_t n_matched; /* blocks from the begin that others had too, when last looked */
    size_t n_dropped; /* positions that it has lost (kv_roll.c) */
    size_t n_settled; /* where it ended when it last did: those before it saw more */
    size_t n_summed;  /* tokens of the text, to the end of where the last were dropped, */
    uint8_t sum[INK_SHA256_BYTES]; /* and the sum of their blocks (ink_kv_chain) */
    float **states;                /* [n_layers]; NULL where a layer has none */
    size_t n_state;                /* floats of all states */
    void *memory;                  /* of all states, one after the other */
    ink_arena arena;               /* of all tables */
    ink_kv_sequence sequence;      /* what the ops see */
} ink_kv_cache;

/* What a cache is to be. */
typedef struct ink_kv_shape {
    ink_cache_spec spec;
    size_t n_context, n_batch;
    bool shares;
    bool observes; /* what the last tokens of a full context see is added up */
} ink_kv_shape;

/* Bytes when full. BAD_ARGUMENT when the model's heads are not a multiple of the format's block. */
ink_status ink_kv_cache_plan(const ink_model *model, const ink_kv_shape *shape, size_t *n_bytes,
                             ink_error *error);

/* Of those, what is not there already: kept by the model for sessions that are gone. */
ink_status ink_kv_cache_missing(const ink_model *model, const ink_kv_shape *shape, size_t *n_bytes,
                                ink_error *error);

/* Bytes of its tables and of what surrounds its memory, at most. */
size_t ink_kv_cache_table_bytes(size_t n_layers, size_t n_context);

ink_status ink_kv_cache_init(ink_kv_cache *cache, const ink_model *model, const ink_kv_shape *shape,
                             ink_error *error);
void ink_kv_cache_deinit(ink_kv_cache *cache);

/*
 * Makes room for positions [position, position + n), n at most n_batch and within the context;
 * gives back what no position from `position` on sees.
 */
void ink_kv_cache_extend(ink_kv_cache *cache, size_t position, size_t n);

/* Whether everything that a token at `position` sees in pages is still there. */
bool ink_kv_cache_reaches(const ink_kv_cache *cache, size_t position);

/* The first block that a token at `position` sees through a window; 0: no window, all of them. */
size_t ink_kv_first_block(size_t window, size_t position);

/*
 * Gives back the pages behind `position`; at 0, clears the states. With states, any other position
 * is the one they are at.
 */
void ink_kv_cache_truncate(ink_kv_cache *cache, size_t position);

/*
 * An empty cache for `position` positions that are about to be written, pages of each kind from
 * block first[kind] on.
 */
void ink_kv_cache_begin_at(ink_kv_cache *cache, const size_t first[INK_KV_PAGED], size_t position);

/* Whether there is more to go on behind a block than the pages that hold it: windows, states. */
bool ink_kv_cache_is_partial(const ink_kv_cache *cache);

/* Bytes of the pages that it holds, shared or not, and the states. */
size_t ink_kv_cache_bytes(const ink_kv_cache *cache);

/* ---- Sharing: tokens[0, position) are those of the cache. */

/*
 * The cache becomes as if more of tokens[0, n_tokens) had been evaluated, as far as others have
 * done so; returns the new position.
 */
size_t ink_kv_cache_adopt(ink_kv_cache *cache, const int32_t *tokens, size_t position,
                          size_t n_tokens);

/*
 * How many of the next n tokens to evaluate at once, on the way to position `end`, so that
 * checkpoints can be made.
 */
size_t ink_kv_cache_stretch(const ink_kv_cache *cache, size_t position, size_t n, size_t end);

/* Shares what has become full; `end` is where a longer text ends, 0: there is none. */
void ink_kv_cache_publish(ink_kv_cache *cache, const int32_t *tokens, size_t position, size_t end);

/*
 * Full blocks of the first n_tokens into the pool's store, as far as a session can go on behind
 * them.
 */
ink_status ink_kv_cache_keep(ink_kv_cache *cache, size_t n_tokens, ink_error *error);

/* An empty cache of the same pool becomes a copy of one at `position`; full blocks are shared. */
void ink_kv_cache_fork(ink_kv_cache *to, const ink_kv_cache *from, size_t position);

/* ---- Dropping: what is left moves up, and what it saw of others stays as it was. */

/* Tokens at the end of a context whose attention tells what is worth to stay. */
#define INK_KV_OBSERVED 32

/* Positions are turned by int32, and angles are below 2^30. */
#define INK_MOST_DROPPED ((size_t)1 << 29)

/*
 * That the cache has lost n positions behind its first n_sinks pages, and ended at `position` when
 * it lost the last of them. n 0: it has lost none.
 */
void ink_kv_cache_settle(ink_kv_cache *cache, size_t n, size_t n_sinks, size_t position);

/* The block goes, of all kinds, and those behind it move up. */
void ink_kv_cache_drop_block(ink_kv_cache *cache, size_t block);

/*
 * Of the full blocks [first, end) the n_kept * INK_PAGE positions stay that got the most attention,
 * in n_kept blocks, and tokens[position] likewise. What layers with windows have of these blocks
 * goes; they see none of it.
 */
void ink_kv_cache_condense(ink_kv_cache *cache, size_t first, size_t end, size_t n_kept,
                           int32_t *tokens);

/* Before blocks up to `end` lose some of tokens[position]: they become part of the text's sum. */
void ink_kv_cache_sum(ink_kv_cache *cache, size_t end, const int32_t *tokens);

/* Whether tokens, n_summed at least, begin as the text did, with what was dropped. */
bool ink_kv_cache_begins(const ink_kv_cache *cache, const int32_t *tokens);

/* From here on positions are observed; SIZE_MAX: none are. */
size_t ink_kv_cache_first_observed(const ink_kv_cache *cache);
void ink_kv_cache_forget_heat(ink_kv_cache *cache);

/* ---- For kv_adopt.c and kv_roll.c, which lock the pool. */

/* The unit is the block's from now on; NULL: there is none. */
void ink_kv_cache_set(ink_kv_cache *cache, int kind, size_t block, ink_kv_unit *unit);
void ink_kv_cache_put_back(ink_kv_cache *cache, int kind, size_t block);

/* A unit of its own with what `from` holds. */
void ink_kv_cache_set_copy(ink_kv_cache *cache, int kind, size_t block, const ink_kv_unit *from);

/* Keeps the first n_kept nodes of its chain. */
void ink_kv_cache_leave(ink_kv_cache *cache, size_t n_kept);

#endif
