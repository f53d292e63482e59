/* Stripping, padding and lines: what several filters and string methods share. */
#ifndef INK_TEXT_TEMPLATE_LINES_H
#define INK_TEXT_TEMPLATE_LINES_H

#include "text/template_render.h"

typedef enum ink_strip { INK_STRIP_LEFT = 1, INK_STRIP_RIGHT = 2, INK_STRIP_BOTH = 3 } ink_strip;

/* Without the characters of slot 0 (white space when not given) at the ends. */
ink_status ink_render_strip(ink_call *call, ink_value text, ink_strip ends, ink_value *out);

/* Where the padding goes. */
typedef enum ink_pad { INK_PAD_LEFT = 1, INK_PAD_RIGHT = 2, INK_PAD_BOTH = 3 } ink_pad;

/* To `width` characters with the one character of `fill`. */
ink_status ink_render_pad(ink_rendering *r, ink_value text, int64_t width, ink_value fill,
                          ink_pad where, ink_value *out);

/*
 * Bytes of the first line, and of the line end after it (0: the text ends). Line ends are those of
 * str.splitlines.
 */
size_t ink_text_line(const char *text, size_t n_bytes, size_t *end_bytes);

#endif
