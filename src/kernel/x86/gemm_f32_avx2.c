/*
 * Products of float arrays: fused multiply-adds in increasing k, in register tiles of 6 x 16: 12
 * sums, two vectors of b, one value of a at a time. Panels of a hold 8 floats for each k, of which
 * 6 are used.
 */
#include "kernel/x86/gemm_pack_avx2.h"

static inline __m256 unchanged(__m256 x)
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
    __m256 acc[TILE_ROWS][TILE_VECTORS];
    foreach (i, rows)
        foreach (v, vectors)
            acc[i][v] = t->add ? load_half(t->c + (size_t)i * t->c_row, t->columns, v)
                               : _mm256_setzero_ps();
    for (size_t l = 0; l < t->k; l++, a += HALF, b += TILE_VECTORS * HALF) {
        __m256 column[TILE_VECTORS];
        foreach (v, vectors)
            column[v] = _mm256_load_ps(b + HALF * v);
        foreach (i, rows) {
            const __m256 row = _mm256_broadcast_ss(a + i);
            foreach (v, vectors)
                acc[i][v] = _mm256_fmadd_ps(row, column[v], acc[i][v]);
        }
    }
    foreach (i, rows)
        foreach (v, vectors)
            store_half(t->c + (size_t)i * t->c_row, t->columns, v, acc[i][v]);
}

#define TILE(rows, vectors)                                     \
    static void tile_##rows##_##vectors(const ink_gemm_tile *t) \
    {                                                           \
        multiply(t, rows, vectors);                             \
    }
/* clang-format off */
#define TILES(X, vectors) \
    X(1, vectors) X(2, vectors) X(3, vectors) X(4, vectors) X(5, vectors) X(6, vectors)
/* clang-format on */
TILES(TILE, 1)
TILES(TILE, 2)
#undef TILE

void ink_gemm_tile_f32_avx2(const ink_gemm_tile *t)
{
#define TILE(rows, vectors) tile_##rows##_##vectors,
    static ink_gemm_tile_fn *const tiles[TILE_VECTORS][TILE_ROWS] = {{TILES(TILE, 1)},
                                                                     {TILES(TILE, 2)}};
#undef TILE
    tiles[(t->columns - 1) / HALF][t->rows - 1](t);
}

void ink_gemm_f32_avx2(const ink_gemm *g)
{
    const ink_gemm_kernels kernels = float_tiles(1, pack_a, pack_b);
    ink_gemm_run(g, &kernels);
}
