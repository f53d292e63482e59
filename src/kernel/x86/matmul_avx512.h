/*
 * What the matmuls of AVX-512 share: the product of one group (kernel/reference.h) and the edges of
 * a matrix.
 */
#ifndef INK_KERNEL_X86_MATMUL_AVX512_H
#define INK_KERNEL_X86_MATMUL_AVX512_H

#include "kernel/x86/tile_avx512.h"

#define GEMV_COLUMNS 12 /* with more, expanding a panel and reading it again is faster */

#define GEMM(name, ...) ink_matmul_fn ink_gemm_##name##_avx512; /* many columns */
TILE_FORMATS(GEMM)
#undef GEMM

/* A group's share of its block's cache lines. */
TEMPLATE void prefetch(const tile_format *f, const uint8_t *block, int group)
{
    const int n_lines = (int)(f->block_bytes + 63) / 64;
    const int first = n_lines * group / f->n_groups, next = n_lines * (group + 1) / f->n_groups;
    foreach (i, next - first)
        ask_for_line(f->read, block + 64 * (first + i));
}

TEMPLATE __m512i broadcast4(const void *p)
{
    int32_t value;
    memcpy(&value, p, sizeof value);
    return _mm512_set1_epi32(value);
}

TEMPLATE __m512i shift_right(__m512i v, int n)
{
    return n ? _mm512_srai_epi32(v, (unsigned)n) : v;
}

TEMPLATE __m512 add_product(ink_group_kind kind, __m512 d, const __m512 m[2], const ink_q8 *x,
                            __m512i s, __m512 acc)
{
    acc = _mm512_fmadd_ps(_mm512_mul_ps(d, _mm512_set1_ps(x->d)), _mm512_cvtepi32_ps(s), acc);
    if (kind == INK_GROUP_M32)
        acc = _mm512_fmadd_ps(
            m[0], _mm512_add_ps(_mm512_set1_ps(x->sum[0]), _mm512_set1_ps(x->sum[1])), acc);
    if (kind == INK_GROUP_M16) {
        acc = _mm512_fmadd_ps(m[0], _mm512_set1_ps(x->sum[0]), acc);
        acc = _mm512_fmadd_ps(m[1], _mm512_set1_ps(x->sum[1]), acc);
    }
    return acc;
}

static inline size_t tiles_of(size_t n_rows)
{
    return n_rows / INK_TILE_ROWS + (n_rows % INK_TILE_ROWS != 0);
}

/* The lanes of a tile that are rows of the matrix; none for a tile past its end. */
static inline __mmask16 rows_of_tile(size_t tile, size_t n_rows)
{
    size_t first = tile * INK_TILE_ROWS;
    return n_rows > first ? first_lanes(n_rows - first) : 0;
}

#endif
