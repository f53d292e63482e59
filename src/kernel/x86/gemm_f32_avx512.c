/*
 * Products of float arrays: fused multiply-adds in increasing k, in register tiles of 14 x 32: 28
 * sums, two vectors of b, one value of a at a time.
 */
#include "kernel/x86/gemm_pack_avx512.h"

static inline __m512 unchanged(__m512 x)
{
    return x;
}

static void pack_a(void *out, const ink_gemm_part *part)
{
    pack_part(out, part, 1, INK_GEMM_IN_TURN, unchanged);
}

static void pack_b(void *out, const ink_gemm_part *part)
{
    pack_part(out, part, TILE_VECTORS, INK_GEMM_IN_TURN, unchanged);
}

TEMPLATE void multiply(const ink_gemm_tile *t, int rows, int vectors)
{
    const float *a = t->a, *b = t->b;
    __m512 acc[TILE_ROWS][TILE_VECTORS];
    __mmask16 lanes[TILE_VECTORS], before[TILE_VECTORS];
    foreach (v, vectors) {
        lanes[v] = lanes_from(LANES * (size_t)v, t->columns);
        before[v] = t->add ? lanes[v] : 0;
    }
    foreach (i, rows)
        foreach (v, vectors)
            acc[i][v] = _mm512_maskz_loadu_ps(before[v], t->c + (size_t)i * t->c_row + LANES * v);
    for (size_t l = 0; l < t->k; l++, a += LANES, b += TILE_VECTORS * LANES) {
        __m512 column[TILE_VECTORS];
        foreach (v, vectors)
            column[v] = _mm512_load_ps(b + LANES * v);
        foreach (i, rows) {
            const __m512 row = _mm512_set1_ps(a[i]);
            foreach (v, vectors)
                acc[i][v] = _mm512_fmadd_ps(row, column[v], acc[i][v]);
        }
    }
    foreach (i, rows)
        foreach (v, vectors)
            _mm512_mask_storeu_ps(t->c + (size_t)i * t->c_row + LANES * v, lanes[v], acc[i][v]);
}

#define TILE(rows, vectors)                                     \
    static void tile_##rows##_##vectors(const ink_gemm_tile *t) \
    {                                                           \
        multiply(t, rows, vectors);                             \
    }
/* clang-format off */
#define TILES(X, vectors) \
    X(1, vectors) X(2, vectors) X(3, vectors) X(4, vectors) X(5, vectors) \
    X(6, vectors) X(7, vectors) X(8, vectors) X(9, vectors) X(10, vectors) \
    X(11, vectors) X(12, vectors) X(13, vectors) X(14, vectors)
/* clang-format on */
TILES(TILE, 1)
TILES(TILE, 2)
#undef TILE

void ink_gemm_tile_f32_avx512(const ink_gemm_tile *t)
{
#define TILE(rows, vectors) tile_##rows##_##vectors,
    static ink_gemm_tile_fn *const tiles[TILE_VECTORS][TILE_ROWS] = {{TILES(TILE, 1)},
                                                                     {TILES(TILE, 2)}};
#undef TILE
    tiles[(t->columns - 1) / LANES][t->rows - 1](t);
}

void ink_gemm_f32_avx512(const ink_gemm *g)
{
    const ink_gemm_kernels kernels = float_tiles(1, pack_a, pack_b);
    ink_gemm_run(g, &kernels);
}
