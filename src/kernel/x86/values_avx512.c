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
#define MAX_VECTORS 4
#define BLOCK_VECTORS 2 /* of a block of 32 */

/* Vector `i` of a row as signed codes or values, and d of the block it is in; `lanes` exist. */
typedef struct values_format {
    __m512 (*load)(const uint8_t *row, size_t i, __mmask16 lanes);
    float (*scale)(const uint8_t *row, size_t i);
} values_format;

static inline float no_scale(const uint8_t *row, size_t i)
{
    (void)row, (void)i;
    return 1;
}

static inline __m512 load_f32(const uint8_t *row, size_t i, __mmask16 lanes)
{
    return _mm512_maskz_loadu_ps(lanes, row + i * LANES * sizeof(float));
}

static inline __m512 load_f16(const uint8_t *row, size_t i, __mmask16 lanes)
{
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(lanes, row + i * LANES * sizeof(ink_half)));
}

TEMPLATE __m512 load_bytes(const void *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(p)));
}

static inline __m512 load_q8_0(const uint8_t *row, size_t i, __mmask16 lanes)
{
    const ink_block_q8_0 *block = (const void *)row;
    (void)lanes;
    return load_bytes(block[i / BLOCK_VECTORS].q + LANES * (i % BLOCK_VECTORS));
}

static inline float scale_q8_0(const uint8_t *row, size_t i)
{
    const ink_block_q8_0 *block = (const void *)row;
    return _cvtsh_ss(block[i / BLOCK_VECTORS].d);
}

static inline __m512 load_q4_0(const uint8_t *row, size_t i, __mmask16 lanes)
{
    const ink_block_q4_0 *block = (const void *)row;
    (void)lanes;
    __m128i both = _mm_loadu_si128((const void *)block[i / BLOCK_VECTORS].q);
    if (i % BLOCK_VECTORS)
        both = _mm_srli_epi16(both, 4);
    __m128i codes = _mm_sub_epi8(_mm_and_si128(both, _mm_set1_epi8(15)), _mm_set1_epi8(8));
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(codes));
}

static inline float scale_q4_0(const uint8_t *row, size_t i)
{
    const ink_block_q4_0 *block = (const void *)row;
    return _cvtsh_ss(block[i / BLOCK_VECTORS].d);
}

/* Vectors first .. first + n_vectors of columns col .. col + n_cols. */
TEMPLATE void add_rows(const values_format *f, const ink_values *v, size_t first, int n_vectors,
                       size_t col, int n_cols)
{
    const __mmask16 lanes = first_lanes(v->head_dim - first * LANES);
    __m512 acc[MAX_COLUMNS][MAX_VECTORS];
    foreach (c, n_cols) {
        const float *from = v->acc + (col + (size_t)c) * v->acc_stride + first * LANES;
        __m512 rescale = _mm512_set1_ps(v->rescale[col + (size_t)c]);
        foreach (i, n_vectors)
            acc[c][i] = _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, from + LANES * i), rescale);
    }
    for (size_t row = 0; row < v->n_rows; row++) {
        const uint8_t *data = (const uint8_t *)v->rows + row * v->row_bytes;
        const float *p = v->p + col * v->p_stride + row;
        foreach (i, n_vectors) {
            __m512 value = f->load(data, first + (size_t)i, lanes);
            __m512 scale = _mm512_set1_ps(f->scale(data, first + (size_t)i));
            foreach (c, n_cols) {
                __m512 weight = _mm512_mul_ps(_mm512_set1_ps(p[(size_t)c * v->p_stride]), scale);
                acc[c][i] = _mm512_fmadd_ps(weight, value, acc[c][i]);
            }
        }
    }
    foreach (c, n_cols) {
        float *to = v->acc + (col + (size_t)c) * v->acc_stride + first * LANES;
        foreach (i, n_vectors)
            _mm512_mask_storeu_ps(to + LANES * i, lanes, acc[c][i]);
    }
}

/* Runs of 64 elements, then single vectors, the last perhaps short. */
TEMPLATE void add_columns(const values_format *f, const ink_values *v, size_t col, int n_cols)
{
    size_t i = 0;
    for (; (i + MAX_VECTORS) * LANES <= v->head_dim; i += MAX_VECTORS)
        add_rows(f, v, i, MAX_VECTORS, col, n_cols);
    for (; i * LANES < v->head_dim; i++)
        add_rows(f, v, i, 1, col, n_cols);
}

#define VALUES(name, scale_)                                       \
    static const values_format name = {load_##name, scale_};       \
    INSTANCE static void name##_4(const ink_values *v, size_t col) \
    {                                                              \
        add_columns(&name, v, col, 4);                             \
    }                                                              \
    INSTANCE static void name##_2(const ink_values *v, size_t col) \
    {                                                              \
        add_columns(&name, v, col, 2);                             \
    }                                                              \
    INSTANCE static void name##_1(const ink_values *v, size_t col) \
    {                                                              \
        add_columns(&name, v, col, 1);                             \
    }                                                              \
    void ink_values_##name##_avx512(const ink_values *v)           \
    {                                                              \
        size_t col = 0;                                            \
        for (; col + 4 <= v->n_cols; col += 4)                     \
            name##_4(v, col);                                      \
        for (; col + 2 <= v->n_cols; col += 2)                     \
            name##_2(v, col);                                      \
        for (; col < v->n_cols; col++)                             \
            name##_1(v, col);                                      \
    }
VALUES(f32, no_scale)
VALUES(f16, no_scale)
VALUES(q8_0, scale_q8_0)
VALUES(q4_0, scale_q4_0)
