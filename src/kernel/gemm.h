/*
 * Products of float arrays in blocks: what the rows of the gemm ops share.
 *
 * A block of each operand is packed into panels, k by k as a register tile reads them, so that the
 * tile's loop has no strides and its data stay in the caches: a panel of b in the first, the block
 * of a in the second (Van Zee & van de Geijn, ACM TOMS 41(3), 2015). An instruction set gives the
 * size of its tile and three functions. Partial sums wait in c between blocks of k: a float stored
 * and loaded is the same float, so blocks change no bit.
 */
#ifndef INK_KERNEL_GEMM_H
#define INK_KERNEL_GEMM_H

#include "kernel/kernel.h"

/*
 * A part of an operand: `wide` along m or n, `deep` along k. One of the strides is 1. It is packed
 * into panels, each `panel` wide, one `panel_bytes` behind the other.
 */
typedef struct ink_gemm_part {
    const float *from;
    size_t wide, deep, wide_stride, deep_stride;
    size_t panel, panel_bytes;
} ink_gemm_part;

/* c[rows][columns] of one tile; `add` as in ink_gemm. */
typedef struct ink_gemm_tile {
    const void *a, *b; /* packed panels */
    size_t k;          /* a multiple of `step` */
    float *c;
    size_t c_row, rows, columns;
    bool add;
} ink_gemm_tile;

/* How the k of a panel follow each other: as they come, or of each pair the odd one first. */
typedef enum ink_gemm_order { INK_GEMM_IN_TURN, INK_GEMM_ODD_FIRST } ink_gemm_order;

static inline size_t ink_gemm_place(size_t l, ink_gemm_order order)
{
    return order == INK_GEMM_ODD_FIRST ? l ^ 1 : l;
}

typedef void ink_gemm_pack_fn(void *out, const ink_gemm_part *part);
typedef void ink_gemm_tile_fn(const ink_gemm_tile *tile);

typedef struct ink_gemm_kernels {
    size_t rows, columns; /* of a tile at most */
    size_t row_step;      /* with rows a multiple of it a tile is as quick as it can be */
    size_t step;          /* of k: packing fills up to a multiple of it, with zeros */
    size_t a_bytes;       /* of a panel of a, for each k */
    size_t b_bytes;       /* of a panel of b, for each k */
    ink_gemm_pack_fn *pack_a, *pack_b;
    ink_gemm_tile_fn *tile;
} ink_gemm_kernels;

void ink_gemm_run(const ink_gemm *gemm, const ink_gemm_kernels *kernels);

#endif
