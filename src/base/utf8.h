/* UTF-8 as RFC 3629 defines it: shortest forms only, no surrogates, nothing above U+10FFFF. */
#ifndef INK_BASE_UTF8_H
#define INK_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Bytes of the character that begins at text (1 to 4) and its code point; 0 when it is invalid or
 * cut off.
 */
size_t ink_utf8_decode(const char *text, size_t n_bytes, uint32_t *code_point);

/* Writes 1 to 4 bytes to out; 0 when the code point is a surrogate or above U+10FFFF. */
size_t ink_utf8_encode(uint32_t code_point, char out[4]);

bool ink_utf8_valid(const char *text, size_t n_bytes);

/*
 * How many leading bytes may be shown now: all but a last character that is valid so far and could
 * still be completed by bytes to come. Invalid bytes count as showable.
 */
size_t ink_utf8_complete(const char *text, size_t n_bytes);

#endif
