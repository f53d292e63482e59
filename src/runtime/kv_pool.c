#define _DEFAULT_SOURCE /* madvise */

#include "runtime/kv_pool.h"

#include <assert.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif
#include "base/size.h"
#include "base/status.h"
#include "runtime/prefix_store.h"

#define SYSTEM_PAGE 4096

/* Units and nodes that were made together, with their memory. */
typedef struct ink_kv_extent {
    struct ink_kv_extent *next;
    void *memory;
    ink_kv_unit *units[INK_KV_KINDS]; /* [n_units], in the block of this struct */
    size_t n_units[INK_KV_KINDS];
    ink_kv_node *nodes; /* [n_units[INK_KV_FULL]] */
    size_t n_used;      /* units and nodes that are not free */
} ink_kv_extent;

void ink_kv_pool_lock(ink_kv_pool *pool)
{
    (void)pthread_mutex_lock(&pool->mutex);
}

void ink_kv_pool_unlock(ink_kv_pool *pool)
{
    (void)pthread_mutex_unlock(&pool->mutex);
}

/* ---- Units ----------------------------------------------------------------------------------- */

static void push_unit(ink_kv_pool *pool, ink_kv_kind kind, ink_kv_unit *unit)
{
    unit->next = pool->free[kind];
    pool->free[kind] = unit;
}

void ink_kv_release_locked(ink_kv_pool *pool, ink_kv_kind kind, ink_kv_unit *unit)
{
    if (!unit || --unit->n_refs > 0)
        return;
    unit->extent->n_used--;
    push_unit(pool, kind, unit);
}

/* ---- Nodes that go --------------------------------------------------------------------------- */

static ink_kv_node **bucket_of(ink_kv_pool *pool, const uint8_t digest[INK_SHA256_BYTES])
{
    size_t hash;
    memcpy(&hash, digest, sizeof hash);
    return &pool->buckets[hash & (pool->n_buckets - 1)];
}

static void part_with(ink_kv_pool *pool, ink_kv_node *node, ink_kv_kind kind)
{
    ink_kv_release_locked(pool, kind, node->parts[kind]);
    node->parts[kind] = NULL;
}

static void keep_windows(const ink_kv_pool *pool, ink_kv_node *node, uint32_t step)
{
    for (int kind = 0; kind < INK_KV_PAGED; kind++) {
        ink_kv_node *kept = node;
        for (size_t i = 0; kept && i < pool->n_window_blocks[kind]; i++, kept = kept->parent)
            kept->n_kept[kind] += step;
    }
}

static void forget_checkpoint(ink_kv_pool *pool, ink_kv_node *node)
{
    keep_windows(pool, node, (uint32_t)-1);
    node->is_checkpoint = false;
    part_with(pool, node, INK_KV_STATE);
}

static void forget(ink_kv_pool *pool, ink_kv_node *node)
{
    ink_kv_node **at = bucket_of(pool, node->digest);
    while (*at != node)
        at = &(*at)->next;
    *at = node->next;
    if (node->is_checkpoint)
        forget_checkpoint(pool, node);
    for (int kind = 0; kind < INK_KV_KINDS; kind++)
        part_with(pool, node, (ink_kv_kind)kind);
    if (node->parent)
        node->parent->n_children--;
    node->is_found = false;
    node->extent->n_used--;
    node->next = pool->free_nodes;
    pool->free_nodes = node;
}

/* Nobody holds it, and nothing is found through it. */
static bool is_unused(const ink_kv_node *node)
{
    return node->n_refs == 0 && node->n_children == 0;
}

/* Its pages of a window are held by it alone, and no checkpoint needs them. */
static bool has_spare(const ink_kv_node *node, ink_kv_kind kind)
{
    return node->parts[kind] && node->parts[kind]->n_refs == 1 && node->n_kept[kind] == 0;
}

static bool has_spare_window(const ink_kv_node *node)
{
    return has_spare(node, INK_KV_WINDOW);
}

static bool has_spare_recent(const ink_kv_node *node)
{
    return has_spare(node, INK_KV_RECENT);
}

static bool is_checkpoint(const ink_kv_node *node)
{
    return node->is_checkpoint;
}

/* The node unused longest of those that `fits`; NULL: there is none. */
static ink_kv_node *oldest(const ink_kv_pool *pool, bool (*fits)(const ink_kv_node *node))
{
    ink_kv_node *found = NULL;
    for (const ink_kv_extent *extent = pool->extents; extent; extent = extent->next) {
        for (size_t i = 0; i < extent->n_units[INK_KV_FULL]; i++) {
            ink_kv_node *node = &extent->nodes[i];
            if (node->is_found && fits(node) && (!found || node->last_used < found->last_used))
                found = node;
        }
    }
    return found;
}

/* Frees something of a kind, or brings it nearer; false: nothing is left to give way. */
static bool give_way(ink_kv_pool *pool, ink_kv_kind kind)
{
    ink_kv_node *node = NULL;
    if (kind == INK_KV_FULL) {
        node = oldest(pool, is_unused);
        if (node)
            forget(pool, node);
        return node != NULL;
    }
    if (kind != INK_KV_STATE)
        node = oldest(pool, kind == INK_KV_WINDOW ? has_spare_window : has_spare_recent);
    if (node) {
        part_with(pool, node, kind);
        return true;
    }
    node = oldest(pool, is_checkpoint);
    if (node)
        forget_checkpoint(pool, node);
    return node != NULL;
}

ink_kv_unit *ink_kv_take_locked(ink_kv_pool *pool, ink_kv_kind kind)
{
    while (!pool->free[kind] && give_way(pool, kind))
        continue;
    ink_kv_unit *unit = pool->free[kind];
    assert(unit); /* it was reserved */
    pool->free[kind] = unit->next;
    unit->n_refs = 1;
    unit->extent->n_used++;
    return unit;
}

ink_kv_unit *ink_kv_take(ink_kv_pool *pool, ink_kv_kind kind)
{
    ink_kv_pool_lock(pool);
    ink_kv_unit *unit = ink_kv_take_locked(pool, kind);
    ink_kv_pool_unlock(pool);
    return unit;
}

void ink_kv_release(ink_kv_pool *pool, ink_kv_kind kind, ink_kv_unit *unit)
{
    ink_kv_pool_lock(pool);
    ink_kv_release_locked(pool, kind, unit);
    ink_kv_pool_unlock(pool);
}

/* ---- Nodes that come ------------------------------------------------------------------------- */

static const uint8_t *digest_before(const ink_kv_node *parent)
{
    static const uint8_t none[INK_SHA256_BYTES];
    return parent ? parent->digest : none;
}

void ink_kv_chain(const uint8_t before[INK_SHA256_BYTES], const int32_t tokens[INK_PAGE],
                  uint8_t digest[INK_SHA256_BYTES])
{
    ink_sha256 sum;
    ink_sha256_init(&sum);
    ink_sha256_add(&sum, before, INK_SHA256_BYTES);
    ink_sha256_add(&sum, tokens, INK_PAGE * sizeof *tokens);
    ink_sha256_finish(&sum, digest);
}

ink_prefix_key ink_kv_key(const ink_kv_pool *pool, const ink_kv_node *parent,
                          const int32_t tokens[INK_PAGE], ink_kv_kind kind)
{
    return (ink_prefix_key){pool->root, digest_before(parent), tokens, kind,
                            pool->unit_bytes[kind]};
}

static ink_kv_node *find(ink_kv_pool *pool, const ink_kv_node *parent,
                         const int32_t tokens[INK_PAGE], const uint8_t digest[INK_SHA256_BYTES])
{
    ink_kv_node *node = *bucket_of(pool, digest);
    while (node &&
           (node->parent != parent || memcmp(node->tokens, tokens, sizeof node->tokens) != 0))
        node = node->next;
    return node;
}

ink_kv_node *ink_kv_find_locked(ink_kv_pool *pool, const ink_kv_node *parent,
                                const int32_t tokens[INK_PAGE])
{
    uint8_t digest[INK_SHA256_BYTES];
    ink_kv_chain(digest_before(parent), tokens, digest);
    return find(pool, parent, tokens, digest);
}

/* There is one: nodes are as many as units of the kind FULL, and the caller holds one without. */
static ink_kv_node *new_node(ink_kv_pool *pool)
{
    while (!pool->free_nodes && give_way(pool, INK_KV_FULL))
        continue;
    ink_kv_node *node = pool->free_nodes;
    assert(node);
    pool->free_nodes = node->next;
    node->extent->n_used++;
    return node;
}

ink_kv_node *ink_kv_hold_locked(ink_kv_pool *pool, ink_kv_node *parent,
                                const int32_t tokens[INK_PAGE])
{
    uint8_t digest[INK_SHA256_BYTES];
    ink_kv_chain(digest_before(parent), tokens, digest);
    ink_kv_node *node = find(pool, parent, tokens, digest);
    if (!node) {
        ink_kv_node **bucket = bucket_of(pool, digest);
        ink_kv_extent *extent = (node = new_node(pool))->extent;
        *node =
            (ink_kv_node){.extent = extent, .parent = parent, .next = *bucket, .is_found = true};
        memcpy(node->digest, digest, sizeof digest);
        memcpy(node->tokens, tokens, sizeof node->tokens);
        *bucket = node;
        if (parent)
            parent->n_children++;
    }
    node->n_refs++;
    node->last_used = ++pool->clock;
    return node;
}

void ink_kv_drop_locked(ink_kv_node *node)
{
    node->n_refs--;
}

void ink_kv_give_locked(ink_kv_node *node, ink_kv_kind kind, ink_kv_unit *unit)
{
    if (node->parts[kind] || !unit)
        return;
    node->parts[kind] = unit;
    unit->n_refs++;
}

static void mark_checkpoint(const ink_kv_pool *pool, ink_kv_node *node)
{
    if (!node->is_checkpoint)
        keep_windows(pool, node, 1);
    node->is_checkpoint = true;
}

void ink_kv_checkpoint_locked(ink_kv_pool *pool, ink_kv_node *node, const void *states)
{
    if (pool->unit_bytes[INK_KV_STATE] > 0 && !node->parts[INK_KV_STATE]) {
        ink_kv_unit *unit = ink_kv_take_locked(pool, INK_KV_STATE);
        memcpy(unit->memory, states, pool->unit_bytes[INK_KV_STATE]);
        node->parts[INK_KV_STATE] = unit;
    }
    mark_checkpoint(pool, node);
}

/* ---- From the store -------------------------------------------------------------------------- */

ink_kv_unit *ink_kv_load(ink_kv_pool *pool, const ink_kv_node *parent,
                         const int32_t tokens[INK_PAGE], ink_kv_kind kind)
{
    const ink_prefix_key key = ink_kv_key(pool, parent, tokens, kind);
    if (!pool->store || !ink_prefix_exists(pool->store, &key))
        return NULL;
    ink_kv_unit *unit = ink_kv_take(pool, kind);
    if (ink_prefix_load(pool->store, &key, unit->memory))
        return unit;
    ink_kv_release(pool, kind, unit);
    return NULL;
}

void ink_kv_accept_locked(ink_kv_pool *pool, ink_kv_node *node, ink_kv_kind kind, ink_kv_unit *unit)
{
    ink_kv_give_locked(node, kind, unit);
    ink_kv_release_locked(pool, kind, unit);
    if (kind == INK_KV_STATE)
        mark_checkpoint(pool, node);
}

/* ---- Reservations ---------------------------------------------------------------------------- */

/* What is beyond the units that there are. */
static bool missing(const ink_kv_pool *pool, const size_t n[INK_KV_KINDS],
                    size_t more[INK_KV_KINDS])
{
    bool any = false;
    for (int kind = 0; kind < INK_KV_KINDS; kind++) {
        size_t wanted = pool->n_reserved[kind] + n[kind];
        more[kind] = wanted > pool->n_units[kind] ? wanted - pool->n_units[kind] : 0;
        any = any || more[kind] > 0;
    }
    return any;
}

/* Whoever reserves has seen that the sizes are not beyond the address space. */
static size_t bytes_of(const ink_kv_pool *pool, const size_t n[INK_KV_KINDS])
{
    size_t bytes = 0;
    for (int kind = 0; kind < INK_KV_KINDS; kind++)
        bytes += n[kind] * pool->unit_bytes[kind];
    return bytes;
}

size_t ink_kv_pool_missing(ink_kv_pool *pool, const size_t n[INK_KV_KINDS])
{
    size_t more[INK_KV_KINDS];
    ink_kv_pool_lock(pool);
    (void)missing(pool, n, more);
    ink_kv_pool_unlock(pool);
    return bytes_of(pool, more);
}

static void free_extent(const ink_kv_pool *pool, ink_kv_extent *extent)
{
    ink_delete_aligned(pool->allocator, extent->memory);
    ink_delete(pool->allocator, extent);
}

static ink_kv_extent *new_extent(ink_kv_pool *pool, const size_t n[INK_KV_KINDS])
{
    size_t n_all = 0;
    for (int kind = 0; kind < INK_KV_KINDS; kind++)
        n_all += n[kind];
    size_t bytes =
        sizeof(ink_kv_extent) + n_all * sizeof(ink_kv_unit) + n[INK_KV_FULL] * sizeof(ink_kv_node);
    ink_kv_extent *extent = ink_new(pool->allocator, bytes, 1);
    if (!extent)
        return NULL;
    extent->memory = ink_new_aligned(pool->allocator, bytes_of(pool, n), SYSTEM_PAGE);
    if (!extent->memory) {
        ink_delete(pool->allocator, extent);
        return NULL;
    }
    char *at = extent->memory;
    extent->nodes = (ink_kv_node *)(extent + 1);
    ink_kv_unit *unit = (ink_kv_unit *)(extent->nodes + n[INK_KV_FULL]);
    for (int kind = 0; kind < INK_KV_KINDS; kind++) {
        extent->units[kind] = unit;
        extent->n_units[kind] = n[kind];
        for (size_t i = 0; i < n[kind]; i++, unit++, at += pool->unit_bytes[kind])
            *unit = (ink_kv_unit){.memory = at, .extent = extent};
    }
    return extent;
}

/* The first unit is the first to be taken. */
static void add_extent(ink_kv_pool *pool, ink_kv_extent *extent)
{
    for (int kind = 0; kind < INK_KV_KINDS; kind++) {
        for (size_t i = extent->n_units[kind]; i-- > 0;)
            push_unit(pool, (ink_kv_kind)kind, &extent->units[kind][i]);
        pool->n_units[kind] += extent->n_units[kind];
    }
    for (size_t i = 0; i < extent->n_units[INK_KV_FULL]; i++) {
        extent->nodes[i].extent = extent;
        extent->nodes[i].next = pool->free_nodes;
        pool->free_nodes = &extent->nodes[i];
    }
    extent->next = pool->extents;
    pool->extents = extent;
}

/* As many buckets as there will be nodes, at least. */
static bool widen(ink_kv_pool *pool, size_t n_nodes)
{
    size_t n = pool->n_buckets ? pool->n_buckets : 16;
    while (n < n_nodes)
        n *= 2;
    if (n == pool->n_buckets)
        return true;
    ink_kv_node **buckets = ink_new(pool->allocator, n, sizeof(ink_kv_node *)),
                **old = pool->buckets;
    if (!buckets)
        return false;
    size_t n_old = pool->n_buckets;
    pool->buckets = buckets;
    pool->n_buckets = n;
    for (size_t i = 0; i < n_old; i++) {
        for (ink_kv_node *node = old[i], *next; node; node = next) {
            ink_kv_node **bucket = bucket_of(pool, node->digest);
            next = node->next;
            node->next = *bucket;
            *bucket = node;
        }
    }
    ink_delete(pool->allocator, (void *)old);
    return true;
}

static bool reserve(ink_kv_pool *pool, const size_t n[INK_KV_KINDS])
{
    size_t more[INK_KV_KINDS];
    if (missing(pool, n, more)) {
        ink_kv_extent *extent = new_extent(pool, more);
        if (!extent)
            return false;
        if (!widen(pool, pool->n_units[INK_KV_FULL] + more[INK_KV_FULL])) {
            free_extent(pool, extent);
            return false;
        }
        add_extent(pool, extent);
    }
    for (int kind = 0; kind < INK_KV_KINDS; kind++)
        pool->n_reserved[kind] += n[kind];
    return true;
}

ink_status ink_kv_pool_reserve(ink_kv_pool *pool, const size_t n[INK_KV_KINDS], ink_error *error)
{
    ink_kv_pool_lock(pool);
    bool done = reserve(pool, n);
    ink_kv_pool_unlock(pool);
    return done ? INK_OK : ink_fail_memory(error, "a cache");
}

/* ---- Giving back ----------------------------------------------------------------------------- */

/* Takes what belongs to an extent out of the lists of what is free. */
static void withdraw(ink_kv_pool *pool, const ink_kv_extent *extent)
{
    for (int kind = 0; kind < INK_KV_KINDS; kind++) {
        ink_kv_unit **at = &pool->free[kind];
        while (*at)
            if ((*at)->extent == extent)
                *at = (*at)->next;
            else
                at = &(*at)->next;
        pool->n_units[kind] -= extent->n_units[kind];
    }
    ink_kv_node **at = &pool->free_nodes;
    while (*at)
        if ((*at)->extent == extent)
            *at = (*at)->next;
        else
            at = &(*at)->next;
}

static bool is_idle(const ink_kv_pool *pool, const ink_kv_extent *extent)
{
    for (int kind = 0; kind < INK_KV_KINDS; kind++)
        if (pool->n_units[kind] - extent->n_units[kind] < pool->n_reserved[kind])
            return false;
    return extent->n_used == 0;
}

/* Memory of what is free back to the system; it is zero when it is next used. */
static void empty_units(const ink_kv_pool *pool)
{
#if defined(__linux__)
    for (int kind = 0; kind < INK_KV_KINDS; kind++) {
        for (const ink_kv_unit *unit = pool->free[kind]; unit; unit = unit->next) {
            uintptr_t begin = (uintptr_t)unit->memory,
                      end = (begin + pool->unit_bytes[kind]) & ~(uintptr_t)(SYSTEM_PAGE - 1);
            begin = (begin + SYSTEM_PAGE - 1) & ~(uintptr_t)(SYSTEM_PAGE - 1);
            if (begin < end)
                (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
        }
    }
#else
    (void)pool;
#endif
}

/* Nodes come and go between extents, so that one may be free as a whole only now. */
static void shrink(ink_kv_pool *pool)
{
    for (ink_kv_extent **at = &pool->extents; *at;) {
        ink_kv_extent *extent = *at;
        if (!is_idle(pool, extent)) {
            at = &extent->next;
            continue;
        }
        withdraw(pool, extent);
        *at = extent->next;
        free_extent(pool, extent);
    }
}

void ink_kv_pool_return(ink_kv_pool *pool, const size_t n[INK_KV_KINDS])
{
    ink_kv_pool_lock(pool);
    for (int kind = 0; kind < INK_KV_KINDS; kind++)
        pool->n_reserved[kind] -= n[kind];
    shrink(pool);
    ink_kv_pool_unlock(pool);
}

bool ink_kv_pool_trim(ink_kv_pool *pool)
{
    ink_kv_pool_lock(pool);
    for (ink_kv_node *node; (node = oldest(pool, is_unused)) != NULL;)
        forget(pool, node);
    shrink(pool);
    empty_units(pool);
    bool in_use = pool->extents != NULL;
    ink_kv_pool_unlock(pool);
    return in_use;
}

size_t ink_kv_pool_table_bytes(size_t n_blocks)
{
    size_t of_each = sizeof(ink_kv_node) + INK_KV_KINDS * sizeof(ink_kv_unit) + 3 * sizeof(void *);
    return n_blocks * of_each + sizeof(ink_kv_extent) + sizeof(ink_kv_pool) +
           16 * sizeof(ink_kv_node *);
}

/* ---- Life ------------------------------------------------------------------------------------ */

ink_status ink_kv_pool_init(ink_kv_pool *pool, ink_error *error)
{
    if (pthread_mutex_init(&pool->mutex, NULL) != 0)
        return ink_fail_memory(error, "a cache");
    return INK_OK;
}

void ink_kv_pool_deinit(ink_kv_pool *pool)
{
    for (ink_kv_extent *extent = pool->extents, *next; extent; extent = next) {
        next = extent->next;
        free_extent(pool, extent);
    }
    ink_delete(pool->allocator, (void *)pool->buckets);
    (void)pthread_mutex_destroy(&pool->mutex);
}
