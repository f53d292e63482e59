/*
 * The nearest of some names, for messages: edit distance with transpositions (Damerau 1964), on
 * short words.
 */
#ifndef INK_BASE_NEAREST_H
#define INK_BASE_NEAREST_H

#include <stddef.h>

/* The name that a typing error would turn into `word`, or NULL when none is near. */
const char *ink_nearest(const char *word, const char *const *names, size_t n_names);

#endif
