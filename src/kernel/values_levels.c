#include "kernel/values_levels.h"

enum { MAX_BLOCKS = 512 /* 17 KiB: a page of a head of 256 */, MAX_COLUMNS = 32 };

/* Rows that were expanded to all columns; what was there is rescaled unless it was before. */
static void add_rows(ink_values v, bool rescaled, ink_values_fn *add)
{
    static const float as_it_is[MAX_COLUMNS] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                                1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    for (size_t left = v.n_cols; left > 0; left -= v.n_cols) {
        v.n_cols = left < MAX_COLUMNS ? left : MAX_COLUMNS;
        ink_values part = v;
        if (rescaled)
            part.rescale = as_it_is;
        add(&part);
        v.p += v.n_cols * v.p_stride;
        v.rescale += v.n_cols;
        v.acc += v.n_cols * v.acc_stride;
    }
}

/* As many rows at a time as there is room for. */
void ink_values_levels(const ink_values *v, ink_levels_fn *levels, ink_values_fn *add)
{
    ink_block_q8_0 blocks[MAX_BLOCKS];
    const size_t n_blocks = v->head_dim / INK_Q8_GROUP, most = MAX_BLOCKS / n_blocks;
    for (size_t first = 0, n; first == 0 || first < v->n_rows; first += n) {
        ink_values part = *v;
        n = v->n_rows - first < most ? v->n_rows - first : most;
        for (size_t row = 0; row < n; row++)
            levels(blocks + row * n_blocks, (const uint8_t *)v->rows + (first + row) * v->row_bytes,
                   n_blocks);
        part.n_rows = n;
        part.p = v->p + first;
        part.rows = blocks;
        part.row_bytes = n_blocks * sizeof *blocks;
        add_rows(part, first > 0, add);
    }
}
