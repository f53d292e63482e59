/*
 * The quantized matmuls. A few columns are multiplied straight from the tiles; for more, a stretch
 * of k of one tile is unpacked into a panel that stays in the L1 cache while all columns pass by,
 * their sums waiting in y.
 */
#include "kernel/x86/expand256_avx2.h"
#include "kernel/x86/matmul_avx2.h"

#define MAX_DIRECT_COLS 2

typedef void unpack_fn(panel_group *panel, const uint8_t *block, size_t n_blocks);

typedef struct format_kernels {
    const expander *expand;
    product_fn *direct[MAX_DIRECT_COLS]; /* by columns - 1 */
    unpack_fn *unpack;
    const panel_products *panel;
} format_kernels;

static size_t at_most(size_t n, size_t limit)
{
    return n < limit ? n : limit;
}

/* Blocks in `k` elements of a row. */
static size_t count_blocks(const format_kernels *format, size_t k)
{
    return k / INK_Q8_GROUP / (size_t)format->expand->n_groups;
}

static void multiply_direct(const ink_matmul *m, const format_kernels *format)
{
    const size_t n_blocks = count_blocks(format, m->k);
    stretch s = {m->tiles, n_blocks, m->x, m->x_stride, m->y, m->y_stride, 0, false};
    for (size_t row = 0; row < m->n_rows; row += INK_TILE_ROWS) {
        s.n_rows = at_most(m->n_rows - row, INK_TILE_ROWS);
        format->direct[m->n_cols - 1](&s);
        s.blocks += n_blocks * format->expand->block_bytes;
        s.y += INK_TILE_ROWS;
    }
}

static void multiply_columns(const ink_matmul *m, stretch s, const panel_products *products)
{
    for (size_t col = 0; col < m->n_cols; col += MAX_COLS) {
        (*products)[at_most(m->n_cols - col, MAX_COLS) - 1](&s);
        s.x += MAX_COLS * s.x_stride;
        s.y += MAX_COLS * s.y_stride;
    }
}

/* Stretches of k outside, tiles inside: a stretch of all columns stays in the L2 cache. */
static void multiply_panels(const ink_matmul *m, const format_kernels *format)
{
    const size_t tile_bytes = count_blocks(format, m->k) * format->expand->block_bytes;
    const uint8_t *start = m->tiles;
    for (size_t k = 0; k < m->k; k += PANEL_K) {
        const size_t n_k = at_most(m->k - k, PANEL_K), n_blocks = count_blocks(format, n_k);
        stretch s = {.blocks = m->scratch,
                     .n_blocks = n_k / INK_Q8_GROUP,
                     .x = (const ink_q8 *)m->x + k / INK_Q8_GROUP,
                     .x_stride = m->x_stride,
                     .y = m->y,
                     .y_stride = m->y_stride,
                     .resumes = k > 0};
        for (size_t row = 0; row < m->n_rows; row += INK_TILE_ROWS) {
            format->unpack(m->scratch, start + row / INK_TILE_ROWS * tile_bytes, n_blocks);
            s.n_rows = at_most(m->n_rows - row, INK_TILE_ROWS);
            multiply_columns(m, s, format->panel);
            s.y += INK_TILE_ROWS;
        }
        start += n_blocks * format->expand->block_bytes;
    }
}

static void multiply(const ink_matmul *m, const format_kernels *format)
{
    if (m->n_cols == 0)
        return;
    if (m->n_cols <= MAX_DIRECT_COLS)
        multiply_direct(m, format);
    else
        multiply_panels(m, format);
}

TEMPLATE void store_scales(traits t, panel_group *panel, int half, row_scales scales)
{
    _mm256_store_ps(panel->d + 8 * half, scales.d);
    if (t.kind != INK_GROUP_PLAIN)
        _mm256_store_ps(panel->m[0] + 8 * half, scales.m[0]);
    if (t.kind == INK_GROUP_M16)
        _mm256_store_ps(panel->m[1] + 8 * half, scales.m[1]);
    if (t.is_scaled)
        _mm256_store_si256((__m256i *)panel->scale[8 * half], scales.scale);
}

TEMPLATE void unpack_group(expander f, panel_group *panel, place at)
{
    foreach (h, 2) {
        store_scales(f.traits, panel, h, f.scales(at, h));
        foreach (unit, N_UNITS)
            _mm256_store_si256((__m256i *)(panel->code[unit] + 32 * h), f.code(at, unit, h));
    }
}

TEMPLATE void unpack_blocks(expander f, panel_group *panel, const uint8_t *block, size_t n_blocks)
{
    for (size_t b = 0; b < n_blocks; b++, block += f.block_bytes)
        foreach (group, f.n_groups)
            unpack_group(f, panel++, (place){block, group});
}

#define COLUMNS(name, n)                       \
    static void name##_##n(const stretch *s)   \
    {                                          \
        multiply_stretch(expand_##name, n, s); \
    }

/* name, groups of a block, kind of codes, scales_fn */
#define FORMATS(X)                         \
    X(q8_0, 1, bytes, scales_d)            \
    X(q4_0, 1, nibbles, scales_d)          \
    X(q4_1, 1, nibbles_m, scales_d_m)      \
    X(q5_0, 1, five_bits, scales_d)        \
    X(q5_1, 1, five_bits_m, scales_d_m)    \
    X(iq4_nl, 1, bytes, scales_d)          \
    X(mxfp4, 1, five_bits, scales_mxfp4)   \
    X(g3, 1, five_bits, scales_d)          \
    X(q2_k, 8, two_bits_m16, scales_q2_k)  \
    X(q3_k, 8, three_bits_16, scales_q3_k) \
    X(q4_k, 8, nibbles_m, scales_k)        \
    X(q5_k, 8, five_bits_m, scales_k)      \
    X(q6_k, 8, six_bits_16, scales_q6_k)   \
    X(iq4_xs, 8, bytes, scales_iq4_xs)     \
    X(tq1_0, 8, trits, scales_tq1_0)       \
    X(tq2_0, 8, trits, scales_tq2_0)

#define X(name, groups, kind, scales_)                                                   \
    static const expander expand_##name = {                                              \
        .traits = {TRAITS_##kind},                                                       \
        .code = code_##name,                                                             \
        .scales = scales_,                                                               \
        .block_bytes = INK_TILE_ROWS * sizeof(ink_block_##name),                         \
        .n_groups = groups,                                                              \
        .is_streamed = true,                                                             \
    };                                                                                   \
    COLUMNS(name, 1)                                                                     \
    COLUMNS(name, 2)                                                                     \
    static void unpack_##name(panel_group *panel, const uint8_t *block, size_t n_blocks) \
    {                                                                                    \
        unpack_blocks(expand_##name, panel, block, n_blocks);                            \
    }                                                                                    \
    static const format_kernels kernels_##name = {                                       \
        &expand_##name, {name##_1, name##_2}, unpack_##name, &ink_panel_##kind##_avx2};  \
    void ink_matmul_##name##_avx2(const ink_matmul *m)                                   \
    {                                                                                    \
        multiply(m, &kernels_##name);                                                    \
    }
FORMATS(X)
