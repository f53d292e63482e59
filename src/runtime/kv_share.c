#include "runtime/kv_share.h"

#include <stdatomic.h>
#include <string.h>
#include "base/budget.h"
#include "base/status.h"
#include "model/rope.h"
#include "runtime/prefix_store.h"

#define DEFAULT_BYTES ((uint64_t)1 << 30)

typedef struct share {
    ink_model_share base;
    const ink_allocator *allocator;
    pthread_mutex_t mutex;
    ink_kv_pool *pools;
    ink_prefix_store *store; /* NULL: none */
} share;

size_t ink_kv_share_bytes(void)
{
    return sizeof(share) + INK_BUDGET_HEADER_BYTES;
}

static void free_pool(const ink_allocator *allocator, ink_kv_pool *pool)
{
    ink_kv_pool_deinit(pool);
    ink_delete(allocator, pool->layouts);
    ink_delete(allocator, pool);
}

static void free_share(ink_model_share *base)
{
    share *s = (share *)base;
    for (ink_kv_pool *pool = s->pools, *next; pool; pool = next) {
        next = pool->next;
        free_pool(s->allocator, pool);
    }
    ink_prefix_store_free(s->store);
    (void)pthread_mutex_destroy(&s->mutex);
    ink_delete(s->allocator, s);
}

static share *find_share(const ink_model *model)
{
    return (share *)atomic_load(model->share);
}

/* Two sessions may come first at once: one of them keeps what it made. */
static share *get_share(const ink_model *model)
{
    ink_model_share *none = NULL;
    share *s = find_share(model);
    if (s)
        return s;
    s = ink_new(model->allocator, 1, sizeof *s);
    if (!s || pthread_mutex_init(&s->mutex, NULL) != 0) {
        ink_delete(model->allocator, s);
        return NULL;
    }
    s->base.free = free_share;
    s->allocator = model->allocator;
    if (atomic_compare_exchange_strong(model->share, &none, &s->base))
        return s;
    free_share(&s->base);
    return find_share(model);
}

static bool same_layouts(const ink_kv_layout *a, const ink_kv_layout *b, size_t n_layers)
{
    uint64_t of_a[INK_KV_LAYOUT_FIELDS], of_b[INK_KV_LAYOUT_FIELDS];
    for (size_t i = 0; i < n_layers; i++) {
        ink_kv_layout_get_fields(&a[i], of_a);
        ink_kv_layout_get_fields(&b[i], of_b);
        if (memcmp(of_a, of_b, sizeof of_a) != 0)
            return false;
    }
    return true;
}

static bool fits(const ink_model *model, const ink_kv_pool *pool, const ink_kv_pool_shape *shape)
{
    return pool->n_layers == shape->n_layers &&
           same_layouts(pool->layouts, shape->layouts, shape->n_layers) &&
           ink_rope_same(model, pool->n_context, shape->n_context);
}

static ink_kv_pool *find_pool(share *s, const ink_model *model, const ink_kv_pool_shape *shape)
{
    ink_kv_pool *pool = s->pools;
    while (pool && !fits(model, pool, shape))
        pool = pool->next;
    return pool;
}

static ink_kv_pool *new_pool(const ink_allocator *allocator, const ink_kv_pool_shape *shape)
{
    ink_kv_pool *pool = ink_new(allocator, 1, sizeof *pool);
    ink_kv_layout *layouts = ink_new(allocator, shape->n_layers, sizeof *layouts);
    if (pool && layouts) {
        *pool = (ink_kv_pool){.allocator = allocator,
                              .n_layers = shape->n_layers,
                              .n_context = shape->n_context,
                              .layouts = layouts};
        memcpy(pool->n_window_blocks, shape->n_window_blocks, sizeof pool->n_window_blocks);
        memcpy(pool->unit_bytes, shape->unit_bytes, sizeof pool->unit_bytes);
        memcpy(layouts, shape->layouts, shape->n_layers * sizeof *layouts);
        if (ink_kv_pool_init(pool, NULL) == INK_OK)
            return pool;
    }
    ink_delete(allocator, layouts);
    ink_delete(allocator, pool);
    return NULL;
}

bool ink_kv_share_missing(const ink_model *model, const ink_kv_pool_shape *shape,
                          const size_t n[INK_KV_KINDS], size_t *n_bytes)
{
    share *s = find_share(model);
    if (!s)
        return false;
    (void)pthread_mutex_lock(&s->mutex);
    ink_kv_pool *pool = find_pool(s, model, shape);
    if (pool)
        *n_bytes = ink_kv_pool_missing(pool, n);
    (void)pthread_mutex_unlock(&s->mutex);
    return pool != NULL;
}

static ink_status reserve(ink_kv_pool **out, share *s, const ink_model *model,
                          const ink_kv_pool_shape *shape, const size_t n[INK_KV_KINDS],
                          ink_error *error)
{
    ink_kv_pool *pool = find_pool(s, model, shape);
    if (!pool) {
        pool = new_pool(s->allocator, shape);
        if (!pool)
            return ink_fail_memory(error, "what sessions share");
        if (s->store)
            ink_prefix_store_root(s->store, model, pool, pool->root);
        pool->store = s->store;
        pool->next = s->pools;
        s->pools = pool;
    }
    INK_TRY(ink_kv_pool_reserve(pool, n, error));
    *out = pool;
    return INK_OK;
}

ink_status ink_kv_share_reserve(ink_kv_pool **out, const ink_model *model,
                                const ink_kv_pool_shape *shape, const size_t n[INK_KV_KINDS],
                                ink_error *error)
{
    share *s = get_share(model);
    if (!s)
        return ink_fail_memory(error, "what sessions share");
    (void)pthread_mutex_lock(&s->mutex);
    ink_status status = reserve(out, s, model, shape, n, error);
    (void)pthread_mutex_unlock(&s->mutex);
    return status;
}

/* Pools that no session has reserved anything of go as a whole. */
void ink_model_trim(const ink_model *model)
{
    share *s = find_share(model);
    if (!s)
        return;
    (void)pthread_mutex_lock(&s->mutex);
    for (ink_kv_pool **at = &s->pools; *at;) {
        ink_kv_pool *pool = *at;
        if (ink_kv_pool_trim(pool)) {
            at = &pool->next;
            continue;
        }
        *at = pool->next;
        free_pool(s->allocator, pool);
    }
    (void)pthread_mutex_unlock(&s->mutex);
}

ink_status ink_model_set_prefix_store(ink_model *model, const char *folder, uint64_t max_bytes,
                                      ink_error *error)
{
    ink_prefix_store *store = NULL;
    if (model->load != INK_LOAD_ALL)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s: prefixes are kept of models that were opened with INK_LOAD_ALL",
                        ink_gguf_name(model->gguf));
    share *s = get_share(model);
    if (!s)
        return ink_fail_memory(error, "a store of prefixes");
    INK_TRY(
        ink_prefix_store_new(&store, model, folder, max_bytes ? max_bytes : DEFAULT_BYTES, error));
    (void)pthread_mutex_lock(&s->mutex);
    bool late = s->store || s->pools;
    if (!late)
        s->store = store;
    (void)pthread_mutex_unlock(&s->mutex);
    if (!late)
        return INK_OK;
    ink_prefix_store_free(store);
    return ink_fail(error, INK_BAD_ARGUMENT, 0,
                    "%s: a store of prefixes is set once, before the first session is made",
                    ink_gguf_name(model->gguf));
}
