/*
 * How caches share: what is full is published, what others published is taken over, and a fork
 * begins with all of it.
 */
#include <string.h>

#include "base/size.h"
#include "runtime/kv_cache.h"
#include "runtime/prefix_store.h"

#define CHECKPOINT_BLOCKS 8 /* between checkpoints of a long text */

static void share_unit(ink_kv_cache *cache, int kind, size_t block, ink_kv_unit *unit)
{
    unit->n_refs++;
    ink_kv_cache_set(cache, kind, block, unit);
}

/* The first of n blocks of a kind without which no session goes on behind them; n: none. */
static size_t first_needed(const ink_kv_cache *cache, int kind, size_t n)
{
    size_t window = cache->windows[kind];
    return window ? ink_kv_first_block(window, n * INK_PAGE) : n;
}

static bool has_part(const ink_kv_cache *cache, size_t block, int kind)
{
    return cache->chain[block]->parts[kind] != NULL;
}

static bool bring_part(const ink_kv_cache *cache, size_t block, int kind)
{
    ink_kv_node *node = cache->chain[block];
    ink_kv_pool_lock(cache->pool);
    bool there = has_part(cache, block, kind);
    ink_kv_pool_unlock(cache->pool);
    if (there)
        return true;
    ink_kv_unit *unit = ink_kv_load(cache->pool, node->parent, node->tokens, (ink_kv_kind)kind);
    if (!unit)
        return false;
    ink_kv_pool_lock(cache->pool);
    ink_kv_accept_locked(cache->pool, node, (ink_kv_kind)kind, unit);
    ink_kv_pool_unlock(cache->pool);
    return true;
}

/* Whether all is there that a session needs behind `n` blocks, the first `start` its own. */
static bool has_all(const ink_kv_cache *cache, size_t start, size_t n,
                    bool (*has)(const ink_kv_cache *cache, size_t block, int kind))
{
    if (cache->n_state && !has(cache, n - 1, INK_KV_STATE))
        return false;
    for (int kind = 0; kind < INK_KV_PAGED; kind++)
        for (size_t i = first_needed(cache, kind, n); i < n; i++)
            if (i < start ? !cache->units[kind][i] : !has(cache, i, kind))
                return false;
    return true;
}

/* Blocks [start, n) become those of the nodes; what stood there, and before the window, goes. */
static void take_over(ink_kv_cache *cache, size_t start, size_t n)
{
    for (int kind = 0; kind < INK_KV_PAGED; kind++) {
        if (!cache->n_most[kind])
            continue;
        size_t first = ink_size_max(ink_kv_first_block(cache->windows[kind], n * INK_PAGE),
                                    cache->first[kind]);
        for (size_t i = cache->first[kind]; i < cache->end[kind]; i++)
            if (i >= start || i < first)
                ink_kv_cache_put_back(cache, kind, i);
        for (size_t i = ink_size_max(start, first); i < n; i++)
            share_unit(cache, kind, i, cache->chain[i]->parts[kind]);
        cache->first[kind] = first;
        cache->end[kind] = n;
    }
    if (cache->n_state)
        memcpy(cache->memory, cache->chain[n - 1]->parts[INK_KV_STATE]->memory,
               cache->n_state * sizeof(float));
    cache->sequence.n_positions = n * INK_PAGE;
}

/*
 * A part that comes from the store may have taken the room of another, and others may have done so
 * meanwhile; so it is asked twice.
 */
static bool go_on_behind(ink_kv_cache *cache, size_t start, size_t n)
{
    if (cache->pool->store && !has_all(cache, start, n, bring_part))
        return false;
    ink_kv_pool_lock(cache->pool);
    bool all = has_all(cache, start, n, has_part);
    if (all)
        take_over(cache, start, n);
    ink_kv_pool_unlock(cache->pool);
    return all;
}

/* Somebody else may make the node while it is read. */
static ink_kv_node *bring_node(ink_kv_pool *pool, ink_kv_node *parent, const int32_t *tokens)
{
    ink_kv_unit *unit = ink_kv_load(pool, parent, tokens, INK_KV_FULL);
    if (!unit)
        return NULL;
    ink_kv_pool_lock(pool);
    ink_kv_node *node = ink_kv_hold_locked(pool, parent, tokens);
    ink_kv_accept_locked(pool, node, INK_KV_FULL, unit);
    ink_kv_pool_unlock(pool);
    return node;
}

/* The node of a block, held; NULL: it is neither here nor in the store. */
static ink_kv_node *get_node(ink_kv_pool *pool, ink_kv_node *parent, const int32_t *tokens)
{
    ink_kv_pool_lock(pool);
    ink_kv_node *node =
        ink_kv_find_locked(pool, parent, tokens) ? ink_kv_hold_locked(pool, parent, tokens) : NULL;
    ink_kv_pool_unlock(pool);
    return node ? node : bring_node(pool, parent, tokens);
}

/* Holds the nodes of tokens as far as there are any, behind those that it holds; at most `most`. */
static void match(ink_kv_cache *cache, const int32_t *tokens, size_t most)
{
    for (size_t n = cache->n_chain; n < most; n = ++cache->n_chain) {
        ink_kv_node *parent = n ? cache->chain[n - 1] : NULL;
        cache->chain[n] = get_node(cache->pool, parent, tokens + n * INK_PAGE);
        if (!cache->chain[n])
            break;
    }
    cache->n_matched = cache->n_chain;
}

/* From the last to the first: what is needed most was then used last. */
static void touch(ink_kv_cache *cache, size_t n)
{
    while (n-- > 0)
        for (int kind = 0; kind < INK_KV_KINDS; kind++) {
            const ink_prefix_key key = ink_kv_key(cache->pool, cache->chain[n]->parent,
                                                  cache->chain[n]->tokens, (ink_kv_kind)kind);
            (void)ink_prefix_touch(cache->pool->store, &key);
        }
}

size_t ink_kv_cache_adopt(ink_kv_cache *cache, const int32_t *tokens, size_t position,
                          size_t n_tokens)
{
    size_t start = position / INK_PAGE;
    size_t most = ink_size_min(n_tokens, ink_kv_cache_first_observed(cache)) / INK_PAGE;
    if (!cache->shares || cache->n_dropped || cache->n_chain != start || most <= start)
        return position;
    match(cache, tokens, most);
    size_t n = cache->n_chain;
    while (n > start && !go_on_behind(cache, start, n))
        n--;
    ink_kv_pool_lock(cache->pool);
    ink_kv_cache_leave(cache, n);
    ink_kv_pool_unlock(cache->pool);
    if (cache->pool->store && n > start)
        touch(cache, n);
    return n > start ? n * INK_PAGE : position;
}

/* Whether a checkpoint is wanted behind `n` blocks. */
static bool is_checkpoint(const ink_kv_cache *cache, size_t n, size_t end)
{
    return n > 0 && (n % CHECKPOINT_BLOCKS == 0 || n == end / INK_PAGE || n == cache->n_matched);
}

size_t ink_kv_cache_stretch(const ink_kv_cache *cache, size_t position, size_t n, size_t end)
{
    if (!cache->shares || !cache->n_state)
        return n;
    for (size_t block = position / INK_PAGE + 1; block * INK_PAGE <= position + n; block++)
        if (is_checkpoint(cache, block, end))
            return block * INK_PAGE - position;
    return n;
}

/* Where another session was first, its units take the place of those that say the same. */
static void publish_block(ink_kv_cache *cache, const int32_t *tokens, size_t block)
{
    ink_kv_node *parent = block ? cache->chain[block - 1] : NULL;
    ink_kv_node *node = ink_kv_hold_locked(cache->pool, parent, tokens + block * INK_PAGE);
    cache->chain[block] = node;
    for (int kind = 0; kind < INK_KV_PAGED; kind++) {
        ink_kv_unit *own = cache->units[kind][block];
        ink_kv_give_locked(node, (ink_kv_kind)kind, own);
        if (own && node->parts[kind] != own) {
            share_unit(cache, kind, block, node->parts[kind]);
            ink_kv_release_locked(cache->pool, (ink_kv_kind)kind, own);
        }
    }
}

void ink_kv_cache_publish(ink_kv_cache *cache, const int32_t *tokens, size_t position, size_t end)
{
    size_t n_full = position / INK_PAGE;
    if (!cache->shares || cache->is_foreign || cache->n_dropped || cache->n_chain >= n_full)
        return;
    ink_kv_pool_lock(cache->pool);
    while (cache->n_chain < n_full) {
        publish_block(cache, tokens, cache->n_chain++);
        if (ink_kv_cache_is_partial(cache) && is_checkpoint(cache, cache->n_chain, end) &&
            (!cache->n_state || cache->n_chain * INK_PAGE == position))
            ink_kv_checkpoint_locked(cache->pool, cache->chain[cache->n_chain - 1], cache->memory);
    }
    ink_kv_pool_unlock(cache->pool);
}

void ink_kv_cache_fork(ink_kv_cache *to, const ink_kv_cache *from, size_t position)
{
    size_t n_full = position / INK_PAGE, n_blocks = ink_size_groups(position, INK_PAGE);
    ink_kv_pool_lock(to->pool);
    for (int kind = 0; kind < INK_KV_PAGED; kind++) {
        to->first[kind] = from->first[kind];
        to->end[kind] = ink_size_min(from->end[kind], n_blocks);
        for (size_t i = to->first[kind]; i < to->end[kind]; i++)
            if (i < n_full)
                share_unit(to, kind, i, from->units[kind][i]);
            else
                ink_kv_cache_set_copy(to, kind, i, from->units[kind][i]);
    }
    for (; to->n_chain < from->n_chain; to->n_chain++) {
        to->chain[to->n_chain] = from->chain[to->n_chain];
        to->chain[to->n_chain]->n_refs++;
    }
    ink_kv_pool_unlock(to->pool);
    memcpy(to->memory, from->memory, from->n_state * sizeof(float));
    to->is_foreign = from->is_foreign;
    to->sequence.n_positions = position;
    ink_kv_cache_settle(to, from->n_dropped, from->sequence.n_sink_pages, from->n_settled);
    to->n_summed = from->n_summed;
    memcpy(to->sum, from->sum, sizeof to->sum);
    if (to->sequence.heat)
        memcpy((void *)to->sequence.heat, (const void *)from->sequence.heat,
               to->n_context * sizeof *to->sequence.heat);
}

/* ---- Keeping --------------------------------------------------------------------------------- */

/* The last of the first n blocks behind which sessions may go on; 0: there is none. */
static size_t last_checkpoint(const ink_kv_cache *cache, size_t n)
{
    while (n > 0 && !(cache->chain[n - 1]->is_checkpoint &&
                      (!cache->n_state || cache->chain[n - 1]->parts[INK_KV_STATE])))
        n--;
    return n;
}

/* Held while it is written, for which nobody waits. */
static ink_status keep_part(ink_kv_cache *cache, size_t block, ink_kv_kind kind, ink_error *error)
{
    ink_kv_node *node = cache->chain[block];
    const ink_prefix_key key = ink_kv_key(cache->pool, node->parent, node->tokens, kind);
    ink_kv_pool_lock(cache->pool);
    ink_kv_unit *unit = node->parts[kind];
    if (unit)
        unit->n_refs++;
    ink_kv_pool_unlock(cache->pool);
    if (!unit)
        return INK_OK;
    ink_status status = ink_prefix_touch(cache->pool->store, &key)
                            ? INK_OK
                            : ink_prefix_save(cache->pool->store, &key, unit->memory, error);
    ink_kv_pool_lock(cache->pool);
    ink_kv_release_locked(cache->pool, kind, unit);
    ink_kv_pool_unlock(cache->pool);
    return status;
}

ink_status ink_kv_cache_keep(ink_kv_cache *cache, size_t n_tokens, ink_error *error)
{
    size_t n = ink_size_min(n_tokens / INK_PAGE, cache->n_chain);
    if (ink_kv_cache_is_partial(cache)) {
        ink_kv_pool_lock(cache->pool);
        n = last_checkpoint(cache, n);
        ink_kv_pool_unlock(cache->pool);
    }
    for (size_t i = 0; i < n; i++)
        INK_TRY(keep_part(cache, i, INK_KV_FULL, error));
    for (int kind = 0; kind < INK_KV_PAGED; kind++)
        for (size_t i = first_needed(cache, kind, n); i < n; i++)
            INK_TRY(keep_part(cache, i, (ink_kv_kind)kind, error));
    if (n > 0 && cache->n_state)
        INK_TRY(keep_part(cache, n - 1, INK_KV_STATE, error));
    touch(cache, n);
    return INK_OK;
}
