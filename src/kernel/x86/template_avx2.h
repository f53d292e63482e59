/*
 * How the AVX2 files write one loop for many cases: a TEMPLATE is inlined wherever it is called, so
 * that its constant arguments, foreach loops and the functions it is given become straight code.
 * Results are 16 lanes in two registers, `half` 0 and 1; a short end is masked, never read or
 * written past.
 */
#ifndef INK_KERNEL_X86_TEMPLATE_AVX2_H
#define INK_KERNEL_X86_TEMPLATE_AVX2_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define TEMPLATE static inline __attribute__((always_inline))

/* A loop of constant length over registers, unrolled; before a loop that is to stay one: ROLLED. */
#if defined(__clang__)
#define ROLLED _Pragma("clang loop unroll(disable)")
#define foreach(i, n) _Pragma("clang loop unroll(full)") for (int i = 0; i < (n); i++)
#else
#define ROLLED _Pragma("GCC unroll 1")
#define foreach(i, n) _Pragma("GCC unroll 32") for (int i = 0; i < (n); i++)
#endif

#define LANES 16
#define HALF 8 /* floats in a register */

/* The first n of 8 lanes. */
TEMPLATE __m256i first_lanes(size_t n)
{
    __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(n < HALF ? n : HALF)), lane);
}

/* How many of 16 elements, of which n exist, are in a half. */
TEMPLATE size_t in_half(size_t n, int half)
{
    size_t before = HALF * (size_t)half;
    return n > before ? n - before : 0;
}

/* x[8 * half ..] of n elements; 0 beyond them. Masked access is slow, so only where it must be. */
TEMPLATE __m256 load_half(const float *x, size_t n, int half)
{
    if (in_half(n, half) >= HALF)
        return _mm256_loadu_ps(x + HALF * half);
    if (in_half(n, half) == 0)
        return _mm256_setzero_ps();
    return _mm256_maskload_ps(x + HALF * half, first_lanes(in_half(n, half)));
}

TEMPLATE void store_half(float *y, size_t n, int half, __m256 value)
{
    if (in_half(n, half) >= HALF)
        _mm256_storeu_ps(y + HALF * half, value);
    else if (in_half(n, half) > 0)
        _mm256_maskstore_ps(y + HALF * half, first_lanes(in_half(n, half)), value);
}

/* `now` in lanes that exist, `before` in those that do not. */
TEMPLATE __m256 where_half(size_t n, int half, __m256 now, __m256 before)
{
    if (in_half(n, half) >= HALF)
        return now;
    __m256 lanes = _mm256_castsi256_ps(first_lanes(in_half(n, half)));
    return _mm256_blendv_ps(before, now, lanes);
}

#endif
