/*
 * JSON and the values of templates: a strict reader (RFC 8259) for messages and tools, and the
 * writer behind `tojson`, which spells what Python's json.dumps spells.
 *
 * Reading refuses what could mean two things: a key twice in one object, half of a surrogate pair,
 * a number beyond a double, invalid UTF-8, text after the value. Integers beyond 64 bits keep all
 * their digits.
 */
#ifndef INK_TEXT_JSON_H
#define INK_TEXT_JSON_H

#include "text/value.h"

enum { INK_JSON_MAX_DEPTH = 64 };
#define INK_JSON_MAX_BYTES ((size_t)64 << 20)

/*
 * The value's strings are copies in the arena. INK_CORRUPT with the byte offset, INK_LIMIT, or
 * INK_NO_MEMORY.
 */
ink_status ink_value_from_json(ink_arena *arena, const char *text, size_t n_bytes, ink_value *out,
                               ink_error *error);

typedef struct ink_json_style {
    const char *item_separator, *key_separator; /* terminated; NULL: ", " and ": " */
    const char *indent;                         /* repeated per level, NULL: all on one line */
    bool ascii, sort_keys;
} ink_json_style;

/*
 * `style` may be NULL. INK_BAD_ARGUMENT for what JSON cannot say (undefined, functions), INK_LIMIT
 * when `out` is full.
 */
ink_status ink_json_write(ink_buffer *out, ink_value value, const ink_json_style *style,
                          ink_error *error);

#endif
