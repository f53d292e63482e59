/* One value in a given form: what "%5.1f" and "{:>5.1f}" have in common. */
#ifndef INK_TEXT_TEMPLATE_FORMAT_H
#define INK_TEXT_TEMPLATE_FORMAT_H

#include "text/template_render.h"

typedef struct ink_format {
    ink_value fill;    /* one character */
    char align;        /* < > ^, = between sign and digits; 0: text left, numbers right */
    char sign;         /* '+', ' ' or 0 */
    char grouping;     /* between thousands, or 0 */
    bool alternate;    /* 0x before hexadecimal digits */
    int64_t width;     /* 0: as it comes */
    int64_t precision; /* -1: not given */
    char type;         /* 0: as it prints */
} ink_format;

/* After a digit; the number and its bytes. At most 9 digits, more are an error of the format. */
size_t ink_format_read_number(const char *text, size_t n_bytes, int64_t *out);

/* Puts the value as the format says, or fails for a type that does not suit it. */
ink_status ink_format_put(ink_rendering *r, const ink_format *format, ink_value value);

#endif
