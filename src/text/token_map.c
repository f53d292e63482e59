#include "text/token_map.h"

#include <string.h>
#include "base/memory.h"
#include "base/size.h"

/* Slots for n entries at most half full: a power of two, 0 when it does not fit. */
static size_t slot_count(size_t n)
{
    size_t count = 16;
    while (count / 2 < n)
        if (!ink_size_mul(count, 2, &count))
            return 0;
    return count;
}

/*
 * FNV leaves low bits of short texts regular, and pairs of ids are dense: this spreads both
 * (MurmurHash3's end).
 */
static uint64_t spread(uint64_t hash)
{
    hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ hash >> 33;
}

bool ink_text_map_init(ink_text_map *map, const ink_text *texts, size_t n,
                       const ink_allocator *allocator)
{
    size_t count = slot_count(n);
    *map = (ink_text_map){.texts = texts, .mask = count - 1};
    map->slots = count ? ink_new(allocator, count, sizeof *map->slots) : NULL;
    if (!map->slots)
        return false;
    for (size_t i = 0; i < count; i++)
        map->slots[i].id = -1;
    return true;
}

void ink_text_map_deinit(ink_text_map *map, const ink_allocator *allocator)
{
    ink_delete(allocator, map->slots);
    *map = (ink_text_map){0};
}

static bool same_joined(ink_text text, ink_text left, ink_text right)
{
    if (text.n_bytes != left.n_bytes + right.n_bytes)
        return false;
    return (left.n_bytes == 0 || memcmp(text.data, left.data, left.n_bytes) == 0) &&
           (right.n_bytes == 0 || memcmp(text.data + left.n_bytes, right.data, right.n_bytes) == 0);
}

ink_map_result ink_text_map_add(ink_text_map *map, int32_t id)
{
    ink_text text = map->texts[id];
    uint64_t hash = spread(ink_text_hash(INK_TEXT_HASH_BEGIN, text.data, text.n_bytes));
    uint32_t tag = (uint32_t)(hash >> 32);
    for (size_t probe = 0; probe < INK_VOCAB_MAX_PROBES; probe++) {
        ink_text_slot *slot = &map->slots[(hash + probe) & map->mask];
        if (slot->id < 0) {
            *slot = (ink_text_slot){tag, id};
            return INK_MAP_ADDED;
        }
        if (slot->tag == tag && same_joined(map->texts[slot->id], text, (ink_text){0}))
            return INK_MAP_PRESENT;
    }
    return INK_MAP_CROWDED;
}

/* Nothing lies further from its place than an insertion may go, so the search ends there too. */
static int32_t find_joined(const ink_text_map *map, uint64_t hash, ink_text left, ink_text right)
{
    hash = spread(hash);
    uint32_t tag = (uint32_t)(hash >> 32);
    for (size_t probe = 0; probe < INK_VOCAB_MAX_PROBES; probe++) {
        ink_text_slot slot = map->slots[(hash + probe) & map->mask];
        if (slot.id < 0)
            return -1;
        if (slot.tag == tag && same_joined(map->texts[slot.id], left, right))
            return slot.id;
    }
    return -1;
}

int32_t ink_text_map_find(const ink_text_map *map, const char *data, size_t n_bytes, uint64_t hash)
{
    return find_joined(map, hash, (ink_text){data, n_bytes}, (ink_text){0});
}

int32_t ink_text_map_find_joined(const ink_text_map *map, ink_text left, ink_text right)
{
    uint64_t hash = ink_text_hash(INK_TEXT_HASH_BEGIN, left.data, left.n_bytes);
    return find_joined(map, ink_text_hash(hash, right.data, right.n_bytes), left, right);
}

void ink_text_map_fetch(const ink_text_map *map, uint64_t hash)
{
    __builtin_prefetch(&map->slots[spread(hash) & map->mask]);
}

bool ink_pair_map_init(ink_pair_map *map, size_t n, const ink_allocator *allocator)
{
    size_t count = slot_count(n);
    map->mask = count - 1;
    map->slots = count ? ink_new(allocator, count, sizeof *map->slots) : NULL;
    if (!map->slots)
        return false;
    for (size_t i = 0; i < count; i++)
        map->slots[i].key = INK_PAIR_FREE;
    return true;
}

void ink_pair_map_deinit(ink_pair_map *map, const ink_allocator *allocator)
{
    ink_delete(allocator, map->slots);
    *map = (ink_pair_map){0};
}

void ink_pair_map_fetch(const ink_pair_map *map, uint64_t key)
{
    __builtin_prefetch(&map->slots[spread(key) & map->mask], 1);
}

ink_map_result ink_pair_map_add(ink_pair_map *map, uint64_t key, ink_merge value)
{
    uint64_t hash = spread(key);
    for (size_t probe = 0; probe < INK_VOCAB_MAX_PROBES; probe++) {
        ink_pair_slot *slot = &map->slots[(hash + probe) & map->mask];
        if (slot->key == key)
            return INK_MAP_PRESENT;
        if (slot->key == INK_PAIR_FREE) {
            *slot = (ink_pair_slot){key, value};
            return INK_MAP_ADDED;
        }
    }
    return INK_MAP_CROWDED;
}

ink_merge *ink_pair_map_get(ink_pair_map *map, uint64_t key)
{
    if (!map->slots)
        return NULL;
    uint64_t hash = spread(key);
    for (size_t probe = 0; probe < INK_VOCAB_MAX_PROBES; probe++) {
        ink_pair_slot *slot = &map->slots[(hash + probe) & map->mask];
        if (slot->key == key)
            return &slot->value;
        if (slot->key == INK_PAIR_FREE)
            break;
    }
    return NULL;
}

const ink_merge *ink_pair_map_find(const ink_pair_map *map, uint64_t key)
{
    ink_pair_map reader = *map;
    return ink_pair_map_get(&reader, key);
}
