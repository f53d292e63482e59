/*
 * Stop strings: found in text that comes in pieces, one byte after the other, also across pieces.
 *
 * For each string the matcher keeps how long its longest prefix is that the text ends with (Knuth,
 * Morris & Pratt 1977, doi:10.1137/0206024): time is linear in the text for each string. The string
 * that is complete first wins; of several complete at the same byte the longest.
 */
#ifndef INK_RUNTIME_STOP_H
#define INK_RUNTIME_STOP_H

#include "inkling.h"

#define INK_MAX_STOP_STRINGS 64
#define INK_MAX_STOP_BYTES 1024

typedef struct ink_stop_string {
    const char *text;
    size_t n_bytes;
    /* [n_bytes]: of text[0..i], the longest proper prefix that is also its end */
    uint16_t *borders;
    size_t n_matched;
} ink_stop_string;

typedef struct ink_stop_matcher {
    const ink_allocator *allocator;
    ink_stop_string *strings; /* [n_strings] */
    char *texts;
    uint16_t *borders;
    size_t n_strings;
} ink_stop_matcher;

/*
 * Copies the strings. BAD_ARGUMENT: too many, one that is empty, longer than INK_MAX_STOP_BYTES or
 * not UTF-8. On failure there is nothing to deinit.
 */
INK_MUST_USE
ink_status ink_stop_init(ink_stop_matcher *matcher, const char *const *strings, size_t n_strings,
                         const ink_allocator *allocator, ink_error *error);
void ink_stop_deinit(ink_stop_matcher *matcher);

/*
 * The text goes on with this byte. The length of the stop string that ends with it; 0: none does.
 */
size_t ink_stop_feed(ink_stop_matcher *matcher, char byte);

/* How many of the last bytes fed might become a stop string. */
size_t ink_stop_held(const ink_stop_matcher *matcher);

#endif
