/*
 * Distinct words and how often each was seen: what a vocabulary is learned from, however long the
 * texts are.
 *
 * Open addressing, linear probing, at most half full. Words keep the order in which they were first
 * seen. A word takes its bytes and at most 50 more; texts made to collide are refused.
 */
#ifndef INK_LEARN_WORD_TABLE_H
#define INK_LEARN_WORD_TABLE_H

#include "base/memory.h"
#include "text/vocab.h"

#define INK_WORD_TABLE_MAX_PROBES 4096

typedef struct ink_word {
    uint64_t count;
    uint32_t begin, n_bytes; /* in the table's texts */
    uint32_t tag;            /* of its hash */
} ink_word;

typedef struct ink_word_table {
    const ink_allocator *allocator;
    ink_buffer texts; /* of all words, one behind the other */
    ink_word *words;  /* [n_words] */
    size_t n_words, capacity;
    uint32_t *slots; /* [mask + 1]: word + 1, or 0 */
    size_t mask;
} ink_word_table;

/* Allocates nothing yet. `max_bytes`, of all words together, is below 2^31. */
void ink_word_table_init(ink_word_table *table, const ink_allocator *allocator, size_t max_bytes);
void ink_word_table_deinit(ink_word_table *table);

/* Counts a word once more. LIMIT: max_bytes are reached, or too many words collide. */
ink_status ink_word_table_add(ink_word_table *table, ink_text word, ink_error *error);

static inline ink_text ink_word_text(const ink_word_table *table, const ink_word *word)
{
    return (ink_text){table->texts.data + word->begin, word->n_bytes};
}

#endif
