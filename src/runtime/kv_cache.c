#include "runtime/kv_cache.h"

#include <string.h>
#include "base/budget.h"
#include "base/size.h"
#include "model/decoder.h"
#include "runtime/kv_share.h"

#define ALIGNMENT 64
/* How many checkpoints of states a session brings, within these bytes. */
#define MOST_CHECKPOINTS 8
#define CHECKPOINT_BYTES ((size_t)32 << 20)

/* A layer without heads of keys and values has no pages. */
static bool has_pages(const ink_kv_layer *layer)
{
    return layer->layout.n_heads > 0;
}

static ink_status plan_layer(ink_kv_layer *layer, const ink_model *model, size_t index,
                             const ink_cache_spec *spec, ink_error *error)
{
    bool second = index >= model->hparams.n_layers;
    *layer = (ink_kv_layer){.n_state = second ? 0 : ink_model_state_floats(model, index)};
    INK_TRY(ink_cache_spec_layout(spec, model, index, &layer->layout, &layer->window, error));
    layer->kind = second ? INK_KV_RECENT : layer->window ? INK_KV_WINDOW : INK_KV_FULL;
    return INK_OK;
}

/* ---- Sizes ----------------------------------------------------------------------------------- */

typedef struct plan {
    size_t unit_bytes[INK_KV_KINDS], n_most[INK_KV_PAGED], n_reserved[INK_KV_KINDS];
    size_t windows[INK_KV_PAGED], n_window_blocks[INK_KV_PAGED], n_state;
} plan;

size_t ink_kv_first_block(size_t window, size_t position)
{
    return window && position + 1 > window ? (position + 1 - window) / INK_PAGE : 0;
}

/* Gives the layer its place in a unit of its kind. */
static bool place(plan *p, ink_kv_layer *layer)
{
    size_t bytes, *unit_bytes = &p->unit_bytes[layer->kind];
    layer->offset = *unit_bytes;
    p->n_state += layer->n_state;
    if (has_pages(layer))
        p->windows[layer->kind] = ink_size_max(p->windows[layer->kind], layer->window);
    return ink_size_align(has_pages(layer) ? layer->layout.page_bytes : 0, ALIGNMENT, &bytes) &&
           ink_size_add(*unit_bytes, bytes, unit_bytes);
}

/*
 * Windows are held before a batch and in it, and both may begin in the middle of a page. One unit
 * more of each kind is for copying what is shared before it is written. A checkpoint holds the
 * window before it.
 */
static void count_units(plan *p, const ink_kv_shape *shape)
{
    size_t n_blocks = ink_size_groups(shape->n_context, INK_PAGE);
    p->n_most[INK_KV_FULL] = n_blocks;
    p->n_reserved[INK_KV_FULL] = n_blocks + 1;
    for (int kind = 0; kind < INK_KV_PAGED; kind++) {
        if (p->windows[kind] == 0)
            continue;
        size_t all = ink_size_groups(p->windows[kind] + shape->n_batch, INK_PAGE) + 2;
        p->n_window_blocks[kind] = ink_size_groups(p->windows[kind], INK_PAGE);
        p->n_most[kind] = ink_size_min(n_blocks, all);
        if (shape->shares)
            all += p->n_window_blocks[kind];
        p->n_reserved[kind] = ink_size_min(n_blocks, all) + 1;
    }
    size_t bytes = p->unit_bytes[INK_KV_STATE];
    if (bytes && shape->shares)
        p->n_reserved[INK_KV_STATE] =
            ink_size_min(ink_size_max(CHECKPOINT_BYTES / bytes, 1), MOST_CHECKPOINTS);
}

/* `layers` may be NULL. */
static ink_status make_plan(plan *p, ink_kv_layer *layers, const ink_model *model,
                            const ink_kv_shape *shape, ink_error *error)
{
    bool fits = true;
    size_t n_layers = ink_cache_spec_n_layers(&shape->spec, model);
    *p = (plan){.n_state = 0};
    for (size_t i = 0; fits && i < n_layers; i++) {
        ink_kv_layer layer;
        INK_TRY(plan_layer(&layer, model, i, &shape->spec, error));
        fits = place(p, &layer);
        if (layers)
            layers[i] = layer;
    }
    fits = fits && ink_size_mul(p->n_state, sizeof(float), &p->unit_bytes[INK_KV_STATE]) &&
           ink_size_align(p->unit_bytes[INK_KV_STATE], ALIGNMENT, &p->unit_bytes[INK_KV_STATE]);
    if (fits)
        count_units(p, shape);
    size_t all = 0, bytes;
    for (int kind = 0; fits && kind < INK_KV_KINDS; kind++)
        fits = ink_size_mul(p->n_reserved[kind] + 1, p->unit_bytes[kind], &bytes) &&
               ink_size_add(all, bytes, &all);
    if (fits)
        return INK_OK;
    return ink_fail(error, INK_LIMIT, 0,
                    "a cache for %zu positions is larger than the address space", shape->n_context);
}

/* Of the states that the session runs on, beside its reservation. */
ink_status ink_kv_cache_plan(const ink_model *model, const ink_kv_shape *shape, size_t *n_bytes,
                             ink_error *error)
{
    plan p;
    INK_TRY(make_plan(&p, NULL, model, shape, error));
    *n_bytes = p.unit_bytes[INK_KV_STATE];
    for (int kind = 0; kind < INK_KV_KINDS; kind++)
        *n_bytes += p.n_reserved[kind] * p.unit_bytes[kind];
    return INK_OK;
}

static ink_kv_pool_shape pool_shape(const plan *p, const ink_kv_shape *shape,
                                    const ink_kv_layout *layouts, size_t n_layers)
{
    ink_kv_pool_shape of_pool = {
        .n_layers = n_layers, .n_context = shape->n_context, .layouts = layouts};
    memcpy(of_pool.n_window_blocks, p->n_window_blocks, sizeof of_pool.n_window_blocks);
    memcpy(of_pool.unit_bytes, p->unit_bytes, sizeof of_pool.unit_bytes);
    return of_pool;
}

ink_status ink_kv_cache_missing(const ink_model *model, const ink_kv_shape *shape, size_t *n_bytes,
                                ink_error *error)
{
    plan p;
    size_t n_layers = ink_cache_spec_n_layers(&shape->spec, model);
    ink_kv_layer *layers = ink_new(model->allocator, n_layers, sizeof *layers);
    ink_kv_layout *layouts = ink_new(model->allocator, n_layers, sizeof *layouts);
    ink_status status = layers && layouts ? make_plan(&p, layers, model, shape, error)
                                          : ink_fail_memory(error, "the plan of a cache");
    if (status == INK_OK) {
        for (size_t i = 0; i < n_layers; i++)
            layouts[i] = layers[i].layout;
        ink_kv_pool_shape of_pool = pool_shape(&p, shape, layouts, n_layers);
        status = ink_kv_cache_plan(model, shape, n_bytes, error);
        if (ink_kv_share_missing(model, &of_pool, p.n_reserved, n_bytes))
            *n_bytes += p.unit_bytes[INK_KV_STATE];
    }
    ink_delete(model->allocator, layers);
    ink_delete(model->allocator, layouts);
    return status;
}

/* An arena takes no more than twice what is asked of it, and one chunk. */
size_t ink_kv_cache_table_bytes(size_t n_layers, size_t n_context)
{
    size_t n_blocks = ink_size_groups(n_context, INK_PAGE) + 2;
    size_t layer = sizeof(ink_kv_layer) + 2 * sizeof(ink_kv_layout) + 2 * sizeof(void *) +
                   n_blocks * sizeof(void *) + 64;
    size_t own = n_layers * layer + n_blocks * (INK_KV_PAGED + 1) * sizeof(void *);
    return 2 * own + ink_kv_pool_table_bytes(n_blocks + MOST_CHECKPOINTS) + ((size_t)64 << 10) +
           2 * 4096 + 16 * INK_BUDGET_HEADER_BYTES;
}

/* ---- Life ------------------------------------------------------------------------------------ */

static bool take_tables(ink_kv_cache *cache, const ink_kv_shape *shape)
{
    ink_arena *arena = &cache->arena;
    size_t n_layers = cache->n_layers, n_blocks = cache->n_blocks;
    cache->layers = ink_arena_take(arena, n_layers, sizeof *cache->layers);
    cache->layouts = ink_arena_take(arena, n_layers, sizeof *cache->layouts);
    cache->pages = ink_arena_take(arena, n_layers, sizeof *cache->pages);
    cache->states = ink_arena_take(arena, n_layers, sizeof *cache->states);
    cache->chain = ink_arena_take(arena, n_blocks, sizeof *cache->chain);
    bool ok = cache->layers && cache->layouts && cache->pages && cache->states && cache->chain;
    for (int kind = 0; ok && kind < INK_KV_PAGED; kind++)
        ok = (cache->units[kind] = ink_arena_take(arena, n_blocks, sizeof(ink_kv_unit *))) != NULL;
    for (size_t i = 0; ok && i < n_layers; i++)
        ok = (cache->pages[i] = ink_arena_take(arena, n_blocks, sizeof(void *))) != NULL;
    if (ok && shape->observes)
        ok = (cache->sequence.heat =
                  ink_arena_take(arena, cache->n_context, sizeof *cache->sequence.heat)) != NULL;
    return ok;
}

static void place_states(ink_kv_cache *cache)
{
    float *at = cache->memory;
    for (size_t i = 0; i < cache->n_layers; i++) {
        cache->states[i] = cache->layers[i].n_state ? at : NULL;
        at += cache->layers[i].n_state;
    }
}

static ink_status take_memory(ink_kv_cache *cache, const ink_model *model, const plan *p,
                              const ink_kv_shape *shape, ink_error *error)
{
    ink_kv_pool *pool;
    ink_kv_pool_shape of_pool = pool_shape(p, shape, cache->layouts, cache->n_layers);
    cache->memory = ink_new_aligned(model->allocator, p->unit_bytes[INK_KV_STATE], 4096);
    if (!cache->memory)
        return ink_fail_memory(error, "the states of a session");
    memset(cache->memory, 0, p->unit_bytes[INK_KV_STATE]);
    place_states(cache);
    INK_TRY(ink_kv_share_reserve(&pool, model, &of_pool, p->n_reserved, error));
    memcpy(cache->n_reserved, p->n_reserved, sizeof cache->n_reserved);
    cache->pool = pool;
    return INK_OK;
}

static ink_status init(ink_kv_cache *cache, const ink_model *model, const ink_kv_shape *shape,
                       ink_error *error)
{
    plan p;
    if (!take_tables(cache, shape))
        return ink_fail_memory(error, "the tables of a cache");
    INK_TRY(make_plan(&p, cache->layers, model, shape, error));
    for (size_t i = 0; i < cache->n_layers; i++)
        cache->layouts[i] = cache->layers[i].layout;
    memcpy(cache->n_most, p.n_most, sizeof cache->n_most);
    memcpy(cache->windows, p.windows, sizeof cache->windows);
    cache->n_state = p.n_state;
    return take_memory(cache, model, &p, shape, error);
}

/* As much as all heads of all layers can give to one position without an overflow. */
static float heat_of_one(const ink_hparams *h)
{
    size_t n = 1;
    for (size_t i = 0; i < h->n_layers; i++)
        n += h->layers[i].n_heads;
    return (float)(UINT32_MAX / INK_KV_OBSERVED / n);
}

ink_status ink_kv_cache_init(ink_kv_cache *cache, const ink_model *model, const ink_kv_shape *shape,
                             ink_error *error)
{
    size_t n_bytes;
    *cache = (ink_kv_cache){.allocator = model->allocator,
                            .n_layers = ink_cache_spec_n_layers(&shape->spec, model),
                            .n_context = shape->n_context,
                            .n_blocks = ink_size_groups(shape->n_context, INK_PAGE),
                            .shares = shape->shares};
    ink_arena_init(&cache->arena, model->allocator, SIZE_MAX);
    INK_TRY(ink_kv_cache_plan(model, shape, &n_bytes, error));
    ink_status status = init(cache, model, shape, error);
    if (status == INK_NO_MEMORY)
        return ink_fail(error, INK_NO_MEMORY, 0,
                        "out of memory for a cache of %zu bytes (%zu positions)", n_bytes,
                        shape->n_context);
    cache->sequence = (ink_kv_sequence){
        .n_layers = model->hparams.n_layers,
        .layouts = cache->layouts,
        .pages = (void *const *const *)cache->pages,
        .states = cache->states,
        .heat = cache->sequence.heat,
        .first_observed = shape->n_context - ink_size_min(INK_KV_OBSERVED, shape->n_context),
        .heat_of_one = heat_of_one(&model->hparams),
    };
    return status;
}

void ink_kv_cache_deinit(ink_kv_cache *cache)
{
    if (cache->pool) {
        ink_kv_cache_truncate(cache, 0);
        ink_kv_pool_return(cache->pool, cache->n_reserved);
    }
    ink_delete_aligned(cache->allocator, cache->memory);
    ink_arena_deinit(&cache->arena);
    *cache = (ink_kv_cache){.allocator = cache->allocator};
}

/* ---- Units ----------------------------------------------------------------------------------- */

void ink_kv_cache_set(ink_kv_cache *cache, int kind, size_t block, ink_kv_unit *unit)
{
    cache->units[kind][block] = unit;
    for (size_t i = 0; i < cache->n_layers; i++) {
        const ink_kv_layer *layer = &cache->layers[i];
        if ((int)layer->kind == kind && has_pages(layer))
            cache->pages[i][block] = unit ? unit->memory + layer->offset : NULL;
    }
}

void ink_kv_cache_put_back(ink_kv_cache *cache, int kind, size_t block)
{
    ink_kv_release_locked(cache->pool, (ink_kv_kind)kind, cache->units[kind][block]);
    ink_kv_cache_set(cache, kind, block, NULL);
}

void ink_kv_cache_set_copy(ink_kv_cache *cache, int kind, size_t block, const ink_kv_unit *from)
{
    ink_kv_unit *unit = ink_kv_take_locked(cache->pool, (ink_kv_kind)kind);
    memcpy(unit->memory, from->memory, cache->pool->unit_bytes[kind]);
    ink_kv_cache_set(cache, kind, block, unit);
}

/* What is about to be written is the session's own. */
static void own_tail(ink_kv_cache *cache, int kind, size_t position)
{
    size_t block = position / INK_PAGE;
    if (position % INK_PAGE == 0 || block >= cache->end[kind])
        return;
    ink_kv_unit *unit = cache->units[kind][block];
    if (unit->n_refs == 1)
        return;
    ink_kv_cache_set_copy(cache, kind, block, unit);
    ink_kv_release_locked(cache->pool, (ink_kv_kind)kind, unit);
}

static void extend_kind(ink_kv_cache *cache, int kind, size_t position, size_t n)
{
    size_t *first = &cache->first[kind], *end = &cache->end[kind],
           wanted = cache->n_most[kind] ? ink_size_groups(position + n, INK_PAGE) : 0,
           keep = ink_kv_first_block(cache->windows[kind], position);
    for (; *first < keep && *first < *end; ++*first)
        ink_kv_cache_put_back(cache, kind, *first);
    own_tail(cache, kind, position);
    for (; *end < wanted; ++*end)
        ink_kv_cache_set(cache, kind, *end, ink_kv_take_locked(cache->pool, (ink_kv_kind)kind));
}

void ink_kv_cache_extend(ink_kv_cache *cache, size_t position, size_t n)
{
    ink_kv_pool_lock(cache->pool);
    for (int kind = 0; kind < INK_KV_PAGED; kind++)
        extend_kind(cache, kind, position, n);
    ink_kv_pool_unlock(cache->pool);
    cache->sequence.n_positions = position + n;
}

bool ink_kv_cache_reaches(const ink_kv_cache *cache, size_t position)
{
    if (position > cache->sequence.n_sink_pages * INK_PAGE && position < cache->n_settled)
        return false;
    for (int kind = 0; position > 0 && kind < INK_KV_PAGED; kind++)
        if (ink_kv_first_block(cache->windows[kind], position) < cache->first[kind])
            return false;
    return true;
}

void ink_kv_cache_leave(ink_kv_cache *cache, size_t n_kept)
{
    while (cache->n_chain > n_kept)
        ink_kv_drop_locked(cache->chain[--cache->n_chain]);
}

void ink_kv_cache_truncate(ink_kv_cache *cache, size_t position)
{
    size_t end = ink_size_groups(position, INK_PAGE);
    ink_kv_pool_lock(cache->pool);
    for (int kind = 0; kind < INK_KV_PAGED; kind++) {
        while (cache->end[kind] > end && cache->end[kind] > cache->first[kind])
            ink_kv_cache_put_back(cache, kind, --cache->end[kind]);
        if (position == 0)
            cache->first[kind] = cache->end[kind] = 0;
    }
    ink_kv_cache_leave(cache, position / INK_PAGE);
    ink_kv_pool_unlock(cache->pool);
    if (position == 0) {
        memset(cache->memory, 0, cache->n_state * sizeof(float));
        cache->is_foreign = false;
    }
    cache->n_matched = 0;
    cache->sequence.n_positions = position;
    if (position <= cache->sequence.n_sink_pages * INK_PAGE)
        ink_kv_cache_settle(cache, 0, 0, 0);
    if (position <= cache->sequence.first_observed)
        ink_kv_cache_forget_heat(cache);
}

void ink_kv_cache_begin_at(ink_kv_cache *cache, const size_t first[INK_KV_PAGED], size_t position)
{
    for (int kind = 0; kind < INK_KV_PAGED; kind++)
        if (cache->n_most[kind])
            cache->first[kind] = cache->end[kind] = first[kind];
    ink_kv_cache_extend(cache, position, 0);
}

bool ink_kv_cache_is_partial(const ink_kv_cache *cache)
{
    bool has_window = false;
    for (int kind = 0; kind < INK_KV_PAGED; kind++)
        has_window = has_window || cache->windows[kind] > 0;
    return has_window || cache->n_state > 0;
}

size_t ink_kv_cache_bytes(const ink_kv_cache *cache)
{
    size_t bytes = cache->n_state * sizeof(float);
    for (int kind = 0; cache->pool && kind < INK_KV_PAGED; kind++)
        bytes += (cache->end[kind] - cache->first[kind]) * cache->pool->unit_bytes[kind];
    return bytes;
}
