/*
 * Trials of the matmul family: lengths to 40 blocks, rows to 200, uneven strides, hostile blocks.
 */
#include "check.h"

#include <stdio.h>
#include <string.h>

enum { MAX_BLOCKS = 40, MAX_ROWS = 50, N_LARGE = 12, MAX_K = 4096, MAX_STEPS = 1 << 20 };

static const size_t column_counts[] = {1, 2, 3, 4, 5, 7, 8, 11, 12, 13, 16, 25, 33};
enum { N_COLUMN_COUNTS = sizeof column_counts / sizeof *column_counts };

typedef struct shape {
    size_t n_blocks, n_rows, n_cols, x_gap, y_gap; /* gaps in elements of x and y */
} shape;

static size_t group_elements(ink_format format)
{
    return ink_format_takes_q8(format) ? INK_Q8_GROUP : 1;
}

/* The weights, drawn in file order and packed by the code that models use. */
static void add_tiles(trial *t, rng *r, const shape *s, block_kind kind)
{
    static unsigned char rows[SLOT_BYTES / 4];
    size_t row_bytes = s->n_blocks * ink_formats[t->format].block_bytes;
    size_t n_tiles = (s->n_rows + INK_TILE_ROWS - 1) / INK_TILE_ROWS,
           tile_bytes = row_bytes * INK_TILE_ROWS;
    unsigned char *tiles = trial_add(t, "tiles", INPUT, BYTES, 1, n_tiles * tile_bytes, 0);
    for (size_t tile = 0; tile < n_tiles; tile++) {
        size_t left = s->n_rows - tile * INK_TILE_ROWS,
               n = left < INK_TILE_ROWS ? left : INK_TILE_ROWS;
        fill_blocks(r, t->format, rows, n * s->n_blocks, kind);
        ink_pack_c(t->format, tiles + tile * tile_bytes, rows, n, s->n_blocks);
    }
}

static void add_activations(trial *t, rng *r, const shape *s, size_t number)
{
    size_t n = t->matmul.k / group_elements(t->format), stride = n + s->x_gap;
    t->matmul.x_stride = stride;
    if (ink_format_takes_q8(t->format)) {
        q8_kind kind = (q8_kind)(number % N_Q8_KINDS);
        ink_q8 *x = trial_add(t, "x", INPUT, GROUPS, s->n_cols, n * sizeof *x, stride * sizeof *x);
        for (size_t col = 0; col < s->n_cols; col++)
            fill_q8(r, x + col * stride, n, kind);
        t->inputs[1] = q8_kind_names[kind];
    } else {
        float_kind kind = (float_kind)(number % N_FLOAT_KINDS);
        float *x = trial_add(t, "x", INPUT, FLOATS, s->n_cols, n * sizeof *x, stride * sizeof *x);
        for (size_t col = 0; col < s->n_cols; col++)
            fill_floats(r, x + col * stride, n, kind);
        t->inputs[1] = float_kind_names[kind];
    }
}

static void build(trial *t, rng *r, const shape *s, block_kind blocks, size_t activations)
{
    size_t k = s->n_blocks * ink_formats[t->format].block_elements, y_stride = s->n_rows + s->y_gap;
    t->matmul =
        (ink_matmul){.k = k, .n_rows = s->n_rows, .n_cols = s->n_cols, .y_stride = y_stride};
    t->inputs[0] = block_kind_names[blocks];
    add_tiles(t, r, s, blocks);
    add_activations(t, r, s, activations);
    trial_add(t, "y", OUTPUT, FLOATS, s->n_cols, s->n_rows * sizeof(float),
              y_stride * sizeof(float));
    size_t scratch_bytes = ink_matmul_scratch_bytes(k);
    if (scratch_bytes) {
        unsigned char *scratch = trial_add(t, "scratch", SCRATCH, BYTES, 1, scratch_bytes, 0);
        for (size_t i = 0; i < scratch_bytes; i++)
            scratch[i] = (unsigned char)rng_next(r);
    }
    t->steps = (double)k * (double)s->n_rows * (double)s->n_cols;
    t->bytes = (double)operand_bytes(&t->operands[0]);
}

/* Columns first, then rows are given up until the trial is quick enough for C. */
static void limit_steps(shape *s, size_t block_elements)
{
    size_t k = s->n_blocks * block_elements;
    while (s->n_cols > 1 && k * s->n_rows * s->n_cols > MAX_STEPS)
        s->n_cols = s->n_cols / 2;
    while (s->n_rows > 1 && k * s->n_rows > MAX_STEPS)
        s->n_rows = s->n_rows / 2;
}

/* Several panels of rows and blocks of columns, in what MAX_STEPS leaves for k. */
static shape draw_large(rng *r, size_t elements)
{
    shape s = {1, 51 + rng_below(r, 150), column_counts[rng_below(r, N_COLUMN_COUNTS)], 0,
               rng_below(r, 9)};
    if (rng_below(r, 3) == 0)
        s.n_cols += 40;
    size_t most_k = MAX_STEPS / (s.n_rows * s.n_cols),
           blocks = (most_k < MAX_K ? most_k : MAX_K) / elements;
    s.n_blocks += blocks > 1 ? rng_below(r, blocks) : 0;
    return s;
}

static shape draw_small(rng *r, size_t elements)
{
    size_t few = elements == 1 ? 200 : 5;
    return (shape){1 + rng_below(r, few), 1 + rng_below(r, MAX_ROWS),
                   column_counts[rng_below(r, N_COLUMN_COUNTS)], rng_below(r, 2) * rng_below(r, 9),
                   rng_below(r, 2) * rng_below(r, 20)};
}

/*
 * Every length, then every number of rows, of columns, every kind of block with every kind of x,
 * then large ones.
 */
static bool draw(trial *t, rng *r, size_t number)
{
    size_t lengths = MAX_BLOCKS, rows = lengths + MAX_ROWS, columns = rows + 4 * N_COLUMN_COUNTS;
    size_t kinds = columns + N_BLOCK_KINDS * N_FLOAT_KINDS,
           elements = ink_formats[t->format].block_elements;
    if (number >= kinds + N_LARGE)
        return false;
    shape s = number < kinds ? draw_small(r, elements) : draw_large(r, elements);
    /* Every second shape has plain numbers: no wrong rounding hides behind an infinity there. */
    block_kind blocks = number % 2 ? BLOCKS_SANE : (block_kind)rng_below(r, N_BLOCK_KINDS);
    size_t activations = number % 4 == 1 ? 0 : rng_below(r, N_FLOAT_KINDS);
    if (number < lengths) {
        s.n_blocks = 1 + number;
    } else if (number < rows) {
        s.n_rows = 1 + number - lengths;
    } else if (number < columns) {
        s.n_cols = column_counts[(number - rows) % N_COLUMN_COUNTS];
    } else if (number < kinds) {
        blocks = (block_kind)((number - columns) / N_FLOAT_KINDS);
        activations = (number - columns) % N_FLOAT_KINDS;
    }
    limit_steps(&s, elements);
    build(t, r, &s, blocks, activations);
    return true;
}

static bool draw_timed(trial *t, rng *r, int size, bool large)
{
    static const size_t n_cols[] = {1, 64};
    size_t elements = ink_formats[t->format].block_elements;
    shape s = {(large ? 4096 : 2048) / elements, large ? 192 : 96, n_cols[size], 0, 0};
    build(t, r, &s, BLOCKS_SANE, 0);
    return true;
}

static void call(any_fn *fn, trial *t)
{
    ink_matmul m = t->matmul;
    m.tiles = t->operands[0].at;
    m.x = t->operands[1].at;
    m.y = (float *)(void *)t->operands[2].at;
    m.scratch = t->n_operands > 3 ? t->operands[3].at : NULL;
    ((ink_matmul_fn *)fn)(&m);
}

static void describe(const trial *t, char *text, size_t text_bytes)
{
    const ink_matmul *m = &t->matmul;
    snprintf(text, text_bytes,
             "k %zu, rows %zu, columns %zu, x_stride %zu, y_stride %zu, blocks %s, x %s", m->k,
             m->n_rows, m->n_cols, m->x_stride, m->y_stride, t->inputs[0], t->inputs[1]);
}

const family family_matmul = {MATMULS, draw, draw_timed, call, describe, 0};
