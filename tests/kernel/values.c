/*
 * Trials of the values family: heads of several widths, stretches of a page, weights of every kind.
 */
#include "check.h"

#include <stdio.h>

static const size_t head_dims[] = {8, 32, 64, 80, 96, 128, 256};
enum {
    N_HEAD_DIMS = sizeof head_dims / sizeof *head_dims,
    N_DRAWN = 700,
    MAX_ROWS = 70,
    MAX_COLUMNS = 9
};

typedef struct shape {
    size_t head_dim, n_rows, n_cols, row_gap, p_gap, acc_gap; /* gaps in bytes, floats, floats */
} shape;

static void add_rows(trial *t, rng *r, const shape *s, block_kind kind)
{
    const ink_format_info *info = &ink_formats[t->format];
    size_t n_blocks = s->head_dim / info->block_elements, used = n_blocks * info->block_bytes;
    t->values.row_bytes = used + s->row_gap;
    unsigned char *rows = trial_add(t, "rows", INPUT, BYTES, s->n_rows, used, t->values.row_bytes);
    for (size_t row = 0; row < s->n_rows; row++)
        fill_blocks(r, t->format, rows + row * t->values.row_bytes, n_blocks, kind);
}

static void add_floats(trial *t, rng *r, const char *name, role use, size_t n, float_kind kind)
{
    bool is_acc = use == IN_OUT;
    size_t stride = is_acc ? t->values.acc_stride : t->values.p_stride;
    float *x = trial_add(t, name, use, FLOATS, t->values.n_cols, n * sizeof *x, stride * sizeof *x);
    for (size_t col = 0; col < t->values.n_cols; col++)
        fill_floats(r, x + col * stride, n, kind);
}

static void build(trial *t, rng *r, const shape *s, block_kind blocks, float_kind floats)
{
    t->values = (ink_values){.n_rows = s->n_rows,
                             .head_dim = s->head_dim,
                             .p_stride = s->n_rows + s->p_gap,
                             .n_cols = s->n_cols,
                             .acc_stride = s->head_dim + s->acc_gap};
    t->inputs[0] = block_kind_names[blocks];
    t->inputs[1] = float_kind_names[floats];
    add_rows(t, r, s, blocks);
    add_floats(t, r, "p", INPUT, s->n_rows, floats);
    float *rescale = trial_add(t, "rescale", INPUT, FLOATS, 1, s->n_cols * sizeof(float), 0);
    fill_floats(r, rescale, s->n_cols, rng_below(r, 2) ? floats : FLOATS_UNIFORM);
    add_floats(t, r, "acc", IN_OUT, s->head_dim, floats);
    t->bytes = (double)(t->values.row_bytes * s->n_rows);
    t->steps = (double)(s->head_dim * s->n_rows * s->n_cols);
}

static bool draw(trial *t, rng *r, size_t number)
{
    size_t elements = ink_formats[t->format].block_elements;
    if (number >= N_DRAWN)
        return false;
    size_t unit = elements == 1 ? ink_formats[t->format].block_bytes : 2;
    shape s = {head_dims[number % N_HEAD_DIMS],   1 + number / N_HEAD_DIMS % MAX_ROWS,
               1 + rng_below(r, MAX_COLUMNS),     rng_below(r, 2) * rng_below(r, 20) * unit,
               rng_below(r, 2) * rng_below(r, 9), rng_below(r, 2) * rng_below(r, 20)};
    if (s.head_dim % elements)
        s.head_dim = elements;
    block_kind blocks = number % 2 ? BLOCKS_SANE : (block_kind)(rng_below(r, N_BLOCK_KINDS));
    build(t, r, &s, blocks,
          number % 4 == 1 ? FLOATS_UNIFORM : (float_kind)rng_below(r, N_FLOAT_KINDS));
    return true;
}

/* A page of a head of 128, one query and eight. */
static bool draw_timed(trial *t, rng *r, int size, bool large)
{
    shape s = {128, 64, size ? 8 : 1, 0, 0, 0};
    (void)large;
    build(t, r, &s, BLOCKS_SANE, FLOATS_UNIFORM);
    return true;
}

static void call(any_fn *fn, trial *t)
{
    ink_values v = t->values;
    v.rows = t->operands[0].at;
    v.p = (const float *)(void *)t->operands[1].at;
    v.rescale = (const float *)(void *)t->operands[2].at;
    v.acc = (float *)(void *)t->operands[3].at;
    ((ink_values_f32_fn *)fn)(&v);
}

static void describe(const trial *t, char *text, size_t text_bytes)
{
    const ink_values *v = &t->values;
    snprintf(text, text_bytes,
             "head_dim %zu, rows %zu of %zu bytes, columns %zu, p_stride %zu, acc_stride %zu, "
             "blocks %s, floats %s",
             v->head_dim, v->n_rows, v->row_bytes, v->n_cols, v->p_stride, v->acc_stride,
             t->inputs[0], t->inputs[1]);
}

const family family_values = {ATTENTION, draw, draw_timed, call, describe, 0};
