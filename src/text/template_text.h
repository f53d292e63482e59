/*
 * Text as Python sees it: characters are code points, white space is Unicode's. Byte lengths in,
 * byte lengths out; a byte that is not valid UTF-8 counts as one character. Nothing here allocates.
 */
#ifndef INK_TEXT_TEMPLATE_TEXT_H
#define INK_TEXT_TEMPLATE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Bytes of the character at text (at least 1 where n_bytes is) and its code point, or the byte
 * where it is invalid.
 */
size_t ink_text_next(const char *text, size_t n_bytes, uint32_t *code_point);

/* Bytes of the last character. */
size_t ink_text_last(const char *text, size_t n_bytes, uint32_t *code_point);

/* What str.isspace() calls space. */
bool ink_text_is_space(uint32_t code_point);

/* Bytes of white space at the beginning. */
size_t ink_text_leading_space(const char *text, size_t n_bytes);

/* Bytes that remain without the white space at the end. */
size_t ink_text_without_trailing_space(const char *text, size_t n_bytes);

size_t ink_text_count(const char *text, size_t n_bytes);

/* The byte offset of character `index`, n_bytes when there are fewer. */
size_t ink_text_offset(const char *text, size_t n_bytes, size_t index);

#endif
