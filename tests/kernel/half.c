/* Half and bfloat, exhaustively: every code widened, narrowing tried at every rounding boundary. */
#include "facts.h"

#include <math.h>
#include "base/half.h"

/* A sign, exponent and fraction format of 16 bits. */
typedef struct narrow {
    int exponent_bits, fraction_bits;
    float (*widen)(uint16_t code);
    uint16_t (*round)(float value);
} narrow;

static const narrow half = {5, 10, ink_half_to_float, ink_half_from_float};
static const narrow bfloat = {8, 7, ink_bfloat_to_float, ink_bfloat_from_float};

static uint16_t infinity_code(const narrow *t)
{
    return (uint16_t)(((1 << t->exponent_bits) - 1) << t->fraction_bits);
}

/* A non-negative code's value by IEEE 754; infinity's code stands for the next power of two. */
static double value_of(const narrow *t, uint32_t code)
{
    int bias = (1 << (t->exponent_bits - 1)) - 1;
    int exponent = (int)(code >> t->fraction_bits),
        fraction = (int)code & ((1 << t->fraction_bits) - 1);
    if (exponent)
        fraction |= 1 << t->fraction_bits;
    return ldexp(fraction, (exponent ? exponent : 1) - bias - t->fraction_bits);
}

static void check_widening(const narrow *t, finding *f)
{
    for (uint32_t code = 0; code < 0x10000; code++) {
        uint32_t magnitude = code & 0x7fff, infinity = infinity_code(t);
        float got = t->widen((uint16_t)code);
        double want = magnitude == infinity ? (double)INFINITY : value_of(t, magnitude);
        bool right = magnitude > infinity ? got != got : fabs((double)got) == want;
        if (!right || (signbit(got) != 0) != (code >> 15))
            finding_fail(f, "code %04x widens to %a", code, (double)got);
        uint16_t again = t->round(got);
        if (magnitude > infinity ? (again & 0x7fff) <= infinity : again != code)
            finding_fail(f, "code %04x comes back as %04x", code, again);
    }
}

static void expect_code(const narrow *t, double value, uint32_t code, finding *f)
{
    float x = (float)value;
    if ((double)x != value)
        return; /* beyond float's own subnormals or infinity: not an input there is */
    uint16_t up = t->round(x), down = t->round(-x);
    if (up != code || down != (code | 0x8000))
        finding_fail(f, "%a rounds to %04x, and its negative to %04x; want %04x", value, up, down,
                     code);
}

/* Rounding is right between two codes when it is at the middle and one float beside it. */
static void check_narrowing(const narrow *t, finding *f)
{
    for (uint32_t code = 0; code < infinity_code(t); code++) {
        double low = value_of(t, code), high = value_of(t, code + 1), middle = (low + high) / 2;
        float m = (float)middle;
        expect_code(t, middle, code + (code & 1), f);
        if ((double)m != middle)
            continue;
        expect_code(t, (double)nextafterf(m, 0), code, f);
        expect_code(t, (double)nextafterf(m, INFINITY), code + 1, f);
        expect_code(t, (double)nextafterf((float)low, INFINITY),
                    code + (nextafterf((float)low, INFINITY) > m), f);
    }
    expect_code(t, (double)INFINITY, infinity_code(t), f);
    expect_code(t, 0x1.fffffep127, infinity_code(t), f);
}

static void check_narrow(const narrow *t, finding *f)
{
    check_widening(t, f);
    check_narrowing(t, f);
    finding_note(f, "all 65536 codes, every middle between two");
}

void check_half(size_t i, rng *r, finding *f)
{
    (void)i, (void)r;
    check_narrow(&half, f);
}

void check_bfloat(size_t i, rng *r, finding *f)
{
    (void)i, (void)r;
    check_narrow(&bfloat, f);
}
