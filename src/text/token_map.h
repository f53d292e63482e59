/*
 * The two flat hash tables behind a vocabulary: token text to id, and a pair of ids to the merge of
 * the pair.
 *
 * Open addressing, linear probing, at most half full. A file that makes its keys collide is refused
 * by the limit on probes instead of being slow. The hash of a text is built byte by byte (FNV-1a),
 * so that all prefixes of a text cost one pass.
 */
#ifndef INK_TEXT_TOKEN_MAP_H
#define INK_TEXT_TOKEN_MAP_H

#include "text/vocab.h"

#define INK_TEXT_HASH_BEGIN UINT64_C(0xcbf29ce484222325)

static inline uint64_t ink_text_hash(uint64_t hash, const char *data, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++)
        hash = (hash ^ (unsigned char)data[i]) * UINT64_C(0x100000001b3);
    return hash;
}

typedef struct ink_text_slot {
    uint32_t tag; /* high half of the hash */
    int32_t id;   /* -1: free */
} ink_text_slot;

/* Text to id. The texts stay where the vocabulary keeps them. */
typedef struct ink_text_map {
    ink_text_slot *slots; /* [mask + 1] */
    const ink_text *texts;
    size_t mask;
} ink_text_map;

/* The outcome of an insertion into either map. */
typedef enum ink_map_result { INK_MAP_ADDED, INK_MAP_PRESENT, INK_MAP_CROWDED } ink_map_result;

/* Room for n entries; false without memory. `texts` is indexed by id. */
bool ink_text_map_init(ink_text_map *map, const ink_text *texts, size_t n,
                       const ink_allocator *allocator);
void ink_text_map_deinit(ink_text_map *map, const ink_allocator *allocator);

/* Adds texts[id] unless an equal text is there. */
ink_map_result ink_text_map_add(ink_text_map *map, int32_t id);

/* The id or -1; `hash` is ink_text_hash of the text from INK_TEXT_HASH_BEGIN. */
int32_t ink_text_map_find(const ink_text_map *map, const char *data, size_t n_bytes, uint64_t hash);

/* Starts to bring the place of this hash into the cache. */
void ink_text_map_fetch(const ink_text_map *map, uint64_t hash);

/* The id of left followed by right, or -1. */
int32_t ink_text_map_find_joined(const ink_text_map *map, ink_text left, ink_text right);

/* A merge: its place in the order of merges and the token it makes. */
typedef struct ink_merge {
    uint32_t rank;
    int32_t id;
} ink_merge;

typedef struct ink_pair_slot {
    uint64_t key; /* INK_PAIR_FREE: free */
    ink_merge value;
} ink_pair_slot;

#define INK_PAIR_FREE UINT64_MAX

typedef struct ink_pair_map {
    ink_pair_slot *slots; /* [mask + 1], NULL: nothing is found */
    size_t mask;
} ink_pair_map;

/* Both ids are not negative, so no pair is INK_PAIR_FREE. */
static inline uint64_t ink_pair_key(int32_t left, int32_t right)
{
    return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

bool ink_pair_map_init(ink_pair_map *map, size_t n, const ink_allocator *allocator);
void ink_pair_map_deinit(ink_pair_map *map, const ink_allocator *allocator);
void ink_pair_map_fetch(const ink_pair_map *map, uint64_t key);
ink_map_result ink_pair_map_add(ink_pair_map *map, uint64_t key, ink_merge value);

/* NULL when it is not there. */
ink_merge *ink_pair_map_get(ink_pair_map *map, uint64_t key);
const ink_merge *ink_pair_map_find(const ink_pair_map *map, uint64_t key);

#endif
