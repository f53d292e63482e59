/*
 * Merging neighbors: the one loop under byte pair encoding and SentencePiece's variant of it.
 *
 * The pair with the lowest rank is merged first, the leftmost among equals, until no pair can be.
 * The symbols are a linked list and the candidates a queue, so n symbols take n log n steps (after
 * Sennrich et al. 2016 and Kudo and Richardson 2018).
 */
#ifndef INK_TEXT_TOKEN_MERGE_H
#define INK_TEXT_TOKEN_MERGE_H

#include "text/token_queue.h"
#include "text/vocab_tables.h"

#define INK_NO_SYMBOL UINT32_MAX

typedef struct ink_merge_symbol {
    int32_t id; /* its token, or -1 */
    uint32_t begin, n_bytes;
    uint32_t previous, next; /* INK_NO_SYMBOL at the ends */
} ink_merge_symbol;

typedef struct ink_merger {
    const ink_allocator *allocator;
    /* [n_symbols]; the first always lives, the others follow by `next` */
    ink_merge_symbol *symbols;
    uint32_t n_symbols;
    size_t symbol_capacity;
    ink_merge_queue queue;
} ink_merger;

/* Whether two neighbors in `text` merge, in which order and to what. */
typedef bool ink_merge_finder(const ink_vocab *vocab, const char *text,
                              const ink_merge_symbol *left, const ink_merge_symbol *right,
                              ink_merge *out);

/* By the vocabulary's list of merges. */
ink_merge_finder ink_merge_by_rank;

void ink_merger_init(ink_merger *merger, const ink_allocator *allocator);
void ink_merger_deinit(ink_merger *merger);

/* Forgets all symbols and makes room for n; false without memory. */
bool ink_merger_begin(ink_merger *merger, size_t n);

/* Appends a symbol; there is room. */
void ink_merger_add(ink_merger *merger, int32_t id, uint32_t begin, uint32_t n_bytes);

/* false without memory. */
bool ink_merger_run(ink_merger *merger, const ink_vocab *vocab, const char *text,
                    ink_merge_finder *find);

#endif
