/*
 * Regular expressions as ECMA-262 (section 22.2) writes them, the dialect of JSON Schema's
 * `pattern`, as far as they are regular: no look-around, no references back, no word boundaries.
 * Characters are code points. Anchors count where they begin or end an alternative.
 */
#ifndef INK_TEXT_CONSTRAINT_REGEX_H
#define INK_TEXT_CONSTRAINT_REGEX_H

#include "text/constraint/charset.h"

#define INK_REGEX_MAX_BYTES ((size_t)1 << 16)
#define INK_REGEX_MAX_DEPTH 128

typedef struct ink_regex_options {
    ink_spelled spelled;
    bool anywhere; /* a match of a part is enough, unless anchored; else of the whole text */
} ink_regex_options;

/*
 * CORRUPT: not a regular expression, with the byte. UNSUPPORTED: names what is not supported.
 * LIMIT: too long, too deep.
 */
INK_MUST_USE
ink_status ink_regex_compile(ink_grammar *grammar, ink_text text, ink_regex_options options,
                             ink_expr *out, ink_error *error);

/* ---- Between its files. */

typedef struct ink_regex_reader {
    ink_grammar *grammar;
    ink_text text;
    size_t at;
    unsigned depth;
    ink_regex_options options;
    ink_error *error;
} ink_regex_reader;

INK_PRINTF(3, 4)
ink_status ink_regex_fail(const ink_regex_reader *reader, ink_status status, const char *format,
                          ...);

/* The next byte, or -1. */
static inline int ink_regex_peek(const ink_regex_reader *reader)
{
    return reader->at < reader->text.n_bytes ? (unsigned char)reader->text.data[reader->at] : -1;
}

/* Behind "[": a class, up to and with its "]"; and the class of an escape behind its "\". */
ink_status ink_regex_read_class(ink_regex_reader *reader, ink_charset *set);
ink_status ink_regex_read_escape(ink_regex_reader *reader, ink_charset *set);

/* One character of the text. */
ink_status ink_regex_read_char(ink_regex_reader *reader, uint32_t *c);

#endif
