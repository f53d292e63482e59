#include "text/token_merge.h"

#include "base/memory.h"

void ink_merger_init(ink_merger *merger, const ink_allocator *allocator)
{
    *merger = (ink_merger){.allocator = allocator};
    ink_merge_queue_init(&merger->queue, allocator);
}

void ink_merger_deinit(ink_merger *merger)
{
    ink_delete(merger->allocator, merger->symbols);
    ink_merge_queue_deinit(&merger->queue);
    *merger = (ink_merger){0};
}

bool ink_merger_begin(ink_merger *merger, size_t n)
{
    merger->n_symbols = 0;
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

/* What a merge needs to look up; the loop below has no other use for it. */
typedef struct finder {
    const ink_vocab *vocab;
    const char *text;
    ink_merge_finder *find;
} finder;

/* A symbol that was swallowed has no bytes. */
static bool still_there(const ink_merger *merger, const ink_merge_candidate *candidate)
{
    const ink_merge_symbol *symbol = &merger->symbols[(uint32_t)candidate->order];
    if (symbol->n_bytes == 0 || symbol->next == INK_NO_SYMBOL)
        return false;
    return symbol->n_bytes + merger->symbols[symbol->next].n_bytes == candidate->n_bytes;
}

/*
 * Whether a candidate of this order would find its right symbol merged before its turn comes: then
 * it need not queue, as that merge considers the pair again. Half of all in a run of one letter.
 */
static bool comes_too_late(ink_merger *merger, uint64_t order, uint32_t right)
{
    ink_merge_candidate next;
    while (ink_merge_queue_peek(&merger->queue, &next)) {
        if (still_there(merger, &next))
            return next.order < order && (uint32_t)next.order == right;
        ink_merge_queue_drop(&merger->queue);
    }
    return false;
}

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
    if (comes_too_late(merger, order, right))
        return true;
    ink_merge_candidate candidate = {order, a->n_bytes + b->n_bytes, merge.id};
    return ink_merge_queue_push(&merger->queue, candidate);
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
    ink_merge_candidate best;
    if (!ink_merge_queue_begin(&merger->queue, merger->n_symbols))
        return false;
    for (uint32_t left = 0; left + 1 < merger->n_symbols; left++)
        if (!consider(merger, &by, left))
            return false;
    for (;;) {
        if (!ink_merge_queue_pop(&merger->queue, &best))
            return false;
        if (best.n_bytes == 0)
            return true;
        if (!still_there(merger, &best))
            continue;
        uint32_t left = (uint32_t)best.order;
        join(merger, left, best.id);
        uint32_t previous = merger->symbols[left].previous;
        if (previous != INK_NO_SYMBOL && !consider(merger, &by, previous))
            return false;
        if (!consider(merger, &by, left))
            return false;
    }
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
