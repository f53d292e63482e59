/*
 * Block layouts as GGUF stores them, little-endian, without padding; formats.c asserts each size.
 * ink_half is IEEE 754 binary16, ink_bfloat the upper half of a binary32.
 */
#ifndef INK_TENSOR_BLOCKS_H
#define INK_TENSOR_BLOCKS_H

#include <stdint.h>

typedef uint16_t ink_half;
typedef uint16_t ink_bfloat;

/* clang-format off */

/* One value. */
typedef struct { float value; } ink_block_f32;
typedef struct { ink_half value; } ink_block_f16;
typedef struct { ink_bfloat value; } ink_block_bf16;

/*
 * 32 values. In byte j of a nibble array the low half is k = j, the high half k = j + 16; bit k of
 * `high` is the fifth bit of q[k]. A code stands for a number of ink_codes_iq4 in IQ4_NL and
 * IQ4_XS, of ink_codes_mxfp4 in MXFP4 and NVFP4.
 */
typedef struct { ink_half d; int8_t q[32]; } ink_block_q8_0; /* d q */
typedef struct { ink_half d; uint8_t q[16]; } ink_block_q4_0; /* d (q - 8) */
typedef struct { ink_half d, m; uint8_t q[16]; } ink_block_q4_1; /* d q + m */
typedef struct { ink_half d; uint8_t high[4], q[16]; } ink_block_q5_0; /* d (q - 16) */
typedef struct { ink_half d, m; uint8_t high[4], q[16]; } ink_block_q5_1; /* d q + m */
typedef struct { ink_half d; uint8_t q[16]; } ink_block_iq4_nl; /* d code[q] */
typedef struct { uint8_t exponent, q[16]; } ink_block_mxfp4; /* 2^(exponent - 128) code[q] */

/*
 * 256 values in sub-blocks of 16 (Q2_K, Q3_K, Q6_K) or 32 (Q4_K, Q5_K, IQ4_XS) with scales of their
 * own.
 */
typedef struct { uint8_t scales[16], q[64]; ink_half d, d_min; } ink_block_q2_k;
typedef struct { uint8_t high[32], q[64], scales[12]; ink_half d; } ink_block_q3_k;
typedef struct { ink_half d, d_min; uint8_t scales[12], q[128]; } ink_block_q4_k;
typedef struct { ink_half d, d_min; uint8_t scales[12], high[32], q[128]; } ink_block_q5_k;
typedef struct { uint8_t low[128], high[64]; int8_t scales[16]; ink_half d; } ink_block_q6_k;
typedef struct { ink_half d; uint16_t scales_high; uint8_t scales_low[4], q[128]; }
    ink_block_iq4_xs;

/* 256 ternary values with one scale: five to a byte in base 3, or four to a byte. */
typedef struct { uint8_t q[48], q_last[4]; ink_half d; } ink_block_tq1_0;
typedef struct { uint8_t q[64]; ink_half d; } ink_block_tq2_0;

/* Codes with one scale, least significant bits first: d (2 q - 1), d (q - 1). */
typedef struct { ink_half d; uint8_t q[16]; } ink_block_q1_0; /* 128 values */
typedef struct { ink_half d; uint8_t q[16]; } ink_block_q2_0; /* 64 values */

/* 64 values, every 16 with a scale in unsigned E4M3: scale / 2 code[q]; nibbles as above. */
typedef struct { uint8_t scales[4], q[32]; } ink_block_nvfp4;

/*
 * 256 values with one scale, rotated and coded along a trellis (kernel/trellis.h): 8 words of 64
 * bits, each a ring of the 2 bits that each of 32 values brings; in T3 then a third of its own.
 */
typedef struct { ink_half d; uint8_t q[64]; } ink_block_t2;
typedef struct { ink_half d; uint8_t q[64], own[32]; } ink_block_t3;

/*
 * 32 values in pages of a cache: a code stands for a number of ink_codes_g3, ink_codes_g2. Field f
 * of byte 4h + j is k = 16h + 4f + j, so that four bytes hold half a block; bit k of `high` is the
 * third bit of k.
 */
typedef struct { ink_half d; uint8_t high[4], q[8]; } ink_block_g3; /* d code[q] */
typedef struct { ink_half d; uint8_t q[8]; } ink_block_g2; /* d code[q] */

/* clang-format on */

#endif
