/*
 * The weighted sums of attention: 64 elements of up to four columns stay in registers while the
 * rows of the page pass, so a row is read and widened once for the query heads that share it. The
 * arithmetic of an element is that of row one: acc = acc * rescale, then fma(p * d, q, acc) in
 * increasing row.
 */
#include "base/half.h"
#include "kernel/kernel.h"
#include "kernel/x86/template_avx512.h"

#define MAX_COLUMNS 4
#define MAX_BLOCKS 2

/* 32 elements of a row: the signed codes or values of a half, of which `lanes` exist, and d. */
typedef struct values_format {
    size_t block_bytes;
    __m512 (*load)(const uint8_t *block, int half, __mmask16 lanes);
    float (*scale)(const uint8_t *block);
} values_format;

static inline float no_scale(const uint8_t *block)
{
    (void)block;
    return 1;
}

/* Both formats of 32 begin with d. */
static inline float half_scale(const uint8_t *block)
{
    uint16_t d;
    memcpy(&d, block, sizeof d);
    return _cvtsh_ss(d);
}

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

TEMPLATE __mmask16 lanes_of(const values_piece *piece, int vector, int n_blocks)
{
    size_t before = LANES * (size_t)vector;
    if (n_blocks == MAX_BLOCKS)
        return 0xffff;
    return piece->n_elements > before ? first_lanes(piece->n_elements - before) : 0;
}

TEMPLATE void add_row(const values_format *f, const ink_values *v, const values_piece *piece,
                      size_t row, __m512 acc[][2 * MAX_BLOCKS], int n_blocks, int n_cols)
{
    const uint8_t *block = piece->rows + row * v->row_bytes;
    foreach (b, n_blocks) {
        __m512 scale = _mm512_set1_ps(f->scale(block)), weight[MAX_COLUMNS];
        foreach (c, n_cols) {
            weight[c] = _mm512_set1_ps(piece->p[(size_t)c * v->p_stride + row]);
            weight[c] = _mm512_mul_ps(weight[c], scale);
        }
        foreach (half, 2) {
            const int i = 2 * b + half;
            __m512 value = f->load(block, half, lanes_of(piece, i, n_blocks));
            foreach (c, n_cols)
                acc[c][i] = _mm512_fmadd_ps(weight[c], value, acc[c][i]);
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
    for (size_t row = 0; row < v->n_rows; row++)
        add_row(f, v, piece, row, acc, n_blocks, n_cols);
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

#define COLUMNS(name, n_cols)                                             \
    INSTANCE static void name##_##n_cols(const ink_values *v, size_t col) \
    {                                                                     \
        add_columns(&name, v, col, n_cols);                               \
    }
#define VALUES(name, block_bytes, scale)                                 \
    static const values_format name = {block_bytes, load_##name, scale}; \
    COLUMNS(name, 4)                                                     \
    COLUMNS(name, 2)                                                     \
    COLUMNS(name, 1)                                                     \
    void ink_values_##name##_avx512(const ink_values *v)                 \
    {                                                                    \
        size_t col = 0;                                                  \
        for (; col + 4 <= v->n_cols; col += 4)                           \
            name##_4(v, col);                                            \
        for (; col + 2 <= v->n_cols; col += 2)                           \
            name##_2(v, col);                                            \
        for (; col < v->n_cols; col++)                                   \
            name##_1(v, col);                                            \
    }
VALUES(f32, INK_Q8_GROUP * sizeof(ink_block_f32), no_scale)
VALUES(f16, INK_Q8_GROUP * sizeof(ink_block_f16), no_scale)
VALUES(q8_0, sizeof(ink_block_q8_0), half_scale)
VALUES(q4_0, sizeof(ink_block_q4_0), half_scale)
