/*
 * Prefixes on the disk: a folder of files that only their owner may read (they hold tokens), each
 * one part of one full block of positions (kv_pool.h), named by what it is the result of. Numbers
 * are little-endian:
 *
 *   "INKPREFX"           8 bytes
 *   INK_PREFIX_FIELDS    uint64 each
 *   root                 SHA-256: which model, which layout of pages, which way of turning keys
 *   parent               SHA-256 of the chain of tokens before the block
 *   tokens               [INK_PAGE] int32
 *   checksum             of the data (base/checksum.h)
 *   SHA-256              of everything before it
 *   data                 from INK_PREFIX_DATA_OFFSET on, as in memory
 *
 * A file appears whole or not at all. One that is damaged is told of, removed, and as if it had not
 * been there. When there is no room for a new one, those unused longest go.
 */
#ifndef INK_RUNTIME_PREFIX_STORE_H
#define INK_RUNTIME_PREFIX_STORE_H

#include "base/file.h"
#include "model/model.h"
#include "runtime/kv_pool.h"

#define INK_PREFIX_MAGIC "INKPREFX"
#define INK_PREFIX_VERSION 1 /* also counts changes of the layout of pages and states */
#define INK_PREFIX_DATA_OFFSET 512

#define INK_PREFIX_FIELDS(X)               \
    X(version)                             \
    X(file_bytes)                          \
    X(kind)           /* an ink_kv_kind */ \
    X(data_bytes)     /* of a unit */      \
    X(page_positions) /* INK_PAGE */

typedef struct ink_prefix_store ink_prefix_store;

/* What a file is the result of. */
typedef struct ink_prefix_key {
    const uint8_t *root, *parent; /* [INK_SHA256_BYTES] */
    const int32_t *tokens;        /* [INK_PAGE] */
    ink_kv_kind kind;
    size_t n_bytes;
} ink_prefix_key;

/* `folder` is made if it is not there; IO: it cannot be used. */
ink_status ink_prefix_store_new(ink_prefix_store **out, const ink_model *model, const char *folder,
                                uint64_t max_bytes, ink_error *error);
void ink_prefix_store_free(ink_prefix_store *store);

/* Fills the root of a pool's files. */
void ink_prefix_store_root(const ink_prefix_store *store, const ink_model *model,
                           const ink_kv_pool *pool, uint8_t root[INK_SHA256_BYTES]);

/* Reads a file that must be of this key into data[key->n_bytes]. CORRUPT: it is not. */
ink_status ink_prefix_read(const ink_file *file, const ink_prefix_key *key, void *data,
                           ink_error *error);

/* False: there is none, or none that is right. */
bool ink_prefix_load(ink_prefix_store *store, const ink_prefix_key *key, void *data);

/* Whether there is a file, right or not. */
bool ink_prefix_exists(ink_prefix_store *store, const ink_prefix_key *key);

/* The same; it is then the one that was used last. */
bool ink_prefix_touch(ink_prefix_store *store, const ink_prefix_key *key);

/* LIMIT: larger than the store may be. */
ink_status ink_prefix_save(ink_prefix_store *store, const ink_prefix_key *key, const void *data,
                           ink_error *error);

#endif
