/*
 * Products with weights that are coded along a trellis (kernel/trellis.h), without VBMI. A word of
 * 64 bits, turned by 0, 2, 4 and 6 bits, has in its bytes the windows of the weights 4m, 4m + 1,
 * 4m + 2 and 4m + 3 of a run; the numbers that they stand for are looked up in eight tables of 16,
 * of which bits above the fourth choose. So a vector holds eight weights of four rows, and the
 * activations are put in the same order.
 */
#include <string.h>

#include "kernel/trellis_layout.h"
#include "kernel/x86/read_ahead.h"
#include "kernel/x86/template_avx2.h"

enum {
    TURNS = 4,     /* of a word */
    PARTS = 8,     /* of the table */
    HALF_ROWS = 8, /* of a tile, in two vectors of words: 0, 1, 4, 5 and 2, 3, 6, 7 */
    HALVES = INK_TILE_ROWS / HALF_ROWS,
    MAX_COLUMNS = 8
};

/* Some columns at work: what they read of a run, word by word as the weights stand. */
typedef struct columns {
    const ink_q8 *x[MAX_COLUMNS];
    int64_t words[MAX_COLUMNS][TURNS];
    __m256 acc[MAX_COLUMNS][HALVES];
    size_t n;
} columns;

/* Numbers of eight rows for a run. */
typedef struct numbers {
    __m256i of[2][TURNS];
} numbers;

TEMPLATE __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

/* Of two parts of 16 numbers each byte the one that the top bit of `second` says. */
TEMPLATE __m256i choose(__m256i a, __m256i b, __m256i second)
{
    return _mm256_blendv_epi8(a, b, second);
}

/* `top`: bit 7 of its bytes is that above the window's six. */
TEMPLATE __m256i look_up(const int8_t *values, __m256i window, __m256i top)
{
    __m256i low = _mm256_and_si256(window, _mm256_set1_epi8(15)), part[PARTS];
    foreach (i, PARTS) {
        __m128i table = _mm_loadu_si128((const __m128i *)(const void *)(values + 16 * i));
        part[i] = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), low);
    }
    __m256i fourth = _mm256_slli_epi16(window, 3), fifth = _mm256_slli_epi16(window, 2);
    foreach (i, PARTS / 2)
        part[i] = choose(part[2 * i], part[2 * i + 1], fourth);
    foreach (i, PARTS / 4)
        part[i] = choose(part[2 * i], part[2 * i + 1], fifth);
    return choose(part[0], part[1], top);
}

/* Row by row 32 bits, twice: as bytes of which byte m has the bits 4m .. 4m + 3 in one half. */
TEMPLATE __m256i spread_own(__m256i own)
{
    return _mm256_shuffle_epi8(own, _mm256_broadcastsi128_si256(_mm_setr_epi8(
                                        0, 0, 1, 1, 2, 2, 3, 3, 8, 8, 9, 9, 10, 10, 11, 11)));
}

TEMPLATE void expand_pair(const layout *of, __m256i out[TURNS], __m256i ring, __m256i own)
{
    __m256i bits = _mm256_set1_epi16(0x1001); /* of the first turn */
    if (of->own)
        own = spread_own(own);
    ROLLED for (int turn = 0; turn < TURNS; turn++)
    {
        __m256i top = _mm256_slli_epi16(ring, 1);
        if (of->own)
            top = _mm256_cmpeq_epi8(_mm256_and_si256(own, bits), bits);
        out[turn] = look_up(of->trellis->values, ring, top);
        ring = _mm256_or_si256(_mm256_srli_epi64(ring, INK_TRELLIS_STEP),
                               _mm256_slli_epi64(ring, 64 - INK_TRELLIS_STEP));
        bits = _mm256_slli_epi16(bits, 1);
    }
}

TEMPLATE void expand(const layout *of, numbers *out, const uint8_t *block, size_t run, int half)
{
    const size_t at = 32 * (size_t)half;
    const uint8_t *rings = block + INK_TILE_ROWS * (offsetof(ink_block_t2, q) + 8 * run) + at;
    const uint8_t *owns = block + INK_TILE_ROWS * (offsetof(ink_block_t3, own) + 4 * run) + at;
    __m256i first = load(rings), second = load(rings + 64), own = of->own ? load(owns) : first;
    expand_pair(of, out->of[0], _mm256_unpacklo_epi32(first, second),
                _mm256_unpacklo_epi32(own, own));
    expand_pair(of, out->of[1], _mm256_unpackhi_epi32(first, second),
                _mm256_unpackhi_epi32(own, own));
}

/* The 32 activations of a run, those of one turn side by side. */
TEMPLATE void order(int64_t words[TURNS], const ink_q8 *x)
{
    const __m256i fours = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    __m256i v = _mm256_shuffle_epi8(load(x->q), fours);
    v = _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    _mm256_storeu_si256((__m256i *)(void *)words, v);
}

/* Both lanes of a row, of four rows; products of signed bytes, two of which fit 16 bits. */
TEMPLATE __m256i sum_pair(const __m256i of[TURNS], const int64_t words[TURNS])
{
    __m256i sum = _mm256_setzero_si256();
    foreach (turn, TURNS) {
        __m256i x = _mm256_sign_epi8(_mm256_set1_epi64x(words[turn]), of[turn]);
        __m256i two = _mm256_maddubs_epi16(_mm256_abs_epi8(of[turn]), x);
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(two, _mm256_set1_epi16(1)));
    }
    return sum;
}

TEMPLATE void add_run(columns *c, const numbers *w, __m256 d, size_t run, int half)
{
    ROLLED for (size_t i = 0; i < c->n; i++)
    {
        __m256 a = _mm256_castsi256_ps(sum_pair(w->of[0], c->words[i]));
        __m256 b = _mm256_castsi256_ps(sum_pair(w->of[1], c->words[i]));
        __m256i sum = _mm256_add_epi32(_mm256_castps_si256(_mm256_shuffle_ps(a, b, 0x88)),
                                       _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0xdd)));
        __m256 scale = _mm256_mul_ps(d, _mm256_set1_ps(c->x[i][run].d));
        c->acc[i][half] = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(sum), c->acc[i][half]);
    }
}

TEMPLATE void multiply_tile(const layout *of, columns *c, const uint8_t *block, size_t n_blocks)
{
    for (size_t b = 0; b < n_blocks; b++, block += of->block_bytes) {
        ROLLED for (size_t run = 0; run < RUNS; run++)
        {
            ask_for_line(READ_TWICE, block + of->block_bytes * run / RUNS);
            ask_for_line(READ_TWICE, block + of->block_bytes * run / RUNS + 64);
            for (size_t i = 0; i < c->n; i++)
                order(c->words[i], c->x[i] + run);
            ROLLED for (int half = 0; half < HALVES; half++)
            {
                numbers w;
                __m128i d = _mm_loadu_si128((const __m128i *)(const void *)(block + 16 * half));
                expand(of, &w, block, run, half);
                add_run(c, &w, _mm256_cvtph_ps(d), run, half);
            }
        }
        for (size_t i = 0; i < c->n; i++)
            c->x[i] += RUNS;
    }
}

/* Rows of the tile that the matrix has. */
static void store(float *y, const __m256 acc[HALVES], size_t n_rows)
{
    float all[INK_TILE_ROWS];
    _mm256_storeu_ps(all, acc[0]);
    _mm256_storeu_ps(all + HALF_ROWS, acc[1]);
    memcpy(y, all, (n_rows < INK_TILE_ROWS ? n_rows : INK_TILE_ROWS) * sizeof *y);
}

/* Both formats in one: what they do apart costs little beside looking up. */
static void multiply(const layout *of, const ink_matmul *m)
{
    const size_t n_blocks = m->k / INK_SPREAD_BLOCK;
    const uint8_t *block = m->tiles;
    for (size_t row = 0; row < m->n_rows; row += INK_TILE_ROWS, block += n_blocks * of->block_bytes)
        for (size_t col = 0; col < m->n_cols; col += MAX_COLUMNS) {
            columns c = {.n = m->n_cols - col};
            c.n = c.n < MAX_COLUMNS ? c.n : MAX_COLUMNS;
            for (size_t i = 0; i < c.n; i++) {
                c.x[i] = (const ink_q8 *)m->x + (col + i) * m->x_stride;
                c.acc[i][0] = c.acc[i][1] = _mm256_setzero_ps();
            }
            multiply_tile(of, &c, block, n_blocks);
            for (size_t i = 0; i < c.n; i++)
                store(m->y + (col + i) * m->y_stride + row, c.acc[i], m->n_rows - row);
        }
}

#define MATMUL(name)                                   \
    void ink_matmul_##name##_avx2(const ink_matmul *m) \
    {                                                  \
        multiply(&name, m);                            \
    }
MATMUL(t2)
MATMUL(t3)
