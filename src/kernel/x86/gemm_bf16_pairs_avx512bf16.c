/*
 * Products of float arrays rounded to BF16, in pairs (kernel.h, gemm_bf16_pairs): VDPBF16PS in
 * register tiles of 14 x 32. 28 sums, two vectors of b, one pair of a at a time.
 */
#include "kernel/x86/gemm_pack_bf16.h"

#define TILE_ROWS 14
#define TILE_VECTORS 2
#define LINE 64 /* bytes of a vector */

static void pack_a(void *out, const ink_gemm_part *part)
{
    pack_part(out, part, &(pair_layout){true, LINE, LINE, LANES * LINE});
}

static void pack_b(void *out, const ink_gemm_part *part)
{
    const size_t to_next = TILE_VECTORS * LINE;
    pack_part(out, part, &(pair_layout){true, to_next, LINE, LANES * to_next});
}

/* Of the last rows perhaps more are computed than there are; they are not stored. */
TEMPLATE void multiply(const ink_gemm_tile *t, int rows, int vectors)
{
    const int32_t *a = t->a, *b = t->b;
    __m512 acc[TILE_ROWS][TILE_VECTORS];
    __mmask16 lanes[TILE_VECTORS];
    foreach (v, vectors)
        lanes[v] = first_lanes(t->columns - LANES * (size_t)v);
    foreach (i, rows)
        foreach (v, vectors)
            acc[i][v] = _mm512_maskz_loadu_ps(t->add && (size_t)i < t->rows ? lanes[v] : 0,
                                              t->c + (size_t)i * t->c_row + LANES * v);
    for (size_t l = 0; l < t->k; l += 2, a += LANES, b += TILE_VECTORS * LANES) {
        __m512bh column[TILE_VECTORS];
        foreach (v, vectors)
            column[v] = (__m512bh)_mm512_load_si512(b + LANES * v);
        foreach (i, rows) {
            const __m512bh row = (__m512bh)_mm512_set1_epi32(a[i]);
            foreach (v, vectors)
                acc[i][v] = _mm512_dpbf16_ps(acc[i][v], row, column[v]);
        }
    }
    foreach (i, rows)
        foreach (v, vectors)
            _mm512_mask_storeu_ps(t->c + (size_t)i * t->c_row + LANES * v,
                                  (size_t)i < t->rows ? lanes[v] : 0, acc[i][v]);
}

/* Rows of a tile up to which each is compiled: a whole one, and what may be left. */
#define TILES(X, vectors) X(3, vectors) X(7, vectors) X(TILE_ROWS, vectors)

static void multiply_tile(const ink_gemm_tile *t)
{
#define TILE(n_rows, vectors)         \
    if (t->rows <= (n_rows)) {        \
        multiply(t, n_rows, vectors); \
        return;                       \
    }
    if (t->columns <= LANES) {
        TILES(TILE, 1)
    }
    TILES(TILE, TILE_VECTORS)
#undef TILE
}

void ink_gemm_bf16_pairs_avx512bf16(const ink_gemm *g)
{
    static const ink_gemm_kernels kernels = {
        .rows = TILE_ROWS,
        .columns = TILE_VECTORS * LANES,
        .row_step = TILE_ROWS,
        .step = RUN,
        .a_bytes = LINE / 2,
        .b_bytes = TILE_VECTORS * LINE / 2,
        .pack_a = pack_a,
        .pack_b = pack_b,
        .tile = multiply_tile,
    };
    ink_gemm_run(g, &kernels);
}
