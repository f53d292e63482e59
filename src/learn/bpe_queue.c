#include "learn/bpe_queue.h"

#include "base/memory.h"
#include "base/size.h"

#define FIRST_CAPACITY ((size_t)1024)

void ink_bpe_queue_init(ink_bpe_queue *queue, const ink_allocator *allocator)
{
    *queue = (ink_bpe_queue){.allocator = allocator};
}

void ink_bpe_queue_deinit(ink_bpe_queue *queue)
{
    ink_delete(queue->allocator, queue->heap);
    *queue = (ink_bpe_queue){.allocator = queue->allocator};
}

static bool goes_before(ink_bpe_candidate a, ink_bpe_candidate b)
{
    return a.count != b.count ? a.count > b.count : a.key < b.key;
}

static bool grow(ink_bpe_queue *queue)
{
    size_t capacity = FIRST_CAPACITY;
    if (queue->capacity && !ink_size_mul(queue->capacity, 2, &capacity))
        return false;
    ink_bpe_candidate *heap = ink_resize(queue->allocator, queue->heap, capacity, sizeof *heap);
    if (!heap)
        return false;
    queue->heap = heap;
    queue->capacity = capacity;
    return true;
}

bool ink_bpe_queue_push(ink_bpe_queue *queue, ink_bpe_candidate candidate)
{
    if (queue->n == queue->capacity && !grow(queue))
        return false;
    size_t at = queue->n++;
    while (at > 0 && goes_before(candidate, queue->heap[(at - 1) / 2])) {
        queue->heap[at] = queue->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    queue->heap[at] = candidate;
    return true;
}

bool ink_bpe_queue_pop(ink_bpe_queue *queue, ink_bpe_candidate *out)
{
    if (queue->n == 0)
        return false;
    *out = queue->heap[0];
    ink_bpe_candidate last = queue->heap[--queue->n];
    size_t at = 0;
    for (size_t child = 1; child < queue->n; child = 2 * at + 1) {
        if (child + 1 < queue->n && goes_before(queue->heap[child + 1], queue->heap[child]))
            child++;
        if (!goes_before(queue->heap[child], last))
            break;
        queue->heap[at] = queue->heap[child];
        at = child;
    }
    if (queue->n > 0)
        queue->heap[at] = last;
    return true;
}
