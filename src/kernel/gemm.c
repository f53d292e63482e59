#include "kernel/gemm.h"

#include "base/size.h"

#define BLOCK_K 256 /* a multiple of 32: BF16 sums up so many apart */

/* As many panels of BLOCK_K as fit. */
#define A_BYTES ((size_t)256 << 10)
#define B_BYTES ((size_t)384 << 10)

_Static_assert(A_BYTES + B_BYTES == INK_GEMM_SCRATCH_BYTES, "scratch is two blocks");

/* How much of `left` to take at once: at most max, in runs as even as that allows, of `unit`s. */
static size_t even_run(size_t left, size_t max, size_t unit)
{
    size_t run = ink_size_groups(left, ink_size_groups(left, max));
    return ink_size_min(ink_size_groups(run, unit) * unit, left);
}

/* The block that is at work. */
typedef struct block {
    const ink_gemm *g;
    const ink_gemm_kernels *f;
    size_t i, j, l, m, n, k; /* where it begins, how large it is */
    size_t tile_m;
    size_t steps; /* k, filled up */
    char *a, *b;
} block;

static void pack_a(const block *t)
{
    const ink_gemm *g = t->g;
    const float *from = g->a + t->i * g->a_row + t->l * g->a_col;
    t->f->pack_a(t->a, &(ink_gemm_part){from, t->m, t->k, g->a_row, g->a_col, t->tile_m,
                                        t->f->a_bytes * t->steps});
}

static void pack_b(const block *t)
{
    const ink_gemm *g = t->g;
    const float *from = g->b + t->l * g->b_row + t->j * g->b_col;
    t->f->pack_b(t->b, &(ink_gemm_part){from, t->n, t->k, g->b_col, g->b_row, t->f->columns,
                                        t->f->b_bytes * t->steps});
}

/* A panel of b meets all panels of a before the next. */
static void multiply(const block *t)
{
    ink_gemm_tile tile = {
        .k = t->steps, .b = t->b, .c_row = t->g->c_row, .add = t->g->add || t->l > 0};
    for (size_t j = 0; j < t->n; j += t->f->columns) {
        tile.a = t->a;
        tile.columns = ink_size_min(t->f->columns, t->n - j);
        for (size_t i = 0; i < t->m; i += t->tile_m) {
            tile.rows = ink_size_min(t->tile_m, t->m - i);
            tile.c = t->g->c + (t->i + i) * t->g->c_row + t->j + j;
            t->f->tile(&tile);
            tile.a = (const char *)tile.a + t->f->a_bytes * t->steps;
        }
        tile.b = (const char *)tile.b + t->f->b_bytes * t->steps;
    }
}

void ink_gemm_run(const ink_gemm *g, const ink_gemm_kernels *f)
{
    const size_t most_m = A_BYTES / (f->a_bytes * BLOCK_K) * f->rows;
    const size_t most_n = B_BYTES / (f->b_bytes * BLOCK_K) * f->columns;
    block t = {.g = g, .f = f, .a = g->scratch, .b = (char *)g->scratch + A_BYTES};
    for (t.j = 0; t.j < g->n; t.j += t.n) {
        t.n = even_run(g->n - t.j, most_n, f->columns);
        for (t.l = 0; t.l < g->k; t.l += t.k) {
            t.k = even_run(g->k - t.l, BLOCK_K, f->step);
            t.steps = ink_size_groups(t.k, f->step) * f->step;
            pack_b(&t);
            for (t.i = 0; t.i < g->m; t.i += t.m) {
                t.m = even_run(g->m - t.i, most_m, f->rows);
                t.tile_m = even_run(t.m, f->rows, f->row_step);
                pack_a(&t);
                multiply(&t);
            }
        }
    }
}
