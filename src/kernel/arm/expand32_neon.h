/*
 * Formats with blocks of 32 as NEON registers, and what all formats share. A format is a code_fn
 * and a scales_fn. FIELD finds a member of the block in the tile; its units follow each other.
 */
#ifndef INK_KERNEL_ARM_EXPAND32_NEON_H
#define INK_KERNEL_ARM_EXPAND32_NEON_H

#include "kernel/arm/expander_neon.h"

/* Every byte of a block is in the tile once per row. */
#define FIELD(at, type, member) ((at).block + INK_TILE_ROWS * offsetof(type, member))

/*
 * A pointer of its own for what follows it: an instruction that loads two registers reaches no
 * further than 1 KiB, and compilers count from the begin of a block (Q6_K: 6 % more of all).
 */
TEMPLATE const uint8_t *from_here(const uint8_t *p)
{
    __asm__("" : "+r"(p));
    return p;
}

/* Four rows of a field's unit of 4 bytes; 16 rows of one of a byte. */
TEMPLATE uint8x16_t unit4(const uint8_t *field, int unit, int quarter)
{
    const uint8_t *run = from_here(field + UNIT_BYTES * N_UNITS * (unit / N_UNITS));
    return vld1q_u8(run + UNIT_BYTES * (unit % N_UNITS) + 16 * quarter);
}

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

/* The lowest n bits of `low`, and `high` above them: n is 4 or 2. */
TEMPLATE uint8x16_t insert_above(uint8x16_t low, uint8x16_t high, int n)
{
    return n == 4 ? vsliq_n_u8(low, high, 4) : vsliq_n_u8(low, high, 2);
}

/* The highest n bits of `low`, moved down, in place of the lowest bits of `high`. */
TEMPLATE uint8x16_t insert_below(uint8x16_t low, uint8x16_t high, int n)
{
    return n == 4 ? vsriq_n_u8(high, low, 4) : vsriq_n_u8(high, low, 6);
}

/* n_low bits of `low` from bit low_at, and above them n_high bits of `high` from high_at. */
TEMPLATE uint8x16_t join_bits(uint8x16_t low, int low_at, int n_low, uint8x16_t high, int high_at,
                              int n_high)
{
    const bool is_top = low_at + n_low == 8;
    uint8x16_t joined =
        is_top ? insert_below(low, move_bits(high, high_at, n_low), n_low)
               : insert_above(move_bits(low, low_at, 0), move_bits(high, high_at, 0), n_low);
    return high_at + n_high == 8 ? joined : mask_bits(joined, (1 << (n_low + n_high)) - 1);
}

TEMPLATE int8x16_t as_codes(uint8x16_t v)
{
    return vreinterpretq_s8_u8(v);
}

TEMPLATE int8x16_t look_up(const int8_t table[16], uint8x16_t nibbles)
{
    return vqtbl1q_s8(vld1q_s8(table), nibbles);
}

/* Sixteen bytes of nibbles hold 32 values: units 0..3 are low halves, 4..7 high ones. */
TEMPLATE uint8x16_t nibbles_of_32(const uint8_t *field, int unit, int quarter)
{
    return take_bits(unit4(field, unit % 4, quarter), unit < 4 ? 0 : 4, 4);
}

/* Bit `unit` of each spread byte is the fifth bit. */
TEMPLATE uint8x16_t fives_of_32(const uint8_t *field, const uint8_t *spread, int unit, int quarter)
{
    return join_bits(unit4(field, unit % 4, quarter), unit < 4 ? 0 : 4, 4,
                     unit4(spread, 0, quarter), unit, 1);
}

/* ---- Scales: of blocks that begin with d, or with d and m. */

TEMPLATE void scales_d(row_scales *out, place at)
{
    halves(out->d, at.block);
}

TEMPLATE void scales_d_m(row_scales *out, place at)
{
    halves(out->d, at.block);
    halves(out->m[0], FIELD(at, ink_block_q4_1, m));
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
TEMPLATE void scales_mxfp4(row_scales *out, place at)
{
    uint32x4_t exponent[QUARTERS];
    widen_bytes(exponent, unit1(at.block, 0));
    foreach (q, QUARTERS) {
        const uint32x4_t e = exponent[q];
        uint32x4_t normal = vshlq_n_u32(vsubq_u32(e, vdupq_n_u32(1)), 23);
        uint32x4_t subnormal = vshlq_u32(vdupq_n_u32(0x200000), vreinterpretq_s32_u32(e));
        out->d[q] =
            vreinterpretq_f32_u32(vbslq_u32(vcltq_u32(e, vdupq_n_u32(2)), subnormal, normal));
    }
}

/* ---- Codes. */

TEMPLATE int8x16_t code_q8_0(place at, int unit, int quarter)
{
    return as_codes(unit4(FIELD(at, ink_block_q8_0, q), unit, quarter));
}

TEMPLATE int8x16_t code_q4_0(place at, int unit, int quarter)
{
    return as_codes(nibbles_of_32(FIELD(at, ink_block_q4_0, q), unit, quarter));
}

TEMPLATE int8x16_t code_q4_1(place at, int unit, int quarter)
{
    return as_codes(nibbles_of_32(FIELD(at, ink_block_q4_1, q), unit, quarter));
}

TEMPLATE int8x16_t code_q5_0(place at, int unit, int quarter)
{
    return as_codes(
        fives_of_32(FIELD(at, ink_block_q5_0, q), FIELD(at, ink_block_q5_0, high), unit, quarter));
}

TEMPLATE int8x16_t code_q5_1(place at, int unit, int quarter)
{
    return as_codes(
        fives_of_32(FIELD(at, ink_block_q5_1, q), FIELD(at, ink_block_q5_1, high), unit, quarter));
}

TEMPLATE int8x16_t code_iq4_nl(place at, int unit, int quarter)
{
    return look_up(ink_codes_iq4, nibbles_of_32(FIELD(at, ink_block_iq4_nl, q), unit, quarter));
}

TEMPLATE int8x16_t code_mxfp4(place at, int unit, int quarter)
{
    return look_up(ink_codes_mxfp4, nibbles_of_32(FIELD(at, ink_block_mxfp4, q), unit, quarter));
}

#endif
