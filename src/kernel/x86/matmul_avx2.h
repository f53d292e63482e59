/*
 * What the AVX2 files of the quantized matmul share: how codes of each kind are multiplied, and the panel, a stretch of
 * one tile's k expanded once for many columns. Every format unpacks to one of a few kinds, so panels need few kernels.
 */
#ifndef INK_KERNEL_X86_MATMUL_AVX2_H
#define INK_KERNEL_X86_MATMUL_AVX2_H

#include "kernel/x86/product_avx2.h"

/* How the codes of a kind are multiplied: run, offset, is_signed, is_scaled, kind. */
#define TRITS {8, 1, false, false, INK_GROUP_PLAIN}
#define NIBBLES {8, 8, false, false, INK_GROUP_PLAIN}
#define NIBBLES_M {8, 0, false, false, INK_GROUP_M32}
#define FIVE_BITS {4, 16, false, false, INK_GROUP_PLAIN}
#define FIVE_BITS_M {4, 0, false, false, INK_GROUP_M32}
#define TWO_BITS_M16 {4, 0, false, true, INK_GROUP_M16}
#define THREE_BITS_16 {4, 4, false, true, INK_GROUP_PLAIN}
#define SIX_BITS_16 {2, 32, false, true, INK_GROUP_PLAIN}
#define BYTES {1, 0, true, false, INK_GROUP_PLAIN}

/* Kinds of codes in panels. */
#define PANELS(X)                    \
    X(trits, TRITS)                  \
    X(nibbles, NIBBLES)              \
    X(nibbles_m, NIBBLES_M)          \
    X(five_bits, FIVE_BITS)          \
    X(five_bits_m, FIVE_BITS_M)      \
    X(two_bits_m16, TWO_BITS_M16)    \
    X(three_bits_16, THREE_BITS_16)  \
    X(six_bits_16, SIX_BITS_16)      \
    X(bytes, BYTES)

/* A group as its code_fn and scales_fn give it. */
typedef struct panel_group {
    uint8_t code[N_UNITS][UNIT_BYTES];
    float d[INK_TILE_ROWS], m[2][INK_TILE_ROWS];
    int16_t scale[INK_TILE_ROWS][2];
} panel_group;

_Static_assert(sizeof(panel_group) <= INK_PANEL_TILES * INK_PANEL_GROUP_BYTES, "scratch");

/* Groups of a panel: 768 of k, 18 KiB, so that it and a few columns fit 32 KiB of L1 cache. */
#define PANEL_GROUPS 24

/* By columns - 1. A stretch's blocks are panel_groups. */
typedef product_fn *panel_products[MAX_COLS];

#define X(name, traits) extern const panel_products ink_panel_##name##_avx2;
PANELS(X)
#undef X

#endif
