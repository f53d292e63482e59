/*
 * Formats with blocks of 32 as AVX2 registers, and what all formats share.
 *
 * A format is a code_fn and a scales_fn. FIELD finds a member of the block in the tile; its units
 * follow each other. Codes stay unsigned where they fit: vpmaddubsw wants one unsigned side.
 */
#ifndef INK_KERNEL_X86_EXPAND32_AVX2_H
#define INK_KERNEL_X86_EXPAND32_AVX2_H

#include <stddef.h>
#include "kernel/x86/product_avx2.h"

/* Every byte of a block is in the tile once per row. */
#define FIELD(at, type, member) ((at).block + INK_TILE_ROWS * offsetof(type, member))

/* Eight rows of a field's unit `index`: 8 x 4 bytes, 8 x 2, or 8 bytes in the lower half. */
TEMPLATE __m256i unit4(const uint8_t *field, int index, int half)
{
    return _mm256_loadu_si256((const __m256i *)(field + UNIT_BYTES * index + 32 * half));
}

TEMPLATE __m128i unit2(const uint8_t *field, int half)
{
    return _mm_loadu_si128((const __m128i *)(field + 16 * half));
}

TEMPLATE __m128i unit1(const uint8_t *field, int index, int half)
{
    return _mm_loadl_epi64((const __m128i *)(field + INK_TILE_ROWS * index + 8 * half));
}

TEMPLATE __m256 halves(const uint8_t *field, int half)
{
    return _mm256_cvtph_ps(unit2(field, half));
}

/* Bits `from` and up of each byte, moved to bit `to`; the mask also drops what crosses bytes. */
TEMPLATE __m256i take_bits(__m256i bytes, int from, int to, int mask)
{
    __m256i moved =
        from > to ? _mm256_srli_epi16(bytes, from - to) : _mm256_slli_epi16(bytes, to - from);
    return _mm256_and_si256(moved, _mm256_set1_epi8((char)mask));
}

/* Sixteen bytes of nibbles hold 32 values: units 0..3 are low halves, 4..7 high ones. */
TEMPLATE __m256i nibbles_of_32(const uint8_t *field, int unit, int half)
{
    return take_bits(unit4(field, unit & 3, half), unit & 4, 0, 0x0f);
}

/* table[nibble] + offset */
TEMPLATE __m256i look_up(const int8_t table[16], int offset, __m256i nibbles)
{
    __m256i codes = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table));
    return _mm256_shuffle_epi8(_mm256_add_epi8(codes, _mm256_set1_epi8((char)offset)), nibbles);
}

/* Blocks that begin with d, or with d and m. */
TEMPLATE row_scales scales_d(place at, int half)
{
    return (row_scales){.d = halves(at.block, half)};
}

TEMPLATE row_scales scales_d_m(place at, int half)
{
    __m256 m = halves(FIELD(at, ink_block_q4_1, m), half);
    return (row_scales){.d = halves(at.block, half), .m = {m}};
}

TEMPLATE __m256i code_q8_0(place at, int unit, int half)
{
    return unit4(FIELD(at, ink_block_q8_0, q), unit, half);
}

TEMPLATE __m256i code_q4_0(place at, int unit, int half)
{
    return nibbles_of_32(FIELD(at, ink_block_q4_0, q), unit, half);
}

TEMPLATE __m256i code_q4_1(place at, int unit, int half)
{
    return nibbles_of_32(FIELD(at, ink_block_q4_1, q), unit, half);
}

/* Bit `unit` of each spread byte is the fifth bit. */
TEMPLATE __m256i with_fifth_bit(__m256i nibbles, const uint8_t *spread, int unit, int half)
{
    return _mm256_or_si256(nibbles, take_bits(unit4(spread, 0, half), unit, 4, 0x10));
}

TEMPLATE __m256i code_q5_0(place at, int unit, int half)
{
    __m256i nibbles = nibbles_of_32(FIELD(at, ink_block_q5_0, q), unit, half);
    return with_fifth_bit(nibbles, FIELD(at, ink_block_q5_0, high), unit, half);
}

TEMPLATE __m256i code_q5_1(place at, int unit, int half)
{
    __m256i nibbles = nibbles_of_32(FIELD(at, ink_block_q5_1, q), unit, half);
    return with_fifth_bit(nibbles, FIELD(at, ink_block_q5_1, high), unit, half);
}

TEMPLATE __m256i code_iq4_nl(place at, int unit, int half)
{
    return look_up(ink_codes_iq4, 0, nibbles_of_32(FIELD(at, ink_block_iq4_nl, q), unit, half));
}

/* Offset 12 would do; 16 is what five-bit codes have. */
TEMPLATE __m256i code_mxfp4(place at, int unit, int half)
{
    return look_up(ink_codes_mxfp4, 16, nibbles_of_32(FIELD(at, ink_block_mxfp4, q), unit, half));
}

/* Two bits of a unit's four bytes and a third of the spread ones, as levels; offset 16. */
TEMPLATE __m256i code_g3(place at, int unit, int half)
{
    __m256i low = unit4(FIELD(at, ink_block_g3, q), unit / 4, half);
    __m256i high = unit4(FIELD(at, ink_block_g3, high), 0, half);
    return look_up(
        ink_codes_g3, 16,
        _mm256_or_si256(take_bits(low, 2 * (unit % 4), 0, 3), take_bits(high, unit, 2, 4)));
}

/* 2^(e - 128) by its bits: normal from e = 2 on, below that one bit of a subnormal's fraction. */
TEMPLATE row_scales scales_mxfp4(place at, int half)
{
    const __m256i one = _mm256_set1_epi32(1);
    __m256i e = _mm256_cvtepu8_epi32(unit1(at.block, 0, half));
    __m256i normal = _mm256_slli_epi32(_mm256_sub_epi32(e, one), 23);
    __m256i subnormal = _mm256_sllv_epi32(_mm256_set1_epi32(0x00200000), e);
    __m256i bits = _mm256_blendv_epi8(subnormal, normal, _mm256_cmpgt_epi32(e, one));
    return (row_scales){.d = _mm256_castsi256_ps(bits)};
}

#endif
