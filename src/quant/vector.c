#include "quant/vector.h"

#define LANES 8

float ink_dot(const float *a, const float *b, size_t n)
{
    float sums[LANES] = {0}, total = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            sums[j] += a[i + j] * b[i + j];
    for (; i < n; i++)
        total += a[i] * b[i];
    for (size_t j = 0; j < LANES; j++)
        total += sums[j];
    return total;
}

void ink_add_times(float *restrict y, const float *restrict x, float factor, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += factor * x[i];
}
