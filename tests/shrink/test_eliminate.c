/*
 * Columns that are taken out one by one against least squares over those that are left, solved
 * anew in double: the matrix that comes of it, and what it loses.
 */
#include "../support.h"

#include <math.h>
#include <string.h>
#include "shrink/eliminate.h"
#include "quant/feedback.h"

enum { N_ROWS = 5, K = 24, N_INPUTS = 40 };

#define DAMP 0.01f
/* Floats of products and of what is taken out k times: some hundred roundings of values near 1. */
#define TOLERANCE 2e-4

typedef struct problem {
    double h[K][K];     /* dampened */
    float w[N_ROWS][K]; /* before */
    float columns[K * N_ROWS], products[K * K], factors[K * K];
    float room[K * (K + N_ROWS)];
    ink_elimination e;
} problem;

static float uniform(uint64_t *state)
{
    return (float)((double)(ink_test_random(state) >> 11) * 0x1p-52 - 1);
}

/* Inputs that are alike, so that columns can stand in for each other. */
static void pose(problem *p, size_t width, uint64_t seed)
{
    float x[N_INPUTS][K], total = 0;
    for (size_t t = 0; t < N_INPUTS; t++) {
        float common = uniform(&seed);
        for (size_t i = 0; i < K; i++)
            x[t][i] = common + uniform(&seed);
    }
    for (size_t i = 0; i < K; i++)
        for (size_t j = 0; j < K; j++) {
            float sum = 0;
            for (size_t t = 0; t < N_INPUTS; t++)
                sum += x[t][i] * x[t][j];
            p->products[i * K + j] = sum;
        }
    for (size_t i = 0; i < K; i++)
        total += p->products[i * K + i];
    for (size_t i = 0; i < K; i++)
        for (size_t j = 0; j < K; j++)
            p->h[i][j] = (double)p->products[i * K + j] + (i == j ? (double)(total / K * DAMP) : 0);
    for (size_t r = 0; r < N_ROWS; r++)
        for (size_t i = 0; i < K; i++)
            p->columns[i * N_ROWS + r] = p->w[r][i] = uniform(&seed);
    assert_true(ink_feedback_prepare(p->products, p->factors, K, DAMP, p->room));
    ink_eliminate_begin(p->factors, p->products, K);
    p->e = (ink_elimination){N_ROWS, K, width, p->columns, p->products, p->room};
}

/* Solves a x = b of n equations by elimination with pivots; both are overwritten, b by x. */
static void solve(double a[K][K], double *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t best = i;
        for (size_t j = i + 1; j < n; j++)
            best = fabs(a[j][i]) > fabs(a[best][i]) ? j : best;
        double row[K], value = b[i];
        memcpy(row, a[i], sizeof row);
        memcpy(a[i], a[best], sizeof row);
        memcpy(a[best], row, sizeof row);
        b[i] = b[best];
        b[best] = value;
        for (size_t j = 0; j < n; j++) {
            double factor = j == i ? 0 : a[j][i] / a[i][i];
            for (size_t c = i; c < n; c++)
                a[j][c] -= factor * a[i][c];
            b[j] -= factor * b[i];
        }
    }
    for (size_t i = 0; i < n; i++)
        b[i] /= a[i][i];
}

/* One row fitted anew over the columns that stay; what that loses. */
static double fit(const problem *p, size_t row, const bool *stays, double *out)
{
    double a[K][K], b[K], rest[K], loss = 0;
    size_t list[K], n = 0;
    for (size_t i = 0; i < K; i++)
        if (stays[i])
            list[n++] = i;
    for (size_t i = 0; i < n; i++) {
        b[i] = 0;
        for (size_t j = 0; j < n; j++)
            a[i][j] = p->h[list[i]][list[j]];
        for (size_t j = 0; j < K; j++)
            b[i] += p->h[list[i]][j] * (double)p->w[row][j];
    }
    solve(a, b, n);
    for (size_t i = 0; i < K; i++)
        out[i] = 0;
    for (size_t i = 0; i < n; i++)
        out[list[i]] = b[i];
    for (size_t i = 0; i < K; i++)
        rest[i] = (double)p->w[row][i] - out[i];
    for (size_t i = 0; i < K; i++)
        for (size_t j = 0; j < K; j++)
            loss += rest[i] * p->h[i][j] * rest[j];
    return loss;
}

static void compare(const problem *p, const bool *stays, double lost)
{
    double expected[K], all = 0;
    for (size_t r = 0; r < N_ROWS; r++) {
        all += fit(p, r, stays, expected);
        for (size_t i = 0; i < K; i++)
            if (fabs((double)p->columns[i * N_ROWS + r] - expected[i]) > TOLERANCE)
                fail_msg("row %zu, column %zu: %g, not %g", r, i,
                         (double)p->columns[i * N_ROWS + r], expected[i]);
    }
    if (fabs(lost - all) > TOLERANCE * (1 + all))
        fail_msg("lost %g, not %g", lost, all);
}

static void take_out(size_t width)
{
    static problem p;
    bool stays[K];
    uint64_t seed = 7 + width;
    double lost = 0;
    memset(stays, true, sizeof stays);
    pose(&p, width, seed);
    for (size_t n = 0; n + 1 < K / width; n++) {
        size_t unit;
        do
            unit = ink_test_random(&seed) % (K / width);
        while (!stays[unit * width]);
        double cost = ink_eliminate_cost(&p.e, unit), loss = ink_eliminate(&p.e, unit);
        if (fabs(cost - loss) > TOLERANCE * (1 + loss))
            fail_msg("a unit of %zu was to cost %g and cost %g", width, cost, loss);
        lost += loss;
        memset(stays + unit * width, false, width);
        compare(&p, stays, lost);
        assert_true(ink_eliminate(&p.e, unit) == 0); /* it is out */
    }
}

static void columns_one_by_one(void **state)
{
    (void)state;
    take_out(1);
}

static void columns_in_units(void **state)
{
    (void)state;
    take_out(2);
    take_out(4);
    take_out(8);
}

/* A column that reads what another does is made good entirely, but for the damping. */
static void a_double_costs_nothing(void **state)
{
    static problem p;
    float sum[N_ROWS];
    (void)state;
    pose(&p, 1, 3);
    /* the square of inputs where the last column is the first */
    float h[K * K];
    for (size_t i = 0; i < K; i++)
        for (size_t j = 0; j < K; j++)
            h[i * K + j] = (float)p.h[i == K - 1 ? 0 : i][j == K - 1 ? 0 : j];
    assert_true(ink_feedback_prepare(h, p.factors, K, 1e-4f, p.room));
    ink_eliminate_begin(p.factors, p.products, K);
    for (size_t r = 0; r < N_ROWS; r++)
        sum[r] = p.columns[r] + p.columns[(K - 1) * N_ROWS + r];
    double others = ink_eliminate_cost(&p.e, 5), loss = ink_eliminate(&p.e, K - 1);
    assert_true(loss < 0.01 * others);
    for (size_t r = 0; r < N_ROWS; r++)
        assert_true(fabsf(p.columns[r] - sum[r]) < 0.02f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_one_by_one),
        cmocka_unit_test(columns_in_units),
        cmocka_unit_test(a_double_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
