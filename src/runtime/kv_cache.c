#define _DEFAULT_SOURCE /* madvise */

#include "runtime/kv_cache.h"

#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif
#include "base/budget.h"
#include "base/size.h"
#include "model/decoder.h"

#define ALIGNMENT 64

/* A layer without heads of keys and values has no pages. */
static bool has_pages(const ink_kv_layer *layer)
{
    return layer->layout.n_heads > 0;
}

/*
 * A windowed layer holds the window before a batch and the batch, and both may begin in the middle
 * of a page.
 */
static size_t slots_of(const ink_kv_layer *layer, size_t n_context, size_t n_batch)
{
    size_t all = has_pages(layer) ? ink_size_groups(n_context, INK_PAGE) : 0;
    if (!layer->window)
        return all;
    return ink_size_min(all, ink_size_groups(layer->window + n_batch, INK_PAGE) + 2);
}

static ink_status plan_layer(ink_kv_layer *layer, const ink_model *model, size_t index,
                             const ink_cache_spec *spec, ink_error *error)
{
    size_t n_state = index < model->hparams.n_layers ? ink_model_state_floats(model, index) : 0;
    *layer = (ink_kv_layer){.n_state = n_state};
    return ink_cache_spec_layout(spec, model, index, &layer->layout, &layer->window, error);
}

/* Adds what a layer needs: bytes of its pages, and of its state. */
static bool add_layer(const ink_kv_layer *layer, size_t n_slots, size_t *page_bytes,
                      size_t *state_bytes)
{
    size_t pages, state;
    return ink_size_mul(n_slots, layer->layout.page_bytes, &pages) &&
           ink_size_align(pages, ALIGNMENT, &pages) &&
           ink_size_add(*page_bytes, pages, page_bytes) &&
           ink_size_mul(layer->n_state, sizeof(float), &state) &&
           ink_size_add(*state_bytes, state, state_bytes);
}

ink_status ink_kv_cache_plan(const ink_model *model, const ink_cache_spec *spec, size_t n_context,
                             size_t n_batch, size_t *n_bytes, ink_error *error)
{
    size_t page_bytes = 0, state_bytes = 0, n_layers = ink_cache_spec_n_layers(spec, model);
    bool fits = true;
    for (size_t i = 0; fits && i < n_layers; i++) {
        ink_kv_layer layer;
        INK_TRY(plan_layer(&layer, model, i, spec, error));
        fits = add_layer(&layer, slots_of(&layer, n_context, n_batch), &page_bytes, &state_bytes);
    }
    if (!fits || !ink_size_align(state_bytes, ALIGNMENT, &state_bytes) ||
        !ink_size_add(page_bytes, state_bytes, n_bytes))
        return ink_fail(error, INK_LIMIT, 0,
                        "a cache for %zu positions is larger than the address space", n_context);
    return INK_OK;
}

/* Tables of one layer, and its part of the memory from *at on. */
static bool init_layer(ink_kv_cache *cache, size_t index, size_t n_batch, char **at)
{
    ink_kv_layer *layer = &cache->layers[index];
    layer->n_slots = slots_of(layer, cache->n_context, n_batch);
    layer->free = ink_arena_take(&cache->arena, layer->n_slots, sizeof *layer->free);
    cache->pages[index] =
        ink_arena_take(&cache->arena, ink_size_groups(cache->n_context, INK_PAGE), sizeof(void *));
    if (!layer->free || !cache->pages[index])
        return false;
    for (size_t i = 0; i < layer->n_slots; i++)
        layer->free[i] = (uint32_t)(layer->n_slots - 1 - i);
    layer->n_free = layer->n_slots;
    layer->slots = *at;
    size_t bytes = layer->n_slots * layer->layout.page_bytes; /* checked by ink_kv_cache_plan */
    *at += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    cache->layouts[index] = layer->layout;
    return true;
}

/* The states from the memory's begin on; returns where the slots begin. */
static char *init_states(ink_kv_cache *cache)
{
    float *at = cache->memory;
    for (size_t i = 0; i < cache->n_layers; i++) {
        cache->states[i] = cache->layers[i].n_state ? at : NULL;
        at += cache->layers[i].n_state;
    }
    cache->n_state = (size_t)(at - (float *)cache->memory);
    memset(cache->memory, 0, cache->n_state * sizeof *at);
    size_t bytes = cache->n_state * sizeof *at; /* checked by ink_kv_cache_plan */
    return (char *)cache->memory + (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

ink_status ink_kv_cache_init(ink_kv_cache *cache, const ink_model *model,
                             const ink_cache_spec *spec, size_t n_context, size_t n_batch,
                             ink_error *error)
{
    size_t n_bytes, n_layers = ink_cache_spec_n_layers(spec, model);
    *cache =
        (ink_kv_cache){.allocator = model->allocator, .n_layers = n_layers, .n_context = n_context};
    ink_arena_init(&cache->arena, model->allocator, SIZE_MAX);
    INK_TRY(ink_kv_cache_plan(model, spec, n_context, n_batch, &n_bytes, error));
    cache->memory = ink_new_aligned(model->allocator, n_bytes, 4096);
    cache->layers = ink_arena_take(&cache->arena, n_layers, sizeof *cache->layers);
    cache->layouts = ink_arena_take(&cache->arena, n_layers, sizeof *cache->layouts);
    cache->pages = ink_arena_take(&cache->arena, n_layers, sizeof *cache->pages);
    cache->states = ink_arena_take(&cache->arena, n_layers, sizeof *cache->states);
    bool ok = cache->memory && cache->layers && cache->layouts && cache->pages && cache->states;
    for (size_t i = 0; ok && i < n_layers; i++)
        INK_TRY(plan_layer(&cache->layers[i], model, i, spec, error));
    char *at = ok ? init_states(cache) : NULL;
    for (size_t i = 0; ok && i < n_layers; i++)
        ok = init_layer(cache, i, n_batch, &at);
    if (!ok)
        return ink_fail(error, INK_NO_MEMORY, 0,
                        "out of memory for a cache of %zu bytes (%zu positions)", n_bytes,
                        n_context);
    cache->sequence = (ink_kv_sequence){
        .n_layers = model->hparams.n_layers,
        .layouts = cache->layouts,
        .pages = (void *const *const *)cache->pages,
        .states = cache->states,
    };
    return INK_OK;
}

void ink_kv_cache_deinit(ink_kv_cache *cache)
{
    ink_delete_aligned(cache->allocator, cache->memory);
    ink_arena_deinit(&cache->arena);
    *cache = (ink_kv_cache){.allocator = cache->allocator};
}

/* An arena takes no more than twice what is asked of it, and one chunk. */
size_t ink_kv_cache_table_bytes(size_t n_layers, size_t n_context)
{
    size_t n_pages = ink_size_groups(n_context, INK_PAGE) + 2;
    size_t layer = sizeof(ink_kv_layer) + sizeof(ink_kv_layout) + 2 * sizeof(void *) +
                   n_pages * (sizeof(uint32_t) + sizeof(void *)) + 64;
    return 2 * n_layers * layer + ((size_t)64 << 10) + 4096 + 16 * INK_BUDGET_HEADER_BYTES;
}

void ink_kv_cache_trim(ink_kv_cache *cache)
{
#if defined(__linux__)
    for (size_t i = 0; i < cache->n_layers; i++) {
        const ink_kv_layer *layer = &cache->layers[i];
        for (size_t j = 0; j < layer->n_free; j++) {
            uintptr_t begin = (uintptr_t)layer->slots + layer->free[j] * layer->layout.page_bytes,
                      end = (begin + layer->layout.page_bytes) & ~(uintptr_t)4095;
            begin = (begin + 4095) & ~(uintptr_t)4095;
            if (begin < end)
                (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
        }
    }
#else
    (void)cache;
#endif
}

/* ---- Pages ----------------------------------------------------------------------------------- */

static void give_back(ink_kv_cache *cache, size_t index, size_t page)
{
    ink_kv_layer *layer = &cache->layers[index];
    size_t offset = (size_t)((char *)cache->pages[index][page] - layer->slots);
    layer->free[layer->n_free++] = (uint32_t)(offset / layer->layout.page_bytes);
    cache->pages[index][page] = NULL;
}

/* The first position that a token at `position` sees. */
static size_t first_seen(const ink_kv_layer *layer, size_t position)
{
    return layer->window && position + 1 > layer->window ? position + 1 - layer->window : 0;
}

void ink_kv_cache_extend(ink_kv_cache *cache, size_t position, size_t n)
{
    for (size_t i = 0; i < cache->n_layers; i++) {
        ink_kv_layer *layer = &cache->layers[i];
        size_t keep = first_seen(layer, position) / INK_PAGE,
               end = has_pages(layer) ? ink_size_groups(position + n, INK_PAGE) : 0;
        for (; layer->first_page < keep && layer->first_page < layer->n_pages; layer->first_page++)
            give_back(cache, i, layer->first_page);
        for (; layer->n_pages < end; layer->n_pages++) {
            uint32_t slot = layer->free[--layer->n_free];
            cache->pages[i][layer->n_pages] =
                layer->slots + (size_t)slot * layer->layout.page_bytes;
        }
    }
    cache->sequence.n_positions = position + n;
}

bool ink_kv_cache_reaches(const ink_kv_cache *cache, size_t position)
{
    if (position == 0)
        return true;
    for (size_t i = 0; i < cache->n_layers; i++)
        if (first_seen(&cache->layers[i], position) / INK_PAGE < cache->layers[i].first_page)
            return false;
    return true;
}

void ink_kv_cache_truncate(ink_kv_cache *cache, size_t position)
{
    size_t end = ink_size_groups(position, INK_PAGE);
    for (size_t i = 0; i < cache->n_layers; i++) {
        ink_kv_layer *layer = &cache->layers[i];
        while (layer->n_pages > end && layer->n_pages > layer->first_page)
            give_back(cache, i, --layer->n_pages);
        if (position == 0)
            layer->first_page = layer->n_pages = 0;
    }
    if (position == 0)
        memset(cache->memory, 0, cache->n_state * sizeof(float));
    cache->sequence.n_positions = position;
}

size_t ink_kv_cache_bytes(const ink_kv_cache *cache)
{
    size_t bytes = cache->n_state * sizeof(float);
    for (size_t i = 0; i < cache->n_layers; i++) {
        const ink_kv_layer *layer = &cache->layers[i];
        bytes += (layer->n_pages - layer->first_page) * layer->layout.page_bytes;
    }
    return bytes;
}
