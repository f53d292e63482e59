/*
 * Floats to blocks where no search is needed: cache pages, and the blocks of tests. Choosing better
 * codes is the work of src/quant. What is not finite becomes a block whose scale is NaN, so that it
 * is seen.
 */
#include "kernel/kernel.h"

#include <math.h>
#include "base/half.h"

#define HALF_NAN 0x7e00u

/* The value that is largest in magnitude, sign and all; NaN and infinity count as largest. */
static float find_extreme(const float *x, size_t n)
{
    uint32_t size = 0;
    float extreme = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = ink_float_bits(x[i]) & 0x7fffffffu;
        if (bits > size) {
            size = bits;
            extreme = x[i];
        }
    }
    return extreme;
}

static bool is_finite(float x)
{
    return (ink_float_bits(x) & 0x7fffffffu) < 0x7f800000u;
}

/* 1 / d, or 0 for a d so small that the quotient is infinite: its half is 0 anyway. */
static float invert(float d)
{
    float inverse = d != 0 ? 1.0f / d : 0;
    return is_finite(inverse) ? inverse : 0;
}

static void encode_f32(void *block, const float *x)
{
    memcpy(block, x, sizeof *x);
}

static void encode_f16(void *block, const float *x)
{
    ink_block_f16 *out = block;
    out->value = ink_half_from_float(*x);
}

static void encode_bf16(void *block, const float *x)
{
    ink_block_bf16 *out = block;
    out->value = ink_bfloat_from_float(*x);
}

static void encode_q8_0(void *block, const float *x)
{
    ink_block_q8_0 *out = block;
    float extreme = fabsf(find_extreme(x, INK_Q8_GROUP));
    if (!is_finite(extreme)) {
        *out = (ink_block_q8_0){.d = HALF_NAN};
        return;
    }
    float d = extreme / 127.0f, inverse = invert(d);
    out->d = ink_half_from_float(d);
    for (int k = 0; k < INK_Q8_GROUP; k++)
        out->q[k] = (int8_t)lrintf(x[k] * inverse);
}

/* The extreme value gets code 0, that is -8: the codes reach one further below zero than above. */
static uint8_t code_q4_0(float x, float inverse)
{
    int code = (int)(x * inverse + 8.5f);
    return (uint8_t)(code > 15 ? 15 : code);
}

static void encode_q4_0(void *block, const float *x)
{
    ink_block_q4_0 *out = block;
    float extreme = find_extreme(x, INK_Q8_GROUP);
    if (!is_finite(extreme)) {
        *out = (ink_block_q4_0){.d = HALF_NAN};
        return;
    }
    float d = extreme / -8.0f, inverse = invert(d);
    out->d = ink_half_from_float(d);
    for (int j = 0; j < INK_Q8_GROUP / 2; j++) {
        uint8_t low = code_q4_0(x[j], inverse), high = code_q4_0(x[j + INK_Q8_GROUP / 2], inverse);
        out->q[j] = (uint8_t)(low | high << 4);
    }
}

typedef void encode_fn(void *block, const float *x);

static encode_fn *const encoders[INK_N_FORMATS] = {
    [INK_FORMAT_F32] = encode_f32,   [INK_FORMAT_F16] = encode_f16,
    [INK_FORMAT_BF16] = encode_bf16, [INK_FORMAT_Q8_0] = encode_q8_0,
    [INK_FORMAT_Q4_0] = encode_q4_0,
};

bool ink_encode(ink_format format, void *blocks, const float *x, size_t n)
{
    const ink_format_info *info = &ink_formats[format];
    uint8_t *block = blocks;
    if (!encoders[format])
        return false;
    for (size_t i = 0; i < n; i += info->block_elements, block += info->block_bytes)
        encoders[format](block, x + i);
    return true;
}
