/*
 * What each quantized format's bits mean: one function per format that expands 32 weights of a
 * block, read by the C matmuls and by decoding. The other kernels read the same bits from tiles and
 * are checked against this.
 *
 * Layouts are facts of the GGUF file format; MXFP4 is that of the OCP Microscaling Formats
 * specification 1.0.
 */
#include "kernel/reference.h"

#include "base/half.h"
#include "kernel/trellis.h"

/* A nonlinear 4-bit code, denser near zero. */
const int8_t ink_codes_iq4[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                  1,    13,   25,  38,  53,  69,  89,  113};

const int8_t ink_codes_mxfp4[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

/*
 * Levels for numbers that are spread as a Gaussian is: those of Lloyd (1982) and Max (1960) for 8
 * and 4 of them, rounded to small integers (for G3 such that four products fit 16 bits). 16 long,
 * as registers are.
 */
const int8_t ink_codes_g3[16] = {-16, -10, -6, -2, 2, 6, 10, 16};
const int8_t ink_codes_g2[16] = {-10, -3, 3, 10};

#define HALF_GROUP (INK_Q8_GROUP / 2)

static void set_scale(ink_group *out, float d, int32_t first, int32_t second)
{
    out->d = d;
    out->scale[0] = first;
    out->scale[1] = second;
    out->m[0] = out->m[1] = 0;
}

static void set_scale_min(ink_group *out, float d, float m)
{
    set_scale(out, d, 1, 1);
    out->m[0] = out->m[1] = m;
}

/* The blocks of 32: low halves of 16 bytes are k = 0..15, high halves k = 16..31. */
static void read_nibbles(int8_t q[INK_Q8_GROUP], const uint8_t bytes[HALF_GROUP])
{
    for (int j = 0; j < HALF_GROUP; j++) {
        q[j] = (int8_t)(bytes[j] & 15);
        q[j + HALF_GROUP] = (int8_t)(bytes[j] >> 4);
    }
}

/* The blocks of 256: each of 32 bytes holds one field of the group, at the same place. */
static void read_fields(int8_t q[INK_Q8_GROUP], const uint8_t bytes[INK_Q8_GROUP], size_t shift,
                        int mask)
{
    for (int k = 0; k < INK_Q8_GROUP; k++)
        q[k] = (int8_t)(bytes[k] >> shift & mask);
}

/* Further fields, as the bits above those read so far. */
static void add_fields(int8_t q[INK_Q8_GROUP], const uint8_t bytes[INK_Q8_GROUP], size_t shift,
                       int mask, int weight)
{
    for (int k = 0; k < INK_Q8_GROUP; k++)
        q[k] = (int8_t)(q[k] + (bytes[k] >> shift & mask) * weight);
}

static void subtract(int8_t q[INK_Q8_GROUP], int bias)
{
    for (int k = 0; k < INK_Q8_GROUP; k++)
        q[k] = (int8_t)(q[k] - bias);
}

static void look_up(int8_t q[INK_Q8_GROUP], const int8_t codes[16])
{
    for (int k = 0; k < INK_Q8_GROUP; k++)
        q[k] = codes[q[k]];
}

static void read_q8_0(ink_group *out, const void *data, size_t group)
{
    const ink_block_q8_0 *block = data;
    (void)group;
    memcpy(out->q, block->q, sizeof out->q);
    set_scale(out, ink_half_to_float(block->d), 1, 1);
}

static void read_q4_0(ink_group *out, const void *data, size_t group)
{
    const ink_block_q4_0 *block = data;
    (void)group;
    read_nibbles(out->q, block->q);
    subtract(out->q, 8);
    set_scale(out, ink_half_to_float(block->d), 1, 1);
}

static void read_q4_1(ink_group *out, const void *data, size_t group)
{
    const ink_block_q4_1 *block = data;
    (void)group;
    read_nibbles(out->q, block->q);
    set_scale_min(out, ink_half_to_float(block->d), ink_half_to_float(block->m));
}

static void add_high_bits(int8_t q[INK_Q8_GROUP], const uint8_t high[4], int weight)
{
    for (int k = 0; k < INK_Q8_GROUP; k++)
        q[k] = (int8_t)(q[k] + (high[k / 8] >> k % 8 & 1) * weight);
}

static void read_q5_0(ink_group *out, const void *data, size_t group)
{
    const ink_block_q5_0 *block = data;
    (void)group;
    read_nibbles(out->q, block->q);
    add_high_bits(out->q, block->high, 16);
    subtract(out->q, 16);
    set_scale(out, ink_half_to_float(block->d), 1, 1);
}

static void read_q5_1(ink_group *out, const void *data, size_t group)
{
    const ink_block_q5_1 *block = data;
    (void)group;
    read_nibbles(out->q, block->q);
    add_high_bits(out->q, block->high, 16);
    set_scale_min(out, ink_half_to_float(block->d), ink_half_to_float(block->m));
}

/* A scale byte: the low half scales, the high half is subtracted. */
static void read_q2_k(ink_group *out, const void *data, size_t group)
{
    const ink_block_q2_k *block = data;
    const uint8_t *scales = block->scales + 2 * group;
    read_fields(out->q, block->q + 32 * (group / 4), 2 * (group % 4), 3);
    set_scale(out, ink_half_to_float(block->d), scales[0] & 15, scales[1] & 15);
    float d_min = ink_half_to_float(block->d_min);
    for (int half = 0; half < 2; half++)
        out->m[half] = -(d_min * (float)(scales[half] >> 4));
}

/* Six bits: four from a half of bytes 0..7, two from bytes 8..11. */
static int32_t scale_q3_k(const uint8_t scales[12], size_t i)
{
    int low = scales[i % 8] >> 4 * (i / 8) & 15;
    int high = scales[8 + i % 4] >> 2 * (i / 4) & 3;
    return (low | high << 4) - 32;
}

static void read_q3_k(ink_group *out, const void *data, size_t group)
{
    const ink_block_q3_k *block = data;
    read_fields(out->q, block->q + 32 * (group / 4), 2 * (group % 4), 3);
    add_fields(out->q, block->high, group, 1, 4);
    subtract(out->q, 4);
    set_scale(out, ink_half_to_float(block->d), scale_q3_k(block->scales, 2 * group),
              scale_q3_k(block->scales, 2 * group + 1));
}

/*
 * Eight scales and eight minima of six bits in twelve bytes: the first four of each fill bytes
 * 0..7, whose upper two bits belong to the last four; the rest of those is in the halves of bytes
 * 8..11.
 */
static void set_scale_k(ink_group *out, const uint8_t scales[12], size_t group, const ink_half d[2])
{
    int scale, min;
    if (group < 4) {
        scale = scales[group] & 63;
        min = scales[group + 4] & 63;
    } else {
        scale = (scales[group + 4] & 15) | scales[group - 4] >> 6 << 4;
        min = scales[group + 4] >> 4 | scales[group] >> 6 << 4;
    }
    set_scale_min(out, ink_half_to_float(d[0]) * (float)scale,
                  -(ink_half_to_float(d[1]) * (float)min));
}

static void read_q4_k(ink_group *out, const void *data, size_t group)
{
    const ink_block_q4_k *block = data;
    read_fields(out->q, block->q + 32 * (group / 2), 4 * (group % 2), 15);
    set_scale_k(out, block->scales, group, (const ink_half[2]){block->d, block->d_min});
}

static void read_q5_k(ink_group *out, const void *data, size_t group)
{
    const ink_block_q5_k *block = data;
    read_fields(out->q, block->q + 32 * (group / 2), 4 * (group % 2), 15);
    add_fields(out->q, block->high, group, 1, 16);
    set_scale_k(out, block->scales, group, (const ink_half[2]){block->d, block->d_min});
}

/* Of each 128 values 64 bytes hold the low halves: 0..63 in the low nibbles, then the high. */
static void read_q6_k(ink_group *out, const void *data, size_t group)
{
    const ink_block_q6_k *block = data;
    size_t part = group / 4, in_part = group % 4;
    read_fields(out->q, block->low + 64 * part + 32 * (in_part % 2), 4 * (in_part / 2), 15);
    add_fields(out->q, block->high + 32 * part, 2 * in_part, 3, 16);
    subtract(out->q, 32);
    set_scale(out, ink_half_to_float(block->d), block->scales[2 * group],
              block->scales[2 * group + 1]);
}

static void read_iq4_nl(ink_group *out, const void *data, size_t group)
{
    const ink_block_iq4_nl *block = data;
    (void)group;
    read_nibbles(out->q, block->q);
    look_up(out->q, ink_codes_iq4);
    set_scale(out, ink_half_to_float(block->d), 1, 1);
}

static void read_iq4_xs(ink_group *out, const void *data, size_t group)
{
    const ink_block_iq4_xs *block = data;
    int low = block->scales_low[group / 2] >> 4 * (group % 2) & 15;
    int high = block->scales_high >> 2 * group & 3;
    read_nibbles(out->q, block->q + HALF_GROUP * group);
    look_up(out->q, ink_codes_iq4);
    set_scale(out, ink_half_to_float(block->d) * (float)((low | high << 4) - 32), 1, 1);
}

/* Digit n, less one, of a byte that holds 0.t0 t1 t2 t3 t4 in base 3 as 256ths, rounded up. */
static int8_t read_trit(uint8_t byte, size_t n)
{
    static const uint8_t powers[5] = {1, 3, 9, 27, 81};
    uint8_t rest = (uint8_t)(byte * powers[n]);
    return (int8_t)((rest * 3 >> 8) - 1);
}

/* 32 bytes of five digits, digit by digit; then 16 bytes of five; then four bytes of four. */
static void read_tq1_0(ink_group *out, const void *data, size_t group)
{
    const ink_block_tq1_0 *block = data;
    for (size_t k = 0; k < INK_Q8_GROUP; k++) {
        size_t value = INK_Q8_GROUP * group + k;
        if (value < 160)
            out->q[k] = read_trit(block->q[value % 32], value / 32);
        else if (value < 240)
            out->q[k] = read_trit(block->q[32 + value % 16], (value - 160) / 16);
        else
            out->q[k] = read_trit(block->q_last[value % 4], (value - 240) / 4);
    }
    set_scale(out, ink_half_to_float(block->d), 1, 1);
}

static void read_tq2_0(ink_group *out, const void *data, size_t group)
{
    const ink_block_tq2_0 *block = data;
    read_fields(out->q, block->q + 32 * (group / 4), 2 * (group % 4), 3);
    subtract(out->q, 1);
    set_scale(out, ink_half_to_float(block->d), 1, 1);
}

/* 2^(exponent - 128) for every byte: exponents 0 and 1 are subnormal, 255 is a number here. */
static void read_mxfp4(ink_group *out, const void *data, size_t group)
{
    const ink_block_mxfp4 *block = data;
    uint32_t exponent = block->exponent;
    (void)group;
    read_nibbles(out->q, block->q);
    look_up(out->q, ink_codes_mxfp4);
    set_scale(out, ink_float_from_bits(exponent < 2 ? 0x200000u << exponent : (exponent - 1) << 23),
              1, 1);
}

static void read_q1_0(ink_group *out, const void *data, size_t group)
{
    const ink_block_q1_0 *block = data;
    for (size_t k = 0; k < INK_Q8_GROUP; k++)
        out->q[k] = block->q[4 * group + k / 8] >> k % 8 & 1 ? 1 : -1;
    set_scale(out, ink_half_to_float(block->d), 1, 1);
}

static void read_q2_0(ink_group *out, const void *data, size_t group)
{
    const ink_block_q2_0 *block = data;
    for (size_t k = 0; k < INK_Q8_GROUP; k++)
        out->q[k] = (int8_t)((block->q[8 * group + k / 4] >> 2 * (k % 4) & 3) - 1);
    set_scale(out, ink_half_to_float(block->d), 1, 1);
}

/* Unsigned E4M3 in units of 2^-9, its smallest step: an integer below 2^18. */
static int32_t scale_nvfp4(uint8_t e4m3)
{
    int exponent = e4m3 >> 3 & 15, fraction = e4m3 & 7;
    return exponent == 0 ? fraction : (8 + fraction) << (exponent - 1);
}

static void read_nvfp4(ink_group *out, const void *data, size_t group)
{
    const ink_block_nvfp4 *block = data;
    for (size_t k = 0; k < INK_Q8_GROUP; k++) {
        uint8_t byte = block->q[16 * group + k / 16 * 8 + k % 8];
        out->q[k] = ink_codes_mxfp4[k % 16 < 8 ? byte & 15 : byte >> 4];
    }
    set_scale(out, 0x1p-10f, scale_nvfp4(block->scales[2 * group]),
              scale_nvfp4(block->scales[2 * group + 1]));
}

/* Four fields of two bits in each byte; four bytes are half a group. */
static void read_pairs(int8_t q[INK_Q8_GROUP], const uint8_t bytes[INK_Q8_GROUP / 4])
{
    for (int k = 0; k < INK_Q8_GROUP; k++)
        q[k] = (int8_t)(bytes[k / 16 * 4 + k % 4] >> 2 * (k / 4 % 4) & 3);
}

static void read_g3(ink_group *out, const void *data, size_t group)
{
    const ink_block_g3 *block = data;
    (void)group;
    read_pairs(out->q, block->q);
    add_high_bits(out->q, block->high, 4);
    look_up(out->q, ink_codes_g3);
    set_scale(out, ink_half_to_float(block->d), 1, 1);
}

static void read_g2(ink_group *out, const void *data, size_t group)
{
    const ink_block_g2 *block = data;
    (void)group;
    read_pairs(out->q, block->q);
    look_up(out->q, ink_codes_g2);
    set_scale(out, ink_half_to_float(block->d), 1, 1);
}

const ink_group_reader ink_group_readers[INK_N_FORMATS] = {
    [INK_FORMAT_Q8_0] = {read_q8_0, INK_GROUP_PLAIN},
    [INK_FORMAT_Q4_0] = {read_q4_0, INK_GROUP_PLAIN},
    [INK_FORMAT_Q4_1] = {read_q4_1, INK_GROUP_M32},
    [INK_FORMAT_Q5_0] = {read_q5_0, INK_GROUP_PLAIN},
    [INK_FORMAT_Q5_1] = {read_q5_1, INK_GROUP_M32},
    [INK_FORMAT_Q2_K] = {read_q2_k, INK_GROUP_M16},
    [INK_FORMAT_Q3_K] = {read_q3_k, INK_GROUP_PLAIN},
    [INK_FORMAT_Q4_K] = {read_q4_k, INK_GROUP_M32},
    [INK_FORMAT_Q5_K] = {read_q5_k, INK_GROUP_M32},
    [INK_FORMAT_Q6_K] = {read_q6_k, INK_GROUP_PLAIN},
    [INK_FORMAT_IQ4_NL] = {read_iq4_nl, INK_GROUP_PLAIN},
    [INK_FORMAT_IQ4_XS] = {read_iq4_xs, INK_GROUP_PLAIN},
    [INK_FORMAT_TQ1_0] = {read_tq1_0, INK_GROUP_PLAIN},
    [INK_FORMAT_TQ2_0] = {read_tq2_0, INK_GROUP_PLAIN},
    [INK_FORMAT_MXFP4] = {read_mxfp4, INK_GROUP_PLAIN},
    [INK_FORMAT_NVFP4] = {read_nvfp4, INK_GROUP_DECODED},
    [INK_FORMAT_Q1_0] = {read_q1_0, INK_GROUP_DECODED},
    [INK_FORMAT_Q2_0] = {read_q2_0, INK_GROUP_DECODED},
    [INK_FORMAT_T2] = {ink_group_read_t2, INK_GROUP_ROTATED},
    [INK_FORMAT_T3] = {ink_group_read_t3, INK_GROUP_ROTATED},
    [INK_FORMAT_G3] = {read_g3, INK_GROUP_PLAIN},
    [INK_FORMAT_G2] = {read_g2, INK_GROUP_DECODED}, /* values alone, which need none */
};
