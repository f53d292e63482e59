/*
 * The rotations of cache pages and of weights. All stages have one shape, the constant geometry of
 * fast transforms (Pease, 1968): sums and differences of the two halves, side by side, which
 * compilers turn into vectors. After as many stages as an index has bits every bit is back in its
 * place.
 */
#include <math.h>

#include "kernel/kernel.h"

static void turn(float *restrict y, const float *restrict x, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        float a = x[i], b = x[i + n / 2];
        y[2 * i] = a + b;
        y[2 * i + 1] = a - b;
    }
}

static void rotate_block(float *x, size_t n)
{
    float other[INK_ROTATION_MOST];
    const float factor = 1.0f / sqrtf((float)n);
    float *from = x, *to = other;
    for (size_t half = n / 2; half > 0; half /= 2) {
        float *turned = to;
        turn(turned, from, n);
        to = from;
        from = turned;
    }
    for (size_t i = 0; i < n; i++)
        x[i] = from[i] * factor;
}

/* Where an odd number of places of the index and of the next higher ones are both 1. */
static void change_signs(float x[INK_SPREAD_BLOCK])
{
    for (unsigned i = 0; i < INK_SPREAD_BLOCK; i++) {
        unsigned pairs = i & i >> 1;
        pairs ^= pairs >> 4;
        pairs ^= pairs >> 2;
        pairs ^= pairs >> 1;
        x[i] = pairs & 1 ? -x[i] : x[i];
    }
}

void ink_spread(float *x, size_t n)
{
    for (size_t i = 0; i < n; i += INK_SPREAD_BLOCK) {
        change_signs(x + i);
        rotate_block(x + i, INK_SPREAD_BLOCK);
    }
}

void ink_unspread(float *x, size_t n)
{
    for (size_t i = 0; i < n; i += INK_SPREAD_BLOCK) {
        rotate_block(x + i, INK_SPREAD_BLOCK);
        change_signs(x + i);
    }
}

void ink_rotate(float *x, size_t n)
{
    size_t block = n & (~n + 1);
    if (block > INK_ROTATION_MOST)
        block = INK_ROTATION_MOST;
    for (size_t i = 0; i < n; i += block)
        rotate_block(x + i, block);
}
