/*
 * The weighted sums of attention: a stretch of elements of a few columns stays in registers while
 * the rows of the page pass, so a row is read and widened once for the query heads that share it.
 * The arithmetic of an element is that of row one: acc = acc * rescale, then fma(p * d, q, acc) in
 * increasing row.
 */
#include "kernel/arm/template_neon.h"
#include "kernel/values_levels.h"

#include <string.h>

#define REGISTERS 16 /* of sums: 16 elements of four columns, 32 of two, 64 of one */
#define MAX_COLUMNS 4

/* Sixteen elements of a row, of which n exist: signed codes or values, and the d of their block. */
typedef struct values_format {
    size_t block_bytes; /* of 32 elements */
    void (*load)(float32x4_t out[QUARTERS], const uint8_t *block, int half, size_t n);
    float (*scale)(const uint8_t *block);
} values_format;

TEMPLATE float no_scale(const uint8_t *block)
{
    (void)block;
    return 1;
}

/* Both formats of 32 begin with d. */
TEMPLATE float half_scale(const uint8_t *block)
{
    float16x4_t d = vld1_dup_f16((const float16_t *)(const void *)block);
    return vgetq_lane_f32(vcvt_f32_f16(d), 0);
}

TEMPLATE void load_f32(float32x4_t out[QUARTERS], const uint8_t *block, int half, size_t n)
{
    const float *x = (const float *)(const void *)block + LANES * half;
    foreach (q, QUARTERS)
        out[q] = load_quarter(x, n, q);
}

TEMPLATE void load_f16(float32x4_t out[QUARTERS], const uint8_t *block, int half, size_t n)
{
    ink_half end[LANES] = {0};
    const ink_half *x = (const ink_half *)(const void *)block + LANES * half;
    if (n < LANES)
        x = memcpy(end, x, n * sizeof *x);
    foreach (q, QUARTERS)
        out[q] = vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(x + QUARTER * q)));
}

TEMPLATE void widen(float32x4_t out[QUARTERS], int8x16_t codes)
{
    int16x8_t low = vmovl_s8(vget_low_s8(codes)), high = vmovl_high_s8(codes);
    out[0] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(low)));
    out[1] = vcvtq_f32_s32(vmovl_high_s16(low));
    out[2] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(high)));
    out[3] = vcvtq_f32_s32(vmovl_high_s16(high));
}

TEMPLATE void load_q8_0(float32x4_t out[QUARTERS], const uint8_t *block, int half, size_t n)
{
    const uint8_t *q = block + offsetof(ink_block_q8_0, q) + LANES * half;
    (void)n;
    widen(out, vreinterpretq_s8_u8(vld1q_u8(q)));
}

TEMPLATE void load_q4_0(float32x4_t out[QUARTERS], const uint8_t *block, int half, size_t n)
{
    uint8x16_t codes = vld1q_u8(block + offsetof(ink_block_q4_0, q));
    (void)n;
    codes = half ? vshrq_n_u8(codes, 4) : vandq_u8(codes, vdupq_n_u8(15));
    widen(out, vsubq_s8(vreinterpretq_s8_u8(codes), vdupq_n_s8(8)));
}

/* Where the sums of a few columns begin, and how many of their elements there are. */
typedef struct values_piece {
    const uint8_t *rows; /* at the block that holds the first element */
    int half;            /* of that block */
    size_t n;
    const float *p, *rescale;
    float *acc;
} values_piece;

/* n_halves runs of 16 elements, the last of which may be short. */
TEMPLATE void add_row(const values_format *f, const ink_values *v, const values_piece *piece,
                      size_t row, float32x4_t acc[MAX_COLUMNS][REGISTERS], int n_halves, int n_cols)
{
    const uint8_t *rows = piece->rows + row * v->row_bytes;
    foreach (h, n_halves) {
        const uint8_t *block = rows + (size_t)(h / 2) * f->block_bytes;
        const float scale = f->scale(block);
        float32x4_t value[QUARTERS];
        f->load(value, block, n_halves > 1 ? h % 2 : piece->half, piece->n - LANES * (size_t)h);
        foreach (c, n_cols) {
            const float weight = piece->p[(size_t)c * v->p_stride + row] * scale;
            foreach (q, QUARTERS) {
                float32x4_t *sum = &acc[c][QUARTERS * h + q];
                *sum = vfmaq_n_f32(*sum, value[q], weight);
            }
        }
    }
}

TEMPLATE void add_rows(const values_format *f, const ink_values *v, const values_piece *piece,
                       int n_halves, int n_cols)
{
    float32x4_t acc[MAX_COLUMNS][REGISTERS];
    foreach (c, n_cols) {
        const float *from = piece->acc + (size_t)c * v->acc_stride;
        foreach (q, QUARTERS * n_halves)
            acc[c][q] = vmulq_n_f32(load_quarter(from, piece->n, q), piece->rescale[c]);
    }
    for (size_t row = 0; row < v->n_rows; row++)
        add_row(f, v, piece, row, acc, n_halves, n_cols);
    foreach (c, n_cols) {
        float *to = piece->acc + (size_t)c * v->acc_stride;
        foreach (q, QUARTERS * n_halves)
            store_quarter(to, piece->n, q, acc[c][q]);
    }
}

/* As many elements at a time as registers hold, then 16, then what is left of them. */
TEMPLATE void add_columns(const values_format *f, const ink_values *v, size_t col, int n_cols)
{
    const int n_halves = REGISTERS / QUARTERS / n_cols;
    values_piece piece = {.p = v->p + col * v->p_stride, .rescale = v->rescale + col};
    for (size_t i = 0; i < v->head_dim; i += piece.n) {
        const size_t left = v->head_dim - i;
        piece.rows = (const uint8_t *)v->rows + i / INK_Q8_GROUP * f->block_bytes;
        piece.half = i % INK_Q8_GROUP != 0;
        piece.acc = v->acc + col * v->acc_stride + i;
        piece.n = left < LANES ? left : LANES;
        if (n_halves > 1 && left >= LANES * (size_t)n_halves) {
            piece.n = LANES * (size_t)n_halves;
            add_rows(f, v, &piece, n_halves, n_cols);
        } else if (left >= LANES) {
            piece.n = LANES;
            add_rows(f, v, &piece, 1, n_cols);
        } else {
            add_rows(f, v, &piece, 1, n_cols);
        }
    }
}

#define COLUMNS(name, n_cols)                                    \
    static void name##_##n_cols(const ink_values *v, size_t col) \
    {                                                            \
        add_columns(&name, v, col, n_cols);                      \
    }
#define VALUES(name, block_bytes, scale)                                 \
    static const values_format name = {block_bytes, load_##name, scale}; \
    COLUMNS(name, 4)                                                     \
    COLUMNS(name, 2)                                                     \
    COLUMNS(name, 1)                                                     \
    void ink_values_##name##_neon(const ink_values *v)                   \
    {                                                                    \
        size_t col = 0;                                                  \
        for (; col + 4 <= v->n_cols; col += 4)                           \
            name##_4(v, col);                                            \
        for (; col + 2 <= v->n_cols; col += 2)                           \
            name##_2(v, col);                                            \
        for (; col < v->n_cols; col++)                                   \
            name##_1(v, col);                                            \
    }
VALUES(f32, INK_Q8_GROUP * sizeof(ink_block_f32), no_scale)
VALUES(f16, INK_Q8_GROUP * sizeof(ink_block_f16), no_scale)
VALUES(q8_0, sizeof(ink_block_q8_0), half_scale)
VALUES(q4_0, sizeof(ink_block_q4_0), half_scale)

/* ---- Formats of levels: 16 of them from 16 codes, each a byte. */

TEMPLATE void put_levels(int8_t out[INK_Q8_GROUP], const int8_t table[16], uint8x16_t first,
                         uint8x16_t second)
{
    vst1q_s8(out, vqtbl1q_s8(vld1q_s8(table), first));
    vst1q_s8(out + LANES, vqtbl1q_s8(vld1q_s8(table), second));
}

/* One nibble of each byte. */
TEMPLATE uint8x16_t nibbles(const uint8_t *q, int half)
{
    uint8x16_t both = vld1q_u8(q);
    return half ? vshrq_n_u8(both, 4) : vandq_u8(both, vdupq_n_u8(15));
}

/* The four fields of four bytes, that is 16 codes of two bits. */
TEMPLATE uint8x16_t pairs(const uint8_t *q, int half)
{
    static const int32_t right[QUARTER] = {0, -2, -4, -6};
    uint32_t four;
    memcpy(&four, q + 4 * half, sizeof four);
    uint8x16_t fields = vreinterpretq_u8_u32(vshlq_u32(vdupq_n_u32(four), vld1q_s32(right)));
    return vandq_u8(fields, vdupq_n_u8(3));
}

/* With the third bits of 16 codes. */
TEMPLATE uint8x16_t triples(const uint8_t *q, const uint8_t *high, int half)
{
    static const uint8_t bits[LANES] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t both = vcombine_u8(vdup_n_u8(high[2 * half]), vdup_n_u8(high[2 * half + 1]));
    uint8x16_t third = vandq_u8(vtstq_u8(both, vld1q_u8(bits)), vdupq_n_u8(4));
    return vorrq_u8(pairs(q, half), third);
}

INK_VALUES_OF_LEVELS(neon)
