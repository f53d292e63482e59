/*
 * Sentences and names as words: lower case, without punctuation, digits apart from letters, number
 * words as numbers ("twenty-one" is 21). A word remembers where it stood.
 */
#ifndef INK_HOME_WORDS_H
#define INK_HOME_WORDS_H

#include "base/memory.h"

enum { INK_HOME_MAX_WORDS = 26, INK_WORD_MAX_BYTES = 24 };

typedef struct ink_word {
    char text[INK_WORD_MAX_BYTES]; /* terminated; what is longer is cut */
    uint8_t n_bytes;
    bool is_number;
    double number;
    uint32_t begin, end; /* bytes in the text */
} ink_word;

typedef struct ink_words {
    ink_word items[INK_HOME_MAX_WORDS];
    size_t n_words;
    bool more; /* the last word stands for all that follows it, too */
} ink_words;

/* `text` must be valid UTF-8 of less than 4 GB. */
void ink_words_read(ink_words *words, const char *text, size_t n_bytes);

#endif
