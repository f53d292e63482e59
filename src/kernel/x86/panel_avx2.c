/*
 * The product over panels: a panel is a format of its own, whose codes need no unpacking. One
 * kernel per kind of codes and number of columns.
 */
#include "kernel/x86/matmul_avx2.h"

TEMPLATE __m256i code_panel(place at, int unit, int half)
{
    const panel_group *group = (const panel_group *)at.block;
    return _mm256_load_si256((const __m256i *)(group->code[unit] + 32 * half));
}

/* What a kind of codes does not have is loaded here too, and dropped by the compiler. */
TEMPLATE row_scales scales_panel(place at, int half)
{
    const panel_group *group = (const panel_group *)at.block;
    return (row_scales){
        .d = _mm256_load_ps(group->d + 8 * half),
        .m = {_mm256_load_ps(group->m[0] + 8 * half), _mm256_load_ps(group->m[1] + 8 * half)},
        .scale = _mm256_load_si256((const __m256i *)group->scale[8 * half]),
    };
}

#define COLUMNS(kind, n)                       \
    static void kind##_##n(const stretch *s)   \
    {                                          \
        multiply_stretch(expand_##kind, n, s); \
    }

#define X(kind)                             \
    static const expander expand_##kind = { \
        .traits = {TRAITS_##kind},          \
        .code = code_panel,                 \
        .scales = scales_panel,             \
        .block_bytes = sizeof(panel_group), \
        .n_groups = 1,                      \
    };                                      \
    COLUMNS(kind, 1)                        \
    COLUMNS(kind, 2)                        \
    COLUMNS(kind, 3)                        \
    COLUMNS(kind, 4)                        \
    const panel_products ink_panel_##kind##_avx2 = {kind##_1, kind##_2, kind##_3, kind##_4};
CODE_KINDS(X)
#undef X
