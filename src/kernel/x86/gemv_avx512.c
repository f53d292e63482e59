/*
 * Matrix times few columns, straight from the packed tiles: memory is the limit, so each vector of
 * codes is loaded and unpacked once and meets up to four columns; more come back to the tile while
 * it is still near. A row's accumulator is a lane; its arithmetic is that of kernel/reference.h.
 */
#include "kernel/x86/matmul_avx512.h"

#define MAX_COLUMNS 4
#define MAX_TILES 2

/* What the bias added, with its sign turned: to the sum over both halves, or over one of them. */
TEMPLATE __m512i minus_bias(int bias, const ink_q8 *x, bool first, bool second)
{
    if (bias == 0)
        return _mm512_setzero_si512();
    uint32_t low = first ? (uint16_t)-bias : 0;
    uint32_t high = second ? (uint32_t)(uint16_t)-bias << 16 : 0;
    __m512i factors = _mm512_set1_epi32((int)(low | high));
    return _mm512_dpwssd_epi32(_mm512_setzero_si512(), factors, broadcast4(x->isum));
}

/* sum over k of scale * q * x.q, from what the codes of the halves gave. */
TEMPLATE __m512i combine(const tile_format *f, int group, const group_scales *s,
                         const __m512i sum[2])
{
    const int shift[2] = {f->shift(group, 0), f->shift(group, 1)};
    __m512i first = sum[0], second = sum[1];
    if (f->sub == SUB_16) {
        first = _mm512_mullo_epi32(first, s->scale[0]);
        second = _mm512_mullo_epi32(second, s->scale[1]);
    }
    if (shift[0] == shift[1])
        return shift_right(_mm512_add_epi32(first, second), shift[0]);
    return _mm512_add_epi32(shift_right(first, shift[0]), shift_right(second, shift[1]));
}

TEMPLATE void add_group(const tile_format *f, const uint8_t *block, int group,
                        const group_scales *s, const ink_q8 *const *x, __m512 *acc, int n_cols)
{
    const bool apart = f->sub == SUB_16;
    const int bias = f->bias << f->shift(group, 0);
    __m512i sum[MAX_COLUMNS][2];
    foreach (c, n_cols) {
        sum[c][0] = minus_bias(bias, x[c] + group, true, !apart);
        sum[c][1] = minus_bias(apart ? bias : 0, x[c] + group, false, true);
    }
    foreach (u, GROUP_UNITS) {
        __m512i codes = f->codes(block, group, u);
        foreach (c, n_cols) {
            __m512i *to = &sum[c][u / HALF_UNITS];
            *to = _mm512_dpbusd_epi32(*to, codes, broadcast4(x[c][group].q + 4 * u));
        }
    }
    foreach (c, n_cols) {
        __m512i total = combine(f, group, s, sum[c]);
        acc[c] = add_product(f->kind, s->d, s->m, x[c] + group, total, acc[c]);
    }
}

/* A tile, or two that are far apart. */
TEMPLATE void multiply_tiles(const tile_format *f, const ink_matmul *m, const size_t *tiles,
                             int n_tiles, size_t col, int n_cols)
{
    const size_t n_blocks = m->k / (size_t)(f->n_groups * INK_Q8_GROUP);
    const uint8_t *block[MAX_TILES];
    const ink_q8 *x[MAX_COLUMNS];
    __m512 acc[MAX_TILES][MAX_COLUMNS];
    foreach (t, n_tiles) {
        block[t] = (const uint8_t *)m->tiles + tiles[t] * n_blocks * f->block_bytes;
        foreach (c, n_cols)
            acc[t][c] = _mm512_setzero_ps();
    }
    foreach (c, n_cols)
        x[c] = (const ink_q8 *)m->x + (col + (size_t)c) * m->x_stride;
    for (size_t b = 0; b < n_blocks; b++) {
        foreach (t, n_tiles) {
            tile_scales scales;
            f->scales(&scales, block[t]);
            foreach (g, f->n_groups) {
                group_scales s = scales_of_group(f, &scales, g);
                prefetch(f, block[t], g);
                add_group(f, block[t], g, &s, x, acc[t], n_cols);
            }
            block[t] += f->block_bytes;
        }
        foreach (c, n_cols)
            x[c] += f->n_groups;
    }
    foreach (t, n_tiles)
        foreach (c, n_cols) {
            float *y = m->y + (col + (size_t)c) * m->y_stride + tiles[t] * INK_TILE_ROWS;
            _mm512_mask_storeu_ps(y, rows_of_tile(tiles[t], m->n_rows), acc[t][c]);
        }
}

typedef void tile_fn(const ink_matmul *m, size_t tile, size_t col);

static void multiply(const ink_matmul *m, tile_fn *const widths[MAX_COLUMNS])
{
    for (size_t tile = 0; tile < tiles_of(m->n_rows); tile++)
        for (size_t col = 0, n; col < m->n_cols; col += n) {
            n = even_run(m->n_cols - col, MAX_COLUMNS);
            widths[n - 1](m, tile, col);
        }
}

typedef void pair_fn(const ink_matmul *m, const size_t tiles[MAX_TILES]);

/* One column: the first half of the tiles beside the second. */
static void multiply_pairs(const ink_matmul *m, pair_fn *pair, tile_fn *single)
{
    const size_t n_tiles = tiles_of(m->n_rows), half = n_tiles / MAX_TILES;
    for (size_t tile = 0; tile < half; tile++)
        pair(m, (const size_t[]){tile, half + tile});
    if (n_tiles % MAX_TILES)
        single(m, n_tiles - 1, 0);
}

#define WIDTH(name, n_cols)                                                            \
    INSTANCE static void name##_##n_cols(const ink_matmul *m, size_t tile, size_t col) \
    {                                                                                  \
        multiply_tiles(&name, m, &tile, 1, col, n_cols);                               \
    }
#define MATMUL(name, ...)                                                                \
    WIDTH(name, 1)                                                                       \
    WIDTH(name, 2)                                                                       \
    WIDTH(name, 3)                                                                       \
    WIDTH(name, 4)                                                                       \
    INSTANCE static void name##_pair(const ink_matmul *m, const size_t tiles[MAX_TILES]) \
    {                                                                                    \
        multiply_tiles(&name, m, tiles, MAX_TILES, 0, 1);                                \
    }                                                                                    \
    void ink_matmul_##name##_avx512(const ink_matmul *m)                                 \
    {                                                                                    \
        static tile_fn *const widths[] = {name##_1, name##_2, name##_3, name##_4};       \
        if (m->n_cols == 1 && name.read == READ_TWO_STREAMS)                             \
            multiply_pairs(m, name##_pair, name##_1);                                    \
        else if (m->n_cols <= GEMV_COLUMNS)                                              \
            multiply(m, widths);                                                         \
        else                                                                             \
            ink_gemm_##name##_avx512(m);                                                 \
    }
TILE_FORMATS(MATMUL)
