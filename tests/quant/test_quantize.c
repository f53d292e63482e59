/*
 * Every format's encoder against its decoder: what is written is what was chosen, the error is as
 * small as measured, never more than that of plain rounding, on ordinary and on hostile blocks.
 */
#include "../support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/kernel.h"
#include "quant/feedback.h"
#include "quant/quantize.h"
#include "quant/search.h"

enum { N = 4096, MAX_BYTES = N * 4 };

static const char *name_of(ink_format format)
{
    return ink_formats[format].name;
}

/* About normal: twelve uniform numbers. */
static float normal(uint64_t *state)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += (double)(ink_test_random(state) >> 11) * 0x1p-53;
    return (float)sum;
}

static void fill_normal(float *x, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++)
        x[i] = 0.02f * normal(&seed);
}

/* From 0 to 64 times the mean, as inputs of a model differ. */
static void fill_weights(float *w, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++)
        w[i] = expf(1.5f * normal(&seed));
}

static double error_of(ink_format format, const void *blocks, const float *x, const float *w,
                       size_t n)
{
    static float decoded[N];
    double sum = 0;
    ink_decode(format, decoded, blocks, n / ink_formats[format].block_elements);
    for (size_t i = 0; i < n; i++) {
        double rest = (double)x[i] - (double)decoded[i];
        sum += (w ? (double)w[i] : 1) * rest * rest;
    }
    return sum;
}

/*
 * This format, or the next that files have: pages of caches have others, which are not searched,
 * and those coded along a trellis are tried in test_trellis.c.
 */
static ink_format next_of_files(ink_format f)
{
    while (f < INK_N_FORMATS &&
           (ink_formats[f].gguf_id == INK_NO_GGUF_ID || ink_recipes[f].kind == INK_SCALE_TRELLIS))
        f++;
    return f;
}

static bool is_blocked(ink_format format)
{
    return ink_recipes[format].kind != INK_SCALE_NONE;
}

/* ---- What is chosen is what is written ------------------------------------------------------- */

static float level_of(const ink_recipe *r, uint8_t code)
{
    return r->levels ? (float)r->levels->value[code] : (float)(code + r->low);
}

static int any(uint64_t *state, int low, int high)
{
    return low + (int)(ink_test_random(state) % (uint64_t)(high - low + 1));
}

static void choose_anything(const ink_recipe *r, ink_choice *c, uint64_t *state)
{
    int n_levels = r->levels ? r->levels->n : r->high - r->low + 1;
    c->d = 0.375f;
    c->m = r->has_min ? -0.75f : 0;
    for (size_t k = 0; k < INK_MAX_BLOCK; k++)
        c->codes[k] = (uint8_t)any(state, 0, n_levels - 1);
    for (size_t g = 0; g < INK_MAX_GROUPS; g++) {
        c->scales[g] = (int16_t)any(state, r->scale_low, r->scale_high);
        c->mins[g] = (int16_t)any(state, 0, r->min_high);
    }
}

static void blocks_hold_what_was_chosen(void **state)
{
    uint64_t random = 7;
    (void)state;
    for (ink_format f = next_of_files(0); f < INK_N_FORMATS; f = next_of_files(f + 1)) {
        const ink_recipe *r = &ink_recipes[f];
        size_t n = ink_formats[f].block_elements;
        for (int round = 0; is_blocked(f) && round < 200; round++) {
            ink_choice c;
            uint8_t block[512];
            float out[INK_MAX_BLOCK];
            choose_anything(r, &c, &random);
            ink_choice_pack(f, &c, block);
            ink_decode(f, out, block, 1);
            for (size_t k = 0; k < n; k++) {
                size_t g = k / r->group;
                float d = r->kind == INK_SCALE_HALF    ? c.d
                          : r->kind == INK_SCALE_STEPS ? ink_scale_step(f, c.scales[g])
                                                       : c.d * (float)c.scales[g];
                float m = !r->has_min                 ? 0
                          : r->kind == INK_SCALE_HALF ? c.m
                                                      : -(c.m * (float)c.mins[g]);
                float wanted = d * level_of(r, c.codes[k]) + m;
                if (out[k] != wanted)
                    fail_msg("%s: %zu is %g, not %g", name_of(f), k, (double)out[k],
                             (double)wanted);
            }
        }
    }
}

/* ---- Errors ---------------------------------------------------------------------------------- */

/*
 * Of normal numbers: root of the mean square error over that of the numbers, as measured, and a
 * hundredth more.
 */
static const struct {
    const char *name;
    double most;
} bounds[] = {
    {"Q8_0", 0.00494},  {"Q4_0", 0.0797},   {"Q4_1", 0.069},  {"Q5_0", 0.0397},  {"Q5_1", 0.0339},
    {"Q2_K", 0.256},    {"Q3_K", 0.142},    {"Q4_K", 0.0688}, {"Q5_K", 0.034},   {"Q6_K", 0.0165},
    {"IQ4_NL", 0.0739}, {"IQ4_XS", 0.0744}, {"TQ1_0", 0.43},  {"TQ2_0", 0.43},   {"MXFP4", 0.112},
    {"NVFP4", 0.0927},  {"Q1_0", 0.592},    {"Q2_0", 0.349},  {"F16", 0.000207}, {"BF16", 0.00168},
};

static void errors_are_as_small_as_measured(void **state)
{
    static float x[N];
    static uint8_t blocks[MAX_BYTES];
    double total = 0;
    (void)state;
    fill_normal(x, N, 3);
    for (size_t i = 0; i < N; i++)
        total += (double)x[i] * (double)x[i];
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        ink_format f = INK_N_FORMATS;
        assert_true(ink_format_by_name(bounds[i].name, &f));
        double said = ink_quantize(f, blocks, x, NULL, N), found = error_of(f, blocks, x, NULL, N);
        double root = sqrt(found / total);
        print_message("# %-7s %.5f\n", bounds[i].name, root);
        if (!(root <= bounds[i].most && root > bounds[i].most / 2))
            fail_msg("%s: %.5f, not %.5f", bounds[i].name, root, bounds[i].most);
        assert_true(fabs(said - found) <= 1e-4 * found);
    }
}

/* Plain rounding is among what is tried, so that no block may be worse; with weights, too. */
static void never_worse_than_plain(void **state)
{
    static float x[N], w[N];
    uint8_t block[512];
    (void)state;
    for (uint64_t seed = 1; seed < 6; seed++) {
        fill_normal(x, N, seed);
        fill_weights(w, N, 100 + seed);
        for (size_t i = 0; i < N; i += 97)
            x[i] *= 20; /* outliers */
        for (ink_format f = next_of_files(0); f < INK_N_FORMATS; f = next_of_files(f + 1)) {
            size_t n = ink_formats[f].block_elements;
            double all_plain = 0, all = 0;
            for (size_t i = 0; i < N; i += n) {
                double plain = ink_quantize_plain(f, block, x + i, w + i, n);
                double best = ink_quantize(f, block, x + i, w + i, n);
                if (!(best <= plain))
                    fail_msg("%s: %g, plainly %g", name_of(f), best, plain);
                all_plain += plain;
                all += best;
            }
            if (is_blocked(f) && !(all < 0.97 * all_plain))
                fail_msg("%s: the search gains nothing: %g of %g", name_of(f), all, all_plain);
        }
    }
}

/* The encoders of cache pages are plain rounding, too. */
static void never_worse_than_the_cache(void **state)
{
    static const ink_format formats[] = {INK_FORMAT_Q8_0, INK_FORMAT_Q4_0};
    static float x[N];
    static uint8_t blocks[MAX_BYTES];
    (void)state;
    fill_normal(x, N, 11);
    for (size_t i = 0; i < 2; i++) {
        assert_true(ink_encode(formats[i], blocks, x, N));
        double cache = error_of(formats[i], blocks, x, NULL, N);
        assert_true(ink_quantize(formats[i], blocks, x, NULL, N) <= cache);
    }
}

/*
 * Of a product with the values themselves all comes back, within what a half rounds (2^-11), and
 * the sum of errors stays about what it was.
 */
static void straight_is_not_too_small(void **state)
{
    static float x[N], out[N];
    static uint8_t blocks[MAX_BYTES];
    (void)state;
    fill_normal(x, N, 41);
    for (ink_format f = next_of_files(0); f < INK_N_FORMATS; f = next_of_files(f + 1)) {
        double xx = 0, xv = 0;
        if (!is_blocked(f) || ink_recipes[f].kind == INK_SCALE_STEPS || f == INK_FORMAT_Q1_0)
            continue;
        double least = ink_quantize(f, blocks, x, NULL, N);
        ink_quantize_straight(f, blocks, x, NULL, N);
        ink_decode(f, out, blocks, N / ink_formats[f].block_elements);
        for (size_t i = 0; i < N; i++) {
            xx += (double)x[i] * (double)x[i];
            xv += (double)x[i] * (double)out[i];
        }
        if (!(fabs(xv / xx - 1) < 0x1p-11))
            fail_msg("%s: %.5f comes back", name_of(f), xv / xx);
        if (!(error_of(f, blocks, x, NULL, N) < (1 + 1.3 * least / xx) * least * 1.01))
            fail_msg("%s: the sum of errors is too large", name_of(f));
    }
}

/* Where weights are, errors are not. */
static void weights_count(void **state)
{
    static float x[N], w[N], out[N];
    static uint8_t blocks[MAX_BYTES];
    (void)state;
    fill_normal(x, N, 5);
    for (size_t i = 0; i < N; i++)
        w[i] = i % 8 == 0 ? 100 : 1;
    for (ink_format f = next_of_files(0); f < INK_N_FORMATS; f = next_of_files(f + 1)) {
        double heavy = 0, light = 0;
        if (!is_blocked(f) || f == INK_FORMAT_Q8_0 || f == INK_FORMAT_Q1_0)
            continue; /* there is little to give and take */
        (void)ink_quantize(f, blocks, x, w, N);
        ink_decode(f, out, blocks, N / ink_formats[f].block_elements);
        for (size_t i = 0; i < N; i++)
            *(i % 8 == 0 ? &heavy : &light) += pow((double)x[i] - (double)out[i], 2);
        if (!(heavy * 7 < light * 0.95))
            fail_msg("%s: %g where it matters, %g elsewhere", name_of(f), heavy * 7, light);
    }
}

/* ---- Hostile blocks -------------------------------------------------------------------------- */

static void expect_finite(ink_format f, const float *x, double most)
{
    static uint8_t blocks[MAX_BYTES];
    static float out[INK_MAX_BLOCK];
    size_t n = INK_MAX_BLOCK;
    double largest = 0;
    double error = ink_quantize(f, blocks, x, NULL, n);
    if (!(error >= 0 && error < (double)INFINITY))
        fail_msg("%s: %g of %g, %g", name_of(f), error, (double)x[0], (double)x[1]);
    ink_decode(f, out, blocks, n / ink_formats[f].block_elements);
    for (size_t k = 0; k < n; k++) {
        assert_true(isfinite(out[k]));
        largest = fmax(largest, fabs((double)x[k] - (double)out[k]));
    }
    ink_quantize_straight(f, blocks, x, NULL, n);
    ink_decode(f, out, blocks, n / ink_formats[f].block_elements);
    for (size_t k = 0; k < n; k++)
        assert_true(isfinite(out[k]));
    if (!(largest <= most))
        fail_msg("%s: off by %g, more than %g", name_of(f), largest, most);
}

static void fill_with(float *x, float even, float odd)
{
    for (size_t k = 0; k < INK_MAX_BLOCK; k++)
        x[k] = k % 2 ? odd : even;
}

static void hostile_blocks(void **state)
{
    float x[INK_MAX_BLOCK];
    (void)state;
    for (ink_format f = next_of_files(0); f < INK_N_FORMATS; f = next_of_files(f + 1)) {
        float limit = ink_quantize_limit(f);
        fill_with(x, 0, -0.0f);
        expect_finite(f, x, f == INK_FORMAT_Q1_0 ? 1e-7 : 0);
        fill_with(x, limit, limit);
        expect_finite(f, x, (double)limit * 1.01);
        fill_with(x, limit, -limit);
        expect_finite(f, x, (double)limit * 1.01);
        fill_with(x, -limit, 1e-30f);
        expect_finite(f, x, (double)limit * 1.01);
        fill_with(x, 1e-40f, -3e-42f); /* subnormal */
        expect_finite(f, x, 1.1e-40);
        fill_with(x, 3e-8f, 2e-8f); /* as halves are */
        expect_finite(f, x, 6.1e-8);
        fill_with(x, 0, 0);
        x[17] = 1; /* alone */
        expect_finite(f, x, 1);
    }
}

/* A weight of zero, or all of them, is no reason to divide by zero. */
static void weights_of_zero(void **state)
{
    static float x[N], w[N];
    static uint8_t blocks[MAX_BYTES];
    (void)state;
    fill_normal(x, N, 21);
    for (ink_format f = next_of_files(0); f < INK_N_FORMATS; f = next_of_files(f + 1)) {
        memset(w, 0, sizeof w);
        assert_true(ink_quantize(f, blocks, x, w, N) == 0);
        assert_true(isfinite(error_of(f, blocks, x, NULL, N)));
        w[3] = 1;
        double error = ink_quantize(f, blocks, x, w, N);
        assert_true(error >= 0 && error < 1e-3);
        assert_true(isfinite(error_of(f, blocks, x, NULL, N)));
    }
}

/* ---- Feedback -------------------------------------------------------------------------------- */

enum { K = 256, ROWS = 8, TOKENS = 600 };

/* Inputs that are alike: each is half what the one before it is. */
static void make_products(float *h, float *inputs, uint64_t seed)
{
    memset(h, 0, (size_t)K * K * sizeof *h);
    for (size_t t = 0; t < TOKENS; t++, inputs += K) {
        for (size_t k = 0; k < K; k++)
            inputs[k] =
                normal(&seed) * (k % 16 == 0 ? 4.0f : 1.0f) + (k ? 0.7f * inputs[k - 1] : 0);
        for (size_t i = 0; i < K; i++)
            for (size_t j = 0; j < K; j++)
                h[i * K + j] += inputs[i] * inputs[j];
    }
}

/* Of the output, over all inputs. */
static double output_error(ink_format f, const void *blocks, const float *x, const float *inputs)
{
    static float out[K];
    double sum = 0;
    ink_decode(f, out, blocks, K / ink_formats[f].block_elements);
    for (size_t t = 0; t < TOKENS; t++, inputs += K) {
        double y = 0;
        for (size_t k = 0; k < K; k++)
            y += ((double)x[k] - (double)out[k]) * (double)inputs[k];
        sum += y * y;
    }
    return sum;
}

static void feedback_makes_good(void **state)
{
    static float h[K * K], u[K * K], inputs[TOKENS * K], x[ROWS * K], weights[K], row[K];
    static uint8_t blocks[4 * K];
    void *room = malloc(ink_feedback_bytes(K));
    (void)state;
    make_products(h, inputs, 31);
    fill_normal(x, ROWS * K, 32);
    for (size_t k = 0; k < K; k++)
        weights[k] = h[k * K + k];
    assert_non_null(room);
    assert_true(ink_feedback_prepare(h, u, K, 0.01f, row));
    const ink_feedback feedback = {K, h, u};
    for (ink_format f = next_of_files(0); f < INK_N_FORMATS; f = next_of_files(f + 1)) {
        double with = 0, without = 0;
        if (!is_blocked(f))
            continue;
        for (size_t i = 0; i < ROWS; i++) {
            (void)ink_quantize(f, blocks, x + i * K, weights, K);
            without += output_error(f, blocks, x + i * K, inputs);
            ink_feedback_quantize(f, blocks, x + i * K, weights, &feedback, room);
            with += output_error(f, blocks, x + i * K, inputs);
        }
        print_message("# %-7s %.3f\n", name_of(f), with / without);
        if (!(with < 0.9 * without))
            fail_msg("%s: %g with feedback, %g without", name_of(f), with, without);
    }
    free(room);
}

static void products_that_cannot_be_inverted(void **state)
{
    static float h[K * K], u[K * K], row[K];
    (void)state;
    memset(h, 0, sizeof h);
    assert_false(ink_feedback_prepare(h, u, K, 0.01f, row));
    h[0] = NAN;
    assert_false(ink_feedback_prepare(h, u, K, 0.01f, row));
    memset(h, 0, sizeof h);
    h[5 * K + 5] = 1; /* one column that reads something is enough */
    assert_true(ink_feedback_prepare(h, u, K, 0.01f, row));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_hold_what_was_chosen),
        cmocka_unit_test(errors_are_as_small_as_measured),
        cmocka_unit_test(never_worse_than_plain),
        cmocka_unit_test(never_worse_than_the_cache),
        cmocka_unit_test(straight_is_not_too_small),
        cmocka_unit_test(weights_count),
        cmocka_unit_test(hostile_blocks),
        cmocka_unit_test(weights_of_zero),
        cmocka_unit_test(feedback_makes_good),
        cmocka_unit_test(products_that_cannot_be_inverted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
