#include "text/token_special.h"

bool ink_special_map_init(ink_special_map *map, size_t n_bytes, const ink_allocator *allocator)
{
    *map = (ink_special_map){.n_nodes = 1};
    return ink_pair_map_init(&map->edges, n_bytes, allocator);
}

void ink_special_map_deinit(ink_special_map *map, const ink_allocator *allocator)
{
    ink_pair_map_deinit(&map->edges, allocator);
}

ink_map_result ink_special_map_add(ink_special_map *map, ink_text text, int32_t token)
{
    int32_t node = 0;
    for (size_t i = 0; i < text.n_bytes; i++) {
        uint64_t key = ink_pair_key(node, (unsigned char)text.data[i]);
        ink_merge *edge = ink_pair_map_get(&map->edges, key);
        if (!edge) {
            if (ink_pair_map_add(&map->edges, key, (ink_merge){.id = map->n_nodes}) ==
                INK_MAP_CROWDED)
                return INK_MAP_CROWDED;
            map->n_nodes++;
            edge = ink_pair_map_get(&map->edges, key);
        }
        if (i + 1 == text.n_bytes && edge->rank == 0)
            edge->rank = (uint32_t)token + 1;
        node = edge->id;
    }
    if (text.n_bytes > 0)
        map->begins[(unsigned char)text.data[0]] = true;
    return INK_MAP_ADDED;
}

static ink_special_hit longest_at(const ink_special_map *map, ink_text text, size_t at,
                                  ink_special_accept *accept, const void *context)
{
    ink_special_hit hit = {.at = at, .token = -1};
    int32_t node = 0;
    for (size_t i = at; i < text.n_bytes; i++) {
        const ink_merge *edge =
            ink_pair_map_find(&map->edges, ink_pair_key(node, (unsigned char)text.data[i]));
        if (!edge)
            break;
        if (edge->rank != 0 && accept(context, (int32_t)(edge->rank - 1), at, i + 1 - at)) {
            hit.token = (int32_t)(edge->rank - 1);
            hit.n_bytes = i + 1 - at;
        }
        node = edge->id;
    }
    return hit;
}

ink_special_hit ink_special_map_find(const ink_special_map *map, ink_text text, size_t from,
                                     ink_special_accept *accept, const void *context)
{
    for (size_t at = from; at < text.n_bytes; at++) {
        if (!map->begins[(unsigned char)text.data[at]])
            continue;
        ink_special_hit hit = longest_at(map, text, at, accept, context);
        if (hit.token >= 0)
            return hit;
    }
    return (ink_special_hit){.at = text.n_bytes, .token = -1};
}
