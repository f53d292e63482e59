#include "kernel/angle.h"

#include <math.h>

/*
 * pi / 2 in two parts (Cody & Waite): the first has 33 bits, its product with a quadrant below 2^20
 * is exact.
 */
#define HALF_PI_HIGH 0x1.921fb544p+0
#define HALF_PI_LOW 0x1.0b4611a626331p-34
#define TWO_OVER_PI 0x1.45f306dc9c883p-1

/* Taylor series on [-pi/4, pi/4]: the first omitted terms are below 1e-13. */
static double sine_series(double x)
{
    double s = x * x;
    double p = 1.0 / 6227020800.0;
    p = p * s - 1.0 / 39916800.0;
    p = p * s + 1.0 / 362880.0;
    p = p * s - 1.0 / 5040.0;
    p = p * s + 1.0 / 120.0;
    p = p * s - 1.0 / 6.0;
    return x + x * s * p;
}

static double cosine_series(double x)
{
    double s = x * x;
    double p = 1.0 / 479001600.0;
    p = p * s - 1.0 / 3628800.0;
    p = p * s + 1.0 / 40320.0;
    p = p * s - 1.0 / 720.0;
    p = p * s + 1.0 / 24.0;
    p = p * s - 0.5;
    return 1.0 + s * p;
}

void ink_sincos(double angle, double *sine, double *cosine)
{
    double quadrant = rint(angle * TWO_OVER_PI);
    double rest = (angle - quadrant * HALF_PI_HIGH) - quadrant * HALF_PI_LOW;
    double s = sine_series(rest), c = cosine_series(rest);
    switch ((long long)quadrant & 3) {
    case 0:
        *sine = s, *cosine = c;
        break;
    case 1:
        *sine = c, *cosine = -s;
        break;
    case 2:
        *sine = -s, *cosine = -c;
        break;
    default:
        *sine = -c, *cosine = s;
        break;
    }
}
