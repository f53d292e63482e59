/*
 * Row one of every matmul. Rows go one at a time: a row's group of 32 is taken out of the tile and
 * expanded once, then meets every column, whose y is the accumulator. The arithmetic is that of
 * reference.h, word for word.
 */
#include "kernel/reference.h"

#include <math.h>

/* One block of any format: aligned for each, and legal to read as each. */
typedef union any_block {
#define FORMAT(name, id, elements, block, fields) block name;
#define PAGED(name, elements, block, fields) block name;
#define REFUSED(name, id, elements, bytes)
#include "tensor/formats.def"
#undef FORMAT
#undef PAGED
#undef REFUSED
} any_block;

static void clear_output(const ink_matmul *m)
{
    for (size_t col = 0; col < m->n_cols; col++)
        for (size_t row = 0; row < m->n_rows; row++)
            m->y[col * m->y_stride + row] = 0;
}

static int32_t dot_half(const int8_t *a, const int8_t *b)
{
    int32_t sum = 0;
    for (int k = 0; k < INK_Q8_GROUP / 2; k++)
        sum += a[k] * b[k];
    return sum;
}

static float add_group(float acc, const ink_group *w, ink_group_kind kind, const ink_q8 *x)
{
    const int half = INK_Q8_GROUP / 2;
    int32_t s =
        w->scale[0] * dot_half(w->q, x->q) + w->scale[1] * dot_half(w->q + half, x->q + half);
    acc = fmaf(w->d * x->d, (float)s, acc);
    if (kind == INK_GROUP_M32)
        return fmaf(w->m[0], x->sum[0] + x->sum[1], acc);
    if (kind == INK_GROUP_M16)
        return fmaf(w->m[1], x->sum[1], fmaf(w->m[0], x->sum[0], acc));
    return acc;
}

/* `first` counts the row's groups before this block. */
static void add_block(const ink_matmul *m, ink_format format, const any_block *block, size_t row,
                      size_t first)
{
    const ink_group_reader *reader = &ink_group_readers[format];
    const size_t n_groups = ink_formats[format].block_elements / INK_Q8_GROUP;
    float *y = m->y + row;
    for (size_t g = 0; g < n_groups; g++) {
        const ink_q8 *x = (const ink_q8 *)m->x + first + g;
        ink_group group;
        reader->read(&group, block, g);
        for (size_t col = 0; col < m->n_cols; col++)
            y[col * m->y_stride] =
                add_group(y[col * m->y_stride], &group, reader->kind, x + col * m->x_stride);
    }
}

static void multiply_quantized(const ink_matmul *m, ink_format format)
{
    const ink_format_info *info = &ink_formats[format];
    const size_t n_blocks = m->k / info->block_elements;
    const size_t n_groups = info->block_elements / INK_Q8_GROUP;
    const size_t step = (size_t)info->block_bytes * INK_TILE_ROWS;
    clear_output(m);
    for (size_t row = 0; row < m->n_rows; row++) {
        const uint8_t *tile = (const uint8_t *)m->tiles + row / INK_TILE_ROWS * n_blocks * step;
        for (size_t b = 0; b < n_blocks; b++) {
            any_block block;
            ink_tile_get_row(format, &block, tile + b * step, row % INK_TILE_ROWS, 1);
            add_block(m, format, &block, row, b * n_groups);
        }
    }
}

/* A block of a float format is one value and a tile is [k][16] of them: decoded in stretches. */
#define STRETCH 64

static void add_stretch(const ink_matmul *m, const float (*w)[INK_TILE_ROWS], size_t row, size_t k,
                        size_t n)
{
    size_t n_rows = m->n_rows - row < INK_TILE_ROWS ? m->n_rows - row : INK_TILE_ROWS;
    for (size_t col = 0; col < m->n_cols; col++) {
        const float *x = (const float *)m->x + col * m->x_stride + k;
        float *y = m->y + col * m->y_stride + row;
        for (size_t i = 0; i < n; i++)
            for (size_t r = 0; r < n_rows; r++)
                y[r] = fmaf(w[i][r], x[i], y[r]);
    }
}

static void multiply_floats(const ink_matmul *m, ink_format format)
{
    const size_t step = (size_t)ink_formats[format].block_bytes * INK_TILE_ROWS;
    const uint8_t *tile = m->tiles;
    float w[STRETCH][INK_TILE_ROWS];
    clear_output(m);
    for (size_t row = 0; row < m->n_rows; row += INK_TILE_ROWS, tile += m->k * step) {
        for (size_t k = 0; k < m->k; k += STRETCH) {
            size_t n = m->k - k < STRETCH ? m->k - k : STRETCH;
            ink_decode(format, w[0], tile + k * step, n * INK_TILE_ROWS);
            add_stretch(m, (const float(*)[INK_TILE_ROWS])w, row, k, n);
        }
    }
}

#define FLOATS(op, FORMAT)                        \
    void ink_matmul_##op##_c(const ink_matmul *m) \
    {                                             \
        multiply_floats(m, INK_FORMAT_##FORMAT);  \
    }
#define QUANTIZED(op, FORMAT)                       \
    void ink_matmul_##op##_c(const ink_matmul *m)   \
    {                                               \
        multiply_quantized(m, INK_FORMAT_##FORMAT); \
    }

FLOATS(f32, F32)
FLOATS(f16, F16)
FLOATS(bf16, BF16)
QUANTIZED(q8_0, Q8_0)
QUANTIZED(q4_0, Q4_0)
QUANTIZED(q4_1, Q4_1)
QUANTIZED(q5_0, Q5_0)
QUANTIZED(q5_1, Q5_1)
QUANTIZED(q2_k, Q2_K)
QUANTIZED(q3_k, Q3_K)
QUANTIZED(q4_k, Q4_K)
QUANTIZED(q5_k, Q5_K)
QUANTIZED(q6_k, Q6_K)
QUANTIZED(iq4_nl, IQ4_NL)
QUANTIZED(iq4_xs, IQ4_XS)
QUANTIZED(tq1_0, TQ1_0)
QUANTIZED(tq2_0, TQ2_0)
QUANTIZED(mxfp4, MXFP4)
QUANTIZED(t2, T2)
QUANTIZED(t3, T3)
QUANTIZED(g3, G3)
