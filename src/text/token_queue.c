#include "text/token_queue.h"

#include <string.h>
#include "base/memory.h"
#include "base/size.h"

/* Four children of 16 bytes share a cache line, and the heap is half as deep as a binary one. */
#define HEAP_WIDTH 4

#define NONE UINT32_MAX

enum { LONG_WORD = 4096, FIRST_SLOTS = 1024 };

void ink_merge_queue_init(ink_merge_queue *queue, const ink_allocator *allocator)
{
    *queue = (ink_merge_queue){.allocator = allocator};
}

void ink_merge_queue_deinit(ink_merge_queue *queue)
{
    ink_delete(queue->allocator, queue->heap);
    ink_delete(queue->allocator, queue->lanes);
    ink_delete(queue->allocator, queue->entries);
    ink_delete(queue->allocator, queue->slots);
    *queue = (ink_merge_queue){0};
}

/* Room for one more item; NULL without memory. */
static void *room(const ink_merge_queue *queue, void *items, size_t n, size_t *capacity,
                  size_t size)
{
    if (n < *capacity)
        return items;
    size_t more = *capacity + *capacity / 2 + 64;
    void *grown = ink_resize(queue->allocator, items, more, size);
    if (grown)
        *capacity = more;
    return grown;
}

/* ---- The heap */

static bool heap_push(ink_merge_queue *queue, ink_merge_candidate candidate)
{
    ink_merge_candidate *heap =
        room(queue, queue->heap, queue->n_heap, &queue->heap_capacity, sizeof *heap);
    if (!heap)
        return false;
    queue->heap = heap;
    size_t at = queue->n_heap++;
    for (; at > 0 && heap[(at - 1) / HEAP_WIDTH].order > candidate.order;
         at = (at - 1) / HEAP_WIDTH)
        heap[at] = heap[(at - 1) / HEAP_WIDTH];
    heap[at] = candidate;
    return true;
}

static ink_merge_candidate heap_pop(ink_merge_queue *queue)
{
    ink_merge_candidate *heap = queue->heap, top = heap[0], last = heap[--queue->n_heap];
    size_t at = 0, n = queue->n_heap;
    for (size_t first = 1; first < n; first = HEAP_WIDTH * at + 1) {
        size_t least = first, end = ink_size_min(first + HEAP_WIDTH, n);
        for (size_t child = first + 1; child < end; child++)
            if (heap[child].order < heap[least].order)
                least = child;
        if (last.order <= heap[least].order)
            break;
        heap[at] = heap[least];
        at = least;
    }
    heap[at] = last;
    return top;
}

/* ---- Lanes */

/* The slot of a rank: its own, or the free one where it belongs. */
static uint32_t *slot_of(const ink_merge_queue *queue, uint32_t rank)
{
    /* Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4): ranks are dense */
    size_t at = (size_t)((rank * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (queue->n_slots - 1);
    while (queue->slots[at] && queue->lanes[queue->slots[at] - 1].rank != rank)
        at = (at + 1) & (queue->n_slots - 1);
    return &queue->slots[at];
}

static bool set_slots(ink_merge_queue *queue, size_t n)
{
    if (n > queue->slot_capacity) {
        uint32_t *slots = ink_resize(queue->allocator, queue->slots, n, sizeof *slots);
        if (!slots)
            return false;
        queue->slots = slots;
        queue->slot_capacity = n;
    }
    queue->n_slots = n;
    for (size_t i = 0; i < n; i++)
        queue->slots[i] = 0;
    for (size_t i = 0; i < queue->n_lanes; i++)
        *slot_of(queue, queue->lanes[i].rank) = (uint32_t)i + 1;
    return true;
}

bool ink_merge_queue_begin(ink_merge_queue *queue, size_t n_symbols)
{
    queue->n_heap = queue->n_lanes = queue->n_entries = 0;
    queue->open = queue->recent = queue->unused = NONE;
    queue->rank = -1;
    queue->uses_lanes = n_symbols >= LONG_WORD;
    return !queue->uses_lanes || set_slots(queue, FIRST_SLOTS);
}

/* A lane announces itself in the heap, before all that it will hold. */
static bool add_lane(ink_merge_queue *queue, uint32_t rank)
{
    if (queue->n_lanes * 2 >= queue->n_slots && !set_slots(queue, queue->n_slots * 2))
        return false;
    ink_merge_lane *lanes =
        room(queue, queue->lanes, queue->n_lanes, &queue->lane_capacity, sizeof *lanes);
    if (!lanes)
        return false;
    queue->lanes = lanes;
    *slot_of(queue, rank) = (uint32_t)queue->n_lanes + 1;
    lanes[queue->n_lanes] = (ink_merge_lane){rank, NONE, NONE, true};
    queue->recent = (uint32_t)queue->n_lanes++;
    return heap_push(queue, (ink_merge_candidate){(uint64_t)rank << 32, 0, (int32_t)queue->recent});
}

static bool find_lane(ink_merge_queue *queue, uint32_t rank)
{
    if (queue->recent != NONE && queue->lanes[queue->recent].rank == rank)
        return true;
    uint32_t found = *slot_of(queue, rank);
    if (found == 0)
        return add_lane(queue, rank);
    queue->recent = found - 1;
    return true;
}

static bool new_entry(ink_merge_queue *queue, uint32_t *out)
{
    *out = queue->unused;
    if (*out != NONE) {
        queue->unused = queue->entries[*out].next;
        return true;
    }
    ink_merge_entry *entries =
        room(queue, queue->entries, queue->n_entries, &queue->entry_capacity, sizeof *entries);
    if (!entries || queue->n_entries == NONE)
        return false;
    queue->entries = entries;
    *out = (uint32_t)queue->n_entries++;
    return true;
}

bool ink_merge_queue_push(ink_merge_queue *queue, ink_merge_candidate candidate)
{
    uint32_t rank = (uint32_t)(candidate.order >> 32), left = (uint32_t)candidate.order, at;
    if (!queue->uses_lanes || rank <= queue->rank)
        return heap_push(queue, candidate);
    if (!find_lane(queue, rank) || !new_entry(queue, &at))
        return false;
    ink_merge_lane *lane = &queue->lanes[queue->recent];
    queue->entries[at] = (ink_merge_entry){left, candidate.n_bytes, candidate.id, NONE};
    if (lane->first == NONE) {
        lane->first = at;
    } else {
        lane->sorted = lane->sorted && queue->entries[lane->last].left <= left;
        queue->entries[lane->last].next = at;
    }
    lane->last = at;
    return true;
}

bool ink_merge_queue_peek(const ink_merge_queue *queue, ink_merge_candidate *out)
{
    if (queue->open == NONE)
        return false;
    const ink_merge_lane *lane = &queue->lanes[queue->open];
    const ink_merge_entry *entry = &queue->entries[lane->first];
    *out =
        (ink_merge_candidate){(uint64_t)lane->rank << 32 | entry->left, entry->n_bytes, entry->id};
    return queue->n_heap == 0 || out->order <= queue->heap[0].order;
}

void ink_merge_queue_drop(ink_merge_queue *queue)
{
    ink_merge_lane *lane = &queue->lanes[queue->open];
    uint32_t at = lane->first;
    lane->first = queue->entries[at].next;
    queue->entries[at].next = queue->unused;
    queue->unused = at;
    if (lane->first == NONE)
        queue->open = NONE;
}

/* One that is not in order after all is sorted by the heap. */
static bool open_lane(ink_merge_queue *queue, uint32_t lane)
{
    queue->open = lane;
    queue->rank = queue->lanes[lane].rank;
    if (queue->lanes[lane].sorted)
        return true;
    queue->open = NONE;
    for (uint32_t at = queue->lanes[lane].first; at != NONE; at = queue->entries[at].next) {
        const ink_merge_entry *entry = &queue->entries[at];
        uint64_t order = (uint64_t)queue->lanes[lane].rank << 32 | entry->left;
        if (!heap_push(queue, (ink_merge_candidate){order, entry->n_bytes, entry->id}))
            return false;
    }
    return true;
}

bool ink_merge_queue_pop(ink_merge_queue *queue, ink_merge_candidate *out)
{
    for (;;) {
        if (ink_merge_queue_peek(queue, out)) {
            ink_merge_queue_drop(queue);
            return true;
        }
        *out = (ink_merge_candidate){0};
        if (queue->n_heap == 0)
            return true;
        *out = heap_pop(queue);
        if (out->n_bytes > 0)
            return true;
        if (!open_lane(queue, (uint32_t)out->id))
            return false;
    }
}
