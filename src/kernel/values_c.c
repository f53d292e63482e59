/*
 * Row one of the weighted sums of attention: acc = acc * rescale, then the rows of a page in
 * increasing order, each by
 *
 *     acc[i] = fma(p * d, (float)q[i], acc[i])
 *
 * with q the signed codes and d the scale of their block; the float formats have the value for q,
 * and d = 1, which leaves p as it is.
 */
#include "kernel/reference.h"

#include <math.h>

/* What one block of 32 values adds, or a piece of a float row no longer than that. */
typedef struct values_piece {
    float q[INK_Q8_GROUP], d;
} values_piece;

static void read_piece(values_piece *out, ink_format format, const uint8_t *row, size_t first,
                       size_t n)
{
    const ink_format_info *info = &ink_formats[format];
    const uint8_t *data = row + first / info->block_elements * info->block_bytes;
    out->d = 1;
    if (!ink_group_readers[format].read) {
        ink_decode(format, out->q, data, n);
        return;
    }
    ink_group group;
    ink_group_readers[format].read(&group, data, 0);
    out->d = group.d;
    for (int i = 0; i < INK_Q8_GROUP; i++)
        out->q[i] = (float)group.q[i];
}

static void rescale(const ink_values *v)
{
    for (size_t col = 0; col < v->n_cols; col++)
        for (size_t i = 0; i < v->head_dim; i++)
            v->acc[col * v->acc_stride + i] = v->acc[col * v->acc_stride + i] * v->rescale[col];
}

static void add_piece(const ink_values *v, const values_piece *piece, size_t row, size_t first,
                      size_t n)
{
    for (size_t col = 0; col < v->n_cols; col++) {
        float *acc = v->acc + col * v->acc_stride + first;
        float weight = v->p[col * v->p_stride + row] * piece->d;
        for (size_t i = 0; i < n; i++)
            acc[i] = fmaf(weight, piece->q[i], acc[i]);
    }
}

static void add_rows(const ink_values *v, ink_format format)
{
    rescale(v);
    for (size_t row = 0; row < v->n_rows; row++) {
        const uint8_t *data = (const uint8_t *)v->rows + row * v->row_bytes;
        for (size_t first = 0; first < v->head_dim; first += INK_Q8_GROUP) {
            size_t n = v->head_dim - first < INK_Q8_GROUP ? v->head_dim - first : INK_Q8_GROUP;
            values_piece piece;
            read_piece(&piece, format, data, first, n);
            add_piece(v, &piece, row, first, n);
        }
    }
}

#define VALUES(op, FORMAT)                        \
    void ink_values_##op##_c(const ink_values *v) \
    {                                             \
        add_rows(v, INK_FORMAT_##FORMAT);         \
    }

VALUES(f32, F32)
VALUES(f16, F16)
VALUES(q8_0, Q8_0)
VALUES(q4_0, Q4_0)
VALUES(iq4_nl, IQ4_NL)
VALUES(g3, G3)
VALUES(g2, G2)
