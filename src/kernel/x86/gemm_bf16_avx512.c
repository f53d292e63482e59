/*
 * Products of float arrays rounded to BF16 (kernel.h, gemm_bf16) where there are no tile registers:
 * BF16 numbers are floats, so these are fused multiply-adds of floats, with subnormal numbers taken
 * for zero by the processor. Register tiles of 7 x 32: 28 sums, as even and odd k go apart.
 */
#include "kernel/x86/gemm_pack_avx512.h"

#define RUN 32 /* of k, summed up apart */
#define TILE_ROWS 7
#define TILE_VECTORS 2

/* To nearest, ties to even. Subnormals become zero before; NaN becomes quiet. */
static inline __m512 rounded(__m512 x)
{
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i magnitude = _mm512_and_si512(bits, _mm512_set1_epi32(0x7fffffff));
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i y = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
    y = _mm512_mask_or_epi32(y, _mm512_cmpgt_epi32_mask(magnitude, _mm512_set1_epi32(0x7f800000)),
                             bits, _mm512_set1_epi32(0x400000));
    y = _mm512_mask_mov_epi32(y, _mm512_cmplt_epi32_mask(magnitude, _mm512_set1_epi32(0x800000)),
                              _mm512_and_si512(bits, _mm512_set1_epi32(INT32_MIN)));
    return _mm512_castsi512_ps(_mm512_and_si512(y, _mm512_set1_epi32(-0x10000)));
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
    __m512 of[2][TILE_ROWS][TILE_VECTORS];
} run_sums;

TEMPLATE void sum_up(run_sums *s, const float *a, const float *b, int rows, int vectors)
{
    foreach (parity, 2)
        foreach (i, rows)
            foreach (v, vectors)
                s->of[parity][i][v] = _mm512_setzero_ps();
    for (size_t l = 0; l < RUN; l += 2)
        foreach (parity, 2) {
            __m512 column[TILE_VECTORS];
            foreach (v, vectors)
                column[v] = _mm512_load_ps(b + LANES * v);
            foreach (i, rows) {
                const __m512 row = _mm512_set1_ps(a[i]);
                foreach (v, vectors)
                    s->of[parity][i][v] = _mm512_fmadd_ps(row, column[v], s->of[parity][i][v]);
            }
            a += LANES;
            b += TILE_VECTORS * LANES;
        }
}

TEMPLATE void multiply(const ink_gemm_tile *t, int rows, int vectors)
{
    const float *a = t->a, *b = t->b;
    __mmask16 lanes[TILE_VECTORS];
    foreach (v, vectors)
        lanes[v] = lanes_from(LANES * (size_t)v, t->columns);
    for (size_t l = 0; l < t->k; l += RUN, a += RUN * LANES, b += RUN * TILE_VECTORS * LANES) {
        run_sums s;
        sum_up(&s, a, b, rows, vectors);
        foreach (i, rows)
            foreach (v, vectors) {
                float *c = t->c + (size_t)i * t->c_row + LANES * v;
                __m512 sum = _mm512_add_ps(s.of[0][i][v], s.of[1][i][v]);
                __m512 before = _mm512_maskz_loadu_ps(t->add || l > 0 ? lanes[v] : 0, c);
                _mm512_mask_storeu_ps(c, lanes[v], _mm512_add_ps(before, sum));
            }
    }
}

#define TILE(rows, vectors)                                     \
    static void tile_##rows##_##vectors(const ink_gemm_tile *t) \
    {                                                           \
        multiply(t, rows, vectors);                             \
    }
/* clang-format off */
#define TILES(X, vectors) \
    X(1, vectors) X(2, vectors) X(3, vectors) X(4, vectors) \
    X(5, vectors) X(6, vectors) X(7, vectors)
/* clang-format on */
TILES(TILE, 1)
TILES(TILE, 2)
#undef TILE

static void multiply_tile(const ink_gemm_tile *t)
{
#define TILE(rows, vectors) tile_##rows##_##vectors,
    static ink_gemm_tile_fn *const tiles[TILE_VECTORS][TILE_ROWS] = {{TILES(TILE, 1)},
                                                                     {TILES(TILE, 2)}};
#undef TILE
    tiles[(t->columns - 1) / LANES][t->rows - 1](t);
}

void ink_gemm_bf16_avx512(const ink_gemm *g)
{
    static const ink_gemm_kernels kernels = {
        .rows = TILE_ROWS,
        .columns = TILE_VECTORS * LANES,
        .row_step = 1,
        .step = RUN,
        .a_bytes = LANES * sizeof(float),
        .b_bytes = TILE_VECTORS * LANES * sizeof(float),
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
