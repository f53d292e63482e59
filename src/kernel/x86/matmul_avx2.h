/*
 * What the AVX2 files of the quantized matmul share: the kinds of codes, and the panel, a stretch
 * of one tile's k expanded once for many columns. Many formats have the same kind, so that panels
 * need few kernels.
 */
#ifndef INK_KERNEL_X86_MATMUL_AVX2_H
#define INK_KERNEL_X86_MATMUL_AVX2_H

#include "kernel/x86/product_avx2.h"

/* By kind of codes: run, offset, is_signed, is_scaled, and what is added. */
#define TRAITS_trits 8, 1, false, false, INK_GROUP_PLAIN
#define TRAITS_nibbles 8, 8, false, false, INK_GROUP_PLAIN
#define TRAITS_nibbles_m 8, 0, false, false, INK_GROUP_M32
#define TRAITS_five_bits 4, 16, false, false, INK_GROUP_PLAIN /* G3 has 0 .. 32 */
#define TRAITS_five_bits_m 4, 0, false, false, INK_GROUP_M32
#define TRAITS_two_bits_m16 4, 0, false, true, INK_GROUP_M16
#define TRAITS_three_bits_16 4, 4, false, true, INK_GROUP_PLAIN
#define TRAITS_six_bits_16 2, 32, false, true, INK_GROUP_PLAIN
#define TRAITS_bytes 1, 0, true, false, INK_GROUP_PLAIN

#define CODE_KINDS(X) \
    X(trits)          \
    X(nibbles)        \
    X(nibbles_m)      \
    X(five_bits)      \
    X(five_bits_m)    \
    X(two_bits_m16)   \
    X(three_bits_16)  \
    X(six_bits_16)    \
    X(bytes)

/* A group as its code_fn and scales_fn give it. */
typedef struct panel_group {
    uint8_t code[N_UNITS][UNIT_BYTES];
    float d[INK_TILE_ROWS], m[2][INK_TILE_ROWS];
    int16_t scale[INK_TILE_ROWS][2];
} panel_group;

/* Elements of a panel: 18 KiB, so that it and a few columns fit 32 KiB of L1 cache. */
#define PANEL_K 768

_Static_assert(PANEL_K <= INK_PANEL_GROUPS * INK_Q8_GROUP &&
                   sizeof(panel_group) <= INK_PANEL_TILES * INK_PANEL_GROUP_BYTES,
               "a panel fits the scratch that callers give");

/* By columns - 1. A stretch's blocks are panel_groups. */
typedef product_fn *panel_products[MAX_COLS];

#define X(kind) extern const panel_products ink_panel_##kind##_avx2;
CODE_KINDS(X)
#undef X

#endif
