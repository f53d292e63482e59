/*
 * How tiles of 16 rows hold what is coded along a trellis, for the kernels that read them: each has
 * these as constants of its own, so that what a format lacks costs it nothing.
 */
#ifndef INK_KERNEL_TRELLIS_LAYOUT_H
#define INK_KERNEL_TRELLIS_LAYOUT_H

#include "kernel/trellis.h"

#define RUNS 8 /* of a block */

typedef struct layout {
    const ink_trellis *trellis;
    size_t block_bytes; /* of 16 rows */
    bool own;           /* each value has a bit for itself */
} layout;

static const layout t2 = {&ink_trellis_t2, INK_TILE_ROWS * sizeof(ink_block_t2), false};
static const layout t3 = {&ink_trellis_t3, INK_TILE_ROWS * sizeof(ink_block_t3), true};

#endif
