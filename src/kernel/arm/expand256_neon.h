/*
 * Formats with blocks of 256 as NEON registers. place.group, 0..7, is constant wherever these are
 * inlined, and so are the positions of bits below.
 */
#ifndef INK_KERNEL_ARM_EXPAND256_NEON_H
#define INK_KERNEL_ARM_EXPAND256_NEON_H

#include "kernel/arm/expand32_neon.h"

/* 32 bytes of nibbles hold two groups: the even one in low halves, the odd one in high ones. */
TEMPLATE const uint8_t *bytes_of_64(const uint8_t *field, int group)
{
    return field + UNIT_BYTES * N_UNITS * (group / 2);
}

/* 32 bytes hold four groups, two bits each. */
TEMPLATE const uint8_t *bytes_of_128(const uint8_t *field, int group)
{
    return field + UNIT_BYTES * N_UNITS * (group / 4);
}

/* Two bits stay where they are, but for the highest, which would be a sign. */
TEMPLATE int shift_pairs(int group)
{
    return group % 4 == 3 ? 0 : 2 * (group % 4);
}

TEMPLATE void pairs_of_128(int8x16_t out[QUARTERS], place *at, int unit, const uint8_t *field)
{
    const int group = at->group;
    uint8x16x4_t bytes = next_unit(&at->low, unit, bytes_of_128(field, group));
    foreach (q, QUARTERS)
        out[q] = as_codes(group % 4 == 3 ? take_bits(bytes.val[q], 6, 2)
                                         : mask_bits(bytes.val[q], 3 << 2 * (group % 4)));
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

/*
 * Scales of bytes without a sign take a short way: a small integer is, as the bits of a binary16,
 * a subnormal, 2^-24 times what it is. Their d is 2^24 times as large. All of this is exact.
 */
#define SUBNORMAL_UNIT 0x1p24f

TEMPLATE void halves_times(float32x4_t out[QUARTERS], const uint8_t *field, float factor)
{
    halves(out, field);
    foreach (q, QUARTERS)
        out[q] = vmulq_n_f32(out[q], factor);
}

/* out = d / SUBNORMAL_UNIT * scale */
TEMPLATE void multiply_bytes(float32x4_t out[QUARTERS], const float32x4_t d[QUARTERS],
                             uint8x16_t bytes)
{
    float16x8_t low = vreinterpretq_f16_u16(vmovl_u8(vget_low_u8(bytes)));
    float16x8_t high = vreinterpretq_f16_u16(vmovl_high_u8(bytes));
    out[0] = vmulq_f32(d[0], vcvt_f32_f16(vget_low_f16(low)));
    out[1] = vmulq_f32(d[1], vcvt_high_f32_f16(low));
    out[2] = vmulq_f32(d[2], vcvt_f32_f16(vget_low_f16(high)));
    out[3] = vmulq_f32(d[3], vcvt_high_f32_f16(high));
}

/* out = d * scale, for scales with a sign */
TEMPLATE void multiply_scales(float32x4_t out[QUARTERS], const float32x4_t d[QUARTERS],
                              int8x16_t bytes)
{
    int32x4_t scale[QUARTERS];
    widen_scales(scale, bytes);
    foreach (q, QUARTERS)
        out[q] = vmulq_f32(d[q], vcvtq_f32_s32(scale[q]));
}

/* A scale byte: the low half scales, the high half is subtracted. */
TEMPLATE void heads_q2_k(row_heads *out, const uint8_t *block)
{
    halves(out->d, block + INK_TILE_ROWS * offsetof(ink_block_q2_k, d));
    halves_times(out->m, block + INK_TILE_ROWS * offsetof(ink_block_q2_k, d_min), -SUBNORMAL_UNIT);
}

TEMPLATE void scales_q2_k(row_scales *out, const row_heads *heads, const place *at)
{
    scales_d(out, heads, at);
    foreach (half, 2) {
        uint8x16_t both = unit1(FIELD(at, ink_block_q2_k, scales), 2 * at->group + half);
        widen_scales(out->scale[half], as_codes(take_bits(both, 0, 4)));
        multiply_bytes(out->m[half], heads->m, take_bits(both, 4, 4));
    }
}

/* Scale i of 16: four bits in a half of bytes 0..7, two in bytes 8..11. */
TEMPLATE void heads_q3_k(row_heads *out, const uint8_t *block)
{
    halves(out->d, block + INK_TILE_ROWS * offsetof(ink_block_q3_k, d));
}

TEMPLATE void scales_q3_k(row_scales *out, const row_heads *heads, const place *at)
{
    const uint8_t *scales = FIELD(at, ink_block_q3_k, scales);
    scales_d(out, heads, at);
    foreach (half, 2) {
        const int i = 2 * at->group + half;
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
TEMPLATE void heads_k(row_heads *out, const uint8_t *block)
{
    halves_times(out->d, block, SUBNORMAL_UNIT);
    halves_times(out->m, block + INK_TILE_ROWS * offsetof(ink_block_q4_k, d_min), -SUBNORMAL_UNIT);
}

TEMPLATE void scales_k(row_scales *out, const row_heads *heads, const place *at)
{
    const uint8_t *scales = FIELD(at, ink_block_q4_k, scales);
    const int g = at->group;
    uint8x16_t scale = g < 4 ? take_bits(unit1(scales, g), 0, 6)
                             : join_bits(unit1(scales, g + 4), 0, 4, unit1(scales, g - 4), 6, 2);
    uint8x16_t minimum = g < 4 ? take_bits(unit1(scales, g + 4), 0, 6)
                               : join_bits(unit1(scales, g + 4), 4, 4, unit1(scales, g), 6, 2);
    multiply_bytes(out->d, heads->d, scale);
    multiply_bytes(out->m[0], heads->m, minimum);
}

TEMPLATE void heads_q6_k(row_heads *out, const uint8_t *block)
{
    halves(out->d, block + INK_TILE_ROWS * offsetof(ink_block_q6_k, d));
}

TEMPLATE void scales_q6_k(row_scales *out, const row_heads *heads, const place *at)
{
    scales_d(out, heads, at);
    foreach (half, 2)
        widen_scales(out->scale[half],
                     as_codes(unit1(FIELD(at, ink_block_q6_k, scales), 2 * at->group + half)));
}

/* Six bits minus 32: four in a half of a byte, two in a byte of a 16-bit unit. */
TEMPLATE void scales_iq4_xs(row_scales *out, const row_heads *heads, const place *at)
{
    const uint8_t *field = FIELD(at, ink_block_iq4_xs, scales_high);
    const int g = at->group;
    uint8x16_t first = unit1(field, 0), second = unit1(field, 1);
    uint8x16_t high = g < 4 ? vuzp1q_u8(first, second) : vuzp2q_u8(first, second);
    uint8x16_t low = unit1(FIELD(at, ink_block_iq4_xs, scales_low), g / 2);
    uint8x16_t code = join_bits(low, 4 * (g % 2), 4, high, 2 * (g % 4), 2);
    multiply_scales(out->d, heads->d, vsubq_s8(as_codes(code), vdupq_n_s8(32)));
}

TEMPLATE void heads_tq1_0(row_heads *out, const uint8_t *block)
{
    halves(out->d, block + INK_TILE_ROWS * offsetof(ink_block_tq1_0, d));
}

TEMPLATE void heads_tq2_0(row_heads *out, const uint8_t *block)
{
    halves(out->d, block + INK_TILE_ROWS * offsetof(ink_block_tq2_0, d));
}

/* ---- Codes. */

TEMPLATE void code_q2_k(int8x16_t out[QUARTERS], place *at, int unit)
{
    pairs_of_128(out, at, unit, FIELD(at, ink_block_q2_k, q));
}

TEMPLATE void code_q3_k(int8x16_t out[QUARTERS], place *at, int unit)
{
    const int group = at->group;
    const uint8_t *field = bytes_of_128(FIELD(at, ink_block_q3_k, q), group);
    uint8x16x4_t low = next_unit(&at->low, unit, field);
    uint8x16x4_t high = next_unit(&at->high, unit, FIELD(at, ink_block_q3_k, high));
    foreach (q, QUARTERS)
        out[q] = as_codes(join_bits(low.val[q], 2 * (group % 4), 2, high.val[q], group, 1));
}

TEMPLATE void code_q4_k(int8x16_t out[QUARTERS], place *at, int unit)
{
    const uint8_t *field = bytes_of_64(FIELD(at, ink_block_q4_k, q), at->group);
    uint8x16x4_t both = next_unit(&at->low, unit, field);
    foreach (q, QUARTERS)
        out[q] = as_codes(take_bits(both.val[q], 4 * (at->group % 2), 4));
}

TEMPLATE void code_q5_k(int8x16_t out[QUARTERS], place *at, int unit)
{
    const int group = at->group;
    const uint8_t *field = bytes_of_64(FIELD(at, ink_block_q5_k, q), group);
    uint8x16x4_t both = next_unit(&at->low, unit, field);
    uint8x16x4_t high = next_unit(&at->high, unit, FIELD(at, ink_block_q5_k, high));
    foreach (q, QUARTERS)
        out[q] = as_codes(join_bits(both.val[q], 4 * (group % 2), 4, high.val[q], group, 1));
}

/* The low nibbles of groups 0 and 2 share 32 bytes, and so do those of 1 and 3. */
TEMPLATE void code_q6_k(int8x16_t out[QUARTERS], place *at, int unit)
{
    const int part = at->group / 4 * 2 + at->group % 2, in_part = at->group % 4;
    const uint8_t *field = FIELD(at, ink_block_q6_k, low) + UNIT_BYTES * N_UNITS * part;
    const uint8_t *high_field = bytes_of_128(FIELD(at, ink_block_q6_k, high), at->group);
    uint8x16x4_t low = next_unit(&at->low, unit, field);
    uint8x16x4_t high = next_unit(&at->high, unit, high_field);
    foreach (q, QUARTERS)
        out[q] = as_codes(join_bits(low.val[q], in_part / 2 * 4, 4, high.val[q], 2 * in_part, 2));
}

TEMPLATE void code_iq4_xs(int8x16_t out[QUARTERS], place *at, int unit)
{
    nibbles_of_32(out, at, unit,
                  FIELD(at, ink_block_iq4_xs, q) + N_UNITS / 2 * UNIT_BYTES * at->group);
    look_up(out, ink_codes_iq4);
}

/*
 * Digit n of a byte is 3v / 256 with v = byte * 3^n modulo 256: the halving sum of v and v / 2 is
 * 3v / 4, rounded down.
 */
TEMPLATE void trits(int8x16_t out[QUARTERS], uint8x16x4_t bytes, int n)
{
    static const uint8_t powers[5] = {1, 3, 9, 27, 81};
    foreach (q, QUARTERS) {
        uint8x16_t v = vmulq_u8(bytes.val[q], vdupq_n_u8(powers[n]));
        out[q] = as_codes(take_bits(vhaddq_u8(v, take_bits(v, 1, 7)), 6, 2));
    }
}

/*
 * Digit n of 32 bytes is group n; of 16 bytes more, half a group; of the last 4 bytes, a unit. In
 * the last group the unit that holds four units follows the 16 bytes.
 */
TEMPLATE void code_tq1_0(int8x16_t out[QUARTERS], place *at, int unit)
{
    const int half_group = 2 * (at->group - 5) + unit / 4;
    if (at->group < 5) {
        trits(out, next_unit(&at->low, unit, at->block), at->group);
    } else if (half_group < 5) {
        const uint8_t *field = at->block + UNIT_BYTES * N_UNITS;
        trits(out, next_unit(&at->low, unit % 4, field), half_group);
    } else {
        if (unit == 4)
            at->held_low = next_unit(&at->low, 0, FIELD(at, ink_block_tq1_0, q_last));
        trits(out, at->held_low, unit % 4);
    }
}

TEMPLATE void code_tq2_0(int8x16_t out[QUARTERS], place *at, int unit)
{
    pairs_of_128(out, at, unit, at->block);
}

/*
 * ---- The table: name, groups of a block, largest code and offset, whether halves have scales and
 * whether units are halves, what is added, heads_fn, scales_fn, shift_fn, and the kind of panel
 * (panel_neon.h).
 */
#define TILE_FORMATS(X)                                                                 \
    X(q8_0, 1, 128, 0, false, false, PLAIN, heads_d, scales_d, no_shift, bytes)         \
    X(q4_0, 1, 15, 8, false, true, PLAIN, heads_d, scales_d, no_shift, small)           \
    X(q4_1, 1, 15, 0, false, true, M32, heads_d_m, scales_d_m, no_shift, small_m)       \
    X(q5_0, 1, 31, 16, false, true, PLAIN, heads_d, scales_d, no_shift, small)          \
    X(q5_1, 1, 31, 0, false, true, M32, heads_d_m, scales_d_m, no_shift, small_m)       \
    X(iq4_nl, 1, 127, 0, false, true, PLAIN, heads_d, scales_d, no_shift, bytes)        \
    X(mxfp4, 1, 12, 0, false, true, PLAIN, heads_mxfp4, scales_d, no_shift, small)      \
    X(g3, 1, 16, 0, false, false, PLAIN, heads_d, scales_d, no_shift, small)            \
    X(q2_k, 8, 48, 0, true, false, M16, heads_q2_k, scales_q2_k, shift_pairs, folded_m) \
    X(q3_k, 8, 7, 4, true, false, PLAIN, heads_q3_k, scales_q3_k, no_shift, scaled)     \
    X(q4_k, 8, 15, 0, false, false, M32, heads_k, scales_k, no_shift, small_m)          \
    X(q5_k, 8, 31, 0, false, false, M32, heads_k, scales_k, no_shift, small_m)          \
    X(q6_k, 8, 63, 32, true, false, PLAIN, heads_q6_k, scales_q6_k, no_shift, scaled)   \
    X(iq4_xs, 8, 127, 0, false, true, PLAIN, heads_d, scales_iq4_xs, no_shift, bytes)   \
    X(tq1_0, 8, 2, 1, false, false, PLAIN, heads_tq1_0, scales_d, no_shift, small)      \
    X(tq2_0, 8, 48, 1, false, false, PLAIN, heads_tq2_0, scales_d, shift_pairs, small)

#define TILE_FORMAT(name, groups, largest_, offset_, scaled_, halved_, kind_, heads_, scales_, \
                    shift_, panel)                                                             \
    static const expander expand_##name = {                                                    \
        .traits = {.largest = largest_,                                                        \
                   .offset = offset_,                                                          \
                   .is_scaled = scaled_,                                                       \
                   .is_halved = halved_,                                                       \
                   .kind = INK_GROUP_##kind_},                                                 \
        .code = code_##name,                                                                   \
        .heads = heads_,                                                                       \
        .scales = scales_,                                                                     \
        .shift = shift_,                                                                       \
        .block_bytes = INK_TILE_ROWS * sizeof(ink_block_##name),                               \
        .n_groups = groups,                                                                    \
        .n_quarters = QUARTERS,                                                                \
    };
TILE_FORMATS(TILE_FORMAT)
#undef TILE_FORMAT

#endif
