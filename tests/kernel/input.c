#include "input.h"

#include <float.h>
#include <math.h>
#include <string.h>
#include "base/half.h"

#define X(name) #name,
const char *const float_kind_names[N_FLOAT_KINDS] = {FLOAT_KINDS(X)};
const char *const block_kind_names[N_BLOCK_KINDS] = {BLOCK_KINDS(X)};
const char *const q8_kind_names[N_Q8_KINDS] = {Q8_KINDS(X)};
#undef X

/* ---- SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014 */

uint64_t rng_next(rng *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

rng rng_for(uint64_t seed, const char *name, size_t number)
{
    rng r = {seed};
    for (; *name; name++)
        r.state = rng_next(&r) + (unsigned char)*name;
    r.state = rng_next(&r) + number;
    return r;
}

size_t rng_below(rng *r, size_t n)
{
    return (size_t)(rng_next(r) >> 32) % n;
}

float rng_unit(rng *r)
{
    return (float)(int32_t)(rng_next(r) >> 40) * 0x1p-23f - 1.0f;
}

float rng_magnitude(rng *r, int low, int high)
{
    int exponent = low + (int)rng_below(r, (size_t)(high - low));
    return ldexpf(copysignf(1.0f + fabsf(rng_unit(r)) * 0.5f, rng_unit(r)), exponent);
}

/* ---- Floats */

static const float specials[] = {0.0f,       -0.0f,       1.0f,          -1.0f,    INFINITY,
                                 -INFINITY,  NAN,         FLT_MAX,       -FLT_MAX, FLT_MIN,
                                 -FLT_MIN,   0x1p-149f,   -0x1p-149f,    0x1p127f, 88.72284f,
                                 -87.33655f, -103.97208f, 0x1.fffffep-1f};

static float gaussian(rng *r)
{
    float sum = 0;
    for (int i = 0; i < 6; i++) /* six uniforms: variance 2, tails to +-6 */
        sum += rng_unit(r);
    return sum * 0.70710678f;
}

static float draw_float(rng *r, float_kind kind)
{
    switch (kind) {
    case FLOATS_GAUSSIAN:
        return gaussian(r);
    case FLOATS_OUTLIERS:
        return rng_below(r, 64) ? gaussian(r) : gaussian(r) * 100;
    case FLOATS_WIDE:
        return rng_magnitude(r, -20, 20);
    case FLOATS_INTEGERS:
        return (float)((int)rng_below(r, 255) - 127);
    case FLOATS_HALVES: /* ties of every rounding to integers */
        return (float)((int)rng_below(r, 509) - 254) * 0.5f;
    case FLOATS_STEEP: /* where exponentials overflow, underflow and saturate */
        return rng_unit(r) * 110.0f;
    case FLOATS_ZEROS:
        return rng_below(r, 8) ? copysignf(0, rng_unit(r)) : rng_unit(r);
    case FLOATS_SUBNORMAL:
        return rng_unit(r) * FLT_MIN;
    case FLOATS_TINY: /* products of two underflow */
        return rng_magnitude(r, -126, -60);
    case FLOATS_HUGE_VALUES:
        return rng_magnitude(r, 60, 127);
    case FLOATS_SPECIALS:
        return rng_below(r, 4) ? gaussian(r)
                               : specials[rng_below(r, sizeof specials / sizeof *specials)];
    case FLOATS_ANY_BITS:
        return ink_float_from_bits((uint32_t)rng_next(r));
    default:
        return rng_unit(r);
    }
}

void fill_floats(rng *r, float *out, size_t n, float_kind kind)
{
    float constant = rng_magnitude(r, -8, 8);
    for (size_t i = 0; i < n; i++)
        out[i] = kind == FLOATS_CONSTANT ? constant : draw_float(r, kind);
}

/* ---- Blocks */

static uint16_t draw_scale(rng *r, block_kind kind)
{
    uint16_t random = (uint16_t)rng_next(r), sign = random & 0x8000;
    switch (kind) {
    case BLOCKS_RANDOM_BYTES:
        return random;
    case BLOCKS_SCALE_ZERO:
        return sign;
    case BLOCKS_SCALE_NEGATIVE:
        return ink_half_from_float(-fabsf(rng_magnitude(r, -10, 0)));
    case BLOCKS_SCALE_SUBNORMAL:
        return (uint16_t)(sign | (random & 0x3ff));
    case BLOCKS_SCALE_LARGEST:
        return sign | 0x7bff;
    case BLOCKS_SCALE_INFINITE:
        return sign | 0x7c00;
    case BLOCKS_SCALE_NAN:
        return (uint16_t)(sign | 0x7c01 | (random & 0x3ff));
    default:
        return ink_half_from_float(rng_magnitude(r, -10, 0));
    }
}

/* MXFP4's scale is a power of two in one byte: extremes stand in for what a half could be. */
static uint8_t draw_exponent(rng *r, block_kind kind)
{
    switch (kind) {
    case BLOCKS_RANDOM_BYTES:
        return (uint8_t)rng_next(r);
    case BLOCKS_SCALE_ZERO:
        return 0;
    case BLOCKS_SCALE_SUBNORMAL:
        return (uint8_t)rng_below(r, 3);
    case BLOCKS_SCALE_LARGEST:
        return 254;
    case BLOCKS_SCALE_INFINITE:
    case BLOCKS_SCALE_NAN:
        return 255;
    default:
        return (uint8_t)(115 + rng_below(r, 20));
    }
}

/* In all formats fields of two-byte units are scales (but one of IQ4_XS, where any bits do). */
static void fill_scales(rng *r, const ink_format_info *info, unsigned char *block, block_kind kind)
{
    for (const ink_format_field *f = info->fields; f->count; f++) {
        if (f->unit_bytes == 1 && f->count == 1)
            *block = draw_exponent(r, kind);
        for (size_t i = 0; f->unit_bytes == 2 && i < f->count; i++) {
            uint16_t scale = draw_scale(r, kind);
            memcpy(block + 2 * i, &scale, sizeof scale);
        }
        block += (size_t)f->unit_bytes * f->count;
    }
}

/* One number is the whole block: the kind speaks of the number itself. */
static void fill_single(rng *r, ink_format format, unsigned char *block, block_kind kind)
{
    if (kind == BLOCKS_RANDOM_BYTES)
        return;
    uint16_t half = draw_scale(r, kind);
    float value = ink_half_to_float(half);
    if (kind == BLOCKS_SCALE_SUBNORMAL && format != INK_FORMAT_F16)
        value *= 0x1p-112f;
    uint16_t brain = ink_bfloat_from_float(value);
    if (format == INK_FORMAT_F32)
        memcpy(block, &value, sizeof value);
    else
        memcpy(block, format == INK_FORMAT_F16 ? &half : &brain, sizeof half);
}

static unsigned char draw_byte(rng *r, block_kind kind)
{
    static const unsigned char corners[] = {0x80, 0x7f, 0x00, 0xff, 0x88, 0x77, 0x0f, 0xf0};
    switch (kind) {
    case BLOCKS_ALL_ZERO:
    case BLOCKS_LOW_CODES:
        return 0;
    case BLOCKS_ALL_ONES:
    case BLOCKS_HIGH_CODES:
        return 0xff;
    case BLOCKS_LEAST_CODES:
        return 0x80;
    case BLOCKS_LARGEST_CODES:
        return 0x7f;
    case BLOCKS_CORNER_CODES:
        return corners[rng_below(r, sizeof corners)];
    default:
        return (unsigned char)rng_next(r);
    }
}

static void fill_block(rng *r, ink_format format, unsigned char *block, block_kind kind)
{
    const ink_format_info *info = &ink_formats[format];
    for (size_t i = 0; i < info->block_bytes; i++)
        block[i] = draw_byte(r, kind);
    if (kind == BLOCKS_ALL_ZERO || kind == BLOCKS_ALL_ONES)
        return;
    if (info->block_elements == 1)
        fill_single(r, format, block, kind);
    else
        fill_scales(r, info, block, kind);
}

void fill_blocks(rng *r, ink_format format, void *out, size_t n_blocks, block_kind kind)
{
    unsigned char *block = out;
    for (size_t i = 0; i < n_blocks; i++, block += ink_formats[format].block_bytes)
        fill_block(r, format, block,
                   kind == BLOCKS_MIXED ? (block_kind)rng_below(r, BLOCKS_MIXED) : kind);
}

/* ---- Activations */

static int8_t draw_code(rng *r, size_t k, q8_kind kind)
{
    switch (kind) {
    case Q8_ALL_127:
        return 127;
    case Q8_ALL_MINUS_127:
        return -127;
    case Q8_ALTERNATING:
        return k & 1 ? -127 : 127;
    case Q8_ZERO:
    case Q8_NAN_D:
        return 0;
    default:
        return (int8_t)((int)rng_below(r, 255) - 127);
    }
}

static float draw_d(rng *r, q8_kind kind)
{
    switch (kind) {
    case Q8_ZERO:
        return 0;
    case Q8_SUBNORMAL_D:
        return fabsf(rng_unit(r)) * 0x1p-130f;
    case Q8_LARGEST_D:
        return FLT_MAX / 127;
    case Q8_NAN_D:
        return NAN;
    default:
        return fabsf(rng_magnitude(r, -12, 2));
    }
}

static void fill_group(rng *r, ink_q8 *out, q8_kind kind)
{
    out->d = draw_d(r, kind);
    out->isum[0] = out->isum[1] = 0;
    for (size_t k = 0; k < INK_Q8_GROUP; k++) {
        out->q[k] = draw_code(r, k, kind);
        out->isum[k / 16] = (int16_t)(out->isum[k / 16] + out->q[k]);
    }
    for (size_t half = 0; half < 2; half++)
        out->sum[half] = out->d * (float)out->isum[half];
}

void fill_q8(rng *r, ink_q8 *out, size_t n_groups, q8_kind kind)
{
    for (size_t i = 0; i < n_groups; i++) {
        float x[INK_Q8_GROUP];
        fill_floats(r, x, INK_Q8_GROUP, kind == Q8_QUANTIZED ? FLOATS_OUTLIERS : FLOATS_WIDE);
        if (kind == Q8_QUANTIZED || kind == Q8_QUANTIZED_WIDE)
            ink_quantize_q8_c(out + i, x, 1);
        else
            fill_group(r, out + i, kind);
    }
}
