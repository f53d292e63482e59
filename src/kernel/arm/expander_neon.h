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

/* What all groups of a block share, by rows. */
typedef struct row_heads {
    float32x4_t d[QUARTERS], m[QUARTERS];
} row_heads;

/* A group of 32 in a tile's block. Its fields are read once, in the order in which they lie. */
typedef struct place {
    const uint8_t *block;
    int group;
    const uint8_t *low, *high;        /* what comes next of up to two fields */
    uint8x16x4_t held_low, held_high; /* read, with codes to come */
} place;

/*
 * Codes of k = 4 unit .. 4 unit + 3 of all rows, four to a register: (q + offset) * 2^shift. Units
 * are asked for in the order of unit_at, all of them, once.
 */
typedef void code_fn(int8x16_t out[QUARTERS], place *at, int unit);
typedef void heads_fn(row_heads *out, const uint8_t *block);
typedef void scales_fn(row_scales *out, const row_heads *heads, const place *at);
typedef int shift_fn(int group);

/* How a format's codes are multiplied. */
typedef struct traits {
    int largest;    /* magnitude of a code as code_fn gives it */
    int offset;     /* codes that are not negative cost less to take apart */
    bool is_scaled; /* scale[2] is not {1, 1} */
    bool is_halved; /* units u and u + 4 are halves of the same bytes, and follow each other */
    ink_group_kind kind;
} traits;

typedef struct expander {
    traits traits;
    code_fn *code;
    heads_fn *heads;
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

/* The unit that comes as number i. */
TEMPLATE int unit_at(traits t, int i)
{
    return t.is_halved ? i / 2 + i % 2 * (N_UNITS / 2) : i;
}

TEMPLATE int no_shift(int group)
{
    (void)group;
    return 0;
}

#endif
