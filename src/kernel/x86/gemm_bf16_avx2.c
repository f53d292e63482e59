/*
 * Products of float arrays rounded to BF16 (kernel.h, gemm_bf16) where there are no tile registers:
 * BF16 numbers are floats, so these are fused multiply-adds of floats, with subnormal numbers taken
 * for zero by the processor. Register tiles of 3 x 16: 12 sums, as even and odd k go apart.
 */
#include "kernel/x86/gemm_pack_avx2.h"

#define RUN 32 /* of k, summed up apart */
#define TILE_ROWS 3
#define TILE_VECTORS 2

/* To nearest, ties to even. Subnormals become zero before; NaN becomes quiet. */
static inline __m256 rounded(__m256 x)
{
    const __m256i bits = _mm256_castps_si256(x), one = _mm256_set1_epi32(1);
    const __m256i magnitude = _mm256_and_si256(bits, _mm256_set1_epi32(0x7fffffff));
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), one);
    const __m256i nearest =
        _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
    const __m256i is_nan = _mm256_cmpgt_epi32(magnitude, _mm256_set1_epi32(0x7f800000));
    const __m256i is_small = _mm256_cmpgt_epi32(_mm256_set1_epi32(0x800000), magnitude);
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const __m256i zero = _mm256_and_si256(bits, _mm256_set1_epi32(INT32_MIN));
    __m256i y = _mm256_blendv_epi8(nearest, quiet, is_nan);
    y = _mm256_blendv_epi8(y, zero, is_small);
    return _mm256_castsi256_ps(_mm256_and_si256(y, _mm256_set1_epi32(-0x10000)));
}

static void pack_a(void *out, const ink_gemm_part *part)
{
    pack_part(out, part, 1, rounded);
}

static void pack_b(void *out, const ink_gemm_part *part)
{
    pack_part(out, part, TILE_VECTORS, rounded);
}

/* The sums of one run, even and odd k: rows x vectors of each. */
typedef struct run_sums {
    __m256 of[2][TILE_ROWS][TILE_VECTORS];
} run_sums;

TEMPLATE void sum_up(run_sums *s, const float *a, const float *b, int rows, int vectors)
{
    foreach (parity, 2)
        foreach (i, rows)
            foreach (v, vectors)
                s->of[parity][i][v] = _mm256_setzero_ps();
    for (size_t l = 0; l < RUN; l += 2)
        foreach (parity, 2) {
            __m256 column[TILE_VECTORS];
            foreach (v, vectors)
                column[v] = _mm256_load_ps(b + HALF * v);
            foreach (i, rows) {
                const __m256 row = _mm256_broadcast_ss(a + i);
                foreach (v, vectors)
                    s->of[parity][i][v] = _mm256_fmadd_ps(row, column[v], s->of[parity][i][v]);
            }
            a += HALF;
            b += TILE_VECTORS * HALF;
        }
}

TEMPLATE void multiply(const ink_gemm_tile *t, int rows, int vectors)
{
    const float *a = t->a, *b = t->b;
    for (size_t l = 0; l < t->k; l += RUN, a += RUN * HALF, b += RUN * TILE_VECTORS * HALF) {
        run_sums s;
        sum_up(&s, a, b, rows, vectors);
        foreach (i, rows)
            foreach (v, vectors) {
                float *c = t->c + (size_t)i * t->c_row;
                __m256 sum = _mm256_add_ps(s.of[0][i][v], s.of[1][i][v]);
                __m256 before = t->add || l > 0 ? load_half(c, t->columns, v) : _mm256_setzero_ps();
                store_half(c, t->columns, v, _mm256_add_ps(before, sum));
            }
    }
}

#define TILE(rows, vectors)                                     \
    static void tile_##rows##_##vectors(const ink_gemm_tile *t) \
    {                                                           \
        multiply(t, rows, vectors);                             \
    }
#define TILES(X, vectors) X(1, vectors) X(2, vectors) X(3, vectors)
TILES(TILE, 1)
TILES(TILE, 2)
#undef TILE

static void multiply_tile(const ink_gemm_tile *t)
{
#define TILE(rows, vectors) tile_##rows##_##vectors,
    static ink_gemm_tile_fn *const tiles[TILE_VECTORS][TILE_ROWS] = {{TILES(TILE, 1)},
                                                                     {TILES(TILE, 2)}};
#undef TILE
    tiles[(t->columns - 1) / HALF][t->rows - 1](t);
}

void ink_gemm_bf16_avx2(const ink_gemm *g)
{
    static const ink_gemm_kernels kernels = {
        .rows = TILE_ROWS,
        .columns = TILE_VECTORS * HALF,
        .row_step = 1,
        .step = RUN,
        .a_bytes = HALF * sizeof(float),
        .b_bytes = TILE_VECTORS * HALF * sizeof(float),
        .pack_a = pack_a,
        .pack_b = pack_b,
        .tile = multiply_tile,
    };
    /* Round to nearest, no traps; subnormals are zeros when read and when they come out. */
    enum { NEAREST_MASKED = 0x1f80, READ_AS_ZERO = 0x40, FLUSH_TO_ZERO = 0x8000 };
    const unsigned before = _mm_getcsr();
    _mm_setcsr(NEAREST_MASKED | READ_AS_ZERO | FLUSH_TO_ZERO);
    ink_gemm_run(g, &kernels);
    _mm_setcsr(before);
}
