/*
 * The quantized matmuls of an ARM processor that has SMMLA: two rows of eight k times two columns
 * of eight k in one instruction, twice what SDOT does. It wants rows side by side, so the panel is
 * packed that way, and sums are kept as it gives them, two rows by two columns, until they are
 * stored. A few columns leave half of it idle: they are multiplied as SDOT does.
 */
#include "kernel/arm/panel_neon.h"

#define MAX_DIRECT_COLS 4
#define ROW_PAIRS (HALF_ROWS / 2)
#define MAX_PAIRS (MAX_COLS / 2) /* of columns */

/* Rows of a quarter in pairs, each with its eight k. */
TEMPLATE void put_codes(panel_half *half, int pair, int quarter, int8x16_t first, int8x16_t second)
{
    int32x4_t a = vreinterpretq_s32_s8(first), b = vreinterpretq_s32_s8(second);
    int8_t *to = half->code[pair] + 32 * quarter;
    vst1q_s8(to, vreinterpretq_s8_s32(vzip1q_s32(a, b)));
    vst1q_s8(to + 16, vreinterpretq_s8_s32(vzip2q_s32(a, b)));
}

/* Rows r and r + 1 by columns c and c + 1: (r, c), (r, c + 1), (r + 1, c), (r + 1, c + 1). */
typedef int32x4_t square_sums[MAX_PAIRS][ROW_PAIRS];

/* The columns of one step; of an odd number the last goes twice. */
typedef struct columns {
    const ink_q8 *x[MAX_COLS];
} columns;

/* Of two rows each, for two columns. */
TEMPLATE float32x4_t row_pair(const float *values, int pair)
{
    float32x4_t four = vld1q_f32(values + QUARTER * (pair / 2));
    return pair % 2 ? vzip2q_f32(four, four) : vzip1q_f32(four, four);
}

TEMPLATE int32x4_t scale_pair(const int32_t *values, int pair)
{
    int32x4_t four = vld1q_s32(values + QUARTER * (pair / 2));
    return pair % 2 ? vzip2q_s32(four, four) : vzip1q_s32(four, four);
}

/* What two columns have besides their codes, each twice: d, sum[0], sum[1]. */
typedef struct column_pair {
    float32x4_t d, sum[2];
} column_pair;

_Static_assert(offsetof(ink_q8, sum) == offsetof(ink_q8, d) + sizeof(float) &&
                   offsetof(ink_q8, isum) == offsetof(ink_q8, d) + 3 * sizeof(float),
               "four registers' worth from d on");

TEMPLATE float32x4_t twice(float32x2_t two)
{
    return vcombine_f32(two, two);
}

TEMPLATE column_pair read_pair(const ink_q8 *first, const ink_q8 *second)
{
    float32x4_t a = vld1q_f32(&first->d), b = vld1q_f32(&second->d);
    float32x4_t begin = vzip1q_f32(a, b), end = vzip2q_f32(a, b);
    return (column_pair){twice(vget_low_f32(begin)),
                         {twice(vget_high_f32(begin)), twice(vget_low_f32(end))}};
}

/* Half a group of all columns: 16 of k, eight at a time. */
TEMPLATE void sum_half(square_sums sum, const panel_half *w, const columns *g, int half,
                       int n_pairs)
{
    int8x16_t x[MAX_PAIRS][2];
    foreach (c, n_pairs) {
        int64x2_t first = vreinterpretq_s64_s8(vld1q_s8(g->x[2 * c]->q + 16 * half));
        int64x2_t second = vreinterpretq_s64_s8(vld1q_s8(g->x[2 * c + 1]->q + 16 * half));
        x[c][0] = vreinterpretq_s8_s64(vtrn1q_s64(first, second));
        x[c][1] = vreinterpretq_s8_s64(vtrn2q_s64(first, second));
    }
    foreach (i, 2) {
        int8x16x4_t codes = vld1q_s8_x4(w->code[2 * half + i]);
        foreach (r, ROW_PAIRS)
            foreach (c, n_pairs)
                sum[c][r] = vmmlaq_s32(sum[c][r], codes.val[r], x[c][i]);
    }
}

TEMPLATE void clear_sums(square_sums sum, int n_pairs)
{
    foreach (c, n_pairs)
        foreach (r, ROW_PAIRS)
            sum[c][r] = vdupq_n_s32(0);
}

TEMPLATE void sum_group(bool is_scaled, square_sums sum, const panel_half *w, const columns *g,
                        int n_pairs)
{
    clear_sums(sum, n_pairs);
    sum_half(sum, w, g, 0, n_pairs);
    if (!is_scaled) {
        sum_half(sum, w, g, 1, n_pairs);
        return;
    }
    square_sums second;
    clear_sums(second, n_pairs);
    sum_half(second, w, g, 1, n_pairs);
    foreach (c, n_pairs)
        foreach (r, ROW_PAIRS)
            sum[c][r] = vmlaq_s32(vmulq_s32(sum[c][r], scale_pair(w->more.scale[0], r)),
                                  second[c][r], scale_pair(w->more.scale[1], r));
}

/* The step of the float accumulators, as reference.h writes it. */
TEMPLATE void add_scaled(ink_group_kind kind, float32x4_t acc[ROW_PAIRS], const panel_half *w,
                         const int32x4_t sum[ROW_PAIRS], const ink_q8 *a, const ink_q8 *b)
{
    const column_pair x = read_pair(a, b);
    foreach (r, ROW_PAIRS) {
        acc[r] = vfmaq_f32(acc[r], vmulq_f32(row_pair(w->d, r), x.d), vcvtq_f32_s32(sum[r]));
        if (kind == INK_GROUP_M32)
            acc[r] = vfmaq_f32(acc[r], row_pair(w->more.m[0], r), vaddq_f32(x.sum[0], x.sum[1]));
        if (kind == INK_GROUP_M16) {
            acc[r] = vfmaq_f32(acc[r], row_pair(w->more.m[0], r), x.sum[0]);
            acc[r] = vfmaq_f32(acc[r], row_pair(w->more.m[1], r), x.sum[1]);
        }
    }
}

/* Four rows of two columns, into squares and back. */
TEMPLATE void load_squares(float32x4_t acc[ROW_PAIRS], const stretch *s, const float *y0,
                           const float *y1)
{
    foreach (q, HALF_QUARTERS) {
        float32x4_t a = load_quarter(y0, s->n_rows, q), b = load_quarter(y1, s->n_rows, q);
        acc[2 * q] = vzip1q_f32(a, b);
        acc[2 * q + 1] = vzip2q_f32(a, b);
    }
}

TEMPLATE void store_squares(const float32x4_t acc[ROW_PAIRS], const stretch *s, float *y0,
                            float *y1)
{
    foreach (q, HALF_QUARTERS) {
        store_quarter(y1, s->n_rows, q, vuzp2q_f32(acc[2 * q], acc[2 * q + 1]));
        store_quarter(y0, s->n_rows, q, vuzp1q_f32(acc[2 * q], acc[2 * q + 1]));
    }
}

TEMPLATE void multiply_half(bool is_scaled, ink_group_kind kind, const stretch *s, int n_cols)
{
    const int n_pairs = (n_cols + 1) / 2;
    const panel_half *w = (const panel_half *)(const void *)s->blocks;
    columns g;
    float *y[MAX_COLS];
    float32x4_t acc[MAX_PAIRS][ROW_PAIRS];
    foreach (c, 2 * n_pairs) {
        const size_t col = (size_t)(c < n_cols ? c : n_cols - 1);
        g.x[c] = s->x + col * s->x_stride;
        y[c] = s->y + col * s->y_stride;
    }
    foreach (c, n_pairs) {
        if (s->resumes)
            load_squares(acc[c], s, y[2 * c], y[2 * c + 1]);
        foreach (r, ROW_PAIRS)
            acc[c][r] = s->resumes ? acc[c][r] : vdupq_n_f32(0);
    }
    for (size_t b = 0; b < s->n_blocks; b++, w++) {
        square_sums sum;
        sum_group(is_scaled, sum, w, &g, n_pairs);
        foreach (c, n_pairs)
            add_scaled(kind, acc[c], w, sum[c], g.x[2 * c], g.x[2 * c + 1]);
        foreach (c, 2 * n_pairs)
            g.x[c]++;
    }
    foreach (c, n_pairs)
        store_squares(acc[c], s, y[2 * c], y[2 * c + 1]);
}

#define COLUMNS(name, scaled, kind, n)                 \
    static void panel_##name##_##n(const stretch *s)   \
    {                                                  \
        multiply_half(scaled, INK_GROUP_##kind, s, n); \
    }
#define PANEL_KIND(name, largest, scaled, kind)                                     \
    COLUMNS(name, scaled, kind, 1)                                                  \
    COLUMNS(name, scaled, kind, 2)                                                  \
    COLUMNS(name, scaled, kind, 3)                                                  \
    COLUMNS(name, scaled, kind, 4)                                                  \
    static const panel_products panel_##name = {panel_##name##_1, panel_##name##_2, \
                                                panel_##name##_3, panel_##name##_4};
PANEL_KINDS(PANEL_KIND)
TILE_FORMATS(PANEL_FORMAT)

#define MATMUL(name, ...)                              \
    void ink_matmul_##name##_i8mm(const ink_matmul *m) \
    {                                                  \
        if (m->n_cols <= MAX_DIRECT_COLS)              \
            ink_matmul_##name##_dotprod(m);            \
        else                                           \
            multiply_panels(m, &panels_##name);        \
    }
TILE_FORMATS(MATMUL)
