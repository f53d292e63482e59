/*
 * Packing floats for products of arrays: panels hold whole vectors for each k, `vectors` of them,
 * through a function that may round. What lanes hold past an edge is never stored in a result; past
 * the last k, up to a whole step, stand zeros.
 * And the register tile that reads them, which products of floats and of pairs share.
 */
#ifndef INK_KERNEL_X86_GEMM_PACK_AVX512_H
#define INK_KERNEL_X86_GEMM_PACK_AVX512_H

#include "kernel/gemm.h"
#include "kernel/x86/transpose_avx512.h"

typedef __m512 value_fn(__m512 x);

/* The register tile of floats, 14 x 32: two vectors of b. */
#define TILE_ROWS 14
#define TILE_VECTORS 2
ink_gemm_tile_fn ink_gemm_tile_f32_avx512;

TEMPLATE ink_gemm_kernels float_tiles(size_t step, ink_gemm_pack_fn *pack_a,
                                      ink_gemm_pack_fn *pack_b)
{
    return (ink_gemm_kernels){
        .rows = TILE_ROWS,
        .columns = TILE_VECTORS * LANES,
        .row_step = 1,
        .step = step,
        .a_bytes = LANES * sizeof(float),
        .b_bytes = TILE_VECTORS * LANES * sizeof(float),
        .pack_a = pack_a,
        .pack_b = pack_b,
        .tile = ink_gemm_tile_f32_avx512,
    };
}

/* At most 16 whose k lie side by side; `stride` floats of the panel from k to k. */
TEMPLATE void pack_columns(float *out, size_t stride, const ink_gemm_part *p, size_t first,
                           size_t n_wide, ink_gemm_order order, value_fn *value)
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
                _mm512_store_ps(out + ink_gemm_place(l + (size_t)i, order) * stride, value(x[i]));
    }
}

/* The lanes of the vector that begins at `first` of n. */
TEMPLATE __mmask16 lanes_from(size_t first, size_t n)
{
    return first < n ? first_lanes(n - first) : 0;
}

TEMPLATE void copy_row(float *to, const float *from, const __mmask16 *lanes, int vectors,
                       value_fn *value)
{
    foreach (v, vectors)
        _mm512_store_ps(to + LANES * v, value(_mm512_maskz_loadu_ps(lanes[v], from + LANES * v)));
}

/* Side by side for each k: all panels at once, so that memory is read as it lies. */
TEMPLATE void pack_rows(float *out, const ink_gemm_part *p, int vectors, ink_gemm_order order,
                        value_fn *value)
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
        float *to = out + ink_gemm_place(l, order) * stride;
        for (size_t i = 0; i < n_whole; i++, from += p->panel, to += next)
            copy_row(to, from, whole, vectors, value);
        if (rest)
            copy_row(to, from, last, vectors, value);
    }
}

/* Behind the last k. */
TEMPLATE void fill_panel(float *panel, const ink_gemm_part *p, size_t stride, ink_gemm_order order)
{
    const size_t n_k = p->panel_bytes / sizeof *panel / stride;
    for (size_t l = p->deep; l < n_k; l++)
        for (size_t i = 0; i < stride; i += LANES)
            _mm512_store_ps(panel + ink_gemm_place(l, order) * stride + i, _mm512_setzero_ps());
}

TEMPLATE void pack_part(float *out, const ink_gemm_part *p, int vectors, ink_gemm_order order,
                        value_fn *value)
{
    const size_t stride = LANES * (size_t)vectors;
    if (p->wide_stride == 1)
        pack_rows(out, p, vectors, order, value);
    for (size_t first = 0; first < p->wide; first += p->panel) {
        const size_t n = p->wide - first < p->panel ? p->wide - first : p->panel;
        for (size_t i = 0; i < n && p->wide_stride != 1; i += LANES)
            pack_columns(out + i, stride, p, first + i, n - i < LANES ? n - i : LANES, order,
                         value);
        fill_panel(out, p, stride, order);
        out += p->panel_bytes / sizeof *out;
    }
}

#endif
