/* Row one of the products of float arrays: the sums are in c itself, k by k. */
#include <float.h>
#include <math.h>
#include "base/half.h"
#include "kernel/kernel.h"

static void begin(const ink_gemm *g, float *c)
{
    for (size_t j = 0; j < g->n && !g->add; j++)
        c[j] = 0;
}

void ink_gemm_f32_c(const ink_gemm *g)
{
    for (size_t i = 0; i < g->m; i++) {
        float *c = g->c + i * g->c_row;
        begin(g, c);
        for (size_t l = 0; l < g->k; l++) {
            const float a = g->a[i * g->a_row + l * g->a_col], *b = g->b + l * g->b_row;
            for (size_t j = 0; j < g->n; j++)
                c[j] = fmaf(a, b[j * g->b_col], c[j]);
        }
    }
}

/* ---- BF16 */

enum { RUN = INK_GEMM_BF16_RUN };

static float flush(float x)
{
    return fabsf(x) < FLT_MIN ? copysignf(0, x) : x;
}

static float rounded(float x)
{
    return ink_bfloat_to_float(ink_bfloat_from_float(flush(x)));
}

/*
 * A sum counts as subnormal when it is below FLT_MIN after rounding to 24 bits, as if there were
 * smaller exponents; fmaf rounds it to fewer, and perhaps up to FLT_MIN. 2^64 times as large there
 * are such exponents. Where that overflows, the sum is zero or exact.
 */
static float add_product(float a, float b, float c)
{
    const float sum = fmaf(a, b, c), up = 0x1p64f;
    if (!(fabsf(sum) <= FLT_MIN))
        return sum;
    return fabsf(fmaf(a * up, b, c * up)) < FLT_MIN * up ? copysignf(0, sum) : sum;
}

/* Of a row of a or a column of b: what there is of RUN values, and zeros. */
static void round_run(float *out, const float *from, size_t stride, size_t n)
{
    for (size_t l = 0; l < RUN; l++)
        out[l] = l < n ? rounded(from[l * stride]) : 0;
}

/* c and the products of RUN values, of which what is behind the last k is zero. */
typedef float add_run_fn(float c, const float *a, const float *b);

static float add_pairs(float c, const float *a, const float *b)
{
    c = flush(c);
    for (size_t l = 0; l < RUN; l += 2)
        c = add_product(a[l], b[l], add_product(a[l + 1], b[l + 1], c));
    return c;
}

static float add_tile(float c, const float *a, const float *b)
{
    float even = 0, odd = 0;
    for (size_t l = 0; l < RUN; l += 2) {
        even = add_product(a[l], b[l], even);
        odd = add_product(a[l + 1], b[l + 1], odd);
    }
    return flush(flush(c) + flush(even + odd));
}

static void multiply_bf16(const ink_gemm *g, add_run_fn *add_run)
{
    for (size_t i = 0; i < g->m; i++) {
        float *c = g->c + i * g->c_row;
        begin(g, c);
        for (size_t first = 0; first < g->k; first += RUN) {
            const size_t n = g->k - first < RUN ? g->k - first : RUN;
            float a[RUN], b[RUN];
            round_run(a, g->a + i * g->a_row + first * g->a_col, g->a_col, n);
            for (size_t j = 0; j < g->n; j++) {
                round_run(b, g->b + first * g->b_row + j * g->b_col, g->b_row, n);
                c[j] = add_run(c[j], a, b);
            }
        }
    }
}

void ink_gemm_bf16_pairs_c(const ink_gemm *g)
{
    multiply_bf16(g, add_pairs);
}

void ink_gemm_bf16_tiles_c(const ink_gemm *g)
{
    multiply_bf16(g, add_tile);
}
