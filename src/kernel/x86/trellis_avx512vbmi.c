/*
 * Products with weights that are coded along a trellis (kernel/trellis.h). A word of 64 bits is a
 * run of 32 weights of a row; VPMULTISHIFTQB takes eight windows out of each at once, turning
 * around at its end, and VPERMI2B looks up what they stand for, of 128 numbers in two registers.
 * So a vector holds eight weights of eight rows, and a row's sum is in two lanes, which are added
 * once a run; integers, in whatever order, are the same.
 *
 * Words are not read twice as often as there are columns: up to four meet each. Numbers come
 * unsigned, + 128, as in tile_avx512.h.
 */
#include <string.h>

#include "kernel/trellis_layout.h"
#include "kernel/x86/read_ahead.h"
#include "kernel/x86/template_avx512.h"

enum {
    RUN_OCTETS = 4, /* of eight weights, in a run */
    ROW_PAIRS = 2,  /* vectors of words for 16 rows: 0, 1, 4, 5 ... and 2, 3, 6, 7 ... */
    MAX_COLUMNS = 4,
    MAX_TILES = 2,
    BIAS = 128
};

/* Of a format: its table, and which bits each byte takes out of a word. */
typedef struct tables {
    __m512i low, high;       /* values + BIAS */
    __m512i at[RUN_OCTETS];  /* where windows begin */
    __m512i own[RUN_OCTETS]; /* six bits before the one that goes above a window */
} tables;

/* Byte i of each word: first + step * i. */
TEMPLATE __m512i places(int first, int step)
{
    uint64_t word = 0;
    for (int i = 0; i < 8; i++)
        word |= (uint64_t)((first + step * i) & 63) << 8 * i;
    return _mm512_set1_epi64((long long)word);
}

TEMPLATE void load_tables(tables *t, const layout *of)
{
    const __m512i bias = _mm512_set1_epi8((char)BIAS);
    t->low = _mm512_xor_si512(_mm512_loadu_si512(of->trellis->values), bias);
    t->high = _mm512_xor_si512(_mm512_loadu_si512(of->trellis->values + 64), bias);
    foreach (i, RUN_OCTETS) {
        t->at[i] = places(8 * INK_TRELLIS_STEP * i, INK_TRELLIS_STEP);
        t->own[i] = places(8 * i - 6, 1);
    }
}

/* The bits of one run of 16 rows, words of four bytes apart in the tile. */
typedef struct run_words {
    __m512i ring[ROW_PAIRS], own[ROW_PAIRS];
} run_words;

TEMPLATE run_words load_run(const layout *of, const uint8_t *block, size_t run)
{
    const uint8_t *rings = block + INK_TILE_ROWS * (offsetof(ink_block_t2, q) + 8 * run);
    __m512i first = _mm512_loadu_si512(rings), second = _mm512_loadu_si512(rings + 64);
    run_words w = {{_mm512_unpacklo_epi32(first, second), _mm512_unpackhi_epi32(first, second)},
                   {first, first}};
    if (of->own) { /* 32 bits, twice in a word */
        __m512i own =
            _mm512_loadu_si512(block + INK_TILE_ROWS * (offsetof(ink_block_t3, own) + 4 * run));
        w.own[0] = _mm512_unpacklo_epi32(own, own);
        w.own[1] = _mm512_unpackhi_epi32(own, own);
    }
    return w;
}

/* Eight weights of each of eight rows. */
TEMPLATE __m512i codes_of(const layout *of, const tables *t, const run_words *w, int pair,
                          int octet)
{
    __m512i index = _mm512_multishift_epi64_epi8(t->at[octet], w->ring[pair]);
    if (of->own) {
        __m512i own = _mm512_multishift_epi64_epi8(t->own[octet], w->own[pair]);
        index = _mm512_ternarylogic_epi32(_mm512_set1_epi8(64), own, index, 0xca);
    }
    return _mm512_permutex2var_epi8(t->low, index, t->high);
}

/* The sums of 16 rows in their order, less what the bias added. */
TEMPLATE __m512i sum_rows(const __m512i sum[ROW_PAIRS], const ink_q8 *x)
{
    __m512 a = _mm512_castsi512_ps(sum[0]), b = _mm512_castsi512_ps(sum[1]);
    __m512i first = _mm512_castps_si512(_mm512_shuffle_ps(a, b, 0x88));
    __m512i second = _mm512_castps_si512(_mm512_shuffle_ps(a, b, 0xdd));
    __m512i bias = _mm512_set1_epi32(-BIAS * (x->isum[0] + x->isum[1]));
    return _mm512_add_epi32(_mm512_add_epi32(first, second), bias);
}

TEMPLATE __m512i broadcast8(const int8_t *p)
{
    int64_t value;
    memcpy(&value, p, sizeof value);
    return _mm512_set1_epi64(value);
}

TEMPLATE void add_run(const layout *of, const tables *t, const run_words *w, __m512 d,
                      const ink_q8 *const *x, size_t group, __m512 *acc, int n_cols)
{
    __m512i sum[MAX_COLUMNS][ROW_PAIRS];
    foreach (c, n_cols)
        foreach (pair, ROW_PAIRS)
            sum[c][pair] = _mm512_setzero_si512();
    foreach (octet, RUN_OCTETS)
        foreach (pair, ROW_PAIRS) {
            __m512i codes = codes_of(of, t, w, pair, octet);
            foreach (c, n_cols)
                sum[c][pair] =
                    _mm512_dpbusd_epi32(sum[c][pair], codes, broadcast8(x[c][group].q + 8 * octet));
        }
    foreach (c, n_cols) {
        const ink_q8 *of_column = x[c] + group;
        __m512 scale = _mm512_mul_ps(d, _mm512_set1_ps(of_column->d));
        acc[c] = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(sum_rows(sum[c], of_column)), acc[c]);
    }
}

/* 132 or 196 bytes a run: whole lines of them here, the rest with the scales. */
TEMPLATE void prefetch_run(const layout *of, const uint8_t *block, size_t run)
{
    const size_t n_lines = of->block_bytes / RUNS / 64; /* 2 or 3 */
    ask_for_line(READ_TWICE, block + 64 * n_lines * run);
    ask_for_line(READ_TWICE, block + 64 * n_lines * run + 64);
    if (n_lines > 2)
        ask_for_line(READ_TWICE, block + 64 * n_lines * run + 128);
}

/* Of a call: which tiles meet which columns. Columns past the end are the last one again. */
typedef struct place {
    const uint8_t *block[MAX_TILES];
    const ink_q8 *x[MAX_COLUMNS];
    size_t n_blocks;
} place;

TEMPLATE void multiply(const layout *of, place p, __m512 acc[MAX_TILES][MAX_COLUMNS], int n_tiles,
                       int n_cols)
{
    tables t;
    load_tables(&t, of);
    foreach (i, n_tiles)
        foreach (c, n_cols)
            acc[i][c] = _mm512_setzero_ps();
    for (size_t b = 0; b < p.n_blocks; b++) {
        __m512 d[MAX_TILES];
        foreach (i, n_tiles) {
            d[i] = _mm512_cvtph_ps(_mm256_loadu_si256((const void *)p.block[i]));
            ask_for_line(READ_TWICE, p.block[i] + of->block_bytes - 32);
        }
        ROLLED for (size_t run = 0; run < RUNS; run++) foreach (i, n_tiles)
        {
            run_words w = load_run(of, p.block[i], run);
            prefetch_run(of, p.block[i], run);
            add_run(of, &t, &w, d[i], p.x, run, acc[i], n_cols);
        }
        foreach (i, n_tiles)
            p.block[i] += of->block_bytes;
        foreach (c, n_cols)
            p.x[c] += RUNS;
    }
}

static __mmask16 rows_of_tile(size_t tile, size_t n_rows)
{
    return first_lanes(n_rows - tile * INK_TILE_ROWS);
}

/* One column: the first half of the tiles beside the second, as in gemv_avx512.c. */
TEMPLATE void multiply_vector(const layout *of, const ink_matmul *m, size_t n_blocks)
{
    const size_t n_tiles = (m->n_rows + INK_TILE_ROWS - 1) / INK_TILE_ROWS,
                 half = (n_tiles + 1) / 2, stride = n_blocks * of->block_bytes;
    for (size_t tile = 0; tile < half; tile++) {
        const size_t other = half + tile < n_tiles ? half + tile : tile;
        __m512 acc[MAX_TILES][MAX_COLUMNS];
        const uint8_t *tiles = m->tiles;
        multiply(of, (place){{tiles + tile * stride, tiles + other * stride}, {m->x}, n_blocks},
                 acc, MAX_TILES, 1);
        _mm512_mask_storeu_ps(m->y + tile * INK_TILE_ROWS, rows_of_tile(tile, m->n_rows),
                              acc[0][0]);
        _mm512_mask_storeu_ps(m->y + other * INK_TILE_ROWS, rows_of_tile(other, m->n_rows),
                              acc[1][0]);
    }
}

/* Both formats in one function: with more columns what they do apart costs little. */
INSTANCE static void multiply_columns(const layout *of, const ink_matmul *m, size_t n_blocks)
{
    const uint8_t *block = m->tiles;
    for (size_t tile = 0; tile * INK_TILE_ROWS < m->n_rows;
         tile++, block += n_blocks * of->block_bytes)
        for (size_t col = 0, n; col < m->n_cols; col += n) {
            __m512 acc[MAX_TILES][MAX_COLUMNS];
            place p = {{block}, {NULL}, n_blocks};
            n = even_run(m->n_cols - col, MAX_COLUMNS);
            for (size_t c = 0; c < MAX_COLUMNS; c++)
                p.x[c] = (const ink_q8 *)m->x + (col + (c < n ? c : n - 1)) * m->x_stride;
            multiply(of, p, acc, 1, MAX_COLUMNS);
            for (size_t c = 0; c < n; c++)
                _mm512_mask_storeu_ps(m->y + (col + c) * m->y_stride + tile * INK_TILE_ROWS,
                                      rows_of_tile(tile, m->n_rows), acc[0][c]);
        }
}

#define MATMUL(name)                                             \
    INSTANCE static void name##_vector(const ink_matmul *m)      \
    {                                                            \
        multiply_vector(&name, m, m->k / INK_SPREAD_BLOCK);      \
    }                                                            \
    void ink_matmul_##name##_avx512vbmi(const ink_matmul *m)     \
    {                                                            \
        if (m->n_cols == 1)                                      \
            name##_vector(m);                                    \
        else                                                     \
            multiply_columns(&name, m, m->k / INK_SPREAD_BLOCK); \
    }
MATMUL(t2)
MATMUL(t3)
