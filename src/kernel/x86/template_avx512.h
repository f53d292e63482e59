/*
 * How the AVX-512 files write one loop for many cases: a TEMPLATE is inlined wherever it is called,
 * so that its constant arguments and foreach loops become straight code; an INSTANCE takes in the
 * functions that its templates are given.
 */
#ifndef INK_KERNEL_X86_TEMPLATE_AVX512_H
#define INK_KERNEL_X86_TEMPLATE_AVX512_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define TEMPLATE static inline __attribute__((always_inline))
#define INSTANCE __attribute__((flatten))

/* A loop of constant length over registers, unrolled; before a loop that is to stay one: ROLLED. */
#if defined(__clang__)
#define ROLLED _Pragma("clang loop unroll(disable)")
#define foreach(i, n) _Pragma("clang loop unroll(full)") for (int i = 0; i < (n); i++)
#else
#define ROLLED _Pragma("GCC unroll 1")
#define foreach(i, n) _Pragma("GCC unroll 32") for (int i = 0; i < (n); i++)
#endif

#define LANES 16 /* floats in a vector */

/* The lanes below n. */
static inline __mmask16 first_lanes(size_t n)
{
    unsigned lanes = n < LANES ? (1u << n) - 1 : 0xffffu;
    return (__mmask16)lanes;
}

/* How many of `left` columns to take at once: at most max, and as even runs as that allows. */
static inline size_t even_run(size_t left, size_t max)
{
    size_t runs = (left + max - 1) / max;
    return (left + runs - 1) / runs;
}

#endif
