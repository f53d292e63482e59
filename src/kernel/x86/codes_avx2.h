/*
 * Codes that stand for levels, of half a block of 32: 16 of them, as the bytes of a register.
 */
#ifndef INK_KERNEL_X86_CODES_AVX2_H
#define INK_KERNEL_X86_CODES_AVX2_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

/* One nibble of each of 16 bytes. */
static inline __m128i nibbles(const uint8_t *q, int half)
{
    __m128i both = _mm_loadu_si128((const __m128i *)(const void *)q);
    return _mm_and_si128(half ? _mm_srli_epi16(both, 4) : both, _mm_set1_epi8(15));
}

/* The four fields of four bytes, that is 16 codes of two bits. */
static inline __m128i pairs(const uint8_t *q, int half)
{
    int32_t four;
    memcpy(&four, q + 4 * half, sizeof four);
    __m128i fields = _mm_srlv_epi32(_mm_set1_epi32(four), _mm_setr_epi32(0, 2, 4, 6));
    return _mm_and_si128(fields, _mm_set1_epi8(3));
}

#endif
