#include "learn/word_table.h"

#include <string.h>
#include "base/size.h"
#include "base/status.h"
#include "text/token_map.h"

#define FIRST_WORDS ((size_t)512)

void ink_word_table_init(ink_word_table *table, const ink_allocator *allocator, size_t max_bytes)
{
    *table = (ink_word_table){.allocator = allocator};
    ink_buffer_init(&table->texts, allocator, max_bytes);
}

void ink_word_table_deinit(ink_word_table *table)
{
    ink_delete(table->allocator, table->slots);
    ink_delete(table->allocator, table->words);
    ink_buffer_deinit(&table->texts);
    *table = (ink_word_table){.allocator = table->allocator};
}

/* FNV-1a with the upper half folded in: its low bits alone are regular for short texts. */
static uint32_t tag_of(ink_text word)
{
    uint64_t hash = ink_text_hash(INK_TEXT_HASH_BEGIN, word.data, word.n_bytes);
    hash = (hash ^ hash >> 32) * UINT64_C(0xff51afd7ed558ccd);
    return (uint32_t)(hash >> 32);
}

/* Room for `capacity` words, a power of two. */
static bool grow(ink_word_table *table, size_t capacity)
{
    uint32_t *slots = ink_new(table->allocator, capacity, sizeof(uint32_t[2]));
    ink_word *words = ink_resize(table->allocator, table->words, capacity, sizeof *words);
    if (words)
        table->words = words;
    if (!slots || !words) {
        ink_delete(table->allocator, slots);
        return false;
    }
    ink_delete(table->allocator, table->slots);
    table->slots = slots;
    table->capacity = capacity;
    table->mask = 2 * capacity - 1;
    for (size_t i = 0; i < table->n_words; i++) {
        size_t at = words[i].tag & table->mask;
        while (slots[at])
            at = (at + 1) & table->mask;
        slots[at] = (uint32_t)i + 1;
    }
    return true;
}

/* The slot that holds the word or is free for it; NULL after too many probes. */
static uint32_t *find_slot(const ink_word_table *table, ink_text word, uint32_t tag)
{
    for (size_t probe = 0; probe < INK_WORD_TABLE_MAX_PROBES; probe++) {
        uint32_t *slot = &table->slots[(tag + probe) & table->mask];
        if (!*slot)
            return slot;
        const ink_word *other = &table->words[*slot - 1];
        if (other->tag == tag && other->n_bytes == word.n_bytes &&
            memcmp(table->texts.data + other->begin, word.data, word.n_bytes) == 0)
            return slot;
    }
    return NULL;
}

static ink_status fail_full(const ink_word_table *table, ink_text word, ink_error *error)
{
    if (word.n_bytes <= table->texts.max_bytes - table->texts.n_bytes)
        return ink_fail_memory(error, "the words of the texts");
    return ink_fail(error, INK_LIMIT, 0,
                    "the distinct words of the texts have more than the %zu bytes allowed "
                    "(max_word_bytes); allow more, or give fewer texts",
                    table->texts.max_bytes);
}

ink_status ink_word_table_add(ink_word_table *table, ink_text word, ink_error *error)
{
    if (word.n_bytes == 0)
        return INK_OK;
    if (table->n_words == table->capacity &&
        !grow(table, ink_size_max(2 * table->capacity, FIRST_WORDS)))
        return ink_fail_memory(error, "the words of the texts");
    uint32_t tag = tag_of(word), *slot = find_slot(table, word, tag);
    if (!slot)
        return ink_fail(error, INK_LIMIT, 0,
                        "%zu words have been seen, and more than %d of them collide: the texts "
                        "are made to be slow",
                        table->n_words, INK_WORD_TABLE_MAX_PROBES);
    if (!*slot) {
        size_t begin = table->texts.n_bytes;
        if (!ink_buffer_append(&table->texts, word.data, word.n_bytes))
            return fail_full(table, word, error);
        table->words[table->n_words++] =
            (ink_word){.begin = (uint32_t)begin, .n_bytes = (uint32_t)word.n_bytes, .tag = tag};
        *slot = (uint32_t)table->n_words;
    }
    table->words[*slot - 1].count++;
    return INK_OK;
}
