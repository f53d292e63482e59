/* quantize_q8 against the sentences in kernel.h, written out one value at a time. */
#include "facts.h"

#include <math.h>
#include <string.h>

enum { N_TRIALS = 20000 };

/* Smaller groups are zero: 127 / max would near the largest float. */
static const float smallest_max = 1e-30f;

static void define(ink_q8 *out, const float x[INK_Q8_GROUP])
{
    float max = 0;
    bool finite = true;
    memset(out, 0, sizeof *out);
    for (int k = 0; k < INK_Q8_GROUP; k++) {
        finite = finite && isfinite(x[k]);
        max = fmaxf(max, fabsf(x[k]));
    }
    if (!finite) {
        out->d = out->sum[0] = out->sum[1] = NAN;
        return;
    }
    if (max < smallest_max)
        return;
    out->d = max / 127;
    for (int k = 0; k < INK_Q8_GROUP; k++) {
        out->q[k] =
            (int8_t)rint((double)(x[k] * (127 / max))); /* the rounding mode is ties to even */
        out->isum[k / 16] = (int16_t)(out->isum[k / 16] + out->q[k]);
    }
    for (int half = 0; half < 2; half++)
        out->sum[half] = out->d * (float)out->isum[half];
}

static bool same(float a, float b)
{
    return a == b || (a != a && b != b);
}

static bool same_group(const ink_q8 *a, const ink_q8 *b)
{
    return memcmp(a->q, b->q, sizeof a->q) == 0 && memcmp(a->isum, b->isum, sizeof a->isum) == 0 &&
           same(a->d, b->d) && same(a->sum[0], b->sum[0]) && same(a->sum[1], b->sum[1]);
}

/* What holds for every finite group: no -128, sums that agree, and d q within half a step of x. */
static bool is_sound(const ink_q8 *y, const float x[INK_Q8_GROUP])
{
    int sums[2] = {0, 0};
    for (int k = 0; k < INK_Q8_GROUP; k++) {
        double step = (double)y->d, off = fabs(step * y->q[k] - (double)x[k]);
        sums[k / 16] += y->q[k];
        if (y->q[k] == -128 ||
            !(off <= step * 0.5001 + (double)smallest_max)) /* 127/max and x 127/max round too */
            return false;
    }
    return sums[0] == y->isum[0] && sums[1] == y->isum[1];
}

void check_quantize(size_t i, rng *r, finding *f)
{
    (void)i;
    for (size_t number = 0; number < N_TRIALS; number++) {
        float x[INK_Q8_GROUP];
        ink_q8 got, want;
        float_kind kind = (float_kind)(number % N_FLOAT_KINDS);
        fill_floats(r, x, INK_Q8_GROUP, kind);
        int exponent = rng_below(r, 3) ? 0 : -(int)rng_below(r, 150);
        for (int k = 0; k < INK_Q8_GROUP; k++)
            x[k] = ldexpf(x[k], exponent);
        ink_quantize_q8_c(&got, x, 1);
        define(&want, x);
        bool finite = want.d == want.d;
        if (!same_group(&got, &want))
            finding_fail(f, "%s: q[0] %d d %a, by the definition %d %a", float_kind_names[kind],
                         got.q[0], (double)got.d, want.q[0], (double)want.d);
        if (finite && !is_sound(&got, x))
            finding_fail(f, "%s: off by more than half a step, or sums that disagree",
                         float_kind_names[kind]);
    }
    finding_note(f, "%d groups by the definition", N_TRIALS);
}
