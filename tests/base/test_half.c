/*
 * Half and bfloat16 against their definition in double arithmetic, which holds every value of both
 * exactly: widening for all 65,536 patterns, narrowing at and beside every value and every midpoint
 * between neighbors.
 */
#include <math.h>

#include "base/half.h"
#include "support.h"

typedef struct number_format {
    const char *name;
    int fraction_bits, bias,
        max_exponent; /* a biased exponent of max_exponent means infinity or NaN */
    float (*widen)(uint16_t bits);
    uint16_t (*narrow)(float value);
} number_format;

static const number_format formats[] = {
    {"half", 10, 15, 31, ink_half_to_float, ink_half_from_float},
    {"bfloat", 7, 127, 255, ink_bfloat_to_float, ink_bfloat_from_float},
};

static double value_of(const number_format *format, uint16_t bits)
{
    int exponent = (bits & 0x7fff) >> format->fraction_bits;
    int fraction = bits & ((1 << format->fraction_bits) - 1);
    double magnitude;
    if (exponent == format->max_exponent)
        magnitude = fraction ? (double)NAN : (double)INFINITY;
    else if (exponent == 0)
        magnitude = ldexp(fraction, 1 - format->bias - format->fraction_bits);
    else
        magnitude = ldexp(fraction + (1 << format->fraction_bits),
                          exponent - format->bias - format->fraction_bits);
    return bits & 0x8000 ? -magnitude : magnitude;
}

static void check_widening(const number_format *format)
{
    for (uint32_t bits = 0; bits <= 0xffff; bits++) {
        double expected = value_of(format, (uint16_t)bits);
        float got = format->widen((uint16_t)bits);
        bool same = isnan(expected)
                        ? isnan(got) && (ink_float_bits(got) >> 31) == bits >> 15
                        : (double)got == expected && !signbit(got) == !signbit(expected);
        if (!same)
            fail_msg("%s %04x widens to %a, not %a", format->name, bits, (double)got, expected);
        uint16_t back = format->narrow(got);
        if (isnan(expected) ? !isnan(format->widen(back)) : back != bits)
            fail_msg("%s %04x comes back as %04x", format->name, bits, back);
    }
}

static void widening_is_exact_and_comes_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++)
        check_widening(&formats[i]);
}

static void expect(const number_format *format, float value, uint16_t bits)
{
    uint16_t got = format->narrow(value), negative = format->narrow(-value);
    if (got != bits || negative != (bits | 0x8000))
        fail_msg("%s: %a narrows to %04x and %04x, not %04x", format->name, (double)value, got,
                 negative, bits);
}

/*
 * Neighbors low and low + 1: their midpoint goes to the even one, what is beside it to the nearer
 * one.
 */
static void check_narrowing(const number_format *format)
{
    uint16_t infinity = (uint16_t)(format->max_exponent << format->fraction_bits);
    for (uint16_t low = 0; low < infinity; low++) {
        double below = value_of(format, low), above = value_of(format, (uint16_t)(low + 1));
        if (low + 1 == infinity)
            above = ldexp(1, format->max_exponent - format->bias);
        double middle = below + (above - below) / 2;
        uint16_t even = low & 1 ? (uint16_t)(low + 1) : low;
        if ((double)(float)middle != middle)
            continue; /* only the middle of the smallest bfloat subnormals has no float */
        expect(format, (float)middle, even);
        expect(format, nextafterf((float)middle, 0), low);
        expect(format, nextafterf((float)middle, INFINITY), (uint16_t)(low + 1));
    }
    expect(format, INFINITY, infinity);
    expect(format, 3.4028234664e38f, infinity);
    expect(format, 0, 0);
}

static void narrowing_rounds_to_nearest_even(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++)
        check_narrowing(&formats[i]);
}

static void every_nan_stays_a_quiet_nan(void **state)
{
    (void)state;
    for (uint32_t fraction = 1; fraction < 1u << 23; fraction += fraction < 4096 ? 1 : 1021)
        for (uint32_t sign = 0; sign < 2; sign++) {
            float nan = ink_float_from_bits(sign << 31 | 0x7f800000u | fraction);
            uint16_t half = ink_half_from_float(nan), bfloat = ink_bfloat_from_float(nan);
            assert_true((half & 0x7e00) == 0x7e00 && half >> 15 == (int)sign);
            assert_true((bfloat & 0x7fc0) == 0x7fc0 && bfloat >> 15 == (int)sign);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widening_is_exact_and_comes_back),
        cmocka_unit_test(narrowing_rounds_to_nearest_even),
        cmocka_unit_test(every_nan_stays_a_quiet_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
