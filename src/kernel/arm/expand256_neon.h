/*
 * Formats with blocks of 256 as NEON registers. place.group, 0..7, is constant wherever these are
 * inlined, and so are the positions of bits below.
 */
#ifndef INK_KERNEL_ARM_EXPAND256_NEON_H
#define INK_KERNEL_ARM_EXPAND256_NEON_H

#include "kernel/arm/expand32_neon.h"

/* 32 bytes of nibbles hold two groups: the even one in low halves, the odd one in high ones. */
TEMPLATE uint8x16_t bytes_of_64(const uint8_t *field, int group, int unit, int quarter)
{
    return unit4(field, N_UNITS * (group / 2) + unit, quarter);
}

/* 32 bytes hold four groups, two bits each. */
TEMPLATE uint8x16_t bytes_of_128(const uint8_t *field, int group, int unit, int quarter)
{
    return unit4(field, N_UNITS * (group / 4) + unit, quarter);
}

/* Two bits stay where they are, but for the highest, which would be a sign. */
TEMPLATE int shift_pairs(int group)
{
    return group % 4 == 3 ? 0 : 2 * (group % 4);
}

TEMPLATE int8x16_t pairs_of_128(const uint8_t *field, int group, int unit, int quarter)
{
    uint8x16_t bytes = bytes_of_128(field, group, unit, quarter);
    return as_codes(group % 4 == 3 ? take_bits(bytes, 6, 2)
                                   : mask_bits(bytes, 3 << 2 * (group % 4)));
}

/* ---- Scales. */

TEMPLATE void widen_scales(int32x4_t out[QUARTERS], int8x16_t bytes)
{
    int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_high_s8(bytes);
    out[0] = vmovl_s16(vget_low_s16(low));
    out[1] = vmovl_high_s16(low);
    out[2] = vmovl_s16(vget_low_s16(high));
    out[3] = vmovl_high_s16(high);
}

/* out = d * scale, for scales of bytes without a sign and with one. */
TEMPLATE void multiply_bytes(float32x4_t out[QUARTERS], const float32x4_t d[QUARTERS],
                             uint8x16_t bytes)
{
    uint32x4_t scale[QUARTERS];
    widen_bytes(scale, bytes);
    foreach (q, QUARTERS)
        out[q] = vmulq_f32(d[q], vcvtq_f32_u32(scale[q]));
}

TEMPLATE void multiply_scales(float32x4_t out[QUARTERS], const float32x4_t d[QUARTERS],
                              int8x16_t bytes)
{
    int32x4_t scale[QUARTERS];
    widen_scales(scale, bytes);
    foreach (q, QUARTERS)
        out[q] = vmulq_f32(d[q], vcvtq_f32_s32(scale[q]));
}

/* What multiplies the minima. */
TEMPLATE void minus_halves(float32x4_t out[QUARTERS], const uint8_t *field)
{
    halves(out, field);
    foreach (q, QUARTERS)
        out[q] = vnegq_f32(out[q]);
}

/* A scale byte: the low half scales, the high half is subtracted. */
TEMPLATE void scales_q2_k(row_scales *out, place at)
{
    float32x4_t minus_d_min[QUARTERS];
    minus_halves(minus_d_min, FIELD(at, ink_block_q2_k, d_min));
    halves(out->d, FIELD(at, ink_block_q2_k, d));
    foreach (half, 2) {
        uint8x16_t both = unit1(FIELD(at, ink_block_q2_k, scales), 2 * at.group + half);
        widen_scales(out->scale[half], as_codes(take_bits(both, 0, 4)));
        multiply_bytes(out->m[half], minus_d_min, take_bits(both, 4, 4));
    }
}

/* Scale i of 16: four bits in a half of bytes 0..7, two in bytes 8..11. */
TEMPLATE void scales_q3_k(row_scales *out, place at)
{
    const uint8_t *scales = FIELD(at, ink_block_q3_k, scales);
    halves(out->d, FIELD(at, ink_block_q3_k, d));
    foreach (half, 2) {
        const int i = 2 * at.group + half;
        uint8x16_t code =
            join_bits(unit1(scales, i % 8), i / 8 * 4, 4, unit1(scales, 8 + i % 4), i / 4 * 2, 2);
        widen_scales(out->scale[half], vsubq_s8(as_codes(code), vdupq_n_s8(32)));
    }
}

/*
 * Q4_K and Q5_K begin alike. Eight scales and eight minima of six bits in twelve bytes: those of
 * groups 0..3 fill bytes 0..7, whose upper two bits belong to groups 4..7; the rest of these is in
 * the halves of bytes 8..11.
 */
TEMPLATE void scales_k(row_scales *out, place at)
{
    const uint8_t *scales = FIELD(at, ink_block_q4_k, scales);
    const int g = at.group;
    float32x4_t d[QUARTERS], minus_d_min[QUARTERS];
    uint8x16_t scale = g < 4 ? take_bits(unit1(scales, g), 0, 6)
                             : join_bits(unit1(scales, g + 4), 0, 4, unit1(scales, g - 4), 6, 2);
    uint8x16_t minimum = g < 4 ? take_bits(unit1(scales, g + 4), 0, 6)
                               : join_bits(unit1(scales, g + 4), 4, 4, unit1(scales, g), 6, 2);
    halves(d, at.block);
    minus_halves(minus_d_min, FIELD(at, ink_block_q4_k, d_min));
    multiply_bytes(out->d, d, scale);
    multiply_bytes(out->m[0], minus_d_min, minimum);
}

TEMPLATE void scales_q6_k(row_scales *out, place at)
{
    halves(out->d, FIELD(at, ink_block_q6_k, d));
    foreach (half, 2)
        widen_scales(out->scale[half],
                     as_codes(unit1(FIELD(at, ink_block_q6_k, scales), 2 * at.group + half)));
}

/* Six bits minus 32: four in a half of a byte, two in a byte of a 16-bit unit. */
TEMPLATE void scales_iq4_xs(row_scales *out, place at)
{
    const uint8_t *field = FIELD(at, ink_block_iq4_xs, scales_high);
    uint8x16_t first = unit1(field, 0), second = unit1(field, 1);
    uint8x16_t high = at.group < 4 ? vuzp1q_u8(first, second) : vuzp2q_u8(first, second);
    uint8x16_t low = unit1(FIELD(at, ink_block_iq4_xs, scales_low), at.group / 2);
    uint8x16_t code = join_bits(low, 4 * (at.group % 2), 4, high, 2 * (at.group % 4), 2);
    float32x4_t d[QUARTERS];
    halves(d, at.block);
    multiply_scales(out->d, d, vsubq_s8(as_codes(code), vdupq_n_s8(32)));
}

TEMPLATE void scales_tq1_0(row_scales *out, place at)
{
    halves(out->d, FIELD(at, ink_block_tq1_0, d));
}

TEMPLATE void scales_tq2_0(row_scales *out, place at)
{
    halves(out->d, FIELD(at, ink_block_tq2_0, d));
}

/* ---- Codes. */

TEMPLATE int8x16_t code_q2_k(place at, int unit, int quarter)
{
    return pairs_of_128(FIELD(at, ink_block_q2_k, q), at.group, unit, quarter);
}

TEMPLATE int8x16_t code_q3_k(place at, int unit, int quarter)
{
    uint8x16_t low = bytes_of_128(FIELD(at, ink_block_q3_k, q), at.group, unit, quarter);
    uint8x16_t high = unit4(FIELD(at, ink_block_q3_k, high), unit, quarter);
    return as_codes(join_bits(low, 2 * (at.group % 4), 2, high, at.group, 1));
}

TEMPLATE int8x16_t code_q4_k(place at, int unit, int quarter)
{
    uint8x16_t both = bytes_of_64(FIELD(at, ink_block_q4_k, q), at.group, unit, quarter);
    return as_codes(take_bits(both, 4 * (at.group % 2), 4));
}

TEMPLATE int8x16_t code_q5_k(place at, int unit, int quarter)
{
    uint8x16_t both = bytes_of_64(FIELD(at, ink_block_q5_k, q), at.group, unit, quarter);
    uint8x16_t high = unit4(FIELD(at, ink_block_q5_k, high), unit, quarter);
    return as_codes(join_bits(both, 4 * (at.group % 2), 4, high, at.group, 1));
}

/* The low nibbles of groups 0 and 2 share 32 bytes, and so do those of 1 and 3. */
TEMPLATE int8x16_t code_q6_k(place at, int unit, int quarter)
{
    const int part = at.group / 4 * 2 + at.group % 2, in_part = at.group % 4;
    uint8x16_t low = unit4(FIELD(at, ink_block_q6_k, low), N_UNITS * part + unit, quarter);
    uint8x16_t high = bytes_of_128(FIELD(at, ink_block_q6_k, high), at.group, unit, quarter);
    return as_codes(join_bits(low, in_part / 2 * 4, 4, high, 2 * in_part, 2));
}

TEMPLATE int8x16_t code_iq4_xs(place at, int unit, int quarter)
{
    const uint8_t *group = FIELD(at, ink_block_iq4_xs, q) + N_UNITS / 2 * UNIT_BYTES * at.group;
    return look_up(ink_codes_iq4, nibbles_of_32(group, unit, quarter));
}

/*
 * Digit n of a byte is 3v / 256 with v = byte * 3^n modulo 256: the halving sum of v and v / 2 is
 * 3v / 4, rounded down.
 */
TEMPLATE int8x16_t trits(uint8x16_t bytes, int n)
{
    static const uint8_t powers[5] = {1, 3, 9, 27, 81};
    uint8x16_t v = vmulq_u8(bytes, vdupq_n_u8(powers[n]));
    return as_codes(take_bits(vhaddq_u8(v, take_bits(v, 1, 7)), 6, 2));
}

/* Digit n of 32 bytes is group n; of 16 bytes more, half a group; of the last 4 bytes, a unit. */
TEMPLATE int8x16_t code_tq1_0(place at, int unit, int quarter)
{
    const int half_group = 2 * (at.group - 5) + unit / 4;
    if (at.group < 5)
        return trits(unit4(at.block, unit, quarter), at.group);
    if (half_group < 5)
        return trits(unit4(at.block, N_UNITS + unit % 4, quarter), half_group);
    return trits(unit4(FIELD(at, ink_block_tq1_0, q_last), 0, quarter), unit % 4);
}

TEMPLATE int8x16_t code_tq2_0(place at, int unit, int quarter)
{
    return pairs_of_128(at.block, at.group, unit, quarter);
}

/*
 * ---- The table: name, groups of a block, largest code and offset, whether halves have scales,
 * what is added, scales_fn, shift_fn, and the kind of panel (panel_neon.h).
 */
#define TILE_FORMATS(X)                                                \
    X(q8_0, 1, 128, 0, false, PLAIN, scales_d, no_shift, bytes)        \
    X(q4_0, 1, 15, 8, false, PLAIN, scales_d, no_shift, small)         \
    X(q4_1, 1, 15, 0, false, M32, scales_d_m, no_shift, small_m)       \
    X(q5_0, 1, 31, 16, false, PLAIN, scales_d, no_shift, small)        \
    X(q5_1, 1, 31, 0, false, M32, scales_d_m, no_shift, small_m)       \
    X(iq4_nl, 1, 127, 0, false, PLAIN, scales_d, no_shift, bytes)      \
    X(mxfp4, 1, 12, 0, false, PLAIN, scales_mxfp4, no_shift, small)    \
    X(q2_k, 8, 48, 0, true, M16, scales_q2_k, shift_pairs, folded_m)   \
    X(q3_k, 8, 7, 4, true, PLAIN, scales_q3_k, no_shift, scaled)       \
    X(q4_k, 8, 15, 0, false, M32, scales_k, no_shift, small_m)         \
    X(q5_k, 8, 31, 0, false, M32, scales_k, no_shift, small_m)         \
    X(q6_k, 8, 63, 32, true, PLAIN, scales_q6_k, no_shift, scaled)     \
    X(iq4_xs, 8, 127, 0, false, PLAIN, scales_iq4_xs, no_shift, bytes) \
    X(tq1_0, 8, 2, 1, false, PLAIN, scales_tq1_0, no_shift, small)     \
    X(tq2_0, 8, 48, 1, false, PLAIN, scales_tq2_0, shift_pairs, small)

#define TILE_FORMAT(name, groups, largest_, offset_, scaled_, kind_, scales_, shift_, panel) \
    static const expander expand_##name = {                                                  \
        .traits = {.largest = largest_,                                                      \
                   .offset = offset_,                                                        \
                   .is_scaled = scaled_,                                                     \
                   .kind = INK_GROUP_##kind_},                                               \
        .code = code_##name,                                                                 \
        .scales = scales_,                                                                   \
        .shift = shift_,                                                                     \
        .block_bytes = INK_TILE_ROWS * sizeof(ink_block_##name),                             \
        .n_groups = groups,                                                                  \
        .n_quarters = QUARTERS,                                                              \
    };
TILE_FORMATS(TILE_FORMAT)
#undef TILE_FORMAT

#endif
