/*
 * Elementary functions against the C library in double precision, over every binade and around
 * every special value. The bounds are those that src/kernel/math.h states. One ulp is that of the
 * float nearest to the true value.
 */
#include "facts.h"

#include <float.h>
#include <math.h>
#include "kernel/math.h"

enum { STEP = 2053, BATCH = 4096 };

static void log_rows(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = ink_logf(x[i]);
}

static double true_sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double true_silu(double x)
{
    return x / (1 + exp(-x));
}

static double true_gelu(double x)
{
    const double root = 0.79788456080286535588; /* sqrt(2 / pi) */
    return x / (1 + exp(-2 * root * (x + 0.044715 * x * x * x)));
}

static double true_softplus(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static double true_relu(double x)
{
    return x < 0 ? 0 : x;
}

static double true_relu_squared(double x)
{
    return x < 0 ? 0 : x * x;
}

typedef struct function {
    const char *name;
    ink_exp_fn *rows;
    double (*truth)(double x);
    double ulps;
    double floor; /* an absolute error that is allowed instead */
} function;

/*
 * The floors: exp gives 0 below 2^-126. Where exp(-x) overflows, sigmoid gives 0 instead of up to
 * 2^-128, and silu 0 instead of up to 89 times that. gelu promises an absolute error where x < -1;
 * softplus nothing better than exp.
 */
static const function functions[N_FUNCTIONS] = {
    {"exp", ink_exp_c, exp, 1.1, 0x1p-126},
    {"log", log_rows, log, 1.1, 0},
    {"tanh", ink_tanh_c, tanh, 2, 0},
    {"sigmoid", ink_sigmoid_c, true_sigmoid, 3, 0x1p-127},
    {"silu", ink_silu_c, true_silu, 3, 0x1p-121},
    {"gelu", ink_gelu_c, true_gelu, 3, 0},
    {"softplus", ink_softplus_c, true_softplus, 3, 0x1p-126},
    {"relu", ink_relu_c, true_relu, 0.5, 0},
    {"relu_squared", ink_relu_squared_c, true_relu_squared, 0.5, 0},
};

const char *function_name(size_t i)
{
    return functions[i].name;
}

static double ulp_of(double x)
{
    int exponent = x == 0 ? -126 : ilogb(x);
    return ldexp(1, (exponent < -126 ? -126 : exponent) - 23);
}

/* The error in ulp: 0 where the floor covers it, infinite where NaN or infinity is missed. */
static double error_of(const function *fn, float x, float y)
{
    double want = fn->truth((double)x), off = fabs((double)y - want);
    double floor = fn->truth == true_gelu && x < -1 ? 0x1p-24 : fn->floor;
    if (isnan(want) || isnan(y))
        return isnan(want) && isnan(y) ? 0 : (double)INFINITY;
    if (fabs(want) >= 0x1.ffffffp127) /* rounds to infinity */
        return (double)y == copysign((double)INFINITY, want) ? 0 : (double)INFINITY;
    return off <= floor ? 0 : off / ulp_of(want);
}

static double check_batch(const function *fn, const float *x, size_t n, finding *f)
{
    float y[BATCH];
    double worst = 0;
    fn->rows(y, x, n);
    for (size_t i = 0; i < n; i++) {
        double error = error_of(fn, x[i], y[i]);
        if (error > fn->ulps)
            finding_fail(f, "f(%a) is %a, truly %a: off %.3g ulp, %.3g are promised", (double)x[i],
                         (double)y[i], fn->truth((double)x[i]), error, fn->ulps);
        worst = fmax(worst, error);
    }
    return worst;
}

/* 32 floats to each side of where something happens, and of the negative. */
static double check_edges(const function *fn, finding *f)
{
    static const float edges[] = {
        0,       0x1p-149f, FLT_MIN,     0.5f,         0.625f,     1,        INK_SOFTPLUS_LINEAR,
        FLT_MAX, INFINITY,  INK_EXP_MAX, -INK_EXP_MIN, 103.97208f, 0x1p-24f, 2,
        88,      17};
    double worst = 0;
    for (size_t e = 0; e < sizeof edges / sizeof *edges; e++) {
        float x[2 * 65];
        uint32_t bits = ink_float_bits(edges[e]);
        for (uint32_t i = 0; i < 65;
             i++) { /* past zero and infinity lie NaNs, which are inputs too */
            x[2 * i] = ink_float_from_bits(bits + i - 32);
            x[2 * i + 1] = -x[2 * i];
        }
        worst = fmax(worst, check_batch(fn, x, 2 * 65, f));
    }
    return worst;
}

void check_function(size_t i, rng *r, finding *f)
{
    const function *fn = &functions[i];
    double worst = check_edges(fn, f);
    uint64_t bits = rng_below(r, STEP);
    while (bits < UINT64_C(1) << 32) {
        float x[BATCH];
        size_t n = 0;
        for (; n < BATCH && bits < UINT64_C(1) << 32; n++, bits += STEP)
            x[n] = ink_float_from_bits((uint32_t)bits);
        worst = fmax(worst, check_batch(fn, x, n, f));
    }
    finding_note(f, "within %.2f ulp, %.3g are promised", worst, fn->ulps);
}
