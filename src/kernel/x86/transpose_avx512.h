/* 16 x 16 floats, or whatever has 4 bytes, transposed in registers. */
#ifndef INK_KERNEL_X86_TRANSPOSE_AVX512_H
#define INK_KERNEL_X86_TRANSPOSE_AVX512_H

#include "kernel/x86/template_avx512.h"

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

#endif
