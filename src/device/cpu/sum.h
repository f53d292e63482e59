/*
 * Sums along a line as the kernels take them: sixteen partial sums by index modulo 16, combined in
 * one fixed tree.
 */
#ifndef INK_DEVICE_CPU_SUM_H
#define INK_DEVICE_CPU_SUM_H

#include <stddef.h>

#define INK_PARTIAL_SUMS 16

static inline float ink_sum_partial(float sums[INK_PARTIAL_SUMS])
{
    for (size_t width = INK_PARTIAL_SUMS / 2; width > 0; width /= 2)
        for (size_t i = 0; i < width; i++)
            sums[i] += sums[i + width];
    return sums[0];
}

static inline float ink_sum(const float *x, size_t n)
{
    float sums[INK_PARTIAL_SUMS] = {0};
    size_t i = 0;
    for (; i + INK_PARTIAL_SUMS <= n; i += INK_PARTIAL_SUMS)
        for (size_t j = 0; j < INK_PARTIAL_SUMS; j++)
            sums[j] += x[i + j];
    for (size_t j = 0; i + j < n; j++)
        sums[j] += x[i + j];
    return ink_sum_partial(sums);
}

/* Of a[i] * b[i], each product rounded. */
static inline float ink_sum_of_products(const float *a, const float *b, size_t n)
{
    float sums[INK_PARTIAL_SUMS] = {0};
    size_t i = 0;
    for (; i + INK_PARTIAL_SUMS <= n; i += INK_PARTIAL_SUMS)
        for (size_t j = 0; j < INK_PARTIAL_SUMS; j++)
            sums[j] += a[i + j] * b[i + j];
    for (size_t j = 0; i + j < n; j++)
        sums[j] += a[i + j] * b[i + j];
    return ink_sum_partial(sums);
}

#endif
