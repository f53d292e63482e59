/* Packing with 16 rows in a register: see pack.h. */
#include "kernel/x86/template_avx512.h"

typedef __m512i dwords;

/*
 * Row r, r + 4, r + 8, r + 12 in the four parts of a register, so that transposing 4 by 4 in each
 * part leaves the rows in order.
 */
TEMPLATE __m512i load_rows(const uint8_t *rows, size_t stride)
{
    __m512i x = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)rows));
    x = _mm512_inserti32x4(x, _mm_loadu_si128((const __m128i *)(rows + 4 * stride)), 1);
    x = _mm512_inserti32x4(x, _mm_loadu_si128((const __m128i *)(rows + 8 * stride)), 2);
    return _mm512_inserti32x4(x, _mm_loadu_si128((const __m128i *)(rows + 12 * stride)), 3);
}

TEMPLATE void load_quad(dwords out[4], const uint8_t *rows, size_t stride)
{
    __m512i in[4], low[2], high[2];
    foreach (i, 4)
        in[i] = load_rows(rows + (size_t)i * stride, stride);
    foreach (i, 2) {
        low[i] = _mm512_unpacklo_epi32(in[2 * i], in[2 * i + 1]);
        high[i] = _mm512_unpackhi_epi32(in[2 * i], in[2 * i + 1]);
    }
    out[0] = _mm512_unpacklo_epi64(low[0], low[1]);
    out[1] = _mm512_unpackhi_epi64(low[0], low[1]);
    out[2] = _mm512_unpacklo_epi64(high[0], high[1]);
    out[3] = _mm512_unpackhi_epi64(high[0], high[1]);
}

TEMPLATE void store_units4(uint8_t *to, dwords x)
{
    _mm512_storeu_si512(to, x);
}

/* Bytes 0 of four rows, bytes 1, ... in each part of a register; or words. */
TEMPLATE __m512i group(dwords x, __m128i order)
{
    return _mm512_shuffle_epi8(x, _mm512_broadcast_i32x4(order));
}

TEMPLATE void store_units2(uint8_t *to, dwords x)
{
    const __m512i parts = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    x = group(x, _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15));
    _mm512_storeu_si512(to, _mm512_permutexvar_epi64(parts, x));
}

TEMPLATE void store_units1(uint8_t *to, dwords x)
{
    const __m512i parts = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    x = group(x, _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    _mm512_storeu_si512(to, _mm512_permutexvar_epi32(parts, x));
}

/* Bits j, j + 4, ... j + 28 side by side in the low byte. */
TEMPLATE __m512i every_fourth_bit(__m512i x, int j)
{
    x = _mm512_and_si512(_mm512_srli_epi32(x, (unsigned)j), _mm512_set1_epi32(0x11111111));
    x = _mm512_or_si512(x, _mm512_srli_epi32(x, 3));
    x = _mm512_and_si512(x, _mm512_set1_epi32(0x03030303));
    x = _mm512_or_si512(x, _mm512_srli_epi32(x, 6));
    x = _mm512_or_si512(x, _mm512_srli_epi32(x, 12)); /* nibbles 0 and 4 of 4 bits; the rest goes */
    return _mm512_and_si512(x, _mm512_set1_epi32(0xff));
}

TEMPLATE void store_spread(uint8_t *to, dwords x)
{
    __m512i sum = _mm512_setzero_si512();
    foreach (j, 4)
        sum = _mm512_or_si512(sum, _mm512_slli_epi32(every_fourth_bit(x, j), 8 * (unsigned)j));
    _mm512_storeu_si512(to, sum);
}

#include "kernel/x86/pack.h"

void ink_pack_avx512(ink_format format, void *tile, const void *rows, size_t n_rows,
                     size_t n_blocks)
{
    pack(format, tile, rows, n_rows, n_blocks);
}
