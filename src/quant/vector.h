/* Two loops over floats that what works on whole matrices is made of; the same bits everywhere. */
#ifndef INK_QUANT_VECTOR_H
#define INK_QUANT_VECTOR_H

#include <stddef.h>

float ink_dot(const float *a, const float *b, size_t n);

/* y += factor * x */
void ink_add_times(float *restrict y, const float *restrict x, float factor, size_t n);

#endif
