/*
 * Products of float arrays: fused multiply-adds in increasing k, in register tiles of 6 x 16: 12
 * sums, two vectors of b, one value of a at a time. Panels of a hold 8 floats for each k, of which
 * 6 are used. What lanes hold past an edge is not stored.
 */
#include "kernel/gemm.h"
#include "kernel/x86/template_avx2.h"

#define TILE_ROWS 6
#define TILE_VECTORS 2

/* ---- Packing */

/* 8 vectors of 8: element i of vector j becomes element j of vector i. */
TEMPLATE void transpose(__m256 x[HALF])
{
    __m256 pairs[HALF], quads[HALF];
    foreach (i, 4) {
        pairs[2 * i] = _mm256_unpacklo_ps(x[2 * i], x[2 * i + 1]);
        pairs[2 * i + 1] = _mm256_unpackhi_ps(x[2 * i], x[2 * i + 1]);
    }
    foreach (i, 4) { /* quads[4 g + c]: columns c and c + 4 of rows 4 g .. 4 g + 3 */
        const int at = i / 2 * 4 + i % 2;
        __m256d low = _mm256_castps_pd(pairs[at]), high = _mm256_castps_pd(pairs[at + 2]);
        quads[i / 2 * 4 + i % 2 * 2] = _mm256_castpd_ps(_mm256_unpacklo_pd(low, high));
        quads[i / 2 * 4 + i % 2 * 2 + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(low, high));
    }
    foreach (c, 4) {
        x[c] = _mm256_permute2f128_ps(quads[c], quads[4 + c], 0x20);
        x[c + 4] = _mm256_permute2f128_ps(quads[c], quads[4 + c], 0x31);
    }
}

/* At most 8 whose k lie side by side; `stride` floats of the panel from k to k. */
TEMPLATE void pack_columns(float *out, size_t stride, const ink_gemm_part *p, size_t first,
                           size_t n_wide)
{
    const float *from[HALF];
    foreach (i, HALF)
        from[i] =
            p->from + (first + ((size_t)i < n_wide ? (size_t)i : n_wide - 1)) * p->wide_stride;
    for (size_t l = 0; l < p->deep; l += HALF) {
        const size_t n = p->deep - l;
        __m256 x[HALF];
        foreach (i, HALF)
            x[i] = load_half(from[i] + l, n, 0);
        transpose(x);
        foreach (i, HALF)
            if ((size_t)i < n)
                _mm256_store_ps(out + (l + (size_t)i) * stride, x[i]);
    }
}

TEMPLATE void copy_row(float *to, const float *from, size_t n, int vectors)
{
    foreach (v, vectors)
        _mm256_store_ps(to + HALF * v, load_half(from, n, v));
}

/* Side by side for each k: all panels at once, so that memory is read as it lies. */
TEMPLATE void pack_rows(float *out, const ink_gemm_part *p, int vectors)
{
    const size_t next = p->panel_bytes / sizeof *out, stride = HALF * (size_t)vectors;
    for (size_t l = 0; l < p->deep; l++) {
        const float *from = p->from + l * p->deep_stride;
        float *to = out + l * stride;
        size_t left = p->wide;
        for (; left >= p->panel; left -= p->panel, from += p->panel, to += next)
            copy_row(to, from, p->panel, vectors);
        if (left)
            copy_row(to, from, left, vectors);
    }
}

TEMPLATE void pack_part(float *out, const ink_gemm_part *p, int vectors)
{
    const size_t stride = HALF * (size_t)vectors;
    if (p->wide_stride == 1) {
        pack_rows(out, p, vectors);
        return;
    }
    for (size_t first = 0; first < p->wide;
         first += p->panel, out += p->panel_bytes / sizeof *out) {
        const size_t n = p->wide - first < p->panel ? p->wide - first : p->panel;
        for (size_t i = 0; i < n; i += HALF)
            pack_columns(out + i, stride, p, first + i, n - i < HALF ? n - i : HALF);
    }
}

static void pack_a(void *out, const ink_gemm_part *part)
{
    pack_part(out, part, 1);
}

static void pack_b(void *out, const ink_gemm_part *part)
{
    pack_part(out, part, TILE_VECTORS);
}

/* ---- One tile */

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

static void multiply_tile(const ink_gemm_tile *t)
{
#define TILE(rows, vectors) tile_##rows##_##vectors,
    static ink_gemm_tile_fn *const tiles[TILE_VECTORS][TILE_ROWS] = {{TILES(TILE, 1)},
                                                                     {TILES(TILE, 2)}};
#undef TILE
    tiles[(t->columns - 1) / HALF][t->rows - 1](t);
}

void ink_gemm_f32_avx2(const ink_gemm *g)
{
    static const ink_gemm_kernels kernels = {
        .rows = TILE_ROWS,
        .columns = TILE_VECTORS * HALF,
        .row_step = 1,
        .step = 1,
        .a_bytes = HALF * sizeof(float),
        .b_bytes = TILE_VECTORS * HALF * sizeof(float),
        .pack_a = pack_a,
        .pack_b = pack_b,
        .tile = multiply_tile,
    };
    ink_gemm_run(g, &kernels);
}
