/*
 * Codes along a trellis: what the bits stand for, written out a second time; that the chosen ways
 * are the best; errors as small as measured, with weights and with feedback too; hostile blocks.
 */
#include "../support.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/half.h"
#include "kernel/trellis.h"
#include "quant/quantize.h"
#include "quant/trellis.h"

enum { N = 4096, BLOCK = INK_SPREAD_BLOCK, MAX_BYTES = 2 * N };

static const ink_format formats[] = {INK_FORMAT_T2, INK_FORMAT_T3};
#define N_TRIED (sizeof formats / sizeof *formats)

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

/* ---- What bits stand for --------------------------------------------------------------------- */

static int bit_at(const uint8_t *bytes, size_t at)
{
    return bytes[at / 8] >> at % 8 & 1;
}

/* Value k of a block, before it is rotated back. */
static double coded(ink_format format, const uint8_t *block, size_t k)
{
    const ink_trellis *t = format == INK_FORMAT_T2 ? &ink_trellis_t2 : &ink_trellis_t3;
    const uint8_t *ring = block + 2 + k / 32 * 8, *own = block + 66;
    size_t index = 0;
    ink_half d;
    memcpy(&d, block, sizeof d);
    for (size_t i = 0; i < t->window; i++)
        index |= (size_t)bit_at(ring, (2 * (k % 32) + i) % 64) << i;
    if (format == INK_FORMAT_T3)
        index |= (size_t)bit_at(own, k) << t->window;
    return (double)ink_half_to_float(d) * t->values[index];
}

static int parity(size_t x)
{
    int odd = 0;
    for (; x; x &= x - 1)
        odd = !odd;
    return odd;
}

/* Rudin and Shapiro: -1 where an odd number of neighboring places are both 1. */
static int sign_of(size_t i)
{
    return parity(i & i >> 1) ? -1 : 1;
}

/* 512 sums of 256 numbers below 127 |d|: each sum of a stage rounds by 2^-24 of what it holds. */
static void decoding_is_what_is_written(void **state)
{
    uint64_t random = 5;
    (void)state;
    for (size_t f = 0; f < N_TRIED; f++) {
        uint8_t block[128];
        float out[BLOCK];
        for (size_t i = 0; i < sizeof block; i++)
            block[i] = (uint8_t)ink_test_random(&random);
        const ink_half d = ink_half_from_float(0.01f);
        memcpy(block, &d, sizeof d);
        ink_decode(formats[f], out, block, 1);
        for (size_t i = 0; i < BLOCK; i++) {
            double sum = 0;
            for (size_t k = 0; k < BLOCK; k++)
                sum += (parity(i & k) ? -1 : 1) * coded(formats[f], block, k);
            sum *= sign_of(i) / 16.0;
            assert_true(fabs(sum - (double)out[i]) < 8 * 0x1p-24 * 16 * 1.27);
        }
    }
}

/* There and back, and a constant becomes flat. */
static void rotation(void **state)
{
    float x[2 * BLOCK], y[2 * BLOCK];
    (void)state;
    fill_normal(x, 2 * BLOCK, 9);
    memcpy(y, x, sizeof y);
    ink_spread(y, 2 * BLOCK);
    assert_true(memcmp(x, y, sizeof y) != 0);
    ink_unspread(y, 2 * BLOCK);
    for (size_t i = 0; i < 2 * BLOCK; i++)
        assert_true(fabsf(x[i] - y[i]) < 1e-7f);
    for (size_t i = 0; i < BLOCK; i++)
        x[i] = 1;
    ink_spread(x, BLOCK);
    for (size_t i = 0; i < BLOCK; i++)
        assert_true(fabsf(fabsf(x[i]) - 1) < 1e-6f);
}

/* ---- Ways ------------------------------------------------------------------------------------ */

static double error_of_run(ink_format format, const uint8_t *block, const float *turned, size_t run)
{
    double error = 0;
    for (size_t k = 32 * run; k < 32 * run + 32; k++)
        error += pow((double)turned[k] - coded(format, block, k), 2);
    return error;
}

/*
 * No bit can be turned for the better, but those of the state in which a run begins and ends, and
 * the scale, which is improved at the end, may make it so: within a thousandth.
 */
static void no_bit_is_better_turned(void **state)
{
    (void)state;
    for (size_t f = 0; f < N_TRIED; f++) {
        uint8_t block[128];
        float x[BLOCK];
        fill_normal(x, BLOCK, 77 + f);
        (void)ink_quantize(formats[f], block, x, NULL, BLOCK);
        ink_spread(x, BLOCK);
        for (size_t run = 0; run < 8; run++) {
            double least = error_of_run(formats[f], block, x, run);
            for (size_t bit = 6; bit < 64 + (f ? 32 : 0); bit++) {
                uint8_t *byte = bit < 64 ? block + 2 + 8 * run + bit / 8
                                         : block + 66 + 4 * run + (bit - 64) / 8;
                *byte ^= (uint8_t)(1 << bit % 8);
                double now = error_of_run(formats[f], block, x, run);
                *byte ^= (uint8_t)(1 << bit % 8);
                if (!(now > 0.999 * least))
                    fail_msg("%s: run %zu, bit %zu: %g instead of %g", ink_formats[formats[f]].name,
                             run, bit, now, least);
            }
        }
    }
}

/* Of normal numbers: mean square error over that of the numbers, as measured, and a hundredth. */
static void errors_are_as_small_as_measured(void **state)
{
    static const double most[N_TRIED] = {0.0808, 0.0222};
    static float x[N], out[N];
    static uint8_t blocks[MAX_BYTES];
    (void)state;
    fill_normal(x, N, 3);
    for (size_t f = 0; f < N_TRIED; f++) {
        double total = 0, found = 0, xv = 0;
        double said = ink_quantize(formats[f], blocks, x, NULL, N);
        ink_decode(formats[f], out, blocks, N / BLOCK);
        for (size_t i = 0; i < N; i++) {
            total += pow((double)x[i], 2);
            found += pow((double)x[i] - (double)out[i], 2);
        }
        print_message("# %s %.5f\n", ink_formats[formats[f]].name, found / total);
        assert_true(found / total <= most[f] && found / total > most[f] / 2);
        assert_true(fabs(said - found) <= 1e-6 * found);
        ink_quantize_straight(formats[f], blocks, x, NULL, N);
        ink_decode(formats[f], out, blocks, N / BLOCK);
        for (size_t i = 0; i < N; i++)
            xv += (double)x[i] * (double)out[i];
        assert_true(fabs(xv / total - 1) < 0x1p-10); /* a half, and the rotation */
    }
}

/* ---- Hostile blocks -------------------------------------------------------------------------- */

static void expect_finite(ink_format format, const float *x, double most)
{
    uint8_t block[128];
    float out[BLOCK];
    double error = ink_quantize(format, block, x, NULL, BLOCK);
    assert_true(error >= 0 && error < (double)INFINITY);
    ink_decode(format, out, block, 1);
    for (size_t k = 0; k < BLOCK; k++)
        if (!(fabs((double)x[k] - (double)out[k]) <= most))
            fail_msg("%s: %zu is %g, not %g", ink_formats[format].name, k, (double)out[k],
                     (double)x[k]);
    ink_quantize_straight(format, block, x, NULL, BLOCK);
    ink_decode(format, out, block, 1);
    for (size_t k = 0; k < BLOCK; k++)
        assert_true(isfinite(out[k]));
}

static void hostile_blocks(void **state)
{
    float x[BLOCK];
    (void)state;
    for (size_t f = 0; f < N_TRIED; f++) {
        const float limit = ink_quantize_limit(formats[f]);
        const float kinds[][2] = {{0, -0.0f},        {limit, limit},    {limit, -limit},
                                  {-limit, 1e-30f},  {1e-40f, -3e-42f}, {3e-8f, 2e-8f},
                                  {FLT_MIN, -1e-38f}};
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
            float largest = 0;
            for (size_t k = 0; k < BLOCK; k++) {
                x[k] = kinds[i][k % 2];
                largest = fmaxf(largest, fabsf(x[k]));
            }
            expect_finite(formats[f], x, 4 * (double)largest);
        }
        memset(x, 0, sizeof x);
        x[17] = 1; /* alone */
        expect_finite(formats[f], x, 1);
        for (size_t k = 0; k < BLOCK; k++)
            x[k] =
                (parity(3 & k) ? -limit : limit) * (float)sign_of(k); /* all of it in one place */
        expect_finite(formats[f], x, 4 * (double)limit);
    }
}

/* ---- Weights and feedback -------------------------------------------------------------------- */

enum { K = 512, ROWS = 4, TOKENS = 700 };

static void make_inputs(float *inputs, uint64_t seed)
{
    for (size_t t = 0; t < TOKENS; t++, inputs += K)
        for (size_t k = 0; k < K; k++)
            inputs[k] =
                normal(&seed) * (k % 16 == 0 ? 4.0f : 1.0f) + (k ? 0.7f * inputs[k - 1] : 0);
}

static double output_error(ink_format format, const void *blocks, const float *x,
                           const float *inputs)
{
    float out[K];
    double sum = 0;
    ink_decode(format, out, blocks, K / BLOCK);
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
    static float h[K * K], u[K * K], inputs[TOKENS * K], turned[TOKENS * K], x[ROWS * K], row[K];
    uint8_t blocks[2 * 128];
    void *room = malloc(ink_feedback_bytes(K));
    (void)state;
    assert_non_null(room);
    make_inputs(inputs, 31);
    memcpy(turned, inputs, sizeof turned);
    ink_spread(turned, TOKENS * K);
    for (size_t t = 0; t < TOKENS; t++)
        for (size_t i = 0; i < K; i++)
            for (size_t j = 0; j < K; j++)
                h[i * K + j] += turned[t * K + i] * turned[t * K + j];
    fill_normal(x, ROWS * K, 32);
    assert_true(ink_feedback_prepare(h, u, K, 0.01f, row));
    const ink_feedback feedback = {K, h, u};
    for (size_t f = 0; f < N_TRIED; f++) {
        double with = 0, without = 0;
        for (size_t i = 0; i < ROWS; i++) {
            (void)ink_quantize(formats[f], blocks, x + i * K, NULL, K);
            without += output_error(formats[f], blocks, x + i * K, inputs);
            ink_feedback_quantize(formats[f], blocks, x + i * K, NULL, &feedback, room);
            with += output_error(formats[f], blocks, x + i * K, inputs);
        }
        print_message("# %s %.3f\n", ink_formats[formats[f]].name, with / without);
        assert_true(with < 0.7 * without);
    }
    free(room);
}

/* Columns that count 64 times as much lose less, and the sum is smaller than without. */
static void weights_count(void **state)
{
    static float h[BLOCK * BLOCK], u[BLOCK * BLOCK], row[BLOCK], room[4 * BLOCK];
    float x[BLOCK], w[BLOCK], out[BLOCK];
    (void)state;
    fill_normal(x, BLOCK, 8);
    for (size_t k = 0; k < BLOCK; k++)
        w[k] = k % 8 == 0 ? 64 : 1;
    assert_true(ink_trellis_prepare(h, u, w, row));
    for (size_t i = 0; i < BLOCK; i++)
        assert_true(fabsf(h[i * BLOCK + i] - (64 + 7) / 8.0f * 1.01f) < 1e-3f);
    const ink_feedback by = {BLOCK, h, u};
    for (size_t f = 0; f < N_TRIED; f++) {
        uint8_t block[128];
        double plain = ink_quantize(formats[f], block, x, w, BLOCK), shaped = 0;
        ink_trellis_feed(formats[f], block, x, &by, room);
        ink_decode(formats[f], out, block, 1);
        for (size_t k = 0; k < BLOCK; k++)
            shaped += (double)w[k] * pow((double)x[k] - (double)out[k], 2);
        print_message("# %s %.3f\n", ink_formats[formats[f]].name, shaped / plain);
        assert_true(shaped < 0.6 * plain);
    }
    memset(w, 0, sizeof w);
    assert_false(ink_trellis_prepare(h, u, w, row));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decoding_is_what_is_written),
        cmocka_unit_test(rotation),
        cmocka_unit_test(no_bit_is_better_turned),
        cmocka_unit_test(errors_are_as_small_as_measured),
        cmocka_unit_test(hostile_blocks),
        cmocka_unit_test(feedback_makes_good),
        cmocka_unit_test(weights_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
