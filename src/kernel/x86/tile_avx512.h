/*
 * How AVX-512 reads packed tiles: one `tile_format` per quantized format. A lane of 4 bytes is a
 * row.
 *
 * Codes come unsigned, q + bias, because the dot product instruction takes unsigned weights: the
 * bias is taken back through the activations' sums, in integers. They also come where they lie in
 * their byte, above `shift` zero bits: shifting a sum once is cheaper than shifting eight vectors
 * of codes. Functions are called with constant group and unit from loops that unroll, so that what
 * depends on those costs nothing. Layouts: tensor/blocks.h.
 */
#ifndef INK_KERNEL_X86_TILE_AVX512_H
#define INK_KERNEL_X86_TILE_AVX512_H

#include <stdalign.h>
#include <string.h>

#include "kernel/reference.h"
#include "kernel/x86/read_ahead.h"
#include "kernel/x86/template_avx512.h"

#define GROUP_UNITS 8 /* vectors of codes in a group: 4 of k for 16 rows each */
#define HALF_UNITS 4

/* Of 16 rows: d and what multiplies the minima (with its sign), then integers per sub-block. */
typedef struct tile_scales {
    __m512 d, m;
    alignas(64) int8_t scale[16][INK_TILE_ROWS];
    alignas(64) uint8_t min[16][INK_TILE_ROWS];
} tile_scales;

/* Which sub-blocks have integer scales of their own. */
typedef enum tile_sub { SUB_NONE, SUB_16, SUB_32 } tile_sub;

typedef struct tile_format {
    size_t block_bytes; /* of 16 rows */
    int n_groups;
    ink_group_kind kind;
    tile_sub sub;
    int bias;
    read_ahead read;
    __m512i (*codes)(const uint8_t *block, int group, int unit);
    int (*shift)(int group, int half);
    void (*scales)(tile_scales *out, const uint8_t *block);
} tile_format;

/* ---- Reading fields. A field of a block stands in the tile at 16 times its offset. */

#define FIELD(block, type, field) ((block) + INK_TILE_ROWS * offsetof(type, field))
#define UNIT(block, type, field, unit) load(FIELD(block, type, field) + 64 * (size_t)(unit))
#define HALVES(block, type, field) load_halves(FIELD(block, type, field))

TEMPLATE __m512i load(const void *p)
{
    return _mm512_loadu_si512(p);
}

TEMPLATE __m512 load_halves(const void *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256(p));
}

TEMPLATE __m512i bytes(int value)
{
    return _mm512_set1_epi8((char)value);
}

TEMPLATE __m512i mask(__m512i v, int byte)
{
    return _mm512_and_si512(v, bytes(byte));
}

/* Bit `from` of each byte to bit `to`; the caller masks what crosses into a neighbor. */
TEMPLATE __m512i move_bits(__m512i v, int from, int to)
{
    if (from == to)
        return v;
    return from > to ? _mm512_srli_epi32(v, (unsigned)(from - to))
                     : _mm512_slli_epi32(v, (unsigned)(to - from));
}

/* where ? a : b, bit by bit. */
TEMPLATE __m512i select_bits(int where, __m512i a, __m512i b)
{
    return _mm512_ternarylogic_epi32(bytes(where), a, b, 0xca);
}

/* n_low bits of `low` from bit low_at, n_high of `high` from high_at above them, from bit `at`. */
TEMPLATE __m512i join_bits(__m512i low, int low_at, int n_low, __m512i high, int high_at,
                           int n_high, int at)
{
    low = move_bits(low, low_at, at);
    high = move_bits(high, high_at, at + n_low);
    return mask(select_bits(((1 << n_low) - 1) << at, low, high), ((1 << (n_low + n_high)) - 1)
                                                                      << at);
}

static inline int no_shift(int group, int half)
{
    (void)group, (void)half;
    return 0;
}

/* ---- Blocks of 32: low halves of 16 bytes, then their high halves. */

#define NIBBLE_UNIT(block, type, unit) UNIT(block, type, q, (unit) % HALF_UNITS)

TEMPLATE __m512i nibbles(__m512i v, bool high)
{
    return mask(v, high ? 0xf0 : 0x0f);
}

static inline int half_shift(int group, int half)
{
    (void)group;
    return 4 * half;
}

/* Codes that a table gives: its signed bytes + 128. */
TEMPLATE __m512i look_up(const int8_t table[16], __m512i v, bool high)
{
    __m128i codes =
        _mm_xor_si128(_mm_loadu_si128((const __m128i *)(const void *)table), _mm_set1_epi8(-128));
    __m512i index = mask(move_bits(v, high ? 4 : 0, 0), 15);
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(codes), index);
}

#define SCALES_D(name)                                                       \
    static inline void name##_scales(tile_scales *out, const uint8_t *block) \
    {                                                                        \
        out->d = HALVES(block, ink_block_##name, d);                         \
    }

#define SCALES_D_M(name)                                                     \
    static inline void name##_scales(tile_scales *out, const uint8_t *block) \
    {                                                                        \
        out->d = HALVES(block, ink_block_##name, d);                         \
        out->m = HALVES(block, ink_block_##name, m);                         \
    }

static inline __m512i q8_0_codes(const uint8_t *block, int group, int unit)
{
    (void)group;
    return _mm512_xor_si512(UNIT(block, ink_block_q8_0, q, unit), bytes(0x80));
}
SCALES_D(q8_0)

static inline __m512i q4_0_codes(const uint8_t *block, int group, int unit)
{
    (void)group;
    return nibbles(NIBBLE_UNIT(block, ink_block_q4_0, unit), unit >= HALF_UNITS);
}
SCALES_D(q4_0)

static inline __m512i q4_1_codes(const uint8_t *block, int group, int unit)
{
    (void)group;
    return nibbles(NIBBLE_UNIT(block, ink_block_q4_1, unit), unit >= HALF_UNITS);
}
SCALES_D_M(q4_1)

static inline __m512i q5_0_codes(const uint8_t *block, int group, int unit)
{
    (void)group;
    return join_bits(NIBBLE_UNIT(block, ink_block_q5_0, unit), unit < HALF_UNITS ? 0 : 4, 4,
                     UNIT(block, ink_block_q5_0, high, 0), unit, 1, 0);
}
SCALES_D(q5_0)

static inline __m512i q5_1_codes(const uint8_t *block, int group, int unit)
{
    (void)group;
    return join_bits(NIBBLE_UNIT(block, ink_block_q5_1, unit), unit < HALF_UNITS ? 0 : 4, 4,
                     UNIT(block, ink_block_q5_1, high, 0), unit, 1, 0);
}
SCALES_D_M(q5_1)

static inline __m512i iq4_nl_codes(const uint8_t *block, int group, int unit)
{
    (void)group;
    return look_up(ink_codes_iq4, NIBBLE_UNIT(block, ink_block_iq4_nl, unit), unit >= HALF_UNITS);
}
SCALES_D(iq4_nl)

static inline __m512i mxfp4_codes(const uint8_t *block, int group, int unit)
{
    (void)group;
    return look_up(ink_codes_mxfp4, NIBBLE_UNIT(block, ink_block_mxfp4, unit), unit >= HALF_UNITS);
}

/* 2^(exponent - 128); exponents 0 and 1 are subnormal. */
static inline void mxfp4_scales(tile_scales *out, const uint8_t *block)
{
    __m512i exponent = _mm512_cvtepu8_epi32(
        _mm_loadu_si128((const void *)FIELD(block, ink_block_mxfp4, exponent)));
    __m512i normal = _mm512_slli_epi32(_mm512_sub_epi32(exponent, _mm512_set1_epi32(1)), 23);
    __m512i subnormal = _mm512_sllv_epi32(_mm512_set1_epi32(0x200000), exponent);
    __mmask16 small = _mm512_cmplt_epu32_mask(exponent, _mm512_set1_epi32(2));
    out->d = _mm512_castsi512_ps(_mm512_mask_mov_epi32(normal, small, subnormal));
}

static inline __m512i g3_codes(const uint8_t *block, int group, int unit)
{
    __m512i low = UNIT(block, ink_block_g3, q, unit / HALF_UNITS);
    __m512i high = UNIT(block, ink_block_g3, high, 0);
    (void)group;
    return look_up(ink_codes_g3, join_bits(low, 2 * (unit % HALF_UNITS), 2, high, unit, 1, 0),
                   false);
}
SCALES_D(g3)

/* ---- Blocks of 256. */

#define ROW_BYTES(block, type, unit) \
    _mm_loadu_si128((const void *)(FIELD(block, type, scales) + 16 * (unit)))

static inline int fields_of_2(int group, int half)
{
    (void)half;
    return 2 * (group % 4);
}

static inline int fields_of_4(int group, int half)
{
    (void)half;
    return 4 * (group % 2);
}

static inline __m512i q2_k_codes(const uint8_t *block, int group, int unit)
{
    return mask(UNIT(block, ink_block_q2_k, q, group / 4 * GROUP_UNITS + unit),
                3 << fields_of_2(group, 0));
}

TEMPLATE __m512 negated(__m512 v)
{
    return _mm512_xor_ps(v, _mm512_set1_ps(-0.0f));
}

/* A scale byte: the low half scales, the high half is subtracted. */
static inline void q2_k_scales(tile_scales *out, const uint8_t *block)
{
    out->d = HALVES(block, ink_block_q2_k, d);
    out->m = negated(HALVES(block, ink_block_q2_k, d_min));
    foreach (i, 4) {
        __m512i both = UNIT(block, ink_block_q2_k, scales, i);
        _mm512_store_si512(out->scale[4 * i], mask(both, 15));
        _mm512_store_si512(out->min[4 * i], mask(move_bits(both, 4, 0), 15));
    }
}

/* Two bits and a third above them; at the top of a byte there is room only one bit lower. */
static inline int q3_k_shift(int group, int half)
{
    (void)half;
    return group % 4 < 3 ? 2 * (group % 4) : 5;
}

static inline __m512i q3_k_codes(const uint8_t *block, int group, int unit)
{
    return join_bits(UNIT(block, ink_block_q3_k, q, group / 4 * GROUP_UNITS + unit),
                     2 * (group % 4), 2, UNIT(block, ink_block_q3_k, high, unit), group, 1,
                     q3_k_shift(group, 0));
}

/* Scale i: low four bits in a half of byte i % 8, upper two in byte 8 + i % 4 at 2 (i / 4). */
static inline void q3_k_scales(tile_scales *out, const uint8_t *block)
{
    out->d = HALVES(block, ink_block_q3_k, d);
    __m512i high = UNIT(block, ink_block_q3_k, scales, 2);
    foreach (i, 4) {
        __m512i low = UNIT(block, ink_block_q3_k, scales, i % 2);
        __m512i code = join_bits(low, 4 * (i / 2), 4, high, 2 * i, 2, 0);
        _mm512_store_si512(out->scale[4 * i], _mm512_sub_epi8(code, bytes(32)));
    }
}

/*
 * Eight scales and eight minima of six bits in twelve bytes: the first four of each fill bytes
 * 0..7, whose upper two bits belong to the last four; the rest of those is in the halves of bytes
 * 8..11.
 */
TEMPLATE void scales_k(tile_scales *out, const uint8_t *scales)
{
    __m512i first = load(scales), second = load(scales + 64), halves = load(scales + 128);
    _mm512_store_si512(out->scale[0], mask(first, 63));
    _mm512_store_si512(out->scale[4], join_bits(halves, 0, 4, first, 6, 2, 0));
    _mm512_store_si512(out->min[0], mask(second, 63));
    _mm512_store_si512(out->min[4], join_bits(halves, 4, 4, second, 6, 2, 0));
}

static inline __m512i q4_k_codes(const uint8_t *block, int group, int unit)
{
    return nibbles(UNIT(block, ink_block_q4_k, q, group / 2 * GROUP_UNITS + unit), group % 2);
}

static inline void q4_k_scales(tile_scales *out, const uint8_t *block)
{
    out->d = HALVES(block, ink_block_q4_k, d);
    out->m = negated(HALVES(block, ink_block_q4_k, d_min));
    scales_k(out, FIELD(block, ink_block_q4_k, scales));
}

static inline __m512i q5_k_codes(const uint8_t *block, int group, int unit)
{
    return join_bits(UNIT(block, ink_block_q5_k, q, group / 2 * GROUP_UNITS + unit),
                     4 * (group % 2), 4, UNIT(block, ink_block_q5_k, high, unit), group, 1, 0);
}

static inline void q5_k_scales(tile_scales *out, const uint8_t *block)
{
    out->d = HALVES(block, ink_block_q5_k, d);
    out->m = negated(HALVES(block, ink_block_q5_k, d_min));
    scales_k(out, FIELD(block, ink_block_q5_k, scales));
}

/*
 * Of each 128 values, 64 bytes hold the low halves: 0..63 in the low, 64..127 in the high nibbles.
 */
static inline int q6_k_shift(int group, int half)
{
    (void)half;
    return group % 4 < 2 ? 0 : 2;
}

static inline __m512i q6_k_codes(const uint8_t *block, int group, int unit)
{
    int part = group / 4, in_part = group % 4;
    return join_bits(
        UNIT(block, ink_block_q6_k, low, (2 * part + in_part % 2) * GROUP_UNITS + unit),
        4 * (in_part / 2), 4, UNIT(block, ink_block_q6_k, high, part * GROUP_UNITS + unit),
        2 * in_part, 2, q6_k_shift(group, 0));
}

static inline void q6_k_scales(tile_scales *out, const uint8_t *block)
{
    out->d = HALVES(block, ink_block_q6_k, d);
    memcpy(out->scale, FIELD(block, ink_block_q6_k, scales), sizeof out->scale);
}

static inline __m512i iq4_xs_codes(const uint8_t *block, int group, int unit)
{
    return look_up(ink_codes_iq4,
                   UNIT(block, ink_block_iq4_xs, q, group * HALF_UNITS + unit % HALF_UNITS),
                   unit >= HALF_UNITS);
}

/*
 * Low four bits in halves of bytes, upper two in a 16-bit unit: four groups at a time, 128 bits
 * each.
 */
static inline void iq4_xs_scales(tile_scales *out, const uint8_t *block)
{
    const __m512i low_at = _mm512_set_epi64(0x0004000400040004, 0x0004000400040004, 0, 0,
                                            0x0004000400040004, 0x0004000400040004, 0, 0);
    const __m512i high_at =
        _mm512_set_epi64(0x0006000600060006, 0x0006000600060006, 0x0004000400040004,
                         0x0004000400040004, 0x0002000200020002, 0x0002000200020002, 0, 0);
    __m512i low = UNIT(block, ink_block_iq4_xs, scales_low, 0);
    __m256i high = _mm256_loadu_si256((const void *)FIELD(block, ink_block_iq4_xs, scales_high));
    out->d = HALVES(block, ink_block_iq4_xs, d);
    foreach (i, 2) {
        __m512i pairs =
            i ? _mm512_shuffle_i64x2(low, low, 0xfa) : _mm512_shuffle_i64x2(low, low, 0x50);
        __m512i upper =
            _mm512_broadcast_i32x4(_mm256_cvtepi16_epi8(_mm256_srli_epi16(high, 8 * i)));
        upper = _mm512_srlv_epi16(upper, high_at);
        __m512i code = join_bits(_mm512_srlv_epi16(pairs, low_at), 0, 4, upper, 0, 2, 0);
        _mm512_store_si512(out->scale[4 * i], _mm512_sub_epi8(code, bytes(32)));
    }
}

static inline __m512i tq2_0_codes(const uint8_t *block, int group, int unit)
{
    return mask(UNIT(block, ink_block_tq2_0, q, group / 4 * GROUP_UNITS + unit),
                3 << fields_of_2(group, 0));
}
SCALES_D(tq2_0)

/*
 * Digit n of a byte v that holds a fraction in base 3, as (digit + 1) * 64: v * 3^n modulo 256
 * leaves the digit on top, floor(3v / 256), and two rounding averages give 64 + 3v/4 with the
 * multiples of 64 between the right bytes.
 */
TEMPLATE __m512i trits(__m512i v, int digit)
{
    foreach (n, digit)
        v = _mm512_add_epi8(v, _mm512_add_epi8(v, v));
    return mask(_mm512_avg_epu8(v, _mm512_avg_epu8(v, bytes(253))), 0xc0);
}

static inline int tq1_0_shift(int group, int half)
{
    (void)group, (void)half;
    return 6;
}

/*
 * Digit n of 32 bytes makes group n < 5; then 16 bytes make 80 values and four bytes the last 16.
 */
static inline __m512i tq1_0_codes(const uint8_t *block, int group, int unit)
{
    int half = 2 * (group - 5) + unit / HALF_UNITS;
    if (group < 5)
        return trits(UNIT(block, ink_block_tq1_0, q, unit), group);
    if (half < 5)
        return trits(UNIT(block, ink_block_tq1_0, q, GROUP_UNITS + unit % HALF_UNITS), half);
    return trits(UNIT(block, ink_block_tq1_0, q_last, 0), unit % HALF_UNITS);
}
SCALES_D(tq1_0)

/*
 * ---- The table: name, groups of a block, what is added, scales of sub-blocks, bias, how it
 * is read, shift.
 */

#define TILE_FORMATS(X)                                    \
    X(q8_0, 1, PLAIN, SUB_NONE, 128, ONCE, no_shift)       \
    X(q4_0, 1, PLAIN, SUB_NONE, 8, ONCE, half_shift)       \
    X(q4_1, 1, M32, SUB_NONE, 0, ONCE, half_shift)         \
    X(q5_0, 1, PLAIN, SUB_NONE, 16, ONCE, no_shift)        \
    X(q5_1, 1, M32, SUB_NONE, 0, ONCE, no_shift)           \
    X(q2_k, 8, M16, SUB_16, 0, TWICE, fields_of_2)         \
    X(q3_k, 8, PLAIN, SUB_16, 4, TWICE, q3_k_shift)        \
    X(q4_k, 8, M32, SUB_32, 0, ONCE, fields_of_4)          \
    X(q5_k, 8, M32, SUB_32, 0, TWO_STREAMS, no_shift)      \
    X(q6_k, 8, PLAIN, SUB_16, 32, TWO_STREAMS, q6_k_shift) \
    X(iq4_nl, 1, PLAIN, SUB_NONE, 128, ONCE, no_shift)     \
    X(iq4_xs, 8, PLAIN, SUB_32, 128, ONCE, no_shift)       \
    X(tq1_0, 8, PLAIN, SUB_NONE, 2, TWICE, tq1_0_shift)    \
    X(tq2_0, 8, PLAIN, SUB_NONE, 1, TWICE, fields_of_2)    \
    X(mxfp4, 1, PLAIN, SUB_NONE, 128, TWICE, no_shift)     \
    X(g3, 1, PLAIN, SUB_NONE, 128, ONCE, no_shift)

#define TILE_FORMAT(name, groups, kind, sub, bias, read, shift)                \
    static const tile_format name = {INK_TILE_ROWS * sizeof(ink_block_##name), \
                                     groups,                                   \
                                     INK_GROUP_##kind,                         \
                                     sub,                                      \
                                     bias,                                     \
                                     READ_##read,                              \
                                     name##_codes,                             \
                                     shift,                                    \
                                     name##_scales};
TILE_FORMATS(TILE_FORMAT)
#undef TILE_FORMAT

/* ---- The scales of one group. */

typedef struct group_scales {
    __m512 d, m[2];
    __m512i scale[2]; /* SUB_16 */
} group_scales;

TEMPLATE __m512i widen_scales(const int8_t scale[INK_TILE_ROWS])
{
    return _mm512_cvtepi8_epi32(_mm_load_si128((const void *)scale));
}

TEMPLATE __m512 widen_minima(const uint8_t min[INK_TILE_ROWS])
{
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_load_si128((const void *)min)));
}

TEMPLATE group_scales scales_of_group(const tile_format *f, const tile_scales *block, int group)
{
    group_scales s = {.d = block->d};
    if (f->kind == INK_GROUP_M32)
        s.m[0] = block->m;
    if (f->sub == SUB_32) {
        s.d = _mm512_mul_ps(block->d, _mm512_cvtepi32_ps(widen_scales(block->scale[group])));
        if (f->kind == INK_GROUP_M32)
            s.m[0] = _mm512_mul_ps(block->m, widen_minima(block->min[group]));
    }
    if (f->sub == SUB_16)
        for (int half = 0; half < 2; half++) {
            s.scale[half] = widen_scales(block->scale[2 * group + half]);
            if (f->kind == INK_GROUP_M16)
                s.m[half] = _mm512_mul_ps(block->m, widen_minima(block->min[2 * group + half]));
        }
    return s;
}

#endif
