/* The rows, and the places of those scales that are put together of pieces. */
#include "quant/recipe.h"

#include <stddef.h>
#include <string.h>
#include "base/half.h"
#include "kernel/reference.h"

/* As ink_codes_iq4 and ink_codes_mxfp4 (kernel/reference.h) have them, sorted. */
static const ink_levels iq4 = {
    16,
    {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113},
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
};
static const ink_levels fp4 = {
    15,
    {-12, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 12},
    {15, 14, 13, 12, 11, 10, 9, 0, 1, 2, 3, 4, 5, 6, 7},
};
static const ink_levels signs = {2, {-1, 1}, {0, 1}};

/* ---- Scales ---------------------------------------------------------------------------------- */

static void put_scale_q2_k(uint8_t *block, size_t group, int scale, int min)
{
    ink_block_q2_k *out = (void *)block;
    out->scales[group] = (uint8_t)(scale | min << 4);
}

static void put_scale_q3_k(uint8_t *block, size_t group, int scale, int min)
{
    ink_block_q3_k *out = (void *)block;
    uint8_t *scales = out->scales;
    int bits = scale + 32;
    (void)min;
    scales[group % 8] |= (uint8_t)((bits & 15) << 4 * (group / 8));
    scales[8 + group % 4] |= (uint8_t)(bits >> 4 << 2 * (group / 4));
}

/* Q4_K and Q5_K, whose scales stand at the same place. */
static void put_scale_q4_k(uint8_t *block, size_t group, int scale, int min)
{
    ink_block_q4_k *out = (void *)block;
    uint8_t *scales = out->scales;
    if (group < 4) {
        scales[group] |= (uint8_t)scale;
        scales[group + 4] |= (uint8_t)min;
        return;
    }
    scales[group + 4] = (uint8_t)((scale & 15) | (min & 15) << 4);
    scales[group - 4] |= (uint8_t)(scale >> 4 << 6);
    scales[group] |= (uint8_t)(min >> 4 << 6);
}

static void put_scale_q6_k(uint8_t *block, size_t group, int scale, int min)
{
    ink_block_q6_k *out = (void *)block;
    (void)min;
    out->scales[group] = (int8_t)scale;
}

static void put_scale_iq4_xs(uint8_t *block, size_t group, int scale, int min)
{
    ink_block_iq4_xs *out = (void *)block;
    unsigned bits = (unsigned)(scale + 32);
    (void)min;
    out->scales_low[group / 2] |= (uint8_t)((bits & 15) << 4 * (group % 2));
    out->scales_high = (uint16_t)(out->scales_high | bits >> 4 << 2 * group);
}

/* MXFP4 and NVFP4: a byte each, first of all. */
static void put_scale_byte(uint8_t *block, size_t group, int scale, int min)
{
    (void)min;
    block[group] = (uint8_t)scale;
}

/* ---- Codes ----------------------------------------------------------------------------------- */

/* n digits of base 3, every `step`-th code, as 256ths of the number 0.t0 t1 ..., rounded up. */
static uint8_t join_trits(const uint8_t *codes, size_t step, size_t n)
{
    unsigned number = 0;
    for (size_t i = 0; i < 5; i++)
        number = number * 3 + (i < n ? codes[i * step] : 0u);
    return (uint8_t)((number * 256 + 242) / 243);
}

/* As read_tq1_0 of kernel/groups.c takes them apart. */
static void put_codes_tq1_0(uint8_t *block, const uint8_t *codes)
{
    ink_block_tq1_0 *out = (void *)block;
    for (size_t i = 0; i < 32; i++)
        out->q[i] = join_trits(codes + i, 32, 5);
    for (size_t i = 0; i < 16; i++)
        out->q[32 + i] = join_trits(codes + 160 + i, 16, 5);
    for (size_t i = 0; i < 4; i++)
        out->q_last[i] = join_trits(codes + 240 + i, 4, 4);
}

/* ---- Rows ------------------------------------------------------------------------------------ */

#define AT(format, field) offsetof(ink_block_##format, field)

/* clang-format off */
const ink_recipe ink_recipes[INK_N_FORMATS] = {
    [INK_FORMAT_Q8_0] = {.kind = INK_SCALE_HALF, .group = 32, .low = -127, .high = 127,
        .stored = -127, .planes = {{AT(q8_0, q), 8, 0, 1}}},
    [INK_FORMAT_Q4_0] = {.kind = INK_SCALE_HALF, .group = 32, .low = -8, .high = 7,
        .planes = {{AT(q4_0, q), 4, 0, 16}}},
    [INK_FORMAT_Q4_1] = {.kind = INK_SCALE_HALF, .group = 32, .high = 15, .has_min = true,
        .m = AT(q4_1, m), .planes = {{AT(q4_1, q), 4, 0, 16}}},
    [INK_FORMAT_Q5_0] = {.kind = INK_SCALE_HALF, .group = 32, .low = -16, .high = 15,
        .planes = {{AT(q5_0, q), 4, 0, 16}, {AT(q5_0, high), 1, 4, 1}}},
    [INK_FORMAT_Q5_1] = {.kind = INK_SCALE_HALF, .group = 32, .high = 31, .has_min = true,
        .m = AT(q5_1, m), .planes = {{AT(q5_1, q), 4, 0, 16}, {AT(q5_1, high), 1, 4, 1}}},
    [INK_FORMAT_Q2_K] = {.kind = INK_SCALE_CODES, .group = 16, .high = 3, .has_min = true,
        .scale_high = 15, .min_high = 15, .d = AT(q2_k, d), .m = AT(q2_k, d_min),
        .planes = {{AT(q2_k, q), 2, 0, 32}}, .put_scale = put_scale_q2_k},
    [INK_FORMAT_Q3_K] = {.kind = INK_SCALE_CODES, .group = 16, .low = -4, .high = 3,
        .scale_low = -32, .scale_high = 31, .d = AT(q3_k, d),
        .planes = {{AT(q3_k, q), 2, 0, 32}, {AT(q3_k, high), 1, 2, 32}},
        .put_scale = put_scale_q3_k},
    [INK_FORMAT_Q4_K] = {.kind = INK_SCALE_CODES, .group = 32, .high = 15, .has_min = true,
        .scale_high = 63, .min_high = 63, .d = AT(q4_k, d), .m = AT(q4_k, d_min),
        .planes = {{AT(q4_k, q), 4, 0, 32}}, .put_scale = put_scale_q4_k},
    [INK_FORMAT_Q5_K] = {.kind = INK_SCALE_CODES, .group = 32, .high = 31, .has_min = true,
        .scale_high = 63, .min_high = 63, .d = AT(q5_k, d), .m = AT(q5_k, d_min),
        .planes = {{AT(q5_k, q), 4, 0, 32}, {AT(q5_k, high), 1, 4, 32}},
        .put_scale = put_scale_q4_k},
    [INK_FORMAT_Q6_K] = {.kind = INK_SCALE_CODES, .group = 16, .low = -32, .high = 31,
        .scale_low = -128, .scale_high = 127, .d = AT(q6_k, d),
        .planes = {{AT(q6_k, low), 4, 0, 64}, {AT(q6_k, high), 2, 4, 32}},
        .put_scale = put_scale_q6_k},
    [INK_FORMAT_IQ4_NL] = {.kind = INK_SCALE_HALF, .group = 32, .levels = &iq4,
        .planes = {{AT(iq4_nl, q), 4, 0, 16}}},
    [INK_FORMAT_IQ4_XS] = {.kind = INK_SCALE_CODES, .group = 32, .levels = &iq4,
        .scale_low = -32, .scale_high = 31, .d = AT(iq4_xs, d),
        .planes = {{AT(iq4_xs, q), 4, 0, 16}}, .put_scale = put_scale_iq4_xs},
    [INK_FORMAT_TQ1_0] = {.kind = INK_SCALE_HALF, .group = 256, .low = -1, .high = 1,
        .d = AT(tq1_0, d), .put_codes = put_codes_tq1_0},
    [INK_FORMAT_TQ2_0] = {.kind = INK_SCALE_HALF, .group = 256, .low = -1, .high = 1,
        .d = AT(tq2_0, d), .planes = {{AT(tq2_0, q), 2, 0, 32}}},
    [INK_FORMAT_MXFP4] = {.kind = INK_SCALE_STEPS, .group = 32, .levels = &fp4,
        .scale_high = 254, .planes = {{AT(mxfp4, q), 4, 0, 16}}, .put_scale = put_scale_byte},
    [INK_FORMAT_NVFP4] = {.kind = INK_SCALE_STEPS, .group = 16, .levels = &fp4,
        .scale_high = 126, .planes = {{AT(nvfp4, q), 4, 0, 8}}, .put_scale = put_scale_byte},
    [INK_FORMAT_Q1_0] = {.kind = INK_SCALE_HALF, .group = 128, .levels = &signs,
        .planes = {{AT(q1_0, q), 1, 0, 1}}},
    [INK_FORMAT_T2] = {.kind = INK_SCALE_TRELLIS, .group = 256},
    [INK_FORMAT_T3] = {.kind = INK_SCALE_TRELLIS, .group = 256},
    [INK_FORMAT_Q2_0] = {.kind = INK_SCALE_HALF, .group = 64, .low = -1, .high = 2,
        .planes = {{AT(q2_0, q), 2, 0, 1}}},
};
/* clang-format on */

/* ---- Packing --------------------------------------------------------------------------------- */

static void put_plane(uint8_t *block, ink_plane plane, const uint8_t *codes, size_t n)
{
    size_t runs = 8u / plane.bits, mask = (1u << plane.bits) - 1;
    uint8_t *bytes = block + plane.offset;
    for (size_t k = 0; k < n; k++) {
        size_t run = k / plane.run;
        size_t bits = (codes[k] >> plane.from & mask) << plane.bits * (run % runs);
        bytes[plane.run * (run / runs) + k % plane.run] |= (uint8_t)bits;
    }
}

static void put_half(uint8_t *at, float value)
{
    ink_half half = ink_half_from_float(value);
    memcpy(at, &half, sizeof half);
}

void ink_choice_pack(ink_format format, const ink_choice *choice, void *data)
{
    const ink_recipe *r = &ink_recipes[format];
    const ink_format_info *info = &ink_formats[format];
    uint8_t *block = data, codes[INK_MAX_BLOCK];
    for (size_t k = 0; k < info->block_elements; k++)
        codes[k] =
            r->levels ? r->levels->code[choice->codes[k]] : (uint8_t)(choice->codes[k] + r->stored);
    memset(block, 0, info->block_bytes);
    if (r->kind != INK_SCALE_STEPS)
        put_half(block + r->d, choice->d);
    if (r->has_min)
        put_half(block + r->m, choice->m);
    for (size_t g = 0; r->put_scale && g < info->block_elements / r->group; g++)
        r->put_scale(block, g, choice->scales[g], choice->mins[g]);
    for (size_t p = 0; p < 2; p++)
        if (r->planes[p].bits)
            put_plane(block, r->planes[p], codes, info->block_elements);
    if (r->put_codes)
        r->put_codes(block, codes);
}

float ink_scale_step(ink_format format, int code)
{
    uint8_t block[sizeof(ink_block_nvfp4)] = {0};
    ink_group group;
    ink_recipes[format].put_scale(block, 0, code, 0);
    ink_group_readers[format].read(&group, block, 0);
    return group.d * (float)group.scale[0];
}
