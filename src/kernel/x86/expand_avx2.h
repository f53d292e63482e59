/*
 * How each quantized format's tiles become codes and scales in AVX2 registers.
 *
 * A format is two small functions, code and scales, and a row of EXPANDERS. Offsets into a tile's block follow from
 * formats.def: a unit of n bytes takes 16 n. Codes stay unsigned wherever they fit (vpmaddubsw wants one unsigned side).
 */
#ifndef INK_KERNEL_X86_EXPAND_AVX2_H
#define INK_KERNEL_X86_EXPAND_AVX2_H

#include "kernel/x86/product_avx2.h"

/* Where a member of a block stands in a tile's block: each of its bytes is there once per row. */
#define FIELD(at, type, member) ((at).block + INK_TILE_ROWS * offsetof(type, member))

/* Eight rows of a field's unit `index`, as 8 x 4 bytes, 8 halves, or 8 bytes. */
INLINE __m256i unit4(const uint8_t *field, int index, int half)
{
    return _mm256_loadu_si256((const __m256i *)(field + UNIT_BYTES * index + 32 * half));
}

INLINE __m128i unit2(const uint8_t *field, int half)
{
    return _mm_loadu_si128((const __m128i *)(field + 16 * half));
}

INLINE __m128i unit1(const uint8_t *field, int index, int half)
{
    return _mm_loadl_epi64((const __m128i *)(field + INK_TILE_ROWS * index + 8 * half));
}

INLINE __m256 halves(const uint8_t *field, int half)
{
    return _mm256_cvtph_ps(unit2(field, half));
}

/* Bits `from` and up of each byte moved to bit `to`, then masked; what crosses into a neighbor byte is masked off. */
INLINE __m256i take_bits(__m256i bytes, int from, int to, int mask)
{
    __m256i moved = from > to ? _mm256_srli_epi16(bytes, from - to) : _mm256_slli_epi16(bytes, to - from);
    return _mm256_and_si256(moved, _mm256_set1_epi8((char)mask));
}

INLINE __m128i take_bits16(__m128i bytes, int from, int to, int mask)
{
    __m128i moved = from > to ? _mm_srli_epi16(bytes, from - to) : _mm_slli_epi16(bytes, to - from);
    return _mm_and_si128(moved, _mm_set1_epi8((char)mask));
}

/* Sixteen nibble bytes hold k = j and k = j + 16: units 0..3 are low halves, 4..7 high ones. */
INLINE __m256i nibbles_of_32(const uint8_t *field, int unit, int half)
{
    return take_bits(unit4(field, unit & 3, half), unit & 4, 0, 0x0f);
}

/* Thirty-two nibble bytes hold two groups: the even one in low halves, the odd one in high ones. */
INLINE __m256i nibbles_of_64(const uint8_t *field, int group, int unit, int half)
{
    return take_bits(unit4(field, N_UNITS * (group / 2) + unit, half), 4 * (group & 1), 0, 0x0f);
}

/* table[nibble] + offset */
INLINE __m256i look_up(const int8_t table[16], int offset, __m256i nibbles)
{
    __m256i codes = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table));
    return _mm256_shuffle_epi8(_mm256_add_epi8(codes, _mm256_set1_epi8((char)offset)), nibbles);
}

INLINE __m256 floats_of_bytes(__m128i bytes)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
}

/* d alone, at `field`. */
INLINE row_scales scales_d(const uint8_t *field, int half)
{
    return (row_scales){.d = halves(field, half)};
}

INLINE row_scales scales_d_m(const uint8_t *block, int half)
{
    return (row_scales){.d = halves(block, half), .m = {halves(block + 32, half)}};
}

INLINE __m256i code_q8_0(place at, int unit, int half)
{
    return unit4(FIELD(at, ink_block_q8_0, q), unit, half);
}

INLINE __m256i code_q4_0(place at, int unit, int half)
{
    return nibbles_of_32(FIELD(at, ink_block_q4_0, q), unit, half);
}

INLINE __m256i code_q4_1(place at, int unit, int half)
{
    return nibbles_of_32(FIELD(at, ink_block_q4_1, q), unit, half);
}

/* Bit `unit` of each spread byte is the fifth bit. */
INLINE __m256i code_q5(const uint8_t *spread, int unit, int half)
{
    __m256i fifth = take_bits(unit4(spread, 0, half), unit, 4, 0x10);
    return _mm256_or_si256(nibbles_of_32(spread + UNIT_BYTES, unit, half), fifth);
}

INLINE __m256i code_q5_0(place at, int unit, int half)
{
    return code_q5(FIELD(at, ink_block_q5_0, high), unit, half);
}

INLINE __m256i code_q5_1(place at, int unit, int half)
{
    return code_q5(FIELD(at, ink_block_q5_1, high), unit, half);
}

INLINE __m256i code_iq4_nl(place at, int unit, int half)
{
    return look_up(ink_codes_iq4, 0, nibbles_of_32(FIELD(at, ink_block_iq4_nl, q), unit, half));
}

/* The codes are -12 .. 12. */
INLINE __m256i code_mxfp4(place at, int unit, int half)
{
    return look_up(ink_codes_mxfp4, 12, nibbles_of_32(FIELD(at, ink_block_mxfp4, q), unit, half));
}

/* 2^(e - 128) from its bits: normal from e = 2, below that one of the two highest subnormal bits. */
INLINE row_scales scales_mxfp4(place at, int half)
{
    __m256i e = _mm256_cvtepu8_epi32(unit1(at.block, 0, half)), one = _mm256_set1_epi32(1);
    __m256i normal = _mm256_slli_epi32(_mm256_sub_epi32(e, one), 23);
    __m256i subnormal = _mm256_sllv_epi32(_mm256_set1_epi32(0x00200000), e);
    __m256i bits = _mm256_blendv_epi8(subnormal, normal, _mm256_cmpgt_epi32(e, one));
    return (row_scales){.d = _mm256_castsi256_ps(bits)};
}

/*
 * Q4_K and Q5_K: scale and minimum of 8 groups in 12 bytes, 6 bits each. Bytes 0..3 and 4..7 hold those of groups 0..3
 * in their low bits, bytes 8..11 the low nibbles of groups 4..7, whose upper bits top the first eight bytes.
 */
INLINE row_scales scales_k(place at, int half)
{
    const uint8_t *packed = at.block + 64;
    __m128i scale, minimum;
    if (at.group < 4) {
        scale = take_bits16(unit1(packed, at.group, half), 0, 0, 0x3f);
        minimum = take_bits16(unit1(packed, at.group + 4, half), 0, 0, 0x3f);
    } else {
        __m128i low = unit1(packed, at.group + 4, half);
        scale = _mm_or_si128(take_bits16(low, 0, 0, 0x0f), take_bits16(unit1(packed, at.group - 4, half), 6, 4, 0x30));
        minimum = _mm_or_si128(take_bits16(low, 4, 0, 0x0f), take_bits16(unit1(packed, at.group, half), 6, 4, 0x30));
    }
    __m256 d = halves(at.block, half);
    __m256 minus_d_min = _mm256_xor_ps(halves(at.block + 32, half), _mm256_set1_ps(-0.0f));
    return (row_scales){.d = _mm256_mul_ps(d, floats_of_bytes(scale)),
                        .m = {_mm256_mul_ps(minus_d_min, floats_of_bytes(minimum))}};
}

INLINE __m256i code_q4_k(place at, int unit, int half)
{
    return nibbles_of_64(FIELD(at, ink_block_q4_k, q), at.group, unit, half);
}

INLINE __m256i code_q5_k(place at, int unit, int half)
{
    __m256i fifth = take_bits(unit4(at.block + 256, unit, half), at.group, 4, 0x10);
    return _mm256_or_si256(nibbles_of_64(at.block + 768, at.group, unit, half), fifth);
}

/* Scales of 16-wide sub-blocks: bytes of halves 0 and 1, to int16 pairs. */
INLINE __m256i pair_scales(__m128i scale0, __m128i scale1)
{
    return _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(scale0, scale1));
}

/* 128 values share 32 bytes, two bits each; group 4n + j is bits 2j of half n. */
INLINE __m256i two_bits(const uint8_t *field, int group, int unit, int half, int to)
{
    return take_bits(unit4(field, N_UNITS * (group / 4) + unit, half), 2 * (group & 3), to, 3 << to);
}

INLINE __m256i code_q2_k(place at, int unit, int half)
{
    return two_bits(FIELD(at, ink_block_q2_k, q), at.group, unit, half, 0);
}

INLINE row_scales scales_q2_k(place at, int half)
{
    __m128i packed[2] = {unit1(at.block, 2 * at.group, half), unit1(at.block, 2 * at.group + 1, half)};
    __m256 minus_d_min = _mm256_xor_ps(halves(at.block + 1312, half), _mm256_set1_ps(-0.0f));
    row_scales out = {.d = halves(at.block + 1280, half)};
    out.scale = pair_scales(take_bits16(packed[0], 0, 0, 0x0f), take_bits16(packed[1], 0, 0, 0x0f));
    for (int i = 0; i < 2; i++)
        out.m[i] = _mm256_mul_ps(minus_d_min, floats_of_bytes(take_bits16(packed[i], 4, 0, 0x0f)));
    return out;
}

/* The third bit, in bit `group` of its byte, adds 4 - 4: its absence is minus 4. */
INLINE __m256i code_q3_k(place at, int unit, int half)
{
    __m256i third = take_bits(unit4(at.block, unit, half), at.group, 2, 0x04);
    return _mm256_or_si256(two_bits(at.block + 512, at.group, unit, half, 0), third);
}

/* Scale i of 16: low nibbles in bytes 0..7 (i < 8 low half), upper two bits in byte 8 + i % 4 at 2 (i / 4); minus 32. */
INLINE __m128i scale_q3_k(const uint8_t *packed, int i, int half)
{
    __m128i low = take_bits16(unit1(packed, i & 7, half), i < 8 ? 0 : 4, 0, 0x0f);
    __m128i high = take_bits16(unit1(packed, 8 + (i & 3), half), 2 * (i / 4), 4, 0x30);
    return _mm_sub_epi8(_mm_or_si128(low, high), _mm_set1_epi8(32));
}

INLINE row_scales scales_q3_k(place at, int half)
{
    const uint8_t *packed = at.block + 1536;
    return (row_scales){
        .d = halves(at.block + 1728, half),
        .scale = pair_scales(scale_q3_k(packed, 2 * at.group, half), scale_q3_k(packed, 2 * at.group + 1, half))};
}

/* Low nibbles: 64 bytes per 128 values; group 4n + j takes bytes 32 (j & 1) on, the low half for j < 2. */
INLINE __m256i code_q6_k(place at, int unit, int half)
{
    __m256i low = unit4(at.block, 2 * N_UNITS * (at.group / 4) + N_UNITS * (at.group & 1) + unit, half);
    return _mm256_or_si256(take_bits(low, 2 * (at.group & 2), 0, 0x0f),
                           two_bits(at.block + 2048, at.group, unit, half, 4));
}

INLINE row_scales scales_q6_k(place at, int half)
{
    const uint8_t *scales = at.block + 3072;
    return (row_scales){.d = halves(at.block + 3328, half),
                        .scale = pair_scales(unit1(scales, 2 * at.group, half), unit1(scales, 2 * at.group + 1, half))};
}

INLINE __m256i code_iq4_xs(place at, int unit, int half)
{
    return look_up(ink_codes_iq4, 0, nibbles_of_32(at.block + 128 + 4 * UNIT_BYTES * at.group, unit, half));
}

/* Scale - 32: low nibbles two to a byte, the upper two bits of group g at bit 2g of a 16-bit word. */
INLINE row_scales scales_iq4_xs(place at, int half)
{
    __m128i low = take_bits16(unit1(at.block + 64, at.group / 2, half), 4 * (at.group & 1), 0, 0x0f);
    __m256i high = _mm256_srli_epi32(_mm256_cvtepu16_epi32(unit2(at.block + 32, half)), 2 * at.group);
    high = _mm256_slli_epi32(_mm256_and_si256(high, _mm256_set1_epi32(3)), 4);
    __m256i scale = _mm256_add_epi32(_mm256_cvtepu8_epi32(low), _mm256_sub_epi32(high, _mm256_set1_epi32(32)));
    return (row_scales){.d = _mm256_mul_ps(halves(at.block, half), _mm256_cvtepi32_ps(scale))};
}

/*
 * The trit at place `digit` of each byte: with t = byte * 3^digit mod 256, it is 3t >> 8. There is no byte multiply;
 * t * 256 in 16 bits drops what is over, and the high half of its triple is the trit.
 */
INLINE __m256i trits(__m256i bytes, int digit)
{
    static const int16_t powers[5] = {1, 3, 9, 27, 81};
    __m256i power = _mm256_set1_epi16(powers[digit]), three = _mm256_set1_epi16(3);
    __m256i even = _mm256_mullo_epi16(_mm256_slli_epi16(bytes, 8), power);
    __m256i odd = _mm256_mullo_epi16(_mm256_andnot_si256(_mm256_set1_epi16(0xff), bytes), power);
    even = _mm256_mulhi_epu16(even, three);
    odd = _mm256_mulhi_epu16(odd, three);
    return _mm256_or_si256(even, _mm256_slli_epi16(odd, 8));
}

/* 32 bytes give groups 0..4, a digit each; 16 bytes the ten halves from 5 on; the last 4 bytes a digit per unit. */
INLINE __m256i code_tq1_0(place at, int unit, int half)
{
    if (at.group < 5)
        return trits(unit4(at.block, unit, half), at.group);
    int sixteenth = 2 * (at.group - 5) + unit / 4;
    if (sixteenth < 5)
        return trits(unit4(at.block, N_UNITS + (unit & 3), half), sixteenth);
    return trits(unit4(at.block, N_UNITS + 4, half), unit & 3);
}

INLINE row_scales scales_tq1_0(place at, int half)
{
    return scales_d(at.block + 832, half);
}

INLINE __m256i code_tq2_0(place at, int unit, int half)
{
    return two_bits(at.block, at.group, unit, half, 0);
}

INLINE row_scales scales_tq2_0(place at, int half)
{
    return scales_d(at.block + 1024, half);
}

#endif
