/*
 * Trials of packing: every format, full tiles and the last of a matrix, rows of few blocks and of
 * many. Packing moves bytes, so any bytes will do, and each has one place.
 */
#include "check.h"

#include <stdio.h>

enum { N_LENGTHS = 40, N_DRAWN = INK_N_FORMATS * N_LENGTHS };

static void build(trial *t, rng *r, ink_format format, size_t n_rows, size_t n_blocks)
{
    size_t row_bytes = n_blocks * ink_formats[format].block_bytes;
    t->format = format;
    t->n = n_blocks;
    trial_add(t, "tile", OUTPUT, BYTES, 1, row_bytes * INK_TILE_ROWS, 0);
    unsigned char *rows = trial_add(t, "rows", INPUT, BYTES, 1, n_rows * row_bytes, 0);
    for (size_t i = 0; i < n_rows * row_bytes; i++)
        rows[i] = (unsigned char)rng_next(r);
    t->matmul.n_rows = n_rows;
    t->bytes = (double)(row_bytes * n_rows);
    t->steps = t->bytes;
}

static bool draw(trial *t, rng *r, size_t number)
{
    if (number >= N_DRAWN)
        return false;
    size_t n_rows = rng_below(r, 3) ? INK_TILE_ROWS : 1 + rng_below(r, INK_TILE_ROWS);
    build(t, r, (ink_format)(number % INK_N_FORMATS), n_rows, 1 + number / INK_N_FORMATS);
    return true;
}

/* Four bytes a unit with scales of one byte, and two bytes a unit. */
static bool draw_timed(trial *t, rng *r, int size, bool large)
{
    ink_format format = size ? INK_FORMAT_F16 : INK_FORMAT_Q4_K;
    build(t, r, format, INK_TILE_ROWS, (large ? 4096 : 1024) / ink_formats[format].block_elements);
    return true;
}

static void call(any_fn *fn, trial *t)
{
    ((ink_pack_fn *)fn)(t->format, t->operands[0].at, t->operands[1].at, t->matmul.n_rows, t->n);
}

static void describe(const trial *t, char *text, size_t text_bytes)
{
    snprintf(text, text_bytes, "%s, rows %zu, blocks %zu", ink_formats[t->format].name,
             t->matmul.n_rows, t->n);
}

const family family_pack = {VECTORS, draw, draw_timed, call, describe, 0};
