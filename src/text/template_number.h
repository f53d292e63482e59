/*
 * Numbers as text with a given form: the part of C's printf that templates reach, without the
 * locale.
 */
#ifndef INK_TEXT_TEMPLATE_NUMBER_H
#define INK_TEXT_TEMPLATE_NUMBER_H

#include "text/template_render.h"

/* Room for any double with INK_NUMBER_MAX_PLACES after the point. */
enum { INK_NUMBER_MAX_PLACES = 100, INK_NUMBER_MAX_BYTES = 512 };

/*
 * As printf("%<flags>.<places><type>", real); type is one of f F e E g G, flags are some of "+ #".
 * Returns the bytes.
 */
size_t ink_number_format(char out[INK_NUMBER_MAX_BYTES], const char *flags, int places, char type,
                         double real);

/*
 * As printf("%<flags>jd" or x, X, o): of the magnitude with its sign, as Python writes negative
 * numbers.
 */
size_t ink_number_format_integer(char out[INK_NUMBER_MAX_BYTES], const char *flags, char type,
                                 int64_t integer);

/* What a number is for a conversion to a float or to an integer; false for other values. */
bool ink_number_real(ink_value value, double *out);
bool ink_number_integer(ink_value value, int64_t *out);

#endif
