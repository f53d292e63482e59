/*
 * The product over panels: a panel is a format of its own, whose codes need no unpacking. One kernel per kind of codes
 * and number of columns.
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

#define COLUMNS(name, n)                            \
    static void name##_##n(const stretch *s)        \
    {                                               \
        multiply_stretch(expand_##name, n, s);      \
    }

#define X(name, traits)                                                                                           \
    static const expander expand_##name = {traits, code_panel, scales_panel, sizeof(panel_group), 1, false};      \
    COLUMNS(name, 1)                                                                                              \
    COLUMNS(name, 2)                                                                                              \
    COLUMNS(name, 3)                                                                                              \
    COLUMNS(name, 4)                                                                                              \
    const panel_products ink_panel_##name##_avx2 = {name##_1, name##_2, name##_3, name##_4};
PANELS(X)
#undef X
