#include "learn/bpe_pairs.h"

#include "base/memory.h"
#include "base/size.h"

#define FIRST_SLOTS ((size_t)1024)

void ink_bpe_pairs_init(ink_bpe_pairs *pairs, const ink_allocator *allocator)
{
    *pairs = (ink_bpe_pairs){.allocator = allocator};
}

void ink_bpe_pairs_deinit(ink_bpe_pairs *pairs)
{
    ink_delete(pairs->allocator, pairs->slots);
    *pairs = (ink_bpe_pairs){.allocator = pairs->allocator};
}

/* Where a pair belongs; both ids are dense, so the product spreads them. */
static size_t home(const ink_bpe_pairs *pairs, uint64_t key)
{
    uint64_t hash = (key ^ key >> 29) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(hash ^ hash >> 32) & pairs->mask;
}

/* The slot that holds the pair or is free for it; half of the slots are free. */
static ink_bpe_pair *find_slot(const ink_bpe_pairs *pairs, uint64_t key)
{
    size_t at = home(pairs, key);
    while (pairs->slots[at].key != key && pairs->slots[at].key != INK_PAIR_FREE)
        at = (at + 1) & pairs->mask;
    return &pairs->slots[at];
}

static bool grow(ink_bpe_pairs *pairs)
{
    size_t n_old = pairs->slots ? pairs->mask + 1 : 0, n_new = FIRST_SLOTS;
    if (n_old && !ink_size_mul(n_old, 2, &n_new))
        return false;
    ink_bpe_pair *old = pairs->slots, *slots = ink_new(pairs->allocator, n_new, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < n_new; i++)
        slots[i].key = INK_PAIR_FREE;
    pairs->slots = slots;
    pairs->mask = n_new - 1;
    for (size_t i = 0; i < n_old; i++)
        if (old[i].key != INK_PAIR_FREE)
            *find_slot(pairs, old[i].key) = old[i];
    ink_delete(pairs->allocator, old);
    return true;
}

ink_bpe_pair *ink_bpe_pairs_find(const ink_bpe_pairs *pairs, uint64_t key)
{
    ink_bpe_pair *slot = pairs->slots ? find_slot(pairs, key) : NULL;
    return slot && slot->key == key ? slot : NULL;
}

ink_bpe_pair *ink_bpe_pairs_take(ink_bpe_pairs *pairs, uint64_t key)
{
    bool full = !pairs->slots || pairs->n_pairs > pairs->mask / 2;
    if (full && !grow(pairs))
        return NULL;
    ink_bpe_pair *slot = find_slot(pairs, key);
    if (slot->key == INK_PAIR_FREE) {
        *slot = (ink_bpe_pair){.key = key};
        pairs->n_pairs++;
    }
    return slot;
}

/* Those behind it that a search would no longer reach move up (Knuth, volume 3, 6.4, R). */
void ink_bpe_pairs_drop(ink_bpe_pairs *pairs, ink_bpe_pair *pair)
{
    ink_bpe_pair *slots = pairs->slots;
    size_t hole = (size_t)(pair - slots);
    for (size_t at = (hole + 1) & pairs->mask; slots[at].key != INK_PAIR_FREE;
         at = (at + 1) & pairs->mask) {
        size_t from_home = (at - home(pairs, slots[at].key)) & pairs->mask;
        if (from_home >= ((at - hole) & pairs->mask)) {
            slots[hole] = slots[at];
            hole = at;
        }
    }
    slots[hole].key = INK_PAIR_FREE;
    pairs->n_pairs--;
}
