/*
 * Packing floats for products of arrays: panels hold whole vectors of 8 for each k, `vectors` of
 * them, through a function that may round. What lanes hold past an edge is never stored in a
 * result; past the last k, up to a whole step, stand zeros.
 * And the register tile that reads them, which products of floats and of pairs share.
 */
#ifndef INK_KERNEL_X86_GEMM_PACK_AVX2_H
#define INK_KERNEL_X86_GEMM_PACK_AVX2_H

#include "kernel/gemm.h"
#include "kernel/x86/template_avx2.h"

typedef __m256 value_fn(__m256 x);

/* The register tile of floats, 6 x 16: two vectors of b. */
#define TILE_ROWS 6
#define TILE_VECTORS 2
ink_gemm_tile_fn ink_gemm_tile_f32_avx2;

TEMPLATE ink_gemm_kernels float_tiles(size_t step, ink_gemm_pack_fn *pack_a,
                                      ink_gemm_pack_fn *pack_b)
{
    return (ink_gemm_kernels){
        .rows = TILE_ROWS,
        .columns = TILE_VECTORS * HALF,
        .row_step = 1,
        .step = step,
        .a_bytes = HALF * sizeof(float),
        .b_bytes = TILE_VECTORS * HALF * sizeof(float),
        .pack_a = pack_a,
        .pack_b = pack_b,
        .tile = ink_gemm_tile_f32_avx2,
    };
}

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
                           size_t n_wide, ink_gemm_order order, value_fn *value)
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
                _mm256_store_ps(out + ink_gemm_place(l + (size_t)i, order) * stride, value(x[i]));
    }
}

TEMPLATE void copy_row(float *to, const float *from, size_t n, int vectors, value_fn *value)
{
    foreach (v, vectors)
        _mm256_store_ps(to + HALF * v, value(load_half(from, n, v)));
}

/* Side by side for each k: all panels at once, so that memory is read as it lies. */
TEMPLATE void pack_rows(float *out, const ink_gemm_part *p, int vectors, ink_gemm_order order,
                        value_fn *value)
{
    const size_t next = p->panel_bytes / sizeof *out, stride = HALF * (size_t)vectors;
    for (size_t l = 0; l < p->deep; l++) {
        const float *from = p->from + l * p->deep_stride;
        float *to = out + ink_gemm_place(l, order) * stride;
        size_t left = p->wide;
        for (; left >= p->panel; left -= p->panel, from += p->panel, to += next)
            copy_row(to, from, p->panel, vectors, value);
        if (left)
            copy_row(to, from, left, vectors, value);
    }
}

/* Behind the last k. */
TEMPLATE void fill_panel(float *panel, const ink_gemm_part *p, size_t stride, ink_gemm_order order)
{
    const size_t n_k = p->panel_bytes / sizeof *panel / stride;
    for (size_t l = p->deep; l < n_k; l++)
        for (size_t i = 0; i < stride; i += HALF)
            _mm256_store_ps(panel + ink_gemm_place(l, order) * stride + i, _mm256_setzero_ps());
}

TEMPLATE void pack_part(float *out, const ink_gemm_part *p, int vectors, ink_gemm_order order,
                        value_fn *value)
{
    const size_t stride = HALF * (size_t)vectors;
    if (p->wide_stride == 1)
        pack_rows(out, p, vectors, order, value);
    for (size_t first = 0; first < p->wide; first += p->panel) {
        const size_t n = p->wide - first < p->panel ? p->wide - first : p->panel;
        for (size_t i = 0; i < n && p->wide_stride != 1; i += HALF)
            pack_columns(out + i, stride, p, first + i, n - i < HALF ? n - i : HALF, order, value);
        fill_panel(out, p, stride, order);
        out += p->panel_bytes / sizeof *out;
    }
}

#endif
