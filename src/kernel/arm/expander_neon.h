/*
 * What a quantized format is to the ARM matmuls: a few functions that are called with constant
 * group, unit and quarter from loops that unroll, so that what depends on those costs nothing.
 */
#ifndef INK_KERNEL_ARM_EXPANDER_NEON_H
#define INK_KERNEL_ARM_EXPANDER_NEON_H

#include "kernel/arm/template_neon.h"
#include "kernel/reference.h"

#define N_UNITS (INK_Q8_GROUP / 4)
#define UNIT_BYTES (4 * INK_TILE_ROWS)
#define MAX_COLS 4

/* What a group of 32 has besides its codes, by rows. Only what the format has is set. */
typedef struct row_scales {
    float32x4_t d[QUARTERS], m[2][QUARTERS];
    int32x4_t scale[2][QUARTERS];
} row_scales;

/* A group of 32 in a tile's block. */
typedef struct place {
    const uint8_t *block;
    int group;
} place;

/* Codes of k = 4 unit .. 4 unit + 3 of four rows: (q + offset) * 2^shift. */
typedef int8x16_t code_fn(place at, int unit, int quarter);
typedef void scales_fn(row_scales *out, place at);
typedef int shift_fn(int group);

/* How a format's codes are multiplied. */
typedef struct traits {
    int largest;    /* magnitude of a code as code_fn gives it */
    int offset;     /* codes that are not negative cost less to take apart */
    bool is_scaled; /* scale[2] is not {1, 1} */
    ink_group_kind kind;
} traits;

typedef struct expander {
    traits traits;
    code_fn *code;
    scales_fn *scales;
    shift_fn *shift;    /* at a place inside their byte, codes need no moving */
    size_t block_bytes; /* of a tile */
    int n_groups;       /* in a block */
    int n_quarters;     /* rows / 4 */
} expander;

/* A group of weights and the activations it meets. */
typedef struct meeting {
    place at;
    const ink_q8 *x[MAX_COLS];
} meeting;

/* A tile, or half of one, times columns, over a stretch of k. */
typedef struct stretch {
    const uint8_t *blocks;
    size_t n_blocks;
    const ink_q8 *x; /* [n_cols][x_stride] */
    size_t x_stride;
    float *y; /* [n_cols][y_stride] */
    size_t y_stride;
    size_t n_rows; /* 1 .. 4 * n_quarters */
    bool resumes;  /* y holds what earlier stretches of k summed */
} stretch;

typedef void product_fn(const stretch *s);

TEMPLATE int no_shift(int group)
{
    (void)group;
    return 0;
}

#endif
