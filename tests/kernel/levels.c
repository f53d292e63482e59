/*
 * Encoding for cache pages: how far Gaussian numbers are from their blocks, against what Lloyd and
 * Max found to be the least for a fixed scale (with one of its own a block does a little better);
 * what is not a number; and the rotation against its definition.
 */
#include "facts.h"

#include <math.h>
#include <string.h>
#include "base/half.h"

enum { N_TRIALS = 3000, MAX_BLOCK_BYTES = 18 };

typedef struct level_format {
    ink_format format;
    double allowed; /* mean square error of numbers of deviation 1 */
} level_format;

/* Max, "Quantizing for minimum distortion" (1960), table I: 16, 8 and 4 levels, one scale. */
static const level_format level_formats[N_LEVEL_FORMATS] = {
    {INK_FORMAT_IQ4_NL, 0.009497},
    {INK_FORMAT_G3, 0.03454},
    {INK_FORMAT_G2, 0.1175},
};

const char *level_format_name(size_t i)
{
    return ink_formats[level_formats[i].format].name;
}

static double deviate(rng *r)
{
    double u = ((double)(rng_next(r) >> 11) + 1) * 0x1p-53,
           v = (double)(rng_next(r) >> 11) * 0x1p-53;
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

static void encode(ink_format format, void *block, const float *x, finding *f)
{
    memset(block, 0, MAX_BLOCK_BYTES);
    if (!ink_encode_levels(format, block, x, INK_Q8_GROUP))
        finding_fail(f, "ink_encode_levels refuses");
}

static double check_gaussian(const level_format *of, rng *r, finding *f)
{
    double sum = 0;
    for (size_t i = 0; i < N_TRIALS; i++) {
        float x[INK_Q8_GROUP], y[INK_Q8_GROUP];
        _Alignas(4) unsigned char block[MAX_BLOCK_BYTES];
        for (size_t k = 0; k < INK_Q8_GROUP; k++)
            x[k] = (float)deviate(r);
        encode(of->format, block, x, f);
        ink_decode(of->format, y, block, 1);
        for (size_t k = 0; k < INK_Q8_GROUP; k++)
            sum += ((double)x[k] - (double)y[k]) * ((double)x[k] - (double)y[k]);
    }
    double error = sum / N_TRIALS / INK_Q8_GROUP;
    if (!(error <= of->allowed))
        finding_fail(f, "mean square error %.5f, %.5f are allowed", error, of->allowed);
    return error;
}

/* Behind the scale, a power of two changes nothing; the scale goes with it. */
static void check_scaling(const level_format *of, rng *r, finding *f)
{
    for (int i = 0; i < 200; i++) {
        float x[INK_Q8_GROUP], larger[INK_Q8_GROUP];
        _Alignas(4) unsigned char a[MAX_BLOCK_BYTES], b[MAX_BLOCK_BYTES];
        fill_floats(r, x, INK_Q8_GROUP, FLOATS_OUTLIERS);
        int by = (int)rng_below(r, 8) - 4;
        for (size_t k = 0; k < INK_Q8_GROUP; k++)
            larger[k] = ldexpf(x[k], by);
        encode(of->format, a, x, f);
        encode(of->format, b, larger, f);
        if (memcmp(a + sizeof(ink_half), b + sizeof(ink_half),
                   MAX_BLOCK_BYTES - sizeof(ink_half)) != 0)
            finding_fail(f, "other codes for numbers that are 2^%d times as large", by);
    }
}

static void check_hostile(const level_format *of, rng *r, finding *f)
{
    for (size_t i = 0; i < N_TRIALS; i++) {
        float x[INK_Q8_GROUP], y[INK_Q8_GROUP];
        _Alignas(4) unsigned char block[MAX_BLOCK_BYTES];
        bool finite = true, zero = true, seen = true;
        fill_floats(r, x, INK_Q8_GROUP, (float_kind)(i % N_FLOAT_KINDS));
        encode(of->format, block, x, f);
        ink_decode(of->format, y, block, 1);
        for (size_t k = 0; k < INK_Q8_GROUP; k++) {
            finite = finite && isfinite(x[k]);
            zero = zero && x[k] == 0;
            seen = seen && isnan(y[k]);
        }
        if (!finite && !seen)
            finding_fail(f, "%s: what is not finite is not seen",
                         float_kind_names[i % N_FLOAT_KINDS]);
        for (size_t k = 0; zero && k < INK_Q8_GROUP; k++)
            if (y[k] != 0)
                finding_fail(f, "zeros come back as %g", (double)y[k]);
    }
}

void check_levels(size_t i, rng *r, finding *f)
{
    double error = check_gaussian(&level_formats[i], r, f);
    check_scaling(&level_formats[i], r, f);
    check_hostile(&level_formats[i], r, f);
    finding_note(f, "mean square error %.5f of a Gaussian, %.5f allowed", error,
                 level_formats[i].allowed);
}

/* ---- Rotation */

/*
 * Each of log2(n) stages rounds sums of no more than the whole mass once, and the factor twice:
 * (9 + 2) 2^-24 of it at most, brought to one element.
 */
static void check_turn(rng *r, size_t n, finding *f)
{
    static float x[2048], y[2048];
    size_t block = n & (~n + 1);
    block = block > INK_ROTATION_MOST ? INK_ROTATION_MOST : block;
    fill_floats(r, x, n, FLOATS_OUTLIERS);
    memcpy(y, x, sizeof x);
    ink_rotate(y, n);
    for (size_t i = 0; i < n; i++) {
        double want = 0, mass = 0;
        size_t first = i / block * block;
        for (size_t j = 0; j < block; j++) {
            double term = (double)x[first + j] / sqrt((double)block);
            want += __builtin_parityll((i - first) & j) ? -term : term;
            mass += fabs(term);
        }
        if (!(fabs((double)y[i] - want) <= 11 * 0x1p-24 * mass))
            finding_fail(f, "%zu elements: element %zu is %.9g, by the definition %.9g", n, i,
                         (double)y[i], want);
    }
    ink_rotate(y, n);
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)y[i] - (double)x[i]) <= 1e-3))
            finding_fail(f, "%zu elements: twice is not as before", n);
}

void check_rotation(size_t i, rng *r, finding *f)
{
    static const size_t sizes[] = {1, 2, 3, 32, 64, 80, 96, 128, 192, 256, 512, 576, 1024};
    (void)i;
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        check_turn(r, sizes[k], f);
    finding_note(f, "%zu sizes by the definition", sizeof sizes / sizeof *sizes);
}
