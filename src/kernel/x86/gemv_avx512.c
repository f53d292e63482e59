/*
 * Matrix times few columns, straight from the packed tiles: memory is the limit, so each vector of codes is loaded and
 * unpacked once and meets every column. A row's accumulator is a lane; its arithmetic is that of kernel/reference.h.
 */
#include <stdatomic.h>

#include "kernel/x86/matmul_avx512.h"
#include "kernel/x86/tile_avx512.h"

#ifndef PREFETCH_BYTES
#define PREFETCH_BYTES 4096 /* ahead in the tile, or into the next one */
#endif

/*
 * A group's share of its block's cache lines. All at once they would fill the queue of misses that loads need too, and
 * compilers gather them unless a fence keeps them with their group: 6 GB/s so, 25 with it.
 */
TEMPLATE void prefetch(const tile_format *f, const uint8_t *block, int group)
{
    const size_t n_lines = (f->block_bytes + 63) / 64, n_groups = (size_t)f->n_groups;
    const char *ahead = (const char *)block + PREFETCH_BYTES;
    UNROLL for (size_t i = n_lines * (size_t)group / n_groups; i < n_lines * ((size_t)group + 1) / n_groups; i++)
        _mm_prefetch(ahead + 64 * i, _MM_HINT_T0);
    atomic_signal_fence(memory_order_seq_cst);
}

/* What the bias added to both halves, taken back before it is added: -bias * (isum[0] + isum[1]), or one half's. */
TEMPLATE __m512i minus_bias(int bias, const ink_q8 *x, bool first, bool second)
{
    if (bias == 0)
        return _mm512_setzero_si512();
    uint32_t low = first ? (uint16_t)-bias : 0, high = second ? (uint32_t)(uint16_t)-bias << 16 : 0;
    return _mm512_dpwssd_epi32(_mm512_setzero_si512(), _mm512_set1_epi32((int)(low | high)), broadcast4(x->isum));
}

/* sum over k of scale * q * x.q, from what the halves' codes gave. */
TEMPLATE __m512i combine(const tile_format *f, int group, const group_scales *s, __m512i first, __m512i second)
{
    int shift = f->shift(group, 0);
    if (f->sub == SUB_16) {
        first = _mm512_mullo_epi32(first, s->scale[0]);
        second = _mm512_mullo_epi32(second, s->scale[1]);
    }
    if (shift == f->shift(group, 1))
        return shift_right(_mm512_add_epi32(first, second), shift);
    return _mm512_add_epi32(shift_right(first, shift), shift_right(second, f->shift(group, 1)));
}

TEMPLATE void add_group(const tile_format *f, const uint8_t *block, int group, const group_scales *s,
                        const ink_q8 *const *x, __m512 *acc, int n_cols)
{
    const int shift = f->shift(group, 0);
    const bool halves = f->sub == SUB_16;
    __m512i sum[GEMV_COLUMNS][2];
    UNROLL for (int c = 0; c < n_cols; c++) {
        sum[c][0] = minus_bias(f->bias << shift, x[c] + group, true, !halves);
        sum[c][1] = halves ? minus_bias(f->bias << shift, x[c] + group, false, true) : _mm512_setzero_si512();
    }
    UNROLL for (int u = 0; u < GROUP_UNITS; u++) {
        __m512i codes = f->codes(block, group, u);
        UNROLL for (int c = 0; c < n_cols; c++)
            sum[c][u / HALF_UNITS] =
                _mm512_dpbusd_epi32(sum[c][u / HALF_UNITS], codes, broadcast4(x[c][group].q + 4 * u));
    }
    UNROLL for (int c = 0; c < n_cols; c++)
        acc[c] = add_product(f->kind, s->d, s->m, x[c] + group, combine(f, group, s, sum[c][0], sum[c][1]), acc[c]);
}

TEMPLATE void multiply_tile(const tile_format *f, const ink_matmul *m, size_t tile, int n_cols)
{
    const size_t n_blocks = m->k / (size_t)(f->n_groups * INK_Q8_GROUP);
    const uint8_t *block = (const uint8_t *)m->tiles + tile * n_blocks * f->block_bytes;
    const ink_q8 *x[GEMV_COLUMNS];
    __m512 acc[GEMV_COLUMNS];
    UNROLL for (int c = 0; c < n_cols; c++) {
        x[c] = (const ink_q8 *)m->x + (size_t)c * m->x_stride;
        acc[c] = _mm512_setzero_ps();
    }
    for (size_t b = 0; b < n_blocks; b++, block += f->block_bytes) {
        tile_scales scales;
        f->scales(&scales, block);
        UNROLL for (int g = 0; g < f->n_groups; g++) {
            group_scales s = scales_of_group(f, &scales, g);
            prefetch(f, block, g);
            add_group(f, block, g, &s, x, acc, n_cols);
        }
        UNROLL for (int c = 0; c < n_cols; c++)
            x[c] += f->n_groups;
    }
    UNROLL for (int c = 0; c < n_cols; c++)
        store_rows(m->y + (size_t)c * m->y_stride, tile, m->n_rows, acc[c]);
}

TEMPLATE void multiply(const tile_format *f, const ink_matmul *m, int n_cols)
{
    for (size_t tile = 0; tile < tiles_of(m->n_rows); tile++)
        multiply_tile(f, m, tile, n_cols);
}

#define GEMV(name, ...)\
    INSTANCE static void name##_1(const ink_matmul *m)             \
    {                                                              \
        multiply(&name, m, 1);                                     \
    }                                                              \
    INSTANCE static void name##_2(const ink_matmul *m)             \
    {                                                              \
        multiply(&name, m, 2);                                     \
    }                                                              \
    INSTANCE static void name##_3(const ink_matmul *m)             \
    {                                                              \
        multiply(&name, m, 3);                                     \
    }                                                              \
    INSTANCE static void name##_4(const ink_matmul *m)             \
    {                                                              \
        multiply(&name, m, 4);                                     \
    }                                                              \
    void ink_matmul_##name##_avx512(const ink_matmul *m)           \
    {                                                              \
        static ink_matmul_fn *const few[] = {name##_1, name##_2, name##_3, name##_4}; \
        if (m->n_cols - 1 < GEMV_COLUMNS)                          \
            few[m->n_cols - 1](m);                                 \
        else                                                       \
            ink_gemm_##name##_avx512(m);                           \
    }
TILE_FORMATS(GEMV)
