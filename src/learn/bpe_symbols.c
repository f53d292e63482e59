#include "learn/bpe_symbols.h"

#include "base/size.h"
#include "base/status.h"

#define NONE UINT32_MAX
#define FIRST_FRESH ((size_t)256)

/* Two tokens side by side, and the place where the left one begins. */
typedef struct neighbors {
    uint32_t at, left, right;
} neighbors;

static uint64_t key_of(neighbors pair)
{
    return ink_pair_key((int32_t)pair.left, (int32_t)pair.right);
}

static uint64_t weight_at(const ink_bpe_symbols *symbols, uint32_t at)
{
    return symbols->words->words[symbols->places[at].word].count;
}

static bool note_fresh(ink_bpe_symbols *symbols, uint64_t key)
{
    if (symbols->n_fresh == symbols->fresh_capacity) {
        size_t capacity = FIRST_FRESH;
        if (symbols->fresh_capacity && !ink_size_mul(symbols->fresh_capacity, 2, &capacity))
            return false;
        uint64_t *fresh =
            ink_resize(symbols->allocator, symbols->fresh, capacity, sizeof *symbols->fresh);
        if (!fresh)
            return false;
        symbols->fresh = fresh;
        symbols->fresh_capacity = capacity;
    }
    symbols->fresh[symbols->n_fresh++] = key;
    return true;
}

/* The pair now stands here: first in its list. */
static bool enter(ink_bpe_symbols *symbols, neighbors here)
{
    ink_bpe_pair *pair = ink_bpe_pairs_take(&symbols->pairs, key_of(here));
    if (!pair)
        return false;
    if (pair->count == 0) {
        pair->first = NONE;
        if (!note_fresh(symbols, pair->key))
            return false;
    }
    ink_bpe_place *place = &symbols->places[here.at];
    place->before = NONE;
    place->after = pair->first;
    if (pair->first != NONE)
        symbols->places[pair->first].before = here.at;
    pair->first = here.at;
    pair->count += weight_at(symbols, here.at);
    return true;
}

/* The pair stands here no longer. */
static void leave(ink_bpe_symbols *symbols, neighbors here)
{
    ink_bpe_pair *pair = ink_bpe_pairs_find(&symbols->pairs, key_of(here));
    const ink_bpe_place *place = &symbols->places[here.at];
    if (place->before == NONE)
        pair->first = place->after;
    else
        symbols->places[place->before].after = place->after;
    if (place->after != NONE)
        symbols->places[place->after].before = place->before;
    pair->count -= weight_at(symbols, here.at);
    if (pair->first == NONE)
        ink_bpe_pairs_drop(&symbols->pairs, pair);
}

/* Sizes of the places: one between words, and one at each end. */
static bool count_places(const ink_word_table *words, size_t *out)
{
    *out = 1;
    for (size_t i = 0; i < words->n_words; i++)
        if (words->words[i].n_bytes > 1 &&
            !ink_size_add(*out, (size_t)words->words[i].n_bytes + 1, out))
            return false;
    return *out < NONE;
}

static bool lay_word(ink_bpe_symbols *symbols, uint32_t index, uint32_t first_byte, uint32_t at)
{
    const ink_word *word = &symbols->words->words[index];
    ink_text text = ink_word_text(symbols->words, word);
    for (uint32_t i = 0; i < word->n_bytes; i++)
        symbols->places[at + i] =
            (ink_bpe_place){.token = first_byte + (unsigned char)text.data[i], .word = index};
    symbols->places[at + word->n_bytes].token = NONE;
    for (uint32_t i = 0; i + 1 < word->n_bytes; i++)
        if (!enter(symbols, (neighbors){at + i, symbols->places[at + i].token,
                                        symbols->places[at + i + 1].token}))
            return false;
    return true;
}

static bool lay_words(ink_bpe_symbols *symbols, uint32_t first_byte)
{
    const ink_word_table *words = symbols->words;
    uint32_t at = 1;
    symbols->places[0].token = NONE;
    for (size_t i = 0; i < words->n_words; i++) {
        uint32_t n_bytes = words->words[i].n_bytes;
        symbols->n_tokens += words->words[i].count * n_bytes;
        if (n_bytes < 2)
            continue;
        if (!lay_word(symbols, (uint32_t)i, first_byte, at))
            return false;
        at += n_bytes + 1;
    }
    return true;
}

ink_status ink_bpe_symbols_init(ink_bpe_symbols *symbols, const ink_word_table *words,
                                uint32_t first_byte, size_t n_tokens,
                                const ink_allocator *allocator, ink_error *error)
{
    size_t n_places;
    *symbols = (ink_bpe_symbols){.allocator = allocator, .words = words};
    ink_bpe_pairs_init(&symbols->pairs, allocator);
    if (count_places(words, &n_places)) {
        symbols->places = ink_resize(allocator, NULL, n_places, sizeof *symbols->places);
        symbols->lengths = ink_new(allocator, n_tokens, sizeof *symbols->lengths);
    }
    if (!symbols->places || !symbols->lengths)
        return ink_fail_memory(error, "the words as tokens");
    for (size_t byte = 0; byte < 256; byte++)
        symbols->lengths[first_byte + byte] = 1;
    return lay_words(symbols, first_byte) ? INK_OK : ink_fail_memory(error, "the pairs of tokens");
}

void ink_bpe_symbols_deinit(ink_bpe_symbols *symbols)
{
    ink_delete(symbols->allocator, symbols->fresh);
    ink_bpe_pairs_deinit(&symbols->pairs);
    ink_delete(symbols->allocator, symbols->lengths);
    ink_delete(symbols->allocator, symbols->places);
    *symbols = (ink_bpe_symbols){.allocator = symbols->allocator};
}

size_t ink_bpe_symbols_length(const ink_bpe_symbols *symbols, uint64_t key)
{
    return (size_t)symbols->lengths[key >> 32] + symbols->lengths[(uint32_t)key];
}

/* The pair here becomes one token, and so do its neighbors' pairs change. */
static bool merge_at(ink_bpe_symbols *symbols, neighbors here, uint32_t made)
{
    ink_bpe_place *places = symbols->places;
    const uint16_t *lengths = symbols->lengths;
    uint32_t second = here.at + lengths[here.left], end = second + lengths[here.right];
    uint32_t previous = places[here.at - 1].token, next = places[end].token;
    leave(symbols, here);
    symbols->n_tokens -= weight_at(symbols, here.at);
    if (previous != NONE) {
        neighbors across = {here.at - lengths[previous], previous, here.left};
        leave(symbols, across);
        across.right = made;
        if (!enter(symbols, across))
            return false;
    }
    if (next != NONE)
        leave(symbols, (neighbors){second, here.right, next});
    places[here.at].token = places[end - 1].token = made;
    return next == NONE || enter(symbols, (neighbors){here.at, made, next});
}

/* Tokens of one kind in a row pair up from the first of them, wherever in it the list begins. */
static bool merge_run(ink_bpe_symbols *symbols, neighbors here, uint32_t made)
{
    const ink_bpe_place *places = symbols->places;
    uint32_t length = symbols->lengths[here.left];
    while (places[here.at - 1].token == here.left)
        here.at -= length;
    while (places[here.at].token == here.left && places[here.at + length].token == here.left) {
        if (!merge_at(symbols, here, made))
            return false;
        here.at += 2 * length;
    }
    return true;
}

bool ink_bpe_symbols_merge(ink_bpe_symbols *symbols, uint64_t key, uint32_t made)
{
    neighbors here = {.left = (uint32_t)(key >> 32), .right = (uint32_t)key};
    symbols->lengths[made] = (uint16_t)ink_bpe_symbols_length(symbols, key);
    for (;;) {
        const ink_bpe_pair *pair = ink_bpe_pairs_find(&symbols->pairs, key);
        if (!pair)
            return true;
        here.at = pair->first;
        bool merged = here.left == here.right ? merge_run(symbols, here, made)
                                              : merge_at(symbols, here, made);
        if (!merged)
            return false;
    }
}
