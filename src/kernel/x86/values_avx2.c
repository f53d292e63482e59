/*
 * The weighted sums of attention: 32 elements of one or two columns stay in registers while the
 * rows of the page pass, so that a row is widened once for two query heads. The arithmetic of an
 * element is that of row one: acc = acc * rescale, then fma(p * d, q, acc) in increasing row.
 */
#include "kernel/values_levels.h"
#include "kernel/x86/codes_avx2.h"
#include "kernel/x86/template_avx2.h"

#include <string.h>

#define MAX_COLS 2
#define PIECE INK_Q8_GROUP /* elements: a block of the quantized formats */
#define VECTORS (PIECE / HALF)

/* Elements 8 * i on of a piece of n, as signed codes or values; and the d of the piece. */
typedef struct values_format {
    __m256 (*load)(const uint8_t *piece, int i, size_t n);
    float (*scale)(const uint8_t *piece);
    size_t piece_bytes;
} values_format;

/* One piece of every row times one or two columns. */
typedef struct values_piece {
    const uint8_t *first; /* of row 0 */
    size_t row_bytes, n_rows, n;
    const float *p, *rescale;
    size_t p_stride;
    float *acc;
    size_t acc_stride;
} values_piece;

/* How many elements of n are in vector i and later ones. */
TEMPLATE size_t left_of(size_t n, int i)
{
    return n > (size_t)(HALF * i) ? n - (size_t)(HALF * i) : 0;
}

TEMPLATE __m256 load_f32(const uint8_t *piece, int i, size_t n)
{
    return load_half((const float *)(const void *)piece + HALF * i, left_of(n, i), 0);
}

TEMPLATE __m256 load_f16(const uint8_t *piece, int i, size_t n)
{
    const uint8_t *from = piece + 2 * HALF * i;
    uint16_t short_end[HALF] = {0};
    if (left_of(n, i) < HALF)
        from = memcpy(short_end, from, 2 * left_of(n, i));
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)from));
}

TEMPLATE float scale_1(const uint8_t *piece)
{
    (void)piece;
    return 1;
}

TEMPLATE __m256 floats_of_codes(__m128i codes)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(codes));
}

TEMPLATE __m256 load_q8_0(const uint8_t *piece, int i, size_t n)
{
    const ink_block_q8_0 *block = (const void *)piece;
    (void)n;
    return floats_of_codes(_mm_loadl_epi64((const __m128i *)(const void *)(block->q + HALF * i)));
}

TEMPLATE __m256 load_q4_0(const uint8_t *piece, int i, size_t n)
{
    const ink_block_q4_0 *block = (const void *)piece;
    __m128i both = _mm_loadl_epi64((const __m128i *)(const void *)(block->q + HALF * (i % 2)));
    (void)n;
    if (i >= 2)
        both = _mm_srli_epi16(both, 4);
    __m128i codes = _mm_and_si128(both, _mm_set1_epi8(15));
    return floats_of_codes(_mm_sub_epi8(codes, _mm_set1_epi8(8)));
}

/* Both blocks begin with d. */
TEMPLATE float scale_d(const uint8_t *piece)
{
    ink_half d;
    memcpy(&d, piece, sizeof d);
    return _cvtsh_ss(d);
}

TEMPLATE void add_row(const values_format *f, const values_piece *v, int n_cols, size_t row,
                      __m256 acc[MAX_COLS][VECTORS])
{
    const uint8_t *piece = v->first + row * v->row_bytes;
    const __m256 scale = _mm256_set1_ps(f->scale(piece));
    __m256 weight[MAX_COLS];
    foreach (c, n_cols)
        weight[c] = _mm256_mul_ps(_mm256_set1_ps(v->p[(size_t)c * v->p_stride + row]), scale);
    foreach (i, VECTORS) {
        __m256 value = f->load(piece, i, v->n);
        foreach (c, n_cols)
            acc[c][i] = _mm256_fmadd_ps(weight[c], value, acc[c][i]);
    }
}

TEMPLATE void add_rows(const values_format *f, const values_piece *v, int n_cols)
{
    __m256 acc[MAX_COLS][VECTORS];
    foreach (c, n_cols)
        foreach (i, VECTORS) {
            const float *from = v->acc + (size_t)c * v->acc_stride + HALF * i;
            acc[c][i] =
                _mm256_mul_ps(load_half(from, left_of(v->n, i), 0), _mm256_set1_ps(v->rescale[c]));
        }
    for (size_t row = 0; row < v->n_rows; row++)
        add_row(f, v, n_cols, row, acc);
    foreach (c, n_cols)
        foreach (i, VECTORS) {
            float *to = v->acc + (size_t)c * v->acc_stride + HALF * i;
            store_half(to, left_of(v->n, i), 0, acc[c][i]);
        }
}

/* A constant n in whole pieces takes the ends out of the loop. */
TEMPLATE void add_piece(const values_format *f, values_piece v, int n_cols)
{
    if (v.n >= PIECE) {
        v.n = PIECE;
        add_rows(f, &v, n_cols);
    } else {
        add_rows(f, &v, n_cols);
    }
}

TEMPLATE void add_values(const values_format *f, const ink_values *v)
{
    for (size_t first = 0; first < v->head_dim; first += PIECE) {
        values_piece piece = {.first = (const uint8_t *)v->rows + first / PIECE * f->piece_bytes,
                              .row_bytes = v->row_bytes,
                              .n_rows = v->n_rows,
                              .n = v->head_dim - first,
                              .p = v->p,
                              .rescale = v->rescale,
                              .p_stride = v->p_stride,
                              .acc = v->acc + first,
                              .acc_stride = v->acc_stride};
        size_t col = 0;
        for (; col + MAX_COLS <= v->n_cols; col += MAX_COLS) {
            add_piece(f, piece, MAX_COLS);
            piece.p += MAX_COLS * v->p_stride;
            piece.rescale += MAX_COLS;
            piece.acc += MAX_COLS * v->acc_stride;
        }
        if (col < v->n_cols)
            add_piece(f, piece, 1);
    }
}

#define VALUES(name, scale, bytes)                                          \
    static const values_format format_##name = {load_##name, scale, bytes}; \
    void ink_values_##name##_avx2(const ink_values *v)                      \
    {                                                                       \
        add_values(&format_##name, v);                                      \
    }
VALUES(f32, scale_1, PIECE * sizeof(float))
VALUES(f16, scale_1, PIECE * sizeof(ink_half))
VALUES(q8_0, scale_d, sizeof(ink_block_q8_0))
VALUES(q4_0, scale_d, sizeof(ink_block_q4_0))

/* ---- Formats of levels: 16 of them from 16 codes, each a byte. */

TEMPLATE void put_levels(int8_t out[PIECE], const int8_t table[16], __m128i first, __m128i second)
{
    __m128i levels = _mm_loadu_si128((const __m128i *)(const void *)table);
    _mm_storeu_si128((__m128i *)(void *)out, _mm_shuffle_epi8(levels, first));
    _mm_storeu_si128((__m128i *)(void *)(out + PIECE / 2), _mm_shuffle_epi8(levels, second));
}

/* With the third bits of 16 codes. */
TEMPLATE __m128i triples(const uint8_t *q, const uint8_t *high, int half)
{
    const __m128i bit = _mm_set1_epi64x((int64_t)0x8040201008040201u);
    __m128i bytes = _mm_unpacklo_epi64(_mm_set1_epi8((char)high[2 * half]),
                                       _mm_set1_epi8((char)high[2 * half + 1]));
    __m128i third = _mm_cmpeq_epi8(_mm_and_si128(bytes, bit), bit);
    return _mm_or_si128(pairs(q, half), _mm_and_si128(third, _mm_set1_epi8(4)));
}

INK_VALUES_OF_LEVELS(avx2)
