/*
 * The product of one tile with a few columns of ink_q8, written once for every quantized format.
 *
 * A format is an expander: how to get one unit of codes (4 of k, 8 rows) and the scales of 8 rows.
 * A broadcast of four activations meets one unit; lanes are rows. All sums are exact integers, so
 * any order gives the bits of reference.h; only add_scaled touches floats, in the order given
 * there.
 */
#ifndef INK_KERNEL_X86_PRODUCT_AVX2_H
#define INK_KERNEL_X86_PRODUCT_AVX2_H

#include <string.h>
#include "kernel/reference.h"
#include "kernel/x86/template_avx2.h"

#define N_UNITS (INK_Q8_GROUP / 4)
#define UNIT_BYTES (4 * INK_TILE_ROWS)
#define MAX_COLS 4

/* What a group of 32 has besides its codes, for 8 rows. Only what the format has is set. */
typedef struct row_scales {
    __m256 d, m[2];
    __m256i scale; /* int16 [8][2]: scale[0], scale[1] of each row */
} row_scales;

/* A group of 32 in a tile's block. */
typedef struct place {
    const uint8_t *block;
    int group;
} place;

/* `half` selects rows 0..7 or 8..15. */
typedef __m256i code_fn(place at, int unit, int half);
typedef row_scales scales_fn(place at, int half);

/* How a format's codes are multiplied. */
typedef struct traits {
    int run;        /* units whose products fit an int16: each is twice 127 * the largest code */
    int offset;     /* codes are uint8 q + offset; 0 where q is not negative */
    bool is_signed; /* codes are int8 q, any value */
    bool is_scaled; /* scale[2] is not {1, 1} */
    ink_group_kind kind;
} traits;

typedef struct expander {
    traits traits;
    code_fn *code;
    scales_fn *scales;
    size_t block_bytes; /* of a tile */
    int n_groups;       /* in a block */
    bool is_streamed;   /* from memory, not from a panel in the cache */
} expander;

/* A group of weights and the activations it meets. */
typedef struct meeting {
    place at;
    row_scales scales[2];
    const ink_q8 *x[MAX_COLS];
} meeting;

/* A tile times columns, over a stretch of k. */
typedef struct stretch {
    const uint8_t *blocks;
    size_t n_blocks;
    const ink_q8 *x; /* [n_cols][x_stride] */
    size_t x_stride;
    float *y; /* [n_cols][y_stride] */
    size_t y_stride;
    size_t n_rows; /* 1 .. 16 */
    bool resumes;  /* y holds what earlier stretches of k summed */
} stretch;

typedef void product_fn(const stretch *s);

/*
 * Computed here and in this order: left alone, compilers turn exact integer sums into trees and
 * spill most of their values, at half the speed.
 */
TEMPLATE __m256i pin(__m256i value)
{
    __asm__ volatile("" : "+x"(value));
    return value;
}

TEMPLATE __m256i broadcast4(const void *bytes)
{
    int32_t word;
    memcpy(&word, bytes, sizeof word);
    return _mm256_set1_epi32(word);
}

/*
 * Weights come from memory in order; asking early keeps the bus busy across pages. A group asks for
 * as much as it reads: asking for a whole block of 256 at once was up to half as fast.
 */
#define PREFETCH_BYTES 8192

TEMPLATE void prefetch_group(expander f, place at)
{
    const size_t bytes = f.block_bytes / (size_t)f.n_groups;
    const uint8_t *ahead = at.block + PREFETCH_BYTES + (size_t)at.group * bytes;
    for (size_t i = 0; i < bytes; i += 64)
        _mm_prefetch((const char *)ahead + i, _MM_HINT_T0);
}

TEMPLATE __m256i multiply_unit(traits t, __m256i code, __m256i x)
{
    if (t.is_signed)
        return _mm256_maddubs_epi16(_mm256_abs_epi8(code), _mm256_sign_epi8(x, code));
    return _mm256_maddubs_epi16(code, x);
}

/* What a run of units is multiplied with while its pairs of int16 become int32. */
TEMPLATE __m256i pair_weight(traits t, const row_scales *scales, int unit)
{
    if (!t.is_scaled)
        return _mm256_set1_epi16(1);
    const __m256i first = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 0, 1, 4, 5, 4, 5, 8, 9, 8, 9, 12, 13, 12, 13));
    const __m256i second = _mm256_add_epi8(first, _mm256_set1_epi8(2));
    return _mm256_shuffle_epi8(scales->scale, unit < N_UNITS / 2 ? first : second);
}

/* Takes back what the offset adds: -offset * (scale[0] * isum[0] + scale[1] * isum[1]). */
TEMPLATE __m256i minus_offset(traits t, const row_scales *scales, const ink_q8 *x)
{
    if (t.offset == 0)
        return _mm256_setzero_si256();
    __m256i factor = _mm256_set1_epi16((int16_t)-t.offset);
    if (t.is_scaled)
        factor = _mm256_mullo_epi16(scales->scale, factor);
    return _mm256_madd_epi16(broadcast4(x->isum), factor);
}

/* Adds the products of a run of units to sum[c][half]. */
TEMPLATE void add_run(expander f, int n_cols, __m256i sum[MAX_COLS][2], const meeting *g, int first)
{
    __m256i run[MAX_COLS][2];
    foreach (i, f.traits.run) {
        const int unit = first + i;
        const __m256i code[2] = {pin(f.code(g->at, unit, 0)), pin(f.code(g->at, unit, 1))};
        foreach (c, n_cols) {
            const __m256i four = broadcast4(g->x[c]->q + 4 * unit);
            foreach (h, 2) {
                __m256i product = multiply_unit(f.traits, code[h], four);
                run[c][h] = pin(i == 0 ? product : _mm256_add_epi16(run[c][h], product));
            }
        }
    }
    foreach (h, 2) {
        const __m256i weight = pair_weight(f.traits, &g->scales[h], first);
        foreach (c, n_cols)
            sum[c][h] = pin(_mm256_add_epi32(sum[c][h], _mm256_madd_epi16(run[c][h], weight)));
    }
}

/* One column's step of the float accumulator, as reference.h writes it. */
TEMPLATE __m256 add_scaled(traits t, __m256 acc, __m256i sum, const row_scales *scales,
                           const ink_q8 *x)
{
    __m256 d = _mm256_mul_ps(scales->d, _mm256_set1_ps(x->d));
    acc = _mm256_fmadd_ps(d, _mm256_cvtepi32_ps(sum), acc);
    __m256 sum0 = _mm256_set1_ps(x->sum[0]), sum1 = _mm256_set1_ps(x->sum[1]);
    if (t.kind == INK_GROUP_M32)
        acc = _mm256_fmadd_ps(scales->m[0], _mm256_add_ps(sum0, sum1), acc);
    if (t.kind == INK_GROUP_M16)
        acc = _mm256_fmadd_ps(scales->m[1], sum1, _mm256_fmadd_ps(scales->m[0], sum0, acc));
    return acc;
}

TEMPLATE void add_group(expander f, int n_cols, __m256 acc[MAX_COLS][2], const meeting *g)
{
    __m256i sum[MAX_COLS][2];
    foreach (c, n_cols)
        foreach (h, 2)
            sum[c][h] = minus_offset(f.traits, &g->scales[h], g->x[c]);
    foreach (i, N_UNITS / f.traits.run)
        add_run(f, n_cols, sum, g, i * f.traits.run);
    foreach (c, n_cols)
        foreach (h, 2)
            acc[c][h] = add_scaled(f.traits, acc[c][h], sum[c][h], &g->scales[h], g->x[c]);
}

TEMPLATE void add_block(expander f, int n_cols, __m256 acc[MAX_COLS][2], const uint8_t *block,
                        const ink_q8 *x[MAX_COLS])
{
    foreach (group, f.n_groups) {
        const place at = {block, group};
        if (f.is_streamed)
            prefetch_group(f, at);
        meeting g = {at, {f.scales(at, 0), f.scales(at, 1)}, {NULL}};
        foreach (c, n_cols)
            g.x[c] = x[c]++;
        add_group(f, n_cols, acc, &g);
    }
}

TEMPLATE void multiply_stretch(expander f, int n_cols, const stretch *s)
{
    const ink_q8 *x[MAX_COLS];
    float *y[MAX_COLS];
    __m256 acc[MAX_COLS][2];
    foreach (c, n_cols) {
        x[c] = s->x + (size_t)c * s->x_stride;
        y[c] = s->y + (size_t)c * s->y_stride;
        foreach (h, 2)
            acc[c][h] = s->resumes ? load_half(y[c], s->n_rows, h) : _mm256_setzero_ps();
    }
    const uint8_t *block = s->blocks;
    for (size_t b = 0; b < s->n_blocks; b++, block += f.block_bytes)
        add_block(f, n_cols, acc, block, x);
    foreach (c, n_cols)
        foreach (h, 2)
            store_half(y[c], s->n_rows, h, acc[c][h]);
}

#endif
