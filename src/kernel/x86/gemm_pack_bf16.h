/*
 * Packing floats as pairs of BF16, neighbors in k, 32 of k at a time: vectors of 16 pairs. Past the
 * last k, up to a whole step, stand zeros.
 */
#ifndef INK_KERNEL_X86_GEMM_PACK_BF16_H
#define INK_KERNEL_X86_GEMM_PACK_BF16_H

#include "kernel/gemm.h"
#include "kernel/x86/transpose_avx512.h"

#define RUN INK_GEMM_BF16_RUN

/*
 * The 16 vectors of 16 of the wide side and 32 of k: each of one pair, for all 16, or (not
 * `by_pair`) of one of the 16, all its pairs. Bytes from vector to vector, from 16 of a panel's
 * wide side to the next, and from 32 of k to the next.
 */
typedef struct pair_layout {
    bool by_pair;
    size_t to_next, to_next_wide, to_next_run;
} pair_layout;

/* For each of 16 its 16 pairs, where k lies side by side. */
TEMPLATE void take_columns(__m512 x[LANES], const ink_gemm_part *p, size_t first, size_t l)
{
    const size_t n = p->deep - l;
    const __mmask16 low = first_lanes(n), high = n > LANES ? first_lanes(n - LANES) : 0;
    foreach (i, LANES) {
        const size_t at = first + (size_t)i < p->wide ? first + (size_t)i : p->wide - 1;
        const float *from = p->from + at * p->wide_stride + l;
        x[i] = (__m512)_mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(high, from + LANES),
                                           _mm512_maskz_loadu_ps(low, from));
    }
}

/* For each of 16 pairs its 16, where these lie side by side. */
TEMPLATE void take_rows(__m512 x[LANES], const ink_gemm_part *p, size_t first, size_t l)
{
    const __m512i in_turn = _mm512_or_si512(
        _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
        _mm512_setr_epi32(16 << 16, 17 << 16, 18 << 16, 19 << 16, 20 << 16, 21 << 16, 22 << 16,
                          23 << 16, 24 << 16, 25 << 16, 26 << 16, 27 << 16, 28 << 16, 29 << 16,
                          30 << 16, 31 << 16));
    const __mmask16 lanes = first_lanes(p->wide - first);
    const float *from = p->from + l * p->deep_stride + first;
    foreach (i, LANES) {
        const size_t at = l + 2 * (size_t)i;
        __m512 even = _mm512_maskz_loadu_ps(at < p->deep ? lanes : 0, from);
        __m512 odd = _mm512_maskz_loadu_ps(at + 1 < p->deep ? lanes : 0, from + p->deep_stride);
        __m512i words = (__m512i)_mm512_cvtne2ps_pbh(odd, even);
        x[i] = _mm512_castsi512_ps(_mm512_permutexvar_epi16(in_turn, words));
        from += 2 * p->deep_stride;
    }
}

TEMPLATE void pack_pairs(char *out, const ink_gemm_part *p, size_t first, const pair_layout *to)
{
    for (size_t l = 0; l < p->deep; l += RUN, out += to->to_next_run) {
        __m512 x[LANES];
        if (p->wide_stride == 1)
            take_rows(x, p, first, l);
        else
            take_columns(x, p, first, l);
        if ((p->wide_stride == 1) != to->by_pair)
            transpose(x);
        foreach (i, LANES)
            _mm512_store_ps(out + to->to_next * (size_t)i, x[i]);
    }
}

TEMPLATE void pack_part(char *out, const ink_gemm_part *p, const pair_layout *to)
{
    for (size_t first = 0; first < p->wide; first += p->panel, out += p->panel_bytes)
        for (size_t i = 0; i < p->panel && first + i < p->wide; i += LANES)
            pack_pairs(out + i / LANES * to->to_next_wide, p, first + i, to);
}

#endif
