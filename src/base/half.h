/*
 * Half (IEEE 754 binary16) and bfloat16 to and from float, by their definitions: widening is exact,
 * narrowing rounds to nearest, ties to even; NaN stays NaN (quiet), what is too large becomes
 * infinity.
 */
#ifndef INK_BASE_HALF_H
#define INK_BASE_HALF_H

#include <stdint.h>
#include <string.h>

static inline uint32_t ink_float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float ink_float_from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline float ink_half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = (half >> 10) & 0x1fu,
             fraction = half & 0x3ffu;
    if (exponent == 0x1f) /* hardware makes a NaN quiet when it widens one */
        return ink_float_from_bits(sign | 0x7f800000u | fraction << 13 |
                                   (fraction ? 0x400000u : 0));
    if (exponent == 0) { /* zero and subnormals: fraction * 2^-24 is exact */
        uint32_t magnitude = ink_float_bits((float)fraction * 0x1p-24f);
        return ink_float_from_bits(sign | magnitude);
    }
    return ink_float_from_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

/* value / 2^shift rounded to nearest even. */
static inline uint32_t ink_round_shift(uint32_t value, unsigned shift)
{
    uint32_t half = 1u << (shift - 1), rest = value & ((1u << shift) - 1), whole = value >> shift;
    return whole + (rest > half || (rest == half && (whole & 1)));
}

static inline uint16_t ink_half_from_float(float value)
{
    uint32_t bits = ink_float_bits(value), sign = bits >> 16 & 0x8000u,
             magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu));
    if (magnitude >= 0x47800000u) /* 2^16 and more */
        return (uint16_t)(sign | 0x7c00u);
    if (magnitude >=
        0x38800000u) /* normal; a carry out of the fraction raises the exponent, up to infinity */
        return (uint16_t)(sign | (ink_round_shift(magnitude, 13) - (112u << 10)));
    unsigned exponent = magnitude >> 23;
    if (exponent < 102) /* below half of the smallest subnormal */
        return (uint16_t)sign;
    return (uint16_t)(sign | ink_round_shift((magnitude & 0x7fffffu) | 0x800000u, 126 - exponent));
}

static inline float ink_bfloat_to_float(uint16_t bfloat)
{
    return ink_float_from_bits((uint32_t)bfloat << 16);
}

static inline uint16_t ink_bfloat_from_float(float value)
{
    uint32_t bits = ink_float_bits(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)ink_round_shift(bits, 16);
}

#endif
