/* Two loops over floats that what works on whole matrices is made of; the same bits everywhere. */
#ifndef INK_QUANT_VECTOR_H
#define INK_QUANT_VECTOR_H

#include <stddef.h>

#define INK_LANES 8

static inline float ink_dot(const float *a, const float *b, size_t n)
{
    float sums[INK_LANES] = {0}, total = 0;
    size_t i = 0;
    for (; i + INK_LANES <= n; i += INK_LANES)
        for (size_t j = 0; j < INK_LANES; j++)
            sums[j] += a[i + j] * b[i + j];
    for (; i < n; i++)
        total += a[i] * b[i];
    for (size_t j = 0; j < INK_LANES; j++)
        total += sums[j];
    return total;
}

/* y += factor * x */
static inline void ink_add_times(float *restrict y, const float *restrict x, float factor, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += factor * x[i];
}

#endif
