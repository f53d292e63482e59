/*
 * Special tokens inside a text: the leftmost place where one begins, and there the longest.
 *
 * The texts form a tree whose edges, (node, byte) to node, are entries of one pair map; a walk is
 * at most INK_VOCAB_MAX_SPECIAL_BYTES steps.
 */
#ifndef INK_TEXT_TOKEN_SPECIAL_H
#define INK_TEXT_TOKEN_SPECIAL_H

#include "text/token_map.h"

typedef struct ink_special_map {
    ink_pair_map edges; /* (node, byte) to {token at the next node + 1, next node} */
    int32_t n_nodes;
    bool begins[256]; /* some special token begins with this byte */
} ink_special_map;

/* Room for tokens of n_bytes together; false without memory. */
bool ink_special_map_init(ink_special_map *map, size_t n_bytes, const ink_allocator *allocator);
void ink_special_map_deinit(ink_special_map *map, const ink_allocator *allocator);
ink_map_result ink_special_map_add(ink_special_map *map, ink_text text, int32_t token);

typedef struct ink_special_hit {
    size_t at, n_bytes;
    int32_t token; /* -1: none up to the end */
} ink_special_hit;

/* Says which of the tokens count that stand in the text, n_bytes long from `at` on. */
typedef bool ink_special_accept(const void *context, int32_t token, size_t at, size_t n_bytes);

/* The first hit at `from` or later. */
ink_special_hit ink_special_map_find(const ink_special_map *map, ink_text text, size_t from,
                                     ink_special_accept *accept, const void *context);

#endif
