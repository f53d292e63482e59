/*
 * The quantized matmuls of an instruction set whose dot header was included before this. A few
 * columns are multiplied straight from the tiles; more go through panels, which are a format of
 * their own, whose codes need no unpacking.
 */
#ifndef INK_KERNEL_ARM_MATMUL_NEON_H
#define INK_KERNEL_ARM_MATMUL_NEON_H

#include "kernel/arm/panel_neon.h"
#include "kernel/arm/product_neon.h"

#define MAX_DIRECT_COLS 4

/* Each pair of units is two units of eight rows. */
TEMPLATE void put_codes(panel_half *half, int pair, int quarter, int8x16_t first, int8x16_t second)
{
    vst1q_s8(half->code[pair] + 16 * quarter, first);
    vst1q_s8(half->code[pair] + 4 * HALF_ROWS + 16 * quarter, second);
}

/* Two units of eight rows are as one of sixteen. */
TEMPLATE void code_panel(int8x16_t out[QUARTERS], place *at, int unit)
{
    const panel_half *half = (const panel_half *)(const void *)at->block;
    if (unit % 2 == 0)
        at->held_low = next_unit(&at->low, unit / 2, (const uint8_t *)half->code);
    foreach (q, HALF_QUARTERS)
        out[q] = as_codes(at->held_low.val[unit % 2 * HALF_QUARTERS + q]);
}

TEMPLATE void heads_panel(row_heads *out, const uint8_t *block)
{
    (void)out, (void)block;
}

/* What a kind of panel does not have is loaded here too, and dropped by the compiler. */
TEMPLATE void scales_panel(row_scales *out, const row_heads *heads, const place *at)
{
    const panel_half *half = (const panel_half *)(const void *)at->block;
    (void)heads;
    foreach (q, HALF_QUARTERS) {
        out->d[q] = vld1q_f32(half->d + QUARTER * q);
        foreach (i, 2) {
            out->m[i][q] = vld1q_f32(half->more.m[i] + QUARTER * q);
            out->scale[i][q] = vld1q_s32(half->more.scale[i] + QUARTER * q);
        }
    }
}

#define PANEL_COLUMNS(kind, n)                       \
    static void panel_##kind##_##n(const stretch *s) \
    {                                                \
        multiply_stretch(expand_panel_##kind, s, n); \
    }

#define PANEL_KIND(name, largest_, scaled_, kind_)                                        \
    static const expander expand_panel_##name = {                                         \
        .traits = {.largest = largest_, .is_scaled = scaled_, .kind = INK_GROUP_##kind_}, \
        .code = code_panel,                                                               \
        .heads = heads_panel,                                                             \
        .scales = scales_panel,                                                           \
        .shift = no_shift,                                                                \
        .block_bytes = sizeof(panel_half),                                                \
        .n_groups = 1,                                                                    \
        .n_quarters = HALF_QUARTERS,                                                      \
    };                                                                                    \
    PANEL_COLUMNS(name, 1)                                                                \
    PANEL_COLUMNS(name, 2)                                                                \
    PANEL_COLUMNS(name, 3)                                                                \
    PANEL_COLUMNS(name, 4)                                                                \
    static const panel_products panel_##name = {panel_##name##_1, panel_##name##_2,       \
                                                panel_##name##_3, panel_##name##_4};

typedef product_fn *direct_products[DIRECT_WIDTH]; /* by columns - 1 */

static void multiply_direct(const ink_matmul *m, const expander *f, const direct_products *products)
{
    const size_t n_blocks = count_blocks(f, m->k);
    stretch s = {.blocks = m->tiles, .n_blocks = n_blocks};
    s.x_stride = m->x_stride;
    s.y_stride = m->y_stride;
    for (size_t row = 0; row < m->n_rows; row += INK_TILE_ROWS) {
        s.n_rows = at_most(m->n_rows - row, INK_TILE_ROWS);
        for (size_t col = 0; col < m->n_cols; col += DIRECT_WIDTH) {
            s.x = (const ink_q8 *)m->x + col * m->x_stride;
            s.y = m->y + col * m->y_stride + row;
            (*products)[at_most(m->n_cols - col, DIRECT_WIDTH) - 1](&s);
        }
        s.blocks += n_blocks * f->block_bytes;
    }
}

#define DIRECT_COLUMNS(name, n)                \
    static void name##_##n(const stretch *s)   \
    {                                          \
        multiply_stretch(expand_##name, s, n); \
    }

#endif
