#include "kernel/x86/matmul_avx2.h"
#include "kernel/x86/expand_avx2.h"

INLINE __m256i code_panel(const uint8_t *block, int group, int unit, int half)
{
    (void)group;
    return unit4(block, unit, half);
}

INLINE row_scales scales_panel(const uint8_t *block, int group, int half)
{
    const panel_group *panel = (const panel_group *)block;
    (void)group;
    return (row_scales){
        .d = _mm256_load_ps(panel->d + 8 * half),
        .m = {_mm256_load_ps(panel->m[0] + 8 * half), _mm256_load_ps(panel->m[1] + 8 * half)},
        .scale = _mm256_load_si256((const __m256i *)panel->scale[8 * half]),
    };
}

#define X(name, bytes, groups, run, offset, is_signed, is_scaled, kind)                                                \
    static const expander panel_##name = {code_panel, scales_panel, sizeof(panel_group), 1, run, offset,               \
                                          is_signed,  is_scaled,    false,               kind};                        \
    static void name##_1(const stretch *s) { multiply_stretch(expand_##name, 1, s); }                                  \
    static void name##_2(const stretch *s) { multiply_stretch(expand_##name, 2, s); }                                  \
    static void name##_3(const stretch *s) { multiply_stretch(expand_##name, 3, s); }                                  \
    static void p##name##_1(const stretch *s) { multiply_stretch(panel_##name, 1, s); }                                  \
    static void p##name##_2(const stretch *s) { multiply_stretch(panel_##name, 2, s); }                                  \
    static void p##name##_3(const stretch *s) { multiply_stretch(panel_##name, 3, s); }                                  \
    static void p##name##_4(const stretch *s) { multiply_stretch(panel_##name, 4, s); }                                  \
    static void unpack_##name(panel_group *panel, const uint8_t *blocks, size_t n_blocks)                              \
    {                                                                                                                  \
        unpack_blocks(expand_##name, panel, blocks, n_blocks);                                                         \
    }                                                                                                                  \
    static product_fn *const pp_##name[4] = {p##name##_1, p##name##_2, p##name##_3, p##name##_4};                                                         \
    static const matmul_format format_##name = {INK_TILE_ROWS * (bytes), groups, {name##_1, name##_2, name##_3}, unpack_##name, pp_##name};                \
    void ink_matmul_##name##_avx2(const ink_matmul *m);                                                                \
    void ink_matmul_##name##_avx2(const ink_matmul *m) { ink_matmul_avx2(m, &format_##name); }
EXPANDERS(X)

#ifndef COLS
#define COLS 4
#endif
static void mul_direct(const ink_matmul *m, const matmul_format *format)
{
    size_t n_blocks = m->k / INK_Q8_GROUP / format->block_groups;
    stretch s = {.blocks = m->tiles, .n_blocks = n_blocks, .x = m->x, .x_stride = m->x_stride, .y = m->y, .y_stride = m->y_stride};
    for (size_t row = 0; row < m->n_rows; row += 16) {
        s.n_rows = m->n_rows - row < 16 ? m->n_rows - row : 16;
        format->direct[m->n_cols - 1](&s);
        s.blocks += n_blocks * format->block_bytes;
        s.y += 16;
    }
}

void ink_matmul_avx2(const ink_matmul *m, const matmul_format *format)
{
    if (m->n_cols < 4) {
        mul_direct(m, format);
        return;
    }
    size_t n_groups = m->k / INK_Q8_GROUP;
    for (size_t g = 0; g < n_groups; g += PANEL_GROUPS) {
        size_t n = n_groups - g < PANEL_GROUPS ? n_groups - g : PANEL_GROUPS;
        const uint8_t *blocks = (const uint8_t *)m->tiles + g / format->block_groups * format->block_bytes;
        for (size_t row = 0; row < m->n_rows; row += 16) {
            format->unpack(m->scratch, blocks, n / format->block_groups);
            stretch s = {.blocks = m->scratch, .n_blocks = n, .x = (const ink_q8 *)m->x + g, .x_stride = m->x_stride, .y = m->y + row,
                         .y_stride = m->y_stride, .n_rows = m->n_rows - row < 16 ? m->n_rows - row : 16, .resumes = g > 0};
            for (size_t col = 0; col < m->n_cols; col += COLS) {
                size_t c = m->n_cols - col < COLS ? m->n_cols - col : COLS;
                format->panel[c - 1](&s);
                s.x += COLS * m->x_stride;
                s.y += COLS * m->y_stride;
            }
            blocks += n_groups / format->block_groups * format->block_bytes;
        }
    }
}
