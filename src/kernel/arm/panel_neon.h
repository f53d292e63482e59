/*
 * Matrix times many columns, for every ARM instruction set: a stretch of k of one tile is unpacked
 * into a panel that stays in the L1 cache while all columns pass by, their sums waiting in y.
 *
 * A panel is two halves of eight rows, so that eight rows by four columns fill the registers. Its
 * codes are signed and lie as the product wants them (put_codes, in the file that includes this).
 * Many formats have the same kind of panel. Scales of 16 values that leave room in a byte are
 * multiplied into the codes (folded).
 */
#ifndef INK_KERNEL_ARM_PANEL_NEON_H
#define INK_KERNEL_ARM_PANEL_NEON_H

#include "kernel/arm/expand256_neon.h"

#define HALF_ROWS (INK_TILE_ROWS / 2)
#define HALF_QUARTERS (QUARTERS / 2)

typedef struct panel_half {
    int8_t code[N_UNITS / 2][2 * 4 * HALF_ROWS]; /* eight of k of eight rows */
    float d[HALF_ROWS];
    union {
        float m[2][HALF_ROWS];
        int32_t scale[2][HALF_ROWS];
    } more;
} panel_half;

/* Elements of a panel: 20 KiB, so that it and a few columns fit 32 KiB of L1 cache. */
#define PANEL_K 768

_Static_assert(PANEL_K <= INK_PANEL_GROUPS * INK_Q8_GROUP &&
                   2 * sizeof(panel_half) <= INK_PANEL_TILES * INK_PANEL_GROUP_BYTES,
               "a panel fits the scratch that callers give");

/* Kinds of panels: largest code, is_scaled, what is added. */
#define PANEL_KINDS(X)          \
    X(bytes, 128, false, PLAIN) \
    X(small, 31, false, PLAIN)  \
    X(small_m, 31, false, M32)  \
    X(folded_m, 45, false, M16) \
    X(scaled, 32, true, PLAIN)

/* By columns - 1. A stretch's blocks are panel_halves. */
typedef product_fn *panel_products[MAX_COLS];
typedef void unpack_fn(panel_half *halves, const uint8_t *block, size_t n_blocks);

typedef struct panel_format {
    const expander *expand;
    unpack_fn *unpack;
    const panel_products *products;
} panel_format;

/* ---- Unpacking. */

/* Codes of units 2 * pair and 2 * pair + 1 of a quarter of the half's rows, into their place. */
TEMPLATE void put_codes(panel_half *half, int pair, int quarter, int8x16_t first, int8x16_t second);

TEMPLATE bool folds(expander f)
{
    return f.traits.is_scaled && f.traits.kind == INK_GROUP_M16;
}

TEMPLATE int8x16_t signed_code(expander f, const row_scales *scales, int group, int unit, int q,
                               uint8x16_t code)
{
    if (f.shift(group))
        code = move_bits(code, f.shift(group), 0);
    if (folds(f)) {
        int32x4_t four = vmulq_n_s32(scales->scale[unit / (N_UNITS / 2)][q], 0x01010101);
        return vmulq_s8(as_codes(code), vreinterpretq_s8_s32(four));
    }
    if (f.traits.offset)
        return vsubq_s8(as_codes(code), vdupq_n_s8((int8_t)f.traits.offset));
    return as_codes(code);
}

/* Four units, which are two pairs: as they come, 0 1 2 3 or 0 4 1 5. */
TEMPLATE void put_units(expander f, panel_half *const halves[2], const row_scales *scales,
                        place *at, int first)
{
    int8x16_t code[4][QUARTERS];
    const int second = f.traits.is_halved ? 1 : 2, next = f.traits.is_halved ? 2 : 1;
    foreach (i, 4) {
        const int unit = unit_at(f.traits, first + i);
        f.code(code[i], at, unit);
        foreach (q, QUARTERS)
            code[i][q] =
                signed_code(f, scales, at->group, unit, q, vreinterpretq_u8_s8(code[i][q]));
    }
    foreach (q, QUARTERS)
        foreach (p, 2)
            put_codes(halves[q / HALF_QUARTERS], unit_at(f.traits, first + p * second) / 2,
                      q % HALF_QUARTERS, code[p * second][q], code[p * second + next][q]);
}

TEMPLATE void put_scales(expander f, panel_half *half, const row_scales *scales, int q)
{
    const int row = QUARTER * (q % HALF_QUARTERS);
    vst1q_f32(half->d + row, scales->d[q]);
    foreach (i, 2) {
        if (f.traits.kind == INK_GROUP_M16 || (f.traits.kind == INK_GROUP_M32 && i == 0))
            vst1q_f32(half->more.m[i] + row, scales->m[i][q]);
        else if (f.traits.is_scaled)
            vst1q_s32(half->more.scale[i] + row, scales->scale[i][q]);
    }
}

/* halves: [2][n_groups] */
TEMPLATE void unpack_blocks(expander f, panel_half *halves, const uint8_t *block, size_t n_blocks)
{
    panel_half *half[2] = {halves, halves + n_blocks * (size_t)f.n_groups};
    for (size_t b = 0; b < n_blocks; b++, block += f.block_bytes) {
        row_heads heads;
        f.heads(&heads, block);
        foreach (group, f.n_groups) {
            place at = {.block = block, .group = group};
            row_scales scales;
            f.scales(&scales, &heads, &at);
            foreach (q, QUARTERS)
                put_scales(f, half[q / HALF_QUARTERS], &scales, q);
            foreach (i, N_UNITS / 4)
                put_units(f, half, &scales, &at, 4 * i);
            half[0]++, half[1]++;
        }
    }
}

/* ---- Going through a matrix. */

static inline size_t at_most(size_t n, size_t limit)
{
    return n < limit ? n : limit;
}

/* Blocks in `k` elements of a row. */
static inline size_t count_blocks(const expander *f, size_t k)
{
    return k / INK_Q8_GROUP / (size_t)f->n_groups;
}

static inline void multiply_columns(const ink_matmul *m, stretch s, const panel_products *products)
{
    for (size_t col = 0; col < m->n_cols; col += MAX_COLS) {
        (*products)[at_most(m->n_cols - col, MAX_COLS) - 1](&s);
        s.x += MAX_COLS * s.x_stride;
        s.y += MAX_COLS * s.y_stride;
    }
}

/* Stretches of k outside, tiles inside: a stretch of all columns stays in the L2 cache. */
static inline void multiply_panels(const ink_matmul *m, const panel_format *format)
{
    const expander *f = format->expand;
    const size_t tile_bytes = count_blocks(f, m->k) * f->block_bytes;
    const uint8_t *start = m->tiles;
    panel_half *halves = m->scratch;
    for (size_t k = 0; k < m->k; k += PANEL_K) {
        const size_t n_k = at_most(m->k - k, PANEL_K), n_blocks = count_blocks(f, n_k);
        stretch s = {.n_blocks = n_k / INK_Q8_GROUP,
                     .x = (const ink_q8 *)m->x + k / INK_Q8_GROUP,
                     .x_stride = m->x_stride,
                     .y = m->y,
                     .y_stride = m->y_stride,
                     .resumes = k > 0};
        for (size_t row = 0; row < m->n_rows; row += HALF_ROWS, s.y += HALF_ROWS) {
            const size_t half = row / HALF_ROWS % 2;
            if (half == 0)
                format->unpack(halves, start + row / INK_TILE_ROWS * tile_bytes, n_blocks);
            s.blocks = (const uint8_t *)(halves + half * s.n_blocks);
            s.n_rows = at_most(m->n_rows - row, HALF_ROWS);
            multiply_columns(m, s, format->products);
        }
        start += n_blocks * f->block_bytes;
    }
}

/* Every format's unpack function and panel_format, panels_<name>. */
#define PANEL_FORMAT(name, groups, largest, offset, scaled, halved, kind, heads, scales, shift, \
                     panel)                                                                     \
    static void unpack_##name(panel_half *halves, const uint8_t *block, size_t n_blocks)        \
    {                                                                                           \
        unpack_blocks(expand_##name, halves, block, n_blocks);                                  \
    }                                                                                           \
    static const panel_format panels_##name = {&expand_##name, unpack_##name, &panel_##panel};

#endif
