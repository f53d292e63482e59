/*
 * The text of a card: a JSON array of objects, one an evaluation. card_file.c reads it from models
 * and writes it into them.
 */
#ifndef INK_LEARN_CARD_H
#define INK_LEARN_CARD_H

#include "base/memory.h"
#include "model/rewrite.h" /* INK_CARD_KEY */

/* CORRUPT when it is no array of objects, LIMIT when it has more than INK_CARD_MAX_BYTES. */
ink_status ink_card_check(const char *card, size_t n_bytes, const ink_allocator *allocator,
                          ink_error *error);

/*
 * Appends to `out`, which is empty, a checked card and one more entry; both stay as they are, byte
 * for byte, but for white space at their ends. BAD_ARGUMENT: the entry is no JSON object; LIMIT:
 * the card would be too long.
 */
ink_status ink_card_join(ink_buffer *out, const char *card, size_t n_bytes, const char *entry,
                         size_t n_entry_bytes, ink_error *error);

#endif
