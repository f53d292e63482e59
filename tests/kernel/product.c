/*
 * Row one of each matmul against double precision: y = sum over k of decoded w[k] times d q[k].
 *
 * The bound. With u = 2^-24 and n fused multiply-adds in a row's chain, each rounds a partial sum
 * that is no larger than the mass M = sum over k of (|d scale q| + |m|) |x|: n u M. Before it, a
 * term is rounded in d * x.d, in (float)s and in the two sums that m meets: at most 3 u M together.
 * The reference takes decoded weights, whose own roundings (d * scale * q, and + m) are 3 u M at
 * most. (n + 6) u M to first order; (n + 8) covers the second.
 */
#include "facts.h"

#include <math.h>
#include <string.h>
#include "kernel/reference.h"

enum { MAX_K = 1024, N_ROWS = 19, N_COLS = 3, MAX_BLOCK_BYTES = 256, N_REPEATS = 6 };

typedef struct product {
    ink_format format;
    bool takes_q8;
    size_t k, n_blocks, row_bytes;
    unsigned char rows[N_ROWS][MAX_K * 4]; /* file order; row_bytes used of each */
    double weights[N_ROWS][MAX_K], masses[N_ROWS][MAX_K];
    double x[N_COLS][MAX_K];
    ink_q8 groups[N_COLS][MAX_K / INK_Q8_GROUP];
    float floats[N_COLS][MAX_K];
    unsigned char tiles[2][INK_TILE_ROWS * MAX_K * 4];
    _Alignas(64) unsigned char scratch[1 << 20];
    float y[N_COLS][N_ROWS];
} product;

/* |d scale q| + |m| of each weight: what cancels inside a weight still carries its rounding. */
static void measure_masses(product *p, size_t row)
{
    const ink_group_reader *reader = &ink_group_readers[p->format];
    const ink_format_info *info = &ink_formats[p->format];
    for (size_t k = 0; k < p->k; k++)
        p->masses[row][k] = fabs(p->weights[row][k]);
    for (size_t g = 0; reader->read && g < p->k / INK_Q8_GROUP; g++) {
        size_t per_block = info->block_elements / INK_Q8_GROUP;
        uint32_t block[MAX_BLOCK_BYTES / 4];
        ink_group group;
        memcpy(block, p->rows[row] + g / per_block * info->block_bytes, info->block_bytes);
        reader->read(&group, block, g % per_block);
        for (size_t i = 0; i < INK_Q8_GROUP; i++) {
            double code = (double)group.d * group.scale[i / 16] * group.q[i];
            double m = reader->kind == INK_GROUP_M32 || reader->kind == INK_GROUP_M16
                           ? (double)group.m[i / 16]
                           : 0;
            p->masses[row][g * INK_Q8_GROUP + i] = fabs(code) + fabs(m);
        }
    }
}

static void draw_weights(product *p, rng *r)
{
    for (size_t row = 0; row < N_ROWS; row++) {
        float decoded[MAX_K];
        fill_blocks(r, p->format, p->rows[row], p->n_blocks, BLOCKS_SANE);
        ink_decode_rows(p->format, decoded, p->rows[row], p->n_blocks);
        for (size_t k = 0; k < p->k; k++)
            p->weights[row][k] = (double)decoded[k];
        measure_masses(p, row);
        size_t tile = row / INK_TILE_ROWS, tile_bytes = p->row_bytes * INK_TILE_ROWS;
        ink_tile_put_row(p->format, p->tiles[0] + tile * tile_bytes, p->rows[row],
                         row % INK_TILE_ROWS, p->n_blocks);
    }
}

static void draw_activations(product *p, rng *r, float_kind kind)
{
    for (size_t col = 0; col < N_COLS; col++) {
        fill_floats(r, p->floats[col], p->k, kind);
        for (size_t k = 0; k < p->k; k++)
            p->x[col][k] = (double)p->floats[col][k];
        if (!p->takes_q8)
            continue;
        ink_quantize_q8_c(p->groups[col], p->floats[col], p->k / INK_Q8_GROUP);
        for (size_t k = 0; k < p->k; k++) {
            const ink_q8 *group = &p->groups[col][k / INK_Q8_GROUP];
            p->x[col][k] = (double)group->d * group->q[k % INK_Q8_GROUP];
        }
    }
}

static void multiply(product *p)
{
    ink_matmul m = {.tiles = p->tiles, .k = p->k, .n_rows = N_ROWS, .n_cols = N_COLS, .y = p->y[0]};
    m.x = p->takes_q8 ? (const void *)p->groups : p->floats;
    m.x_stride = p->takes_q8 ? MAX_K / INK_Q8_GROUP : MAX_K;
    m.y_stride = N_ROWS;
    m.scratch = p->scratch;
    ink_kernels kernels;
    ink_kernels_init(&kernels, INK_CPU_C);
    kernels.matmul[p->format](&m);
}

/* The largest error as a part of what is allowed. */
static double compare(const product *p, finding *f)
{
    static const size_t chain[] = {
        [INK_GROUP_PLAIN] = 1, [INK_GROUP_M32] = 2, [INK_GROUP_M16] = 3, [INK_GROUP_ROTATED] = 1};
    size_t n = p->takes_q8 ? p->k / INK_Q8_GROUP * chain[ink_group_readers[p->format].kind] : p->k;
    double worst = 0;
    for (size_t col = 0; col < N_COLS; col++) {
        for (size_t row = 0; row < N_ROWS; row++) {
            double want = 0, mass = 0;
            for (size_t k = 0; k < p->k; k++) {
                want += p->weights[row][k] * p->x[col][k];
                mass += p->masses[row][k] * fabs(p->x[col][k]);
            }
            double off = fabs((double)p->y[col][row] - want),
                   allowed = (double)(n + 8) * 0x1p-24 * mass;
            if (!(off <= allowed))
                finding_fail(f, "y[%zu][%zu] is %.9g, in double %.9g: off %.3g, allowed %.3g", col,
                             row, (double)p->y[col][row], want, off, allowed);
            worst = fmax(worst, off / allowed);
        }
    }
    return worst;
}

void check_product(size_t i, rng *r, finding *f)
{
    static product p;
    static const float_kind kinds[] = {FLOATS_UNIFORM, FLOATS_GAUSSIAN, FLOATS_OUTLIERS,
                                       FLOATS_CONSTANT};
    const ink_format_info *info = &ink_formats[i];
    p.format = (ink_format)i;
    p.takes_q8 = ink_format_takes_q8(p.format);
    if (ink_group_readers[i].kind == INK_GROUP_DECODED) {
        finding_skip(f, "no product of its own: it is decoded and multiplied as F32");
        return;
    }
    p.k = MAX_K;
    p.n_blocks = MAX_K / info->block_elements;
    p.row_bytes = p.n_blocks * info->block_bytes;
    if (ink_matmul_scratch_bytes(p.k) > sizeof p.scratch) {
        finding_fail(f, "scratch of %zu bytes is more than this check holds",
                     ink_matmul_scratch_bytes(p.k));
        return;
    }
    double worst = 0;
    for (size_t repeat = 0; repeat < N_REPEATS; repeat++) {
        draw_weights(&p, r);
        draw_activations(&p, r, kinds[repeat % (sizeof kinds / sizeof *kinds)]);
        multiply(&p);
        worst = fmax(worst, compare(&p, f));
    }
    finding_note(f, "error at most %.1f%% of what rounding allows", worst * 100);
}
