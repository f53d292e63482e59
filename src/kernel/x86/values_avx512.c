/*
 * The weighted sums of attention: 64 elements of up to six columns stay in registers while the rows
 * of the page pass, so a row is read and widened once for the queries that share it. The arithmetic
 * of an element is that of row one: acc = acc * rescale, then fma(p * d, q, acc) in increasing row.
 */
#include "base/half.h"
#include "kernel/values_levels.h"
#include "kernel/x86/codes_avx2.h"
#include "kernel/x86/template_avx512.h"

#define MAX_COLUMNS 6
#define MAX_BLOCKS 2
#define STRETCH 64 /* rows whose p * d are at hand: 3 KiB */

/* 32 elements of a row: the signed codes or values of a half, of which `lanes` exist, and d. */
typedef struct values_format {
    size_t block_bytes;
    __m512 (*load)(const uint8_t *block, int half, __mmask16 lanes);
    bool scaled; /* the block begins with d, a half; else d is 1 */
} values_format;

static inline __m512 load_f32(const uint8_t *block, int half, __mmask16 lanes)
{
    return _mm512_maskz_loadu_ps(lanes, block + (size_t)half * LANES * sizeof(float));
}

static inline __m512 load_f16(const uint8_t *block, int half, __mmask16 lanes)
{
    block += (size_t)half * LANES * sizeof(ink_half);
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(lanes, block));
}

TEMPLATE __m512 widen(__m128i codes)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(codes));
}

static inline __m512 load_q8_0(const uint8_t *block, int half, __mmask16 lanes)
{
    const uint8_t *q = block + offsetof(ink_block_q8_0, q) + LANES * half;
    (void)lanes;
    return widen(_mm_loadu_si128((const void *)q));
}

static inline __m512 load_q4_0(const uint8_t *block, int half, __mmask16 lanes)
{
    const uint8_t *q = block + offsetof(ink_block_q4_0, q);
    __m128i codes = _mm_loadu_si128((const void *)q);
    (void)lanes;
    if (half)
        codes = _mm_srli_epi16(codes, 4);
    return widen(_mm_sub_epi8(_mm_and_si128(codes, _mm_set1_epi8(15)), _mm_set1_epi8(8)));
}

/* Where the sums of a few columns begin, and how many of their elements there are. */
typedef struct values_piece {
    const uint8_t *rows;
    size_t n_elements;
    const float *p, *rescale;
    float *acc;
} values_piece;

/* p * d of a stretch of rows. */
typedef struct weights {
    float of[MAX_BLOCKS][MAX_COLUMNS][STRETCH];
} weights;

TEMPLATE __mmask16 lanes_of(const values_piece *piece, int vector, int n_blocks)
{
    size_t before = LANES * (size_t)vector;
    if (n_blocks == MAX_BLOCKS)
        return 0xffff;
    return piece->n_elements > before ? first_lanes(piece->n_elements - before) : 0;
}

/* d of a stretch of rows, then its products with p. */
TEMPLATE void weigh(const values_format *f, const ink_values *v, const values_piece *piece,
                    size_t first, size_t n, weights *w, int n_blocks, int n_cols)
{
    float d[STRETCH];
    for (int b = 0; b < n_blocks; b++) {
        const uint8_t *block = piece->rows + first * v->row_bytes + (size_t)b * f->block_bytes;
        for (size_t row = 0; row < n; row++) {
            uint16_t half;
            memcpy(&half, block + row * v->row_bytes, sizeof half);
            d[row] = _cvtsh_ss(half);
        }
        for (int c = 0; c < n_cols; c++) {
            const float *p = piece->p + (size_t)c * v->p_stride + first;
            for (size_t row = 0; row < n; row += LANES) {
                __mmask16 lanes = first_lanes(n - row);
                __m512 product = _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, p + row),
                                               _mm512_maskz_loadu_ps(lanes, d + row));
                _mm512_mask_storeu_ps(w->of[b][c] + row, lanes, product);
            }
        }
    }
}

/* `row` of the piece, `i` of the stretch that has been weighed. */
TEMPLATE void add_row(const values_format *f, const ink_values *v, const values_piece *piece,
                      size_t row, size_t i, const weights *w, __m512 acc[][2 * MAX_BLOCKS],
                      int n_blocks, int n_cols)
{
    const uint8_t *block = piece->rows + row * v->row_bytes;
    foreach (b, n_blocks) {
        __m512 weight[MAX_COLUMNS];
        foreach (c, n_cols)
            weight[c] = _mm512_set1_ps(f->scaled ? w->of[b][c][i]
                                                 : piece->p[(size_t)c * v->p_stride + row]);
        foreach (half, 2) {
            const int vector = 2 * b + half;
            __m512 value = f->load(block, half, lanes_of(piece, vector, n_blocks));
            foreach (c, n_cols)
                acc[c][vector] = _mm512_fmadd_ps(weight[c], value, acc[c][vector]);
        }
        block += f->block_bytes;
    }
}

TEMPLATE void add_rows(const values_format *f, const ink_values *v, const values_piece *piece,
                       int n_blocks, int n_cols)
{
    __m512 acc[MAX_COLUMNS][2 * MAX_BLOCKS];
    foreach (c, n_cols) {
        const float *from = piece->acc + (size_t)c * v->acc_stride;
        __m512 rescale = _mm512_set1_ps(piece->rescale[c]);
        foreach (i, 2 * n_blocks) {
            __mmask16 lanes = lanes_of(piece, i, n_blocks);
            acc[c][i] = _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, from + LANES * i), rescale);
        }
    }
    for (size_t first = 0, n; first < v->n_rows; first += n) {
        weights w;
        n = v->n_rows - first < STRETCH ? v->n_rows - first : STRETCH;
        if (f->scaled)
            weigh(f, v, piece, first, n, &w, n_blocks, n_cols);
        for (size_t i = 0; i < n; i++)
            add_row(f, v, piece, first + i, i, &w, acc, n_blocks, n_cols);
    }
    foreach (c, n_cols) {
        float *to = piece->acc + (size_t)c * v->acc_stride;
        foreach (i, 2 * n_blocks)
            _mm512_mask_storeu_ps(to + LANES * i, lanes_of(piece, i, n_blocks), acc[c][i]);
    }
}

/* Two blocks at a time, then one, whose end may be missing. */
TEMPLATE void add_columns(const values_format *f, const ink_values *v, size_t col, int n_cols)
{
    values_piece piece = {v->rows, v->head_dim, v->p + col * v->p_stride, v->rescale + col,
                          v->acc + col * v->acc_stride};
    for (size_t n; piece.n_elements > 0; piece.n_elements -= n) {
        n = MAX_BLOCKS * INK_Q8_GROUP;
        if (piece.n_elements >= n) {
            add_rows(f, v, &piece, MAX_BLOCKS, n_cols);
        } else {
            n = piece.n_elements < INK_Q8_GROUP ? piece.n_elements : INK_Q8_GROUP;
            add_rows(f, v, &piece, 1, n_cols);
        }
        piece.rows += n / INK_Q8_GROUP * f->block_bytes;
        piece.acc += n;
    }
}

typedef void columns_fn(const ink_values *v, size_t col);

#define COLUMNS(name, n_cols)                                             \
    INSTANCE static void name##_##n_cols(const ink_values *v, size_t col) \
    {                                                                     \
        add_columns(&name, v, col, n_cols);                               \
    }
#define VALUES(name, block_bytes, scaled)                                   \
    static const values_format name = {block_bytes, load_##name, scaled};   \
    COLUMNS(name, 1)                                                        \
    COLUMNS(name, 2)                                                        \
    COLUMNS(name, 3)                                                        \
    COLUMNS(name, 4)                                                        \
    COLUMNS(name, 5)                                                        \
    COLUMNS(name, 6)                                                        \
    void ink_values_##name##_avx512(const ink_values *v)                    \
    {                                                                       \
        static columns_fn *const widths[] = {name##_1, name##_2, name##_3,  \
                                             name##_4, name##_5, name##_6}; \
        for (size_t col = 0, n; col < v->n_cols; col += n) {                \
            n = even_run(v->n_cols - col, MAX_COLUMNS);                     \
            widths[n - 1](v, col);                                          \
        }                                                                   \
    }
VALUES(f32, INK_Q8_GROUP * sizeof(ink_block_f32), false)
VALUES(f16, INK_Q8_GROUP * sizeof(ink_block_f16), false)
VALUES(q8_0, sizeof(ink_block_q8_0), true)
VALUES(q4_0, sizeof(ink_block_q4_0), true)

/* ---- Formats of levels: 16 of them from 16 codes, each a byte. */

TEMPLATE void put_levels(int8_t out[INK_Q8_GROUP], const int8_t table[16], __m128i first,
                         __m128i second)
{
    __m256i codes = _mm256_inserti128_si256(_mm256_castsi128_si256(first), second, 1);
    __m256i levels = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)table));
    _mm256_storeu_si256((void *)out, _mm256_shuffle_epi8(levels, codes));
}

/* With the third bits of 16 codes. */
TEMPLATE __m128i triples(const uint8_t *q, const uint8_t *high, int half)
{
    uint16_t bits;
    memcpy(&bits, high + 2 * half, sizeof bits);
    __m128i low = pairs(q, half);
    return _mm_mask_add_epi8(low, bits, low, _mm_set1_epi8(4));
}

INK_VALUES_OF_LEVELS(avx512)
