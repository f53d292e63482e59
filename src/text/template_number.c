/*
 * Python writes a sign before the magnitude in every base where C writes two's complement, and
 * never the locale's point: the C library converts, and this file puts both right.
 */
#include "text/template_number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

size_t ink_number_format(char out[INK_NUMBER_MAX_BYTES], const char *flags, int places, char type,
                         double real)
{
    char format[16];
    if (places > INK_NUMBER_MAX_PLACES)
        places = INK_NUMBER_MAX_PLACES;
    (void)snprintf(format, sizeof format, "%%%.4s.*%c", flags, type);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    int n = snprintf(out, INK_NUMBER_MAX_BYTES, format, places, real);
#pragma GCC diagnostic pop
    for (char *at = out; *at && isfinite(real); at++)
        if (!strchr("0123456789+- eE", *at)) { /* the locale's point */
            *at = '.';
            break;
        }
    return n < 0 ? 0 : (size_t)n;
}

size_t ink_number_format_integer(char out[INK_NUMBER_MAX_BYTES], const char *flags, char type,
                                 int64_t integer)
{
    uint64_t magnitude = integer < 0 ? (uint64_t)0 - (uint64_t)integer : (uint64_t)integer;
    const char *sign = integer < 0 ? "-" : strchr(flags, '+') ? "+" : strchr(flags, ' ') ? " " : "";
    const char *prefix = !strchr(flags, '#') ? ""
                         : type == 'x'       ? "0x"
                         : type == 'X'       ? "0X"
                         : type == 'o'       ? "0o"
                                             : "";
    int n;
    if (type == 'x')
        n = snprintf(out, INK_NUMBER_MAX_BYTES, "%s%s%" PRIx64, sign, prefix, magnitude);
    else if (type == 'X')
        n = snprintf(out, INK_NUMBER_MAX_BYTES, "%s%s%" PRIX64, sign, prefix, magnitude);
    else if (type == 'o')
        n = snprintf(out, INK_NUMBER_MAX_BYTES, "%s%s%" PRIo64, sign, prefix, magnitude);
    else
        n = snprintf(out, INK_NUMBER_MAX_BYTES, "%s%" PRIu64, sign, magnitude);
    return n < 0 ? 0 : (size_t)n;
}

bool ink_number_real(ink_value value, double *out)
{
    if (!ink_value_is_number(value))
        return false;
    *out = value.kind == INK_VALUE_FLOAT
               ? value.as.real
               : (double)(value.kind == INK_VALUE_BOOL ? value.as.boolean : value.as.integer);
    return true;
}

bool ink_number_integer(ink_value value, int64_t *out)
{
    if (value.kind == INK_VALUE_FLOAT) {
        if (!(value.as.real > -9223372036854775808.0 && value.as.real < 9223372036854775808.0))
            return false;
        *out = (int64_t)value.as.real;
        return true;
    }
    *out = value.kind == INK_VALUE_BOOL ? value.as.boolean : value.as.integer;
    return value.kind == INK_VALUE_BOOL || value.kind == INK_VALUE_INTEGER;
}
