/* What commands read: files or standard input as a whole, and lists of token ids. */
#ifndef INK_CLI_INPUT_H
#define INK_CLI_INPUT_H

#include "base/memory.h"

#define INK_INPUT_MAX_BYTES ((size_t)64 << 20) /* of one text; the tokenizers take no more */

/* All of `path`, or of standard input when it is "-"; appended to `out`, which this initializes. */
ink_status ink_input_read(const char *path, ink_buffer *out, ink_error *error);

/*
 * Puts the file's name, or "standard input", before the message of what failed because of its
 * content; `status` is returned.
 */
ink_status ink_input_blame(ink_status status, const char *path, ink_error *error);

/* Decimal ids between blanks, commas or line ends. CORRUPT names the word that is none. */
ink_status ink_input_parse_ids(const char *text, size_t n_bytes, ink_tokens *out, ink_error *error);

/* Appends one id. */
ink_status ink_input_add_id(ink_tokens *tokens, int32_t id, ink_error *error);

#endif
