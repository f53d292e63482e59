/* Numbers as people write them. */
#ifndef INK_BASE_NUMBER_H
#define INK_BASE_NUMBER_H

enum { INK_FLOAT_BYTES = 48 };

/*
 * The shortest decimal that reads back as the same float (0.01, 1e-05), and a whole number without
 * an exponent. Returns out.
 */
const char *ink_print_float(float value, char out[INK_FLOAT_BYTES]);

#endif
