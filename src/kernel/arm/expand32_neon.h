/*
 * Formats with blocks of 32 as NEON registers, and what all formats share. A format is a code_fn
 * and a scales_fn. FIELD finds a member of the block in the tile; its units follow each other.
 */
#ifndef INK_KERNEL_ARM_EXPAND32_NEON_H
#define INK_KERNEL_ARM_EXPAND32_NEON_H

#include "kernel/arm/expander_neon.h"

/* Every byte of a block is in the tile once per row. */
#define FIELD(at, type, member) ((at)->block + INK_TILE_ROWS * offsetof(type, member))

/*
 * A pointer that compilers know nothing of. The instruction that loads four registers moves its
 * pointer for nothing, but cannot add an offset to it, and that is what compilers would make of it.
 */
TEMPLATE const uint8_t *from_here(const uint8_t *p)
{
    __asm__("" : "+r"(p));
    return p;
}

/* The next unit of 4 bytes of a field, 16 rows; number 0 is at `start`. */
TEMPLATE uint8x16x4_t next_unit(const uint8_t **next, int number, const uint8_t *start)
{
    if (number == 0)
        *next = from_here(start);
    uint8x16x4_t unit = vld1q_u8_x4(*next);
    *next = from_here(*next + UNIT_BYTES);
    return unit;
}

/* Sixteen rows of a field's unit of a byte. */
TEMPLATE uint8x16_t unit1(const uint8_t *field, int unit)
{
    return vld1q_u8(field + INK_TILE_ROWS * unit);
}

TEMPLATE void halves(float32x4_t out[QUARTERS], const uint8_t *field)
{
    foreach (i, 2) {
        float16x8_t v = vreinterpretq_f16_u8(vld1q_u8(field + 16 * i));
        out[2 * i] = vcvt_f32_f16(vget_low_f16(v));
        out[2 * i + 1] = vcvt_high_f32_f16(v);
    }
}

/* ---- Bits of bytes. */

TEMPLATE uint8x16_t mask_bits(uint8x16_t v, int mask)
{
    return vandq_u8(v, vdupq_n_u8((uint8_t)mask));
}

/* Bit `from` of each byte to bit `to`; what leaves the byte is gone. */
TEMPLATE uint8x16_t move_bits(uint8x16_t v, int from, int to)
{
    return from > to ? v >> (uint8_t)(from - to) : v << (uint8_t)(to - from);
}

/* The n bits from bit `at` on. */
TEMPLATE uint8x16_t take_bits(uint8x16_t v, int at, int n)
{
    v = move_bits(v, at, 0);
    return at + n == 8 ? v : mask_bits(v, (1 << n) - 1);
}

/*
 * n_low bits of `low` from bit low_at, and above them n_high bits of `high` from high_at. Inserting
 * overwrites a register, which is one made here: of four that were loaded at once compilers make a
 * copy first.
 */
TEMPLATE uint8x16_t join_bits(uint8x16_t low, int low_at, int n_low, uint8x16_t high, int high_at,
                              int n_high)
{
    const int low_mask = (1 << n_low) - 1, mask = (1 << (n_low + n_high)) - 1;
    const bool in_place = high_at == n_low;
    uint8x16_t joined =
        in_place ? mask_bits(high, mask - low_mask) : move_bits(high, high_at, n_low);
    if (low_at + n_low < 8)
        joined = vbslq_u8(vdupq_n_u8((uint8_t)low_mask), move_bits(low, low_at, 0), joined);
    else
        joined = n_low == 4 ? vsriq_n_u8(joined, low, 4) : vsriq_n_u8(joined, low, 6);
    return in_place || high_at + n_high == 8 ? joined : mask_bits(joined, mask);
}

TEMPLATE int8x16_t as_codes(uint8x16_t v)
{
    return vreinterpretq_s8_u8(v);
}

/* Sixteen bytes of nibbles hold 32 values: units 0..3 are low halves, 4..7 high ones. */
TEMPLATE void nibbles_of_32(int8x16_t out[QUARTERS], place *at, int unit, const uint8_t *field)
{
    if (unit < 4)
        at->held_low = next_unit(&at->low, unit, field);
    foreach (q, QUARTERS)
        out[q] = as_codes(take_bits(at->held_low.val[q], unit < 4 ? 0 : 4, 4));
}

/* Bit `unit` of each spread byte is the fifth bit. */
TEMPLATE void fives_of_32(int8x16_t out[QUARTERS], place *at, int unit, const uint8_t *field,
                          const uint8_t *spread)
{
    if (unit == 0)
        at->held_high = next_unit(&at->high, 0, spread);
    if (unit < 4)
        at->held_low = next_unit(&at->low, unit, field);
    foreach (q, QUARTERS)
        out[q] = as_codes(
            join_bits(at->held_low.val[q], unit < 4 ? 0 : 4, 4, at->held_high.val[q], unit, 1));
}

TEMPLATE void look_up(int8x16_t codes[QUARTERS], const int8_t table[16])
{
    foreach (q, QUARTERS)
        codes[q] = vqtbl1q_s8(vld1q_s8(table), vreinterpretq_u8_s8(codes[q]));
}

/* ---- Scales: of blocks that begin with d, or with d and m. */

TEMPLATE void heads_d(row_heads *out, const uint8_t *block)
{
    halves(out->d, block);
}

TEMPLATE void heads_d_m(row_heads *out, const uint8_t *block)
{
    halves(out->d, block);
    halves(out->m, block + INK_TILE_ROWS * offsetof(ink_block_q4_1, m));
}

TEMPLATE void scales_d(row_scales *out, const row_heads *heads, const place *at)
{
    (void)at;
    foreach (q, QUARTERS)
        out->d[q] = heads->d[q];
}

TEMPLATE void scales_d_m(row_scales *out, const row_heads *heads, const place *at)
{
    scales_d(out, heads, at);
    foreach (q, QUARTERS)
        out->m[0][q] = heads->m[q];
}

/* Integers of 16 rows, four to a register. */
TEMPLATE void widen_bytes(uint32x4_t out[QUARTERS], uint8x16_t bytes)
{
    uint16x8_t low = vmovl_u8(vget_low_u8(bytes)), high = vmovl_high_u8(bytes);
    out[0] = vmovl_u16(vget_low_u16(low));
    out[1] = vmovl_high_u16(low);
    out[2] = vmovl_u16(vget_low_u16(high));
    out[3] = vmovl_high_u16(high);
}

/* 2^(e - 128) by its bits: normal from e = 2 on, below that one bit of a subnormal's fraction. */
TEMPLATE void heads_mxfp4(row_heads *out, const uint8_t *block)
{
    uint32x4_t exponent[QUARTERS];
    widen_bytes(exponent, unit1(block, 0));
    foreach (q, QUARTERS) {
        const uint32x4_t e = exponent[q];
        uint32x4_t normal = vshlq_n_u32(vsubq_u32(e, vdupq_n_u32(1)), 23);
        uint32x4_t subnormal = vshlq_u32(vdupq_n_u32(0x200000), vreinterpretq_s32_u32(e));
        out->d[q] =
            vreinterpretq_f32_u32(vbslq_u32(vcltq_u32(e, vdupq_n_u32(2)), subnormal, normal));
    }
}

/* ---- Codes. */

TEMPLATE void code_q8_0(int8x16_t out[QUARTERS], place *at, int unit)
{
    uint8x16x4_t codes = next_unit(&at->low, unit, FIELD(at, ink_block_q8_0, q));
    foreach (q, QUARTERS)
        out[q] = as_codes(codes.val[q]);
}

TEMPLATE void code_q4_0(int8x16_t out[QUARTERS], place *at, int unit)
{
    nibbles_of_32(out, at, unit, FIELD(at, ink_block_q4_0, q));
}

TEMPLATE void code_q4_1(int8x16_t out[QUARTERS], place *at, int unit)
{
    nibbles_of_32(out, at, unit, FIELD(at, ink_block_q4_1, q));
}

TEMPLATE void code_q5_0(int8x16_t out[QUARTERS], place *at, int unit)
{
    fives_of_32(out, at, unit, FIELD(at, ink_block_q5_0, q), FIELD(at, ink_block_q5_0, high));
}

TEMPLATE void code_q5_1(int8x16_t out[QUARTERS], place *at, int unit)
{
    fives_of_32(out, at, unit, FIELD(at, ink_block_q5_1, q), FIELD(at, ink_block_q5_1, high));
}

TEMPLATE void code_iq4_nl(int8x16_t out[QUARTERS], place *at, int unit)
{
    nibbles_of_32(out, at, unit, FIELD(at, ink_block_iq4_nl, q));
    look_up(out, ink_codes_iq4);
}

/* The fields of four bytes are four units, and bit `unit` of each spread byte the third bit. */
TEMPLATE void code_g3(int8x16_t out[QUARTERS], place *at, int unit)
{
    if (unit == 0)
        at->held_high = next_unit(&at->high, 0, FIELD(at, ink_block_g3, high));
    if (unit % 4 == 0)
        at->held_low = next_unit(&at->low, unit / 4, FIELD(at, ink_block_g3, q));
    foreach (q, QUARTERS)
        out[q] = as_codes(
            join_bits(at->held_low.val[q], 2 * (unit % 4), 2, at->held_high.val[q], unit, 1));
    look_up(out, ink_codes_g3);
}

TEMPLATE void code_mxfp4(int8x16_t out[QUARTERS], place *at, int unit)
{
    nibbles_of_32(out, at, unit, FIELD(at, ink_block_mxfp4, q));
    look_up(out, ink_codes_mxfp4);
}

#endif
