/*
 * Row one of norms, softmax, attention sums, rope and the exact ops against double precision, on
 * plain numbers.
 *
 * u = 2^-24 is one rounding. A sum of n terms in 16 lanes and a tree rounds each term depth(n) =
 * ceil(n / 16) + 4 times, so it is off by at most depth u times the sum of magnitudes. Each bound
 * counts the roundings of the op from there, to first order, and allows a tenth more for the
 * second.
 */
#include "facts.h"

#include <math.h>
#include <string.h>
#include "base/half.h"

enum { MAX_N = 300, MAX_ROWS = 64, N_REPEATS = 200 };

static const double u = 0x1p-24;

static double depth(size_t n)
{
    return (double)((n + 15) / 16 + 4);
}

static double ratio_of(double got, double want, double allowed, const char *what, finding *f)
{
    double off = fabs(got - want);
    if (!(off <= allowed * 1.1))
        finding_fail(f, "%s: %.9g, in double %.9g: off %.3g, allowed %.3g", what, got, want, off,
                     allowed);
    return allowed > 0 ? off / allowed : off > 0;
}

typedef struct vectors {
    size_t n;
    float x[2 * MAX_N], weight[MAX_N], bias[MAX_N], y[2 * MAX_N];
} vectors;

static void draw_vectors(vectors *v, rng *r)
{
    float shift = rng_below(r, 2) ? 0 : rng_unit(r) * 4;
    v->n = 1 + rng_below(r, MAX_N);
    fill_floats(r, v->x, 2 * v->n, FLOATS_GAUSSIAN);
    fill_floats(r, v->weight, v->n, FLOATS_UNIFORM);
    fill_floats(r, v->bias, v->n, FLOATS_UNIFORM);
    for (size_t i = 0; i < 2 * v->n; i++)
        v->x[i] += shift;
}

/* ---- Norms. The root halves the sum's error; root, quotient and two products round too. */

static double check_rms_norm(vectors *v, rng *r, finding *f)
{
    (void)r;
    double sum = 0, worst = 0;
    ink_rms_norm_c(v->y, v->x, v->weight, v->n, 1e-5f);
    for (size_t i = 0; i < v->n; i++)
        sum += (double)v->x[i] * (double)v->x[i];
    double factor = 1 / sqrt(sum / (double)v->n + (double)1e-5f);
    for (size_t i = 0; i < v->n; i++) {
        double want = (double)v->x[i] * factor * (double)v->weight[i];
        worst = fmax(worst, ratio_of((double)v->y[i], want,
                                     ((depth(v->n) + 2) / 2 + 4) * u * fabs(want), "y", f));
    }
    return worst;
}

/* The mean's error moves each x, its square the variance; a distance rounds, twice in a square. */
static double check_layer_norm(vectors *v, rng *r, finding *f)
{
    (void)r;
    double n = (double)v->n, sum = 0, mass = 0, variance = 0, worst = 0;
    ink_layer_norm_c(v->y, v->x, v->weight, v->bias, v->n, 1e-5f);
    for (size_t i = 0; i < v->n; i++) {
        sum += (double)v->x[i];
        mass += fabs((double)v->x[i]);
    }
    double mean = sum / n, mean_off = (depth(v->n) + 1) * u * mass / n;
    for (size_t i = 0; i < v->n; i++)
        variance += ((double)v->x[i] - mean) * ((double)v->x[i] - mean) / n;
    double below = variance + (double)1e-5f, factor = 1 / sqrt(below);
    double factor_off = (depth(v->n) + 4) / 2 * u + mean_off * mean_off / below;
    for (size_t i = 0; i < v->n; i++) {
        double distance = (double)v->x[i] - mean, scale = factor * fabs((double)v->weight[i]);
        double want = distance * factor * (double)v->weight[i] + (double)v->bias[i];
        double allowed =
            scale * (mean_off + fabs(distance) * (factor_off + 5 * u)) + u * fabs(want);
        worst = fmax(worst, ratio_of((double)v->y[i], want, allowed, "y", f));
    }
    return worst;
}

/* ---- Softmax. exp makes the rounding of x - max a relative error; it adds 1.1 ulp, 2.2 u. */

static double exp_off(double below_max)
{
    return (fabs(below_max) + 2.2) * u;
}

static double check_softmax(vectors *v, rng *r, finding *f)
{
    (void)r;
    double max = -INFINITY, min = INFINITY, sum = 0, worst = 0;
    ink_softmax_c(v->y, v->x, v->n);
    for (size_t i = 0; i < v->n; i++) {
        max = fmax(max, (double)v->x[i]);
        min = fmin(min, (double)v->x[i]);
    }
    for (size_t i = 0; i < v->n; i++)
        sum += exp((double)v->x[i] - max);
    for (size_t i = 0; i < v->n; i++) {
        double below = (double)v->x[i] - max, want = exp(below) / sum;
        double allowed = (exp_off(below) + exp_off(min - max) + (depth(v->n) + 1) * u) * want;
        worst = fmax(worst, ratio_of((double)v->y[i], want, allowed, "y", f));
    }
    return worst;
}

/* Pages in turn: the factors undo each other, so the last state is that of the whole vector. */
static double check_softmax_page(vectors *v, rng *r, finding *f)
{
    ink_softmax_state state = {-INFINITY, 0};
    double max = -INFINITY, sum = 0, worst = 0, pages = 0, spread = 0;
    for (size_t begin = 0; begin < v->n; pages++) {
        size_t n = 1 + rng_below(r, v->n - begin);
        double before = max, page_sum = 0;
        for (size_t i = begin; i < begin + n; i++)
            max = fmax(max, (double)v->x[i]);
        double want = exp(before - max),
               factor = (double)ink_softmax_page_c(v->y, v->x + begin, n, &state);
        for (size_t i = 0; i < n; i++) {
            double below = (double)v->x[begin + i] - max;
            worst = fmax(
                worst, ratio_of((double)v->y[i], exp(below), exp_off(below) * exp(below), "p", f));
            page_sum += exp(below);
            spread = fmax(spread, -below);
        }
        spread = fmax(spread, isfinite(before) ? max - before : 0);
        worst = fmax(worst, ratio_of(factor, want, want > 0 ? exp_off(before - max) * want : 0,
                                     "factor", f));
        sum = sum * want + page_sum;
        begin += n;
    }
    double allowed = (depth(v->n) * u + (pages + 1) * (exp_off(spread) + u)) * sum;
    worst = fmax(worst, ratio_of((double)state.sum, sum, allowed, "sum", f));
    return fmax(worst, ratio_of((double)state.max, max, 0, "max", f));
}

/* ---- Rope: two products and a sum */

static double rope_pair(const vectors *v, size_t i, size_t first, size_t second, finding *f)
{
    double c = (double)v->weight[i], s = (double)v->bias[i], a = (double)v->x[first],
           b = (double)v->x[second];
    double x = ratio_of((double)v->y[first], a * c - b * s, 2 * u * (fabs(a * c) + fabs(b * s)),
                        "first", f);
    double y = ratio_of((double)v->y[second], a * s + b * c, 2 * u * (fabs(a * s) + fabs(b * c)),
                        "second", f);
    return fmax(x, y);
}

static double check_rope_pairs(vectors *v, rng *r, finding *f)
{
    (void)r;
    double worst = 0;
    memcpy(v->y, v->x, sizeof v->y);
    ink_rope_pairs_c(v->y, v->weight, v->bias, v->n);
    for (size_t i = 0; i < v->n; i++)
        worst = fmax(worst, rope_pair(v, i, 2 * i, 2 * i + 1, f));
    return worst;
}

static double check_rope_halves(vectors *v, rng *r, finding *f)
{
    (void)r;
    double worst = 0;
    memcpy(v->y, v->x, sizeof v->y);
    ink_rope_halves_c(v->y, v->weight, v->bias, v->n);
    for (size_t i = 0; i < v->n; i++)
        worst = fmax(worst, rope_pair(v, i, i, i + v->n, f));
    return worst;
}

/* ---- Ops of one rounding: as 53 >= 2 * 24 + 2, rounding to double first changes nothing. */

static double check_exact(vectors *v, rng *r, finding *f)
{
    float factor = rng_unit(r);
    float sums[MAX_N], products[MAX_N], scaled[MAX_N];
    ink_add_c(sums, v->x, v->weight, v->n);
    ink_multiply_c(products, v->x, v->weight, v->n);
    ink_scale_c(scaled, v->x, factor, v->n);
    for (size_t i = 0; i < v->n; i++) {
        double x = (double)v->x[i];
        ratio_of((double)sums[i], (double)(float)(x + (double)v->weight[i]), 0, "add", f);
        ratio_of((double)products[i], (double)(float)(x * (double)v->weight[i]), 0, "multiply", f);
        ratio_of((double)scaled[i], (double)(float)(x * (double)factor), 0, "scale", f);
    }
    return 0;
}

/* ---- Values: rescale, then a chain of fused multiply-adds; p d and the decoded d q round too. */

typedef struct page {
    ink_format format;
    ink_values_f32_fn *fn;
} page;

static double check_page(const page *of, rng *r, finding *f)
{
    enum { HEAD = 96, COLUMNS = 2 };
    size_t n_rows = 1 + rng_below(r, MAX_ROWS),
           row_bytes = HEAD / ink_formats[of->format].block_elements;
    unsigned char rows[MAX_ROWS][HEAD * sizeof(float)];
    float values[MAX_ROWS][HEAD], p[COLUMNS][MAX_ROWS], before[COLUMNS][HEAD], acc[COLUMNS][HEAD];
    float rescale[COLUMNS] = {fabsf(rng_unit(r)), fabsf(rng_unit(r))};
    row_bytes *= ink_formats[of->format].block_bytes;
    for (size_t row = 0; row < n_rows; row++) {
        fill_blocks(r, of->format, rows[row], row_bytes / ink_formats[of->format].block_bytes,
                    BLOCKS_SANE);
        ink_decode(of->format, values[row], rows[row],
                   row_bytes / ink_formats[of->format].block_bytes);
    }
    fill_floats(r, p[0], COLUMNS * MAX_ROWS, FLOATS_UNIFORM);
    fill_floats(r, before[0], COLUMNS * HEAD, FLOATS_GAUSSIAN);
    memcpy(acc, before, sizeof acc);
    of->fn(&(ink_values){rows, sizeof rows[0], n_rows, HEAD, p[0], MAX_ROWS, rescale, COLUMNS,
                         acc[0], HEAD});
    double worst = 0;
    for (size_t i = 0; i < COLUMNS * HEAD; i++) {
        size_t col = i / HEAD, k = i % HEAD;
        double want = (double)before[col][k] * (double)rescale[col], mass = fabs(want);
        for (size_t row = 0; row < n_rows; row++) {
            double term = (double)p[col][row] * (double)values[row][k];
            want += term;
            mass += fabs(term);
        }
        double allowed = ((double)n_rows + 3) * u * mass;
        worst = fmax(worst, ratio_of((double)acc[col][k], want, allowed, "acc", f));
    }
    return worst;
}

static double check_pages(vectors *v, rng *r, finding *f)
{
    static const page pages[] = {
        {INK_FORMAT_F32, ink_values_f32_c},       {INK_FORMAT_F16, ink_values_f16_c},
        {INK_FORMAT_Q8_0, ink_values_q8_0_c},     {INK_FORMAT_Q4_0, ink_values_q4_0_c},
        {INK_FORMAT_IQ4_NL, ink_values_iq4_nl_c}, {INK_FORMAT_G3, ink_values_g3_c},
        {INK_FORMAT_G2, ink_values_g2_c}};
    (void)v;
    double worst = 0;
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        worst = fmax(worst, check_page(&pages[i], r, f));
    return worst;
}

/* ---- The table */

typedef struct reduction {
    const char *name;
    double (*check)(vectors *v, rng *r,
                    finding *f); /* the largest error as a part of what is allowed */
} reduction;

static const reduction reductions[N_REDUCTIONS] = {
    {"rms_norm", check_rms_norm},
    {"layer_norm", check_layer_norm},
    {"softmax", check_softmax},
    {"softmax_page", check_softmax_page},
    {"values", check_pages},
    {"rope_pairs", check_rope_pairs},
    {"rope_halves", check_rope_halves},
    {"one_rounding", check_exact},
};

const char *reduction_name(size_t i)
{
    return reductions[i].name;
}

void check_reduction(size_t i, rng *r, finding *f)
{
    double worst = 0;
    for (int repeat = 0; repeat < N_REPEATS; repeat++) {
        vectors v;
        draw_vectors(&v, r);
        worst = fmax(worst, reductions[i].check(&v, r, f));
    }
    finding_note(f, "error at most %.1f%% of what rounding allows", worst * 100);
}
