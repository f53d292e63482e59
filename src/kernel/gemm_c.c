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

static float flush(float x)
{
    return fabsf(x) < FLT_MIN ? copysignf(0, x) : x;
}

static float rounded(float x)
{
    return flush(ink_bfloat_to_float(ink_bfloat_from_float(x)));
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

void ink_gemm_bf16_c(const ink_gemm *g)
{
    for (size_t i = 0; i < g->m; i++) {
        float *c = g->c + i * g->c_row;
        begin(g, c);
        for (size_t pair = 0; pair < g->k + g->k % 2; pair += 2)
            for (size_t l = pair + 2; l-- > pair;) {
                const float a = l < g->k ? rounded(g->a[i * g->a_row + l * g->a_col]) : 0;
                for (size_t j = 0; j < g->n; j++) {
                    float b = l < g->k ? rounded(g->b[l * g->b_row + j * g->b_col]) : 0;
                    c[j] = add_product(a, b, flush(c[j]));
                }
            }
    }
}
