/*
 * Floats to blocks whose codes stand for the levels of a Gaussian.
 *
 * A block's root mean square leads to codes, the nearest levels. The scale that fits these best (by
 * least squares) takes its place and is rounded to a half, and the codes are chosen once more for
 * what was kept. Lloyd, "Least squares quantization in PCM" (1982), with one number free.
 */
#include <math.h>

#include "base/half.h"
#include "kernel/reference.h"

enum { MAX_LEVELS = 16, LANES = 8 };

typedef struct level_set {
    int n_levels;
    const int8_t *levels; /* ascending */
    float start;          /* of the scale, as a part of the root mean square */
    void (*put)(void *block, ink_half d, const int32_t *codes);
} level_set;

/* What is made of a block: codes, and the levels that they stand for. */
typedef struct choice {
    int32_t codes[INK_Q8_GROUP];
    float levels[INK_Q8_GROUP];
} choice;

/* The nearest levels: how many of the borders between neighbors x is above. */
static void choose(const level_set *set, float scale, const float *restrict x, choice *restrict out)
{
    for (int k = 0; k < INK_Q8_GROUP; k++) {
        out->codes[k] = 0;
        out->levels[k] = set->levels[0];
    }
    for (int i = 1; i < set->n_levels; i++) {
        const float step = (float)(set->levels[i] - set->levels[i - 1]);
        const float border = scale * (0.5f * (float)(set->levels[i] + set->levels[i - 1]));
        for (int k = 0; k < INK_Q8_GROUP; k++) {
            out->codes[k] += x[k] > border;
            out->levels[k] += x[k] > border ? step : 0.0f;
        }
    }
}

/* By lanes, and those in a tree: the same bits however a compiler does it. */
static float dot(const float a[INK_Q8_GROUP], const float b[INK_Q8_GROUP])
{
    float sum[LANES] = {0};
    for (int k = 0; k < INK_Q8_GROUP; k += LANES)
        for (int i = 0; i < LANES; i++)
            sum[i] += a[k + i] * b[k + i];
    for (int width = LANES / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++)
            sum[i] += sum[i + width];
    return sum[0];
}

/* The largest magnitude; not a number, or infinite, where one of them is. */
static float find_size(const float x[INK_Q8_GROUP])
{
    uint32_t size = 0;
    for (int k = 0; k < INK_Q8_GROUP; k++) {
        uint32_t bits = ink_float_bits(x[k]) & 0x7fffffffu;
        size = bits > size ? bits : size;
    }
    return ink_float_from_bits(size);
}

/*
 * A power of two that brings a size of 2^e .. 2^(e + 1) to 2 .. 4, so that no square overflows. Of
 * sizes below 2^-125 the scale is zero as a half anyway.
 */
static float find_unit(float size)
{
    uint32_t exponent = ink_float_bits(size) >> 23;
    return ink_float_from_bits((255u - exponent) << 23);
}

static void encode_block(const level_set *set, void *block, const float *x)
{
    const float size = find_size(x);
    choice chosen = {.codes = {0}};
    if (!(size < INFINITY)) {
        set->put(block, 0x7e00, chosen.codes);
        return;
    }
    if (size < 0x1p-125f) {
        set->put(block, 0, chosen.codes);
        return;
    }
    float unit = find_unit(size), y[INK_Q8_GROUP];
    for (int k = 0; k < INK_Q8_GROUP; k++)
        y[k] = x[k] * unit;
    choose(set, set->start * sqrtf(dot(y, y) / INK_Q8_GROUP), y, &chosen);
    float scale = dot(y, chosen.levels) / dot(chosen.levels, chosen.levels);
    ink_half d = ink_half_from_float(scale / unit);
    choose(set, ink_half_to_float(d), x, &chosen);
    set->put(block, d, chosen.codes);
}

/* ---- Formats --------------------------------------------------------------------------------- */

static void put_iq4_nl(void *block, ink_half d, const int32_t *codes)
{
    ink_block_iq4_nl *out = block;
    out->d = d;
    for (int j = 0; j < INK_Q8_GROUP / 2; j++)
        out->q[j] = (uint8_t)(codes[j] | codes[j + INK_Q8_GROUP / 2] << 4);
}

static void put_pairs(uint8_t q[INK_Q8_GROUP / 4], const int32_t *codes)
{
    for (int j = 0; j < INK_Q8_GROUP / 4; j++) {
        const int32_t *first = codes + j / 4 * 16 + j % 4;
        q[j] = (uint8_t)((first[0] & 3) | (first[4] & 3) << 2 | (first[8] & 3) << 4 |
                         (first[12] & 3) << 6);
    }
}

static void put_g3(void *block, ink_half d, const int32_t *codes)
{
    ink_block_g3 *out = block;
    uint32_t high = 0;
    for (int k = 0; k < INK_Q8_GROUP; k++)
        high |= (uint32_t)(codes[k] >> 2) << k;
    out->d = d;
    for (int i = 0; i < 4; i++)
        out->high[i] = (uint8_t)(high >> 8 * i);
    put_pairs(out->q, codes);
}

static void put_g2(void *block, ink_half d, const int32_t *codes)
{
    ink_block_g2 *out = block;
    out->d = d;
    put_pairs(out->q, codes);
}

/* The factors are where the levels meet those of Lloyd and Max for a Gaussian of deviation 1. */
static const level_set sets[INK_N_FORMATS] = {
    [INK_FORMAT_IQ4_NL] = {16, ink_codes_iq4, 0.0218f, put_iq4_nl},
    [INK_FORMAT_G3] = {8, ink_codes_g3, 0.1316f, put_g3},
    [INK_FORMAT_G2] = {4, ink_codes_g2, 0.151f, put_g2},
};

bool ink_encode_levels(ink_format format, void *blocks, const float *x, size_t n)
{
    const level_set *set = &sets[format];
    uint8_t *block = blocks;
    if (!set->put)
        return false;
    for (size_t i = 0; i < n; i += INK_Q8_GROUP, block += ink_formats[format].block_bytes)
        encode_block(set, block, x + i);
    return true;
}
