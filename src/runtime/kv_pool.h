/*
 * What the caches of a model's sessions are made of, and what they have in common.
 *
 * A unit is room for one block of INK_PAGE positions: the pages of all layers that see everything,
 * or of all that see a window, or the wider pages of latest positions (array/kv.h); or room for all
 * states. Units are counted: those who hold one share it, and write to it only alone.
 *
 * A node is a full block that may be shared: its tokens, the node of the block before it, and the
 * units that hold what they came to. Nodes are found by a chain of SHA-256 over tokens, and
 * compared token by token. What no session holds stays until its room is needed: sessions reserve
 * what they may come to need, so kept nodes live in room that is not used.
 *
 * A checkpoint is a node behind which a session may go on: its states, and the windows before it.
 *
 * Any number of sessions, each on its own thread: functions named _locked are called between
 * ink_kv_pool_lock and _unlock, others lock themselves. What a held unit holds may be read at any
 * time.
 *
 * Nobody uses the store, which waits for disks, while the pool is locked. A part that comes from it
 * is read into a unit that its reader alone holds, and becomes the node's when it is whole; where
 * somebody else was first, the reader's goes.
 */
#ifndef INK_RUNTIME_KV_POOL_H
#define INK_RUNTIME_KV_POOL_H

#include <pthread.h>
#include "array/kv.h"
#include "base/memory.h"
#include "base/sha256.h"

struct ink_prefix_key;
struct ink_prefix_store;

typedef enum ink_kv_kind {
    INK_KV_FULL,   /* pages of layers that see everything; of no bytes where there are none */
    INK_KV_WINDOW, /* pages of layers that see a window */
    INK_KV_RECENT, /* the wider pages of latest positions, which are a window of their own */
    INK_KV_STATE,  /* states of all layers at the end of a block */
    INK_KV_KINDS,
    INK_KV_PAGED = INK_KV_STATE /* kinds before it hold pages */
} ink_kv_kind;

typedef struct ink_kv_unit {
    char *memory; /* [pool->unit_bytes of its kind] */
    struct ink_kv_extent *extent;
    struct ink_kv_unit *next; /* of the free ones */
    uint32_t n_refs;          /* sessions and nodes that hold it */
} ink_kv_unit;

typedef struct ink_kv_node {
    uint8_t digest[INK_SHA256_BYTES]; /* of the parent's digest and the tokens */
    int32_t tokens[INK_PAGE];
    struct ink_kv_node *parent, *next; /* next: in its bucket, or of the free ones */
    struct ink_kv_extent *extent;
    ink_kv_unit *parts[INK_KV_KINDS]; /* NULL: not there, or no longer */
    uint32_t n_refs, n_children;      /* n_refs: sessions that hold it */
    uint32_t n_kept[INK_KV_PAGED];    /* checkpoints whose window of this kind it is in */
    bool is_found, is_checkpoint;
    uint64_t last_used;
} ink_kv_node;

typedef struct ink_kv_pool {
    const ink_allocator *allocator;
    pthread_mutex_t mutex;
    struct ink_kv_pool *next; /* of the same model */
    size_t n_layers, n_context;
    ink_kv_layout *layouts; /* [n_layers]: what units hold */
    size_t unit_bytes[INK_KV_KINDS];
    /* blocks that a token at the begin of a block sees in windows; 0: not a window */
    size_t n_window_blocks[INK_KV_PAGED];
    size_t n_units[INK_KV_KINDS], n_reserved[INK_KV_KINDS];
    ink_kv_unit *free[INK_KV_KINDS];
    ink_kv_node *free_nodes, **buckets; /* [n_buckets], a power of two */
    size_t n_buckets;
    struct ink_kv_extent *extents;
    uint64_t clock;
    struct ink_prefix_store *store; /* where blocks are kept that are not here; NULL: nowhere */
    uint8_t root[INK_SHA256_BYTES]; /* of its files (prefix_store.h) */
} ink_kv_pool;

/* `pool` has allocator, layouts, unit_bytes and n_window_blocks. */
ink_status ink_kv_pool_init(ink_kv_pool *pool, ink_error *error);

/* When no session holds anything. */
void ink_kv_pool_deinit(ink_kv_pool *pool);

void ink_kv_pool_lock(ink_kv_pool *pool);
void ink_kv_pool_unlock(ink_kv_pool *pool);

/* Bytes that a reservation would take beyond what is there. */
size_t ink_kv_pool_missing(ink_kv_pool *pool, const size_t n[INK_KV_KINDS]);

/*
 * Makes sure that one more session can hold n units of each kind at any time; a whole reservation
 * is given back.
 */
ink_status ink_kv_pool_reserve(ink_kv_pool *pool, const size_t n[INK_KV_KINDS], ink_error *error);
void ink_kv_pool_return(ink_kv_pool *pool, const size_t n[INK_KV_KINDS]);

/* Bytes of tables beside n blocks. */
size_t ink_kv_pool_table_bytes(size_t n_blocks);

/* Forgets nodes that no session holds, and gives back their memory; false: nothing is left. */
bool ink_kv_pool_trim(ink_kv_pool *pool);

/* A unit that the caller alone holds; of those it has reserved. */
ink_kv_unit *ink_kv_take_locked(ink_kv_pool *pool, ink_kv_kind kind);
void ink_kv_release_locked(ink_kv_pool *pool, ink_kv_kind kind, ink_kv_unit *unit);
ink_kv_unit *ink_kv_take(ink_kv_pool *pool, ink_kv_kind kind);
void ink_kv_release(ink_kv_pool *pool, ink_kv_kind kind, ink_kv_unit *unit);

/* SHA-256 of the chain of blocks that ends with these tokens; zeros are before the first. */
void ink_kv_chain(const uint8_t before[INK_SHA256_BYTES], const int32_t tokens[INK_PAGE],
                  uint8_t digest[INK_SHA256_BYTES]);

/* What a block's file in a store is known by (prefix_store.h); NULL: nothing is before it. */
struct ink_prefix_key ink_kv_key(const ink_kv_pool *pool, const ink_kv_node *parent,
                                 const int32_t tokens[INK_PAGE], ink_kv_kind kind);

/* NULL: not there. */
ink_kv_node *ink_kv_find_locked(ink_kv_pool *pool, const ink_kv_node *parent,
                                const int32_t tokens[INK_PAGE]);

/*
 * The node of these tokens, held once more; made if it is not there, for which the caller holds a
 * unit of the kind FULL that is not yet in another node.
 */
ink_kv_node *ink_kv_hold_locked(ink_kv_pool *pool, ink_kv_node *parent,
                                const int32_t tokens[INK_PAGE]);
void ink_kv_drop_locked(ink_kv_node *node);

/* `unit` is what the node shares from now on, where it has none. */
void ink_kv_give_locked(ink_kv_node *node, ink_kv_kind kind, ink_kv_unit *unit);

/* Sessions may go on behind `node`, with these states; held nodes only. */
void ink_kv_checkpoint_locked(ink_kv_pool *pool, ink_kv_node *node, const void *states);

/*
 * What the store has of a block that follows `parent`, which is held, in a unit that the caller
 * alone holds, of those it has reserved; NULL: nothing.
 */
ink_kv_unit *ink_kv_load(ink_kv_pool *pool, const ink_kv_node *parent,
                         const int32_t tokens[INK_PAGE], ink_kv_kind kind);

/*
 * A unit that was loaded for this node becomes its part, unless it has one. Of the kind STATE it
 * makes a checkpoint.
 */
void ink_kv_accept_locked(ink_kv_pool *pool, ink_kv_node *node, ink_kv_kind kind,
                          ink_kv_unit *unit);

#endif
