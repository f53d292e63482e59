/*
 * Doubles and their decimal text. The C library converts, but speaks the locale's decimal point;
 * here the digits are taken from it and the point is ours.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "text/value.h"

enum { MAX_DIGITS = 17 }; /* enough for any double to read back the same */

/*
 * The fewest significant digits that read back as `real` (positive, finite), and the power of ten
 * of the first.
 */
static size_t shortest_digits(double real, char digits[MAX_DIGITS + 1], int *exponent)
{
    /*
     * 15 digits, their zeros dropped, are the shortest when they suffice; not so where precision
     * itself shrinks
     */
    int precision = real < DBL_MIN ? 1 : 15;
    char text[INK_VALUE_FLOAT_BYTES];
    for (; precision <= MAX_DIGITS; precision++) {
        (void)snprintf(text, sizeof text, "%.*e", precision - 1, real);
        if (!(strtod(text, NULL) < real) && !(strtod(text, NULL) > real))
            break;
    }
    const char *e = strchr(text, 'e');
    *exponent = (int)strtol(e + 1, NULL, 10);
    size_t n = 0;
    for (const char *at = text; at < e; at++)
        if (*at >= '0' && *at <= '9' && n < MAX_DIGITS)
            digits[n++] = *at;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    return n;
}

static size_t write_fixed(char *out, const char *digits, size_t n, int exponent)
{
    size_t at = 0;
    if (exponent < 0) {
        out[at++] = '0';
        out[at++] = '.';
        for (int zero = -1; zero > exponent; zero--)
            out[at++] = '0';
    }
    size_t whole = exponent < 0 ? 0 : (size_t)exponent + 1;
    for (size_t i = 0; i < n || i < whole; i++) {
        if (whole > 0 && i == whole)
            out[at++] = '.';
        out[at++] = i < n ? digits[i] : '0';
    }
    if (whole >= n) {
        out[at++] = '.';
        out[at++] = '0';
    }
    out[at] = '\0';
    return at;
}

static size_t write_scientific(char *out, const char *digits, size_t n, int exponent)
{
    size_t at = 0;
    out[at++] = digits[0];
    if (n > 1) {
        out[at++] = '.';
        memcpy(out + at, digits + 1, n - 1);
        at += n - 1;
    }
    return at + (size_t)snprintf(out + at, INK_VALUE_FLOAT_BYTES - 1 - at, "e%c%02d",
                                 exponent < 0 ? '-' : '+', abs(exponent));
}

size_t ink_value_format_float(double real, char out[INK_VALUE_FLOAT_BYTES])
{
    if (isnan(real))
        return (size_t)snprintf(out, INK_VALUE_FLOAT_BYTES, "nan");
    size_t sign = signbit(real) ? 1 : 0;
    out[0] = '-';
    if (isinf(real))
        return sign + (size_t)snprintf(out + sign, INK_VALUE_FLOAT_BYTES - 1, "inf");
    char digits[MAX_DIGITS + 1] = "0";
    int exponent = 0;
    size_t n = 1;
    if (fabs(real) > 0)
        n = shortest_digits(fabs(real), digits, &exponent);
    if (exponent >= -4 && exponent < 16)
        return sign + write_fixed(out + sign, digits, n, exponent);
    return sign + write_scientific(out + sign, digits, n, exponent);
}

enum { KEPT_DIGITS = 800 }; /* a double's value can hang on 768 significant digits, not on more */

static int64_t read_exponent(const char *text, size_t n_bytes)
{
    int64_t exponent = 0;
    for (size_t at = text[0] == '-' || text[0] == '+'; at < n_bytes; at++)
        if (exponent < 100000000) /* infinity or zero already */
            exponent = exponent * 10 + (text[at] - '0');
    return text[0] == '-' ? -exponent : exponent;
}

double ink_value_parse_float(const char *text, size_t n_bytes)
{
    /* digits, then an exponent that puts the point: no point for a locale to change */
    char copy[KEPT_DIGITS + 32];
    size_t n = 0, at = n_bytes > 0 && (text[0] == '-' || text[0] == '+');
    bool fraction = false, negative = n_bytes > 0 && text[0] == '-';
    int64_t exponent = 0;
    for (; at < n_bytes && text[at] != 'e' && text[at] != 'E'; at++) {
        if (text[at] == '.') {
            fraction = true;
            continue;
        }
        bool kept = n < KEPT_DIGITS && (n > 0 || text[at] != '0');
        if (kept)
            copy[n++] = text[at];
        exponent += (n == KEPT_DIGITS && !kept) - fraction;
    }
    if (n == 0)
        return negative ? -0.0 : 0.0;
    if (at + 1 < n_bytes)
        exponent += read_exponent(text + at + 1, n_bytes - at - 1);
    (void)snprintf(copy + n, sizeof copy - n, "e%lld", (long long)exponent);
    double real = strtod(copy, NULL);
    return negative ? -real : real;
}
