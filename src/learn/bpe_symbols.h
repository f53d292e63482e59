/*
 * The words of a corpus as tokens side by side, and where each pair of neighbors stands: merging a
 * pair takes time by how often it stands there, however long the corpus is.
 *
 * A token lies where its first byte does, and is noted at its last byte too, so that both its
 * neighbors are found by the lengths of tokens alone. The places of a pair are a list through the
 * places themselves, each of which begins one pair: nothing grows while pairs are merged but the
 * table of pairs. 16 bytes for each byte of the distinct words, and 48 to 96 for each pair.
 */
#ifndef INK_LEARN_BPE_SYMBOLS_H
#define INK_LEARN_BPE_SYMBOLS_H

#include "learn/bpe_pairs.h"
#include "learn/word_table.h"

typedef struct ink_bpe_place {
    uint32_t token;         /* UINT32_MAX between words */
    uint32_t before, after; /* in the list of the pair that begins here */
    uint32_t word;
} ink_bpe_place;

typedef struct ink_bpe_symbols {
    const ink_allocator *allocator;
    const ink_word_table *words;
    ink_bpe_place *places; /* words of two bytes and more, with a place between them */
    uint16_t *lengths;     /* [n_tokens]: bytes that a token stands for */
    ink_bpe_pairs pairs;
    uint64_t *fresh; /* [n_fresh]: keys of pairs that came up since these were last forgotten */
    size_t n_fresh, fresh_capacity;
    uint64_t n_tokens; /* that the whole corpus has now, each word as often as it was seen */
} ink_bpe_symbols;

/* Every byte b of `words`, which must outlive the symbols, becomes the token first_byte + b. */
ink_status ink_bpe_symbols_init(ink_bpe_symbols *symbols, const ink_word_table *words,
                                uint32_t first_byte, size_t n_tokens,
                                const ink_allocator *allocator, ink_error *error);
void ink_bpe_symbols_deinit(ink_bpe_symbols *symbols);

/* Bytes of the two together. */
size_t ink_bpe_symbols_length(const ink_bpe_symbols *symbols, uint64_t key);

/*
 * Merges the pair wherever it stands, in each word from left to right, to the token `made`. false
 * without memory: the symbols can only be ended then.
 */
bool ink_bpe_symbols_merge(ink_bpe_symbols *symbols, uint64_t key, uint32_t made);

#endif
