/*
 * Sets of characters, and how their characters are spelled in a text: as UTF-8, or inside a string
 * of JSON, where some are escaped (RFC 8259, section 7).
 */
#ifndef INK_TEXT_CONSTRAINT_CHARSET_H
#define INK_TEXT_CONSTRAINT_CHARSET_H

#include "text/constraint/grammar.h"

#define INK_CHARSET_MAX_RANGES 4096

typedef struct ink_char_range {
    uint32_t low, high; /* code points, both included */
} ink_char_range;

/* Begin with {.grammar = g}, whose sticky status tells when something did not fit. */
typedef struct ink_charset {
    ink_grammar *grammar;
    ink_char_range *ranges;
    size_t n, capacity;
} ink_charset;

void ink_charset_deinit(ink_charset *set);

void ink_charset_add(ink_charset *set, uint32_t low, uint32_t high);
void ink_charset_add_all(ink_charset *set, const ink_charset *other);
void ink_charset_invert(ink_charset *set);

/* By its general category, "L", "Lu", ..., long names too. False: there is no such one. */
bool ink_charset_add_category(ink_charset *set, const char *name, size_t n_bytes);

/* How the characters of a text are written. */
typedef enum ink_spelled {
    INK_SPELLED_PLAIN, /* UTF-8 */
    INK_SPELLED_JSON   /* between the quotes of a string, each in its shortest form */
} ink_spelled;

/* One character of the set. Sorts the set. */
ink_expr ink_charset_expr(ink_charset *set, ink_spelled spelled);

/* Any one character; and any that a JSON string may hold, escaped in any way. */
ink_expr ink_char_any(ink_grammar *grammar, ink_spelled spelled);
ink_expr ink_char_json_free(ink_grammar *grammar);

/* A text, valid UTF-8, as it stands or as JSON spells it, without quotes. */
ink_expr ink_text_expr(ink_grammar *grammar, const char *text, size_t n_bytes, ink_spelled spelled);

#endif
