/*
 * Register tiles of 14 x 32 floats for products of float arrays: 28 sums, two vectors of b and one
 * value of a at a time. Panels hold whole vectors for each k: one of a, two of b. What their lanes
 * hold past an edge is not stored.
 */
#ifndef INK_KERNEL_X86_GEMM_FLOAT_AVX512_H
#define INK_KERNEL_X86_GEMM_FLOAT_AVX512_H

#include "kernel/gemm.h"
#include "kernel/x86/template_avx512.h"

#define TILE_ROWS 14
#define TILE_VECTORS 2

/* ---- Packing */

/* 16 vectors of 16: element i of vector j becomes element j of vector i. */
TEMPLATE void transpose(__m512 x[LANES])
{
    __m512 t[LANES];
    foreach (i, 8) {
        t[2 * i] = _mm512_unpacklo_ps(x[2 * i], x[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_ps(x[2 * i], x[2 * i + 1]);
    }
    foreach (i, 8) { /* x[4 g + c]: columns c, c + 4, c + 8, c + 12 of rows 4 g .. 4 g + 3 */
        const int at = i / 2 * 4 + i % 2;
        __m512d low = _mm512_castps_pd(t[at]), high = _mm512_castps_pd(t[at + 2]);
        x[i / 2 * 4 + i % 2 * 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
        x[i / 2 * 4 + i % 2 * 2 + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
    }
    foreach (c, 4) {
        __m512 even[2], odd[2];
        foreach (half, 2) {
            even[half] = _mm512_shuffle_f32x4(x[8 * half + c], x[8 * half + 4 + c], 0x88);
            odd[half] = _mm512_shuffle_f32x4(x[8 * half + c], x[8 * half + 4 + c], 0xdd);
        }
        t[c] = _mm512_shuffle_f32x4(even[0], even[1], 0x88);
        t[c + 4] = _mm512_shuffle_f32x4(odd[0], odd[1], 0x88);
        t[c + 8] = _mm512_shuffle_f32x4(even[0], even[1], 0xdd);
        t[c + 12] = _mm512_shuffle_f32x4(odd[0], odd[1], 0xdd);
    }
    foreach (i, LANES)
        x[i] = t[i];
}

/* At most 16 whose k lie side by side; `stride` floats of the panel from k to k. */
TEMPLATE void pack_columns(float *out, size_t stride, const ink_gemm_part *p, size_t first,
                           size_t n_wide)
{
    const float *from[LANES];
    foreach (i, LANES)
        from[i] =
            p->from + (first + ((size_t)i < n_wide ? (size_t)i : n_wide - 1)) * p->wide_stride;
    for (size_t l = 0; l < p->deep; l += LANES) {
        const size_t n = p->deep - l < LANES ? p->deep - l : LANES;
        __m512 x[LANES];
        foreach (i, LANES)
            x[i] = _mm512_maskz_loadu_ps(first_lanes(n), from[i] + l);
        transpose(x);
        foreach (i, LANES)
            if ((size_t)i < n)
                _mm512_store_ps(out + (l + (size_t)i) * stride, x[i]);
    }
}

/* The lanes of the vector that begins at `first` of n. */
TEMPLATE __mmask16 lanes_from(size_t first, size_t n)
{
    return first < n ? first_lanes(n - first) : 0;
}

TEMPLATE void copy_row(float *to, const float *from, const __mmask16 *lanes, int vectors)
{
    foreach (v, vectors)
        _mm512_store_ps(to + LANES * v, _mm512_maskz_loadu_ps(lanes[v], from + LANES * v));
}

/* Side by side for each k: all panels at once, so that memory is read as it lies. */
TEMPLATE void pack_rows(float *out, const ink_gemm_part *p, int vectors)
{
    const size_t n_whole = p->wide / p->panel, rest = p->wide % p->panel;
    const size_t stride = LANES * (size_t)vectors, next = p->panel_bytes / sizeof *out;
    __mmask16 whole[2], last[2];
    foreach (v, vectors) {
        whole[v] = lanes_from(LANES * (size_t)v, p->panel);
        last[v] = lanes_from(LANES * (size_t)v, rest);
    }
    for (size_t l = 0; l < p->deep; l++) {
        const float *from = p->from + l * p->deep_stride;
        float *to = out + l * stride;
        for (size_t i = 0; i < n_whole; i++, from += p->panel, to += next)
            copy_row(to, from, whole, vectors);
        if (rest)
            copy_row(to, from, last, vectors);
    }
}

TEMPLATE void pack_part(float *out, const ink_gemm_part *p, int vectors)
{
    const size_t stride = LANES * (size_t)vectors;
    if (p->wide_stride == 1) {
        pack_rows(out, p, vectors);
        return;
    }
    for (size_t first = 0; first < p->wide;
         first += p->panel, out += p->panel_bytes / sizeof *out) {
        const size_t n = p->wide - first < p->panel ? p->wide - first : p->panel;
        for (size_t i = 0; i < n; i += LANES)
            pack_columns(out + i, stride, p, first + i, n - i < LANES ? n - i : LANES);
    }
}

/* ---- One tile */

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
#define TILES(X, vectors)                                                                 \
    X(1, vectors)                                                                         \
    X(2, vectors)                                                                         \
    X(3, vectors)                                                                         \
    X(4, vectors)                                                                         \
    X(5, vectors)                                                                         \
    X(6, vectors) X(7, vectors) X(8, vectors) X(9, vectors) X(10, vectors) X(11, vectors) \
        X(12, vectors) X(13, vectors) X(14, vectors)
TILES(TILE, 1)
TILES(TILE, 2)
#undef TILE

static void multiply_tile(const ink_gemm_tile *t)
{
#define TILE(rows, vectors) tile_##rows##_##vectors,
    static void (*const tiles[TILE_VECTORS][TILE_ROWS])(const ink_gemm_tile *) = {{TILES(TILE, 1)},
                                                                                  {TILES(TILE, 2)}};
#undef TILE
    tiles[(t->columns - 1) / LANES][t->rows - 1](t);
}

#endif
