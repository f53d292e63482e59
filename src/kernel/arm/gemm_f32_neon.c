/*
 * Products of float arrays: fused multiply-adds in increasing k, in register tiles of 8 x 12: 24
 * sums, three vectors of b, and two of a, whose lanes are taken one by one. What lanes hold past an
 * edge is not stored.
 */
#include "kernel/arm/template_neon.h"
#include "kernel/gemm.h"

#define TILE_ROWS 8
#define TILE_VECTORS 3
#define A_VECTORS (TILE_ROWS / QUARTER)

/* ---- Packing */

/* Element i of vector j becomes element j of vector i. */
TEMPLATE void transpose(float32x4_t x[QUARTER])
{
    float32x4x2_t low = vtrnq_f32(x[0], x[1]), high = vtrnq_f32(x[2], x[3]);
    x[0] = vcombine_f32(vget_low_f32(low.val[0]), vget_low_f32(high.val[0]));
    x[1] = vcombine_f32(vget_low_f32(low.val[1]), vget_low_f32(high.val[1]));
    x[2] = vcombine_f32(vget_high_f32(low.val[0]), vget_high_f32(high.val[0]));
    x[3] = vcombine_f32(vget_high_f32(low.val[1]), vget_high_f32(high.val[1]));
}

/* At most 4 whose k lie side by side; `stride` floats of the panel from k to k. */
TEMPLATE void pack_columns(float *out, size_t stride, const ink_gemm_part *p, size_t first,
                           size_t n_wide)
{
    const float *from[QUARTER];
    foreach (i, QUARTER)
        from[i] =
            p->from + (first + ((size_t)i < n_wide ? (size_t)i : n_wide - 1)) * p->wide_stride;
    for (size_t l = 0; l < p->deep; l += QUARTER) {
        const size_t n = p->deep - l;
        float32x4_t x[QUARTER];
        foreach (i, QUARTER)
            x[i] = load_quarter(from[i] + l, n, 0);
        transpose(x);
        foreach (i, QUARTER)
            if ((size_t)i < n)
                vst1q_f32(out + (l + (size_t)i) * stride, x[i]);
    }
}

TEMPLATE void copy_row(float *to, const float *from, size_t n, int vectors)
{
    foreach (v, vectors)
        vst1q_f32(to + QUARTER * v, load_quarter(from, n, v));
}

/* Side by side for each k: all panels at once, so that memory is read as it lies. */
TEMPLATE void pack_rows(float *out, const ink_gemm_part *p, int vectors)
{
    const size_t next = p->panel_bytes / sizeof *out, stride = QUARTER * (size_t)vectors;
    for (size_t l = 0; l < p->deep; l++) {
        const float *from = p->from + l * p->deep_stride;
        float *to = out + l * stride;
        size_t left = p->wide;
        for (; left >= p->panel; left -= p->panel, from += p->panel, to += next)
            copy_row(to, from, p->panel, vectors);
        if (left)
            copy_row(to, from, left, vectors);
    }
}

TEMPLATE void pack_part(float *out, const ink_gemm_part *p, int vectors)
{
    const size_t stride = QUARTER * (size_t)vectors;
    if (p->wide_stride == 1) {
        pack_rows(out, p, vectors);
        return;
    }
    for (size_t first = 0; first < p->wide;
         first += p->panel, out += p->panel_bytes / sizeof *out) {
        const size_t n = p->wide - first < p->panel ? p->wide - first : p->panel;
        for (size_t i = 0; i < n; i += QUARTER)
            pack_columns(out + i, stride, p, first + i, n - i < QUARTER ? n - i : QUARTER);
    }
}

static void pack_a(void *out, const ink_gemm_part *part)
{
    pack_part(out, part, A_VECTORS);
}

static void pack_b(void *out, const ink_gemm_part *part)
{
    pack_part(out, part, TILE_VECTORS);
}

/* ---- One tile */

/* acc + x * one lane of y; `lane` is constant. */
TEMPLATE float32x4_t add_lane(float32x4_t acc, float32x4_t x, float32x4_t y, int lane)
{
    switch (lane) {
    case 0:
        return vfmaq_laneq_f32(acc, x, y, 0);
    case 1:
        return vfmaq_laneq_f32(acc, x, y, 1);
    case 2:
        return vfmaq_laneq_f32(acc, x, y, 2);
    default:
        return vfmaq_laneq_f32(acc, x, y, 3);
    }
}

TEMPLATE void multiply(const ink_gemm_tile *t, int rows, int vectors)
{
    const float *a = t->a, *b = t->b;
    float32x4_t acc[TILE_ROWS][TILE_VECTORS];
    foreach (i, rows)
        foreach (v, vectors)
            acc[i][v] =
                t->add ? load_quarter(t->c + (size_t)i * t->c_row, t->columns, v) : vdupq_n_f32(0);
    for (size_t l = 0; l < t->k; l++, a += TILE_ROWS, b += TILE_VECTORS * QUARTER) {
        float32x4_t row[A_VECTORS], column[TILE_VECTORS];
        foreach (v, (rows + QUARTER - 1) / QUARTER)
            row[v] = vld1q_f32(a + QUARTER * v);
        foreach (v, vectors)
            column[v] = vld1q_f32(b + QUARTER * v);
        foreach (i, rows)
            foreach (v, vectors)
                acc[i][v] = add_lane(acc[i][v], column[v], row[i / QUARTER], i % QUARTER);
    }
    foreach (i, rows)
        foreach (v, vectors)
            store_quarter(t->c + (size_t)i * t->c_row, t->columns, v, acc[i][v]);
}

#define TILE(rows, vectors)                                     \
    static void tile_##rows##_##vectors(const ink_gemm_tile *t) \
    {                                                           \
        multiply(t, rows, vectors);                             \
    }
/* clang-format off */
#define TILES(X, vectors) \
    X(1, vectors) X(2, vectors) X(3, vectors) X(4, vectors) \
    X(5, vectors) X(6, vectors) X(7, vectors) X(8, vectors)
/* clang-format on */
TILES(TILE, 1)
TILES(TILE, 2)
TILES(TILE, 3)
#undef TILE

static void multiply_tile(const ink_gemm_tile *t)
{
#define TILE(rows, vectors) tile_##rows##_##vectors,
    static ink_gemm_tile_fn *const tiles[TILE_VECTORS][TILE_ROWS] = {
        {TILES(TILE, 1)}, {TILES(TILE, 2)}, {TILES(TILE, 3)}};
#undef TILE
    tiles[(t->columns - 1) / QUARTER][t->rows - 1](t);
}

void ink_gemm_f32_neon(const ink_gemm *g)
{
    static const ink_gemm_kernels kernels = {
        .rows = TILE_ROWS,
        .columns = TILE_VECTORS * QUARTER,
        .row_step = 1,
        .step = 1,
        .a_bytes = TILE_ROWS * sizeof(float),
        .b_bytes = TILE_VECTORS * QUARTER * sizeof(float),
        .pack_a = pack_a,
        .pack_b = pack_b,
        .tile = multiply_tile,
    };
    ink_gemm_run(g, &kernels);
}
