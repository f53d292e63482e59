/*
 * Formats with blocks of 256 as AVX2 registers. place.group, 0..7, is constant wherever these are
 * inlined, and so are the positions of bits below.
 */
#ifndef INK_KERNEL_X86_EXPAND256_AVX2_H
#define INK_KERNEL_X86_EXPAND256_AVX2_H

#include "kernel/x86/expand32_avx2.h"

/* 32 bytes of nibbles hold two groups: the even one in low halves, the odd one in high ones. */
TEMPLATE __m256i nibbles_of_64(const uint8_t *field, int group, int unit, int half)
{
    return take_bits(unit4(field, N_UNITS * (group / 2) + unit, half), 4 * (group & 1), 0, 0x0f);
}

/* 32 bytes hold four groups, two bits each. */
TEMPLATE __m256i pairs_of_128(const uint8_t *field, int group, int unit, int half, int to)
{
    __m256i bytes = unit4(field, N_UNITS * (group / 4) + unit, half);
    return take_bits(bytes, 2 * (group & 3), to, 3 << to);
}

/* 32 bytes hold one bit of every group. */
TEMPLATE __m256i bits_of_256(const uint8_t *field, int group, int unit, int half, int to)
{
    return take_bits(unit4(field, unit, half), group, to, 1 << to);
}

/* take_bits for the scales of eight rows. */
TEMPLATE __m128i scale_bits(__m128i bytes, int from, int to, int mask)
{
    __m128i moved = from > to ? _mm_srli_epi16(bytes, from - to) : _mm_slli_epi16(bytes, to - from);
    return _mm_and_si128(moved, _mm_set1_epi8((char)mask));
}

TEMPLATE __m256 floats_of_bytes(__m128i bytes)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
}

TEMPLATE __m256 minus(__m256 x)
{
    return _mm256_xor_ps(x, _mm256_set1_ps(-0.0f));
}

/* Bytes of scale[0] and scale[1] to int16 pairs. */
TEMPLATE __m256i pair_scales(__m128i scale0, __m128i scale1)
{
    return _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(scale0, scale1));
}

TEMPLATE __m256i code_q2_k(place at, int unit, int half)
{
    return pairs_of_128(FIELD(at, ink_block_q2_k, q), at.group, unit, half, 0);
}

TEMPLATE row_scales scales_q2_k(place at, int half)
{
    const uint8_t *scales = FIELD(at, ink_block_q2_k, scales);
    __m128i first = unit1(scales, 2 * at.group, half);
    __m128i second = unit1(scales, 2 * at.group + 1, half);
    __m256 minus_d_min = minus(halves(FIELD(at, ink_block_q2_k, d_min), half));
    return (row_scales){
        .d = halves(FIELD(at, ink_block_q2_k, d), half),
        .m = {_mm256_mul_ps(minus_d_min, floats_of_bytes(scale_bits(first, 4, 0, 0x0f))),
              _mm256_mul_ps(minus_d_min, floats_of_bytes(scale_bits(second, 4, 0, 0x0f)))},
        .scale = pair_scales(scale_bits(first, 0, 0, 0x0f), scale_bits(second, 0, 0, 0x0f)),
    };
}

TEMPLATE __m256i code_q3_k(place at, int unit, int half)
{
    return _mm256_or_si256(pairs_of_128(FIELD(at, ink_block_q3_k, q), at.group, unit, half, 0),
                           bits_of_256(FIELD(at, ink_block_q3_k, high), at.group, unit, half, 2));
}

/* Scale i of 16: four bits in a half of bytes 0..7, two in bytes 8..11. */
TEMPLATE __m128i scale_q3_k(place at, int i, int half)
{
    const uint8_t *scales = FIELD(at, ink_block_q3_k, scales);
    __m128i low = scale_bits(unit1(scales, i % 8, half), i / 8 * 4, 0, 0x0f);
    __m128i high = scale_bits(unit1(scales, 8 + i % 4, half), i / 4 * 2, 4, 0x30);
    return _mm_sub_epi8(_mm_or_si128(low, high), _mm_set1_epi8(32));
}

TEMPLATE row_scales scales_q3_k(place at, int half)
{
    __m128i first = scale_q3_k(at, 2 * at.group, half);
    __m128i second = scale_q3_k(at, 2 * at.group + 1, half);
    return (row_scales){
        .d = halves(FIELD(at, ink_block_q3_k, d), half),
        .scale = pair_scales(first, second),
    };
}

/*
 * Q4_K and Q5_K begin alike. Eight scales and eight minima of six bits in twelve bytes: those of
 * groups 0..3 fill bytes 0..7, whose upper two bits belong to groups 4..7; the rest of these is in
 * the halves of bytes 8..11.
 */
TEMPLATE row_scales scales_k(place at, int half)
{
    const uint8_t *scales = FIELD(at, ink_block_q4_k, scales);
    __m128i scale, minimum;
    if (at.group < 4) {
        scale = scale_bits(unit1(scales, at.group, half), 0, 0, 0x3f);
        minimum = scale_bits(unit1(scales, at.group + 4, half), 0, 0, 0x3f);
    } else {
        __m128i low = unit1(scales, at.group + 4, half);
        __m128i scale_high = scale_bits(unit1(scales, at.group - 4, half), 6, 4, 0x30);
        __m128i minimum_high = scale_bits(unit1(scales, at.group, half), 6, 4, 0x30);
        scale = _mm_or_si128(scale_bits(low, 0, 0, 0x0f), scale_high);
        minimum = _mm_or_si128(scale_bits(low, 4, 0, 0x0f), minimum_high);
    }
    __m256 minus_d_min = minus(halves(FIELD(at, ink_block_q4_k, d_min), half));
    return (row_scales){
        .d = _mm256_mul_ps(halves(at.block, half), floats_of_bytes(scale)),
        .m = {_mm256_mul_ps(minus_d_min, floats_of_bytes(minimum))},
    };
}

TEMPLATE __m256i code_q4_k(place at, int unit, int half)
{
    return nibbles_of_64(FIELD(at, ink_block_q4_k, q), at.group, unit, half);
}

TEMPLATE __m256i code_q5_k(place at, int unit, int half)
{
    return _mm256_or_si256(nibbles_of_64(FIELD(at, ink_block_q5_k, q), at.group, unit, half),
                           bits_of_256(FIELD(at, ink_block_q5_k, high), at.group, unit, half, 4));
}

/* The low nibbles of groups 0 and 2 share 32 bytes, and so do those of 1 and 3. */
TEMPLATE __m256i code_q6_k(place at, int unit, int half)
{
    int part = at.group / 4 * 2 + (at.group & 1);
    __m256i low = unit4(FIELD(at, ink_block_q6_k, low), N_UNITS * part + unit, half);
    return _mm256_or_si256(take_bits(low, 2 * (at.group & 2), 0, 0x0f),
                           pairs_of_128(FIELD(at, ink_block_q6_k, high), at.group, unit, half, 4));
}

TEMPLATE row_scales scales_q6_k(place at, int half)
{
    const uint8_t *scales = FIELD(at, ink_block_q6_k, scales);
    __m128i first = unit1(scales, 2 * at.group, half);
    __m128i second = unit1(scales, 2 * at.group + 1, half);
    return (row_scales){
        .d = halves(FIELD(at, ink_block_q6_k, d), half),
        .scale = pair_scales(first, second),
    };
}

TEMPLATE __m256i code_iq4_xs(place at, int unit, int half)
{
    const uint8_t *group = FIELD(at, ink_block_iq4_xs, q) + N_UNITS / 2 * UNIT_BYTES * at.group;
    return look_up(ink_codes_iq4, 0, nibbles_of_32(group, unit, half));
}

/* Six bits minus 32: four in a half of a byte, two in a 16-bit word for all groups. */
TEMPLATE row_scales scales_iq4_xs(place at, int half)
{
    __m128i low = unit1(FIELD(at, ink_block_iq4_xs, scales_low), at.group / 2, half);
    __m256i high = _mm256_cvtepu16_epi32(unit2(FIELD(at, ink_block_iq4_xs, scales_high), half));
    low = scale_bits(low, 4 * (at.group & 1), 0, 0x0f);
    high = _mm256_and_si256(_mm256_srli_epi32(high, 2 * at.group), _mm256_set1_epi32(3));
    __m256i scale = _mm256_add_epi32(_mm256_cvtepu8_epi32(low), _mm256_slli_epi32(high, 4));
    scale = _mm256_sub_epi32(scale, _mm256_set1_epi32(32));
    return (row_scales){.d = _mm256_mul_ps(halves(at.block, half), _mm256_cvtepi32_ps(scale))};
}

/*
 * Digit n of a byte is 3t >> 8 with t = byte * 3^n mod 256. There is no byte multiply: 256 t in 16
 * bits drops what mod drops, and the high half of its triple is the digit.
 */
TEMPLATE __m256i trits(__m256i bytes, int n)
{
    static const int16_t powers[5] = {1, 3, 9, 27, 81};
    const __m256i power = _mm256_set1_epi16(powers[n]), three = _mm256_set1_epi16(3);
    __m256i even = _mm256_mullo_epi16(_mm256_slli_epi16(bytes, 8), power);
    __m256i odd = _mm256_mullo_epi16(_mm256_andnot_si256(_mm256_set1_epi16(0xff), bytes), power);
    odd = _mm256_slli_epi16(_mm256_mulhi_epu16(odd, three), 8);
    return _mm256_or_si256(_mm256_mulhi_epu16(even, three), odd);
}

/* Digit n of 32 bytes is group n; of 16 bytes more, half a group; of the last 4 bytes, a unit. */
TEMPLATE __m256i code_tq1_0(place at, int unit, int half)
{
    const int half_group = 2 * (at.group - 5) + unit / 4;
    if (at.group < 5)
        return trits(unit4(at.block, unit, half), at.group);
    if (half_group < 5)
        return trits(unit4(at.block, N_UNITS + unit % 4, half), half_group);
    return trits(unit4(FIELD(at, ink_block_tq1_0, q_last), 0, half), unit % 4);
}

TEMPLATE row_scales scales_tq1_0(place at, int half)
{
    return (row_scales){.d = halves(FIELD(at, ink_block_tq1_0, d), half)};
}

TEMPLATE __m256i code_tq2_0(place at, int unit, int half)
{
    return pairs_of_128(at.block, at.group, unit, half, 0);
}

TEMPLATE row_scales scales_tq2_0(place at, int half)
{
    return (row_scales){.d = halves(FIELD(at, ink_block_tq2_0, d), half)};
}

#endif
