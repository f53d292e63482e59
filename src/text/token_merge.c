#include "text/token_merge.h"

#include "base/memory.h"
#include "base/size.h"

/* Four children of 16 bytes share a cache line, and the heap is half as deep as a binary one. */
#define HEAP_WIDTH 4

void ink_merger_init(ink_merger *merger, const ink_allocator *allocator)
{
    *merger = (ink_merger){.allocator = allocator};
}

void ink_merger_deinit(ink_merger *merger)
{
    ink_delete(merger->allocator, merger->symbols);
    ink_delete(merger->allocator, merger->heap);
    *merger = (ink_merger){0};
}

bool ink_merger_begin(ink_merger *merger, size_t n)
{
    merger->n_symbols = 0;
    merger->n_candidates = 0;
    if (n <= merger->symbol_capacity)
        return true;
    size_t capacity = n + n / 2;
    ink_merge_symbol *symbols =
        ink_resize(merger->allocator, merger->symbols, capacity, sizeof *symbols);
    if (!symbols)
        return false;
    merger->symbols = symbols;
    merger->symbol_capacity = capacity;
    return true;
}

void ink_merger_add(ink_merger *merger, int32_t id, uint32_t begin, uint32_t n_bytes)
{
    uint32_t at = merger->n_symbols++;
    merger->symbols[at] = (ink_merge_symbol){id, begin, n_bytes, at - 1, INK_NO_SYMBOL};
    if (at > 0)
        merger->symbols[at - 1].next = at;
}

static bool heap_push(ink_merger *merger, ink_merge_candidate candidate)
{
    if (merger->n_candidates == merger->heap_capacity) {
        size_t capacity = merger->heap_capacity + merger->heap_capacity / 2 + 64;
        ink_merge_candidate *heap =
            ink_resize(merger->allocator, merger->heap, capacity, sizeof *heap);
        if (!heap)
            return false;
        merger->heap = heap;
        merger->heap_capacity = capacity;
    }
    size_t at = merger->n_candidates++;
    for (; at > 0 && merger->heap[(at - 1) / HEAP_WIDTH].order > candidate.order;
         at = (at - 1) / HEAP_WIDTH)
        merger->heap[at] = merger->heap[(at - 1) / HEAP_WIDTH];
    merger->heap[at] = candidate;
    return true;
}

static ink_merge_candidate heap_pop(ink_merger *merger)
{
    ink_merge_candidate *heap = merger->heap, top = heap[0], last = heap[--merger->n_candidates];
    size_t at = 0, n = merger->n_candidates;
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

/* What a merge needs to look up; the loop below has no other use for it. */
typedef struct finder {
    const ink_vocab *vocab;
    const char *text;
    ink_merge_finder *find;
} finder;

/* Puts the pair that begins at `left` among the candidates when it can merge. */
static bool consider(ink_merger *merger, const finder *by, uint32_t left)
{
    uint32_t right = merger->symbols[left].next;
    if (right == INK_NO_SYMBOL)
        return true;
    const ink_merge_symbol *a = &merger->symbols[left], *b = &merger->symbols[right];
    ink_merge merge;
    if (!by->find(by->vocab, by->text, a, b, &merge))
        return true;
    uint64_t order = (uint64_t)merge.rank << 32 | left;
    return heap_push(merger, (ink_merge_candidate){order, a->n_bytes + b->n_bytes, merge.id});
}

/* A symbol that was swallowed has no bytes. */
static bool still_there(const ink_merger *merger, const ink_merge_candidate *candidate,
                        uint32_t left)
{
    const ink_merge_symbol *symbol = &merger->symbols[left];
    if (symbol->n_bytes == 0 || symbol->next == INK_NO_SYMBOL)
        return false;
    return symbol->n_bytes + merger->symbols[symbol->next].n_bytes == candidate->n_bytes;
}

static void join(ink_merger *merger, uint32_t left, int32_t id)
{
    ink_merge_symbol *a = &merger->symbols[left], *b = &merger->symbols[a->next];
    a->id = id;
    a->n_bytes += b->n_bytes;
    a->next = b->next;
    b->n_bytes = 0;
    if (a->next != INK_NO_SYMBOL)
        merger->symbols[a->next].previous = left;
}

bool ink_merger_run(ink_merger *merger, const ink_vocab *vocab, const char *text,
                    ink_merge_finder *find)
{
    finder by = {vocab, text, find};
    for (uint32_t left = 0; left + 1 < merger->n_symbols; left++)
        if (!consider(merger, &by, left))
            return false;
    while (merger->n_candidates > 0) {
        ink_merge_candidate best = heap_pop(merger);
        uint32_t left = (uint32_t)best.order;
        if (!still_there(merger, &best, left))
            continue;
        join(merger, left, best.id);
        uint32_t previous = merger->symbols[left].previous;
        if (previous != INK_NO_SYMBOL && !consider(merger, &by, previous))
            return false;
        if (!consider(merger, &by, left))
            return false;
    }
    return true;
}

bool ink_merge_by_rank(const ink_vocab *vocab, const char *text, const ink_merge_symbol *left,
                       const ink_merge_symbol *right, ink_merge *out)
{
    (void)text;
    if (left->id < 0 || right->id < 0)
        return false;
    const ink_merge *merge = ink_pair_map_find(&vocab->merges, ink_pair_key(left->id, right->id));
    if (!merge)
        return false;
    *out = *merge;
    return true;
}
