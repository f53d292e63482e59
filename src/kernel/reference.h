/*
 * How one group of 32 weights of one row enters a product: the definition that every matmul kernel
 * reproduces.
 *
 * A group expands to codes, a scale and what is added, half = k / 16:
 *
 *     w[k] = d * scale[half] * q[k] + m[half]
 *
 * Its contribution to a row's float accumulator, groups taken in increasing k, is in this order and
 * rounding, where s is an exact int32:
 *
 *     s   = scale[0] * sum(q[k] * x.q[k], k in 0..15) + scale[1] * sum(q[k] * x.q[k], k in 16..31)
 *     acc = fma(d * x.d, (float)s, acc)
 *     acc = fma(m[0], x.sum[0] + x.sum[1], acc)     where m is one for the whole group (M32)
 *     acc = fma(m[0], x.sum[0], acc), then
 *     acc = fma(m[1], x.sum[1], acc)                where it is per half (M16)
 *
 * and acc begins as +0. Formats whose sub-blocks are 32 wide fold their sub-scale into d (d *
 * sub-scale is exact in float) and have scale = {1, 1}; formats with sub-blocks of 16 keep it in
 * scale. Float formats (F32, F16, BF16) take acc = fma(w[k], x[k], acc) in increasing k.
 */
#ifndef INK_KERNEL_REFERENCE_H
#define INK_KERNEL_REFERENCE_H

#include "kernel/kernel.h"

typedef struct ink_group {
    int8_t q[INK_Q8_GROUP];
    int32_t scale[2];
    float d;
    float m[2];
} ink_group;

typedef enum ink_group_kind {
    INK_GROUP_PLAIN,
    INK_GROUP_M32,
    INK_GROUP_M16,
    INK_GROUP_DECODED, /* has no product of its own: it is decoded, and multiplied as F32 is */
    INK_GROUP_ROTATED  /* plain, but of rotated rows: the activations were rotated alike */
} ink_group_kind;

/* Group `group` (of elements / 32) of one block in file order. */
typedef void ink_group_fn(ink_group *out, const void *block, size_t group);

typedef struct ink_group_reader {
    ink_group_fn *read; /* NULL for the float formats */
    ink_group_kind kind;
} ink_group_reader;

extern const ink_group_reader ink_group_readers[INK_N_FORMATS];

/* As ink_decode, but rotated rows stay rotated, as products read them. */
void ink_decode_rows(ink_format format, float *out, const void *blocks, size_t n_blocks);

/* Codes of the 4-bit formats that look a value up: facts of the file formats. */
extern const int8_t ink_codes_iq4[16];   /* IQ4_NL, IQ4_XS */
extern const int8_t ink_codes_mxfp4[16]; /* twice the value of an OCP FP4 E2M1 number */

/* Those of cache pages; the first 8 and 4 are in use. */
extern const int8_t ink_codes_g3[16], ink_codes_g2[16];

#endif
