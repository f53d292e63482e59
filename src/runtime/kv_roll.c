/*
 * Caches that lose positions and go on. Pages only change their places: keys stay turned as they
 * were, so queries are turned by n_dropped more than their positions (model/decoder.h).
 *
 * Which positions stay is one choice for all layers and heads, so that what is left is tokens, as
 * in any other session. Heat is read together with that of two neighbors to each side, as it is
 * stretches of a text that are of use (SnapKV, arXiv:2404.14469).
 */
#include <string.h>

#include "base/size.h"
#include "kernel/kernel.h"
#include "runtime/kv_cache.h"

#define NEIGHBORS 2

size_t ink_kv_cache_first_observed(const ink_kv_cache *cache)
{
    return cache->sequence.heat ? cache->sequence.first_observed : SIZE_MAX;
}

void ink_kv_cache_forget_heat(ink_kv_cache *cache)
{
    if (cache->sequence.heat)
        memset((void *)cache->sequence.heat, 0, cache->n_context * sizeof *cache->sequence.heat);
}

void ink_kv_cache_settle(ink_kv_cache *cache, size_t n, size_t n_sinks, size_t position)
{
    cache->n_dropped = n;
    cache->n_settled = position;
    cache->sequence.n_sink_pages = n_sinks;
    if (n == 0) {
        cache->n_summed = 0;
        memset(cache->sum, 0, sizeof cache->sum);
    }
}

void ink_kv_cache_sum(ink_kv_cache *cache, size_t end, const int32_t *tokens)
{
    for (size_t n = end * INK_PAGE + cache->n_dropped; cache->n_summed < n;
         cache->n_summed += INK_PAGE)
        ink_kv_chain(cache->sum, tokens + cache->n_summed - cache->n_dropped, cache->sum);
}

bool ink_kv_cache_begins(const ink_kv_cache *cache, const int32_t *tokens)
{
    uint8_t sum[INK_SHA256_BYTES] = {0};
    for (size_t at = 0; at < cache->n_summed; at += INK_PAGE)
        ink_kv_chain(sum, tokens + at, sum);
    return memcmp(sum, cache->sum, sizeof sum) == 0;
}

/* ---- Blocks ---------------------------------------------------------------------------------- */

static void drop(ink_kv_cache *cache, int kind, size_t block)
{
    size_t *first = &cache->first[kind], *end = &cache->end[kind];
    if (block >= *end)
        return;
    ink_kv_cache_put_back(cache, kind, block);
    --*end;
    for (size_t i = block; i < *end; i++)
        ink_kv_cache_set(cache, kind, i, cache->units[kind][i + 1]);
    ink_kv_cache_set(cache, kind, *end, NULL);
    if (*first > block)
        --*first;
}

/* Nodes behind the first n blocks go before units are taken: theirs would not be counted. */
static void leave(ink_kv_cache *cache, size_t n)
{
    ink_kv_pool_lock(cache->pool);
    ink_kv_cache_leave(cache, n);
    ink_kv_pool_unlock(cache->pool);
    cache->n_matched = 0;
}

void ink_kv_cache_drop_block(ink_kv_cache *cache, size_t block)
{
    leave(cache, block);
    ink_kv_pool_lock(cache->pool);
    for (int kind = 0; kind < INK_KV_PAGED; kind++)
        drop(cache, kind, block);
    ink_kv_pool_unlock(cache->pool);
    cache->sequence.n_positions -= INK_PAGE;
}

/* ---- Choosing -------------------------------------------------------------------------------- */

/* Of n positions, n_kept. */
typedef struct choice {
    _Atomic uint32_t *heat; /* [n] */
    size_t n, n_kept;
    uint64_t bound; /* what stays has more, */
    size_t n_ties;  /* or as much, as far as these go */
} choice;

static uint64_t heat_at(const choice *c, size_t i)
{
    uint64_t sum = 0;
    for (size_t j = i > NEIGHBORS ? i - NEIGHBORS : 0; j < c->n && j <= i + NEIGHBORS; j++)
        sum += atomic_load_explicit(&c->heat[j], memory_order_relaxed);
    return sum;
}

static size_t count_above(const choice *c, uint64_t bound)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++)
        n += heat_at(c, i) > bound;
    return n;
}

/* The lowest that no more than n_kept are above; of those at it the first make up the rest. */
static void find_bound(choice *c)
{
    uint64_t high = (uint64_t)(2 * NEIGHBORS + 1) * UINT32_MAX;
    while (c->bound < high) {
        uint64_t middle = c->bound + (high - c->bound) / 2;
        if (count_above(c, middle) <= c->n_kept)
            high = middle;
        else
            c->bound = middle + 1;
    }
    c->n_ties = c->n_kept - count_above(c, c->bound);
}

/* Asked of each position in turn. */
static bool stays(choice *c, size_t i)
{
    uint64_t heat = heat_at(c, i);
    if (heat != c->bound)
        return heat > c->bound;
    return c->n_ties > 0 && c->n_ties--;
}

/* ---- Condensing ------------------------------------------------------------------------------ */

/* Some blocks of a row of keys at a time. */
static void move_key(ink_format format, size_t k_dim, char *to, size_t to_row, const char *from,
                     size_t from_row)
{
    uint8_t some[512];
    const size_t block_bytes = ink_formats[format].block_bytes;
    size_t left = k_dim / ink_formats[format].block_elements, n;
    for (; left > 0; left -= n) {
        n = ink_size_min(left, sizeof some / block_bytes);
        ink_tile_get_row(format, some, from, from_row, n);
        ink_tile_put_row(format, to, some, to_row, n);
        from += n * block_bytes * INK_TILE_ROWS;
        to += n * block_bytes * INK_TILE_ROWS;
    }
}

/* Keys and values of a row of one page to another. */
static void move_row(const ink_kv_layout *layout, char *to, size_t to_row, const char *from,
                     size_t from_row)
{
    const size_t tile_bytes = layout->k_bytes / (INK_PAGE / INK_TILE_ROWS),
                 row_bytes = layout->v_row_bytes;
    for (size_t head = 0; head < layout->n_heads; head++) {
        move_key(layout->k_format, layout->k_dim, to + to_row / INK_TILE_ROWS * tile_bytes,
                 to_row % INK_TILE_ROWS, from + from_row / INK_TILE_ROWS * tile_bytes,
                 from_row % INK_TILE_ROWS);
        memcpy(to + layout->k_bytes + to_row * row_bytes,
               from + layout->k_bytes + from_row * row_bytes, row_bytes);
        to += layout->head_bytes;
        from += layout->head_bytes;
    }
}

static void move_position(const ink_kv_cache *cache, ink_kv_unit *unit, size_t to, size_t from)
{
    for (size_t i = 0; i < cache->n_layers; i++) {
        const ink_kv_layer *layer = &cache->layers[i];
        if (layer->kind == INK_KV_FULL && layer->layout.n_heads > 0)
            move_row(&layer->layout, unit->memory + layer->offset, to % INK_PAGE,
                     cache->pages[i][from / INK_PAGE], from % INK_PAGE);
    }
}

/* A block that is full takes the place of one that has been read to its end. */
static void replace(ink_kv_cache *cache, size_t block, ink_kv_unit *unit)
{
    ink_kv_pool_lock(cache->pool);
    ink_kv_cache_put_back(cache, INK_KV_FULL, block);
    ink_kv_cache_set(cache, INK_KV_FULL, block, unit);
    ink_kv_pool_unlock(cache->pool);
}

/* One unit more than the cache has blocks was reserved, and no more is taken. */
void ink_kv_cache_condense(ink_kv_cache *cache, size_t first, size_t end, size_t n_kept,
                           int32_t *tokens)
{
    choice c = {.heat = cache->sequence.heat + first * INK_PAGE,
                .n = (end - first) * INK_PAGE,
                .n_kept = n_kept * INK_PAGE};
    ink_kv_unit *unit = NULL;
    leave(cache, first);
    find_bound(&c);
    for (size_t from = first * INK_PAGE, to = from; from < end * INK_PAGE; from++) {
        if (!stays(&c, from - first * INK_PAGE))
            continue;
        if (!unit || to % INK_PAGE == 0)
            unit = ink_kv_take(cache->pool, INK_KV_FULL);
        move_position(cache, unit, to, from);
        tokens[to++] = tokens[from];
        if (to % INK_PAGE == 0)
            replace(cache, to / INK_PAGE - 1, unit);
    }
    for (size_t i = first + n_kept; i < end; i++)
        ink_kv_cache_drop_block(cache, first + n_kept);
    ink_kv_cache_forget_heat(cache);
}
