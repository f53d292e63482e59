/*
 * The kernel table: one function pointer per op, filled from kernels.def for the instruction sets
 * at hand.
 *
 * Kernels are pure functions over raw pointers; they allocate nothing, know no shapes but those
 * they are given, and check nothing: sizes were checked when the tensors were bound. The C rows are
 * the definition of every numeric result, written out in reference.h; each other row reproduces
 * their bits (make kernels proves it). Pointers need no alignment beyond that of their type.
 * Outputs never overlap inputs unless a comment says so.
 */
#ifndef INK_KERNEL_KERNEL_H
#define INK_KERNEL_KERNEL_H

#include "base/cpu.h"
#include "tensor/format.h"

/*
 * 32 activations quantized together: x[i] is about d * q[i]. The sums carry what a constant added
 * to the weights contributes. Not finite input gives q = 0 and d = NaN, so that it is seen in the
 * result.
 */
#define INK_Q8_GROUP 32

typedef struct ink_q8 {
    int8_t q[INK_Q8_GROUP]; /* round half to even of x * (127 / max|x|) */
    float d;                /* max|x| / 127 */
    float sum[2];           /* d * (float)isum[half] */
    int16_t isum[2];        /* sum of q over k = 0..15 and 16..31 */
} ink_q8;

_Static_assert(sizeof(ink_q8) == 48, "three ink_q8 to nine vectors of 16 bytes");

/* y[col][row] = sum over k of w[row][k] * x[col][k], for a run of packed tiles. */
typedef struct ink_matmul {
    const void *tiles; /* packed; the first tile's first block */
    size_t k;          /* elements of a row, a multiple of the format's block */
    size_t n_rows;     /* rows wanted; the last tile may be partly used */
    /* quantized formats: const ink_q8 [n_cols][x_stride]; float formats: const float */
    const void *x;
    size_t x_stride; /* in ink_q8 or float */
    size_t n_cols;
    float *y; /* [n_cols][y_stride], n_rows written in each column */
    size_t y_stride;
    void *scratch; /* ink_matmul_scratch_bytes(k), aligned to 64 */
} ink_matmul;

/*
 * A stretch of one attention page:
 *
 *     acc[col] = acc[col] * rescale[col] + sum over row of p[col][row] * v[row]
 */
typedef struct ink_values {
    const void *rows; /* [n_rows][row_bytes], each head_dim values in the page's format */
    size_t row_bytes, n_rows, head_dim;
    const float *p; /* [n_cols][p_stride] */
    size_t p_stride;
    const float *rescale; /* [n_cols] */
    size_t n_cols;
    float *acc; /* [n_cols][acc_stride] */
    size_t acc_stride;
} ink_values;

/*
 * A product of float arrays: c[i][j] = (add ? c[i][j] : +0), and then
 *
 *     c[i][j] = fma(a[i][l], b[l][j], c[i][j])        in increasing l
 *
 * where a[i][l] stands at a[i * a_row + l * a_col], so that either operand may be transposed: of
 * each pair of strides one is 1. m, n and k are at least 1.
 *
 * Two more take a and b rounded to BF16, to nearest and ties to even, and k filled up with zeros to
 * a multiple of 32. Subnormal numbers count as zeros of their sign wherever they are read or come
 * out. They are what processors have (Intel SDM, volume 2), and differ in how they sum up:
 * gemm_bf16_pairs is VDPBF16PS of AVX512_BF16, one pair of k after the other,
 *
 *     c[i][j] = fma(a[i][2p], b[2p][j], fma(a[i][2p + 1], b[2p + 1][j], c[i][j]))
 *
 * and gemm_bf16_tiles is TDPBF16PS of AMX, 32 of k at a time, even and odd ones apart, from +0 on:
 *
 *     even = fma(a[i][2p], b[2p][j], even)
 *     odd = fma(a[i][2p + 1], b[2p + 1][j], odd)      for p = 0 .. 15
 *     c[i][j] = c[i][j] + (even + odd)
 */
typedef struct ink_gemm {
    size_t m, n, k;
    const float *a, *b;
    size_t a_row, a_col, b_row, b_col;
    float *c;
    size_t c_row;
    bool add;
    void *scratch; /* INK_GEMM_SCRATCH_BYTES, aligned to 64 */
} ink_gemm;

#define INK_GEMM_SCRATCH_BYTES ((size_t)640 << 10)
#define INK_GEMM_BF16_RUN 32 /* what k is filled up to a multiple of */

/* What an online softmax has seen so far; begin with {-INFINITY, 0}. */
typedef struct ink_softmax_state {
    float max, sum;
} ink_softmax_state;

/*
 * The op list: name, result, parameters. n counts elements; x and y may be the same array in the
 * elementwise ops.
 *
 * softmax_page: p[i] = exp(scores[i] - max), updates state, returns the factor by which what was
 * accumulated before must be multiplied. At least one score is above -INFINITY. Milakov &
 * Gimelshein, arXiv:1805.02867.
 *
 * rope_*: rotates the first 2 * n_pairs of x by cos/sin[n_pairs]; _pairs takes neighbors (x[2i],
 * x[2i+1]), _halves takes (x[i], x[i + n_pairs]). Su et al., arXiv:2104.09864.
 *
 * pack: up to 16 rows ([n_rows][row_bytes], file order) into a tile; missing rows become zero
 * bytes.
 */
/* clang-format off */
#define INK_MATMUL_OPS(X) \
    X(f32)                \
    X(f16)                \
    X(bf16)               \
    X(q8_0)               \
    X(q4_0)               \
    X(q4_1)               \
    X(q5_0)               \
    X(q5_1)               \
    X(q2_k)               \
    X(q3_k)               \
    X(q4_k)               \
    X(q5_k)               \
    X(q6_k)               \
    X(iq4_nl)             \
    X(iq4_xs)             \
    X(tq1_0)              \
    X(tq2_0)              \
    X(mxfp4)              \
    X(t2)                 \
    X(t3)                 \
    X(g3)

/* The weighted sums of attention, by the format of the page. */
#define INK_VALUES_OPS(X) \
    X(f32)                \
    X(f16)                \
    X(q8_0)               \
    X(q4_0)               \
    X(iq4_nl)             \
    X(g3)                 \
    X(g2)
/* clang-format on */

#define INK_OPS(X)                                                                                 \
    X(quantize_q8, void, (ink_q8 * y, const float *x, size_t n_groups))                            \
    X(rms_norm, void, (float *y, const float *x, const float *weight, size_t n, float epsilon))    \
    X(layer_norm, void,                                                                            \
      (float *y, const float *x, const float *weight, const float *bias, size_t n, float epsilon)) \
    X(softmax, void, (float *y, const float *x, size_t n))                                         \
    X(softmax_page, float, (float *p, const float *scores, size_t n, ink_softmax_state *state))    \
    X(gemm_f32, void, (const ink_gemm *g))                                                         \
    X(gemm_bf16_tiles, void, (const ink_gemm *g))                                                  \
    X(gemm_bf16_pairs, void, (const ink_gemm *g))                                                  \
    X(add, void, (float *y, const float *a, const float *b, size_t n))                             \
    X(multiply, void, (float *y, const float *a, const float *b, size_t n))                        \
    X(scale, void, (float *y, const float *x, float factor, size_t n))                             \
    X(silu, void, (float *y, const float *x, size_t n))                                            \
    X(gelu, void, (float *y, const float *x, size_t n))                                            \
    X(relu, void, (float *y, const float *x, size_t n))                                            \
    X(relu_squared, void, (float *y, const float *x, size_t n))                                    \
    X(sigmoid, void, (float *y, const float *x, size_t n))                                         \
    X(tanh, void, (float *y, const float *x, size_t n))                                            \
    X(softplus, void, (float *y, const float *x, size_t n))                                        \
    X(exp, void, (float *y, const float *x, size_t n))                                             \
    X(rope_pairs, void, (float *x, const float *cosine, const float *sine, size_t n_pairs))        \
    X(rope_halves, void, (float *x, const float *cosine, const float *sine, size_t n_pairs))       \
    X(pack, void, (ink_format format, void *tile, const void *rows, size_t n_rows, size_t n_blocks))

typedef void ink_matmul_fn(const ink_matmul *m);
typedef void ink_values_fn(const ink_values *v);

#define X(op, result, parameters) typedef result ink_##op##_fn parameters;
INK_OPS(X)
#undef X
#define X(op) typedef ink_matmul_fn ink_matmul_##op##_fn;
INK_MATMUL_OPS(X)
#undef X
#define X(op) typedef ink_values_fn ink_values_##op##_fn;
INK_VALUES_OPS(X)
#undef X

typedef struct ink_kernels {
    uint32_t features;
    ink_matmul_fn *matmul[INK_N_FORMATS]; /* NULL: decode a tile and multiply it as F32 */
    ink_values_fn *values[INK_N_FORMATS]; /* NULL: no page has it */
#define X(op, result, parameters) ink_##op##_fn *op;
    INK_OPS(X)
#undef X
} ink_kernels;

/* Prototypes of every row. */
#define KERNEL(op, isa, needs) ink_##op##_fn ink_##op##_##isa;
#define MATMUL(op, FORMAT, isa, needs) ink_matmul_fn ink_matmul_##op##_##isa;
#define VALUES(op, FORMAT, isa, needs) ink_values_fn ink_values_##op##_##isa;
#include "kernel/kernels.def"
#undef KERNEL
#undef MATMUL
#undef VALUES

/* The last row of each op that needs nothing outside `features` wins. */
void ink_kernels_init(ink_kernels *kernels, uint32_t features);

/*
 * Scratch is one panel of expanded weights: up to 4 tiles, of k at most so many groups of 32 at a
 * time, each group of a tile in at most 2048 bytes.
 */
#define INK_PANEL_TILES 4
#define INK_PANEL_GROUPS 64
#define INK_PANEL_GROUP_BYTES 2048

/* Scratch for any matmul with rows of k elements, in bytes. */
size_t ink_matmul_scratch_bytes(size_t k);

/*
 * true when a matmul with this weight format takes ink_q8 activations, false when it takes floats.
 */
bool ink_format_takes_q8(ink_format format);

/*
 * true when the weights' rows are rotated (ink_spread), so that a matmul takes activations that
 * were rotated alike. Decoding rotates them back.
 */
bool ink_format_rotates(ink_format format);

/* out[n_blocks * elements]: exactly the value the file format defines for each code. */
void ink_decode(ink_format format, float *out, const void *blocks, size_t n_blocks);

/*
 * One row of a packed tile, `n_blocks` blocks of it, back in file order. `tile` is the tile's first
 * byte.
 */
void ink_tile_get_row(ink_format format, void *blocks, const void *tile, size_t row,
                      size_t n_blocks);

/* Writes one row's blocks into their places in a tile; the other rows stay. */
void ink_tile_put_row(ink_format format, void *tile, const void *blocks, size_t row,
                      size_t n_blocks);

/*
 * Floats into blocks for cache pages and tests; only F32, F16, BF16, Q8_0 and Q4_0. n is a multiple
 * of the block.
 */
bool ink_encode(ink_format format, void *blocks, const float *x, size_t n);

/*
 * The same for formats whose codes stand for the levels of a Gaussian: IQ4_NL, G3 and G2. The scale
 * is the best there is for the codes that the block's size leads to (least squares). The same bits
 * everywhere; scaled by a power of two, x gets the same codes, where no scale leaves the range of
 * a half.
 */
bool ink_encode_levels(ink_format format, void *blocks, const float *x, size_t n);

/*
 * Rotates x in place, by blocks of the largest power of two that divides n (at most
 * INK_ROTATION_MOST): each times the orthonormal Hadamard matrix of Sylvester's order. It is its
 * own inverse, products of vectors that are both rotated stay, and what was in a few elements is
 * spread over all: Ashkboos et al., arXiv:2404.00456. By sums and differences in a fixed order, so
 * the same bits everywhere.
 */
#define INK_ROTATION_MOST 512
void ink_rotate(float *x, size_t n);

/*
 * The rotation of weights and of what they are multiplied with: x[n], n a multiple of
 * INK_SPREAD_BLOCK, in blocks of it, each with its signs changed where Rudin and Shapiro's sequence
 * has -1, then rotated as above; ink_unspread is the inverse. The signs have equal parts in all
 * directions of the Hadamard matrix, so that a constant is spread as well as a single number is.
 */
#define INK_SPREAD_BLOCK 256
void ink_spread(float *x, size_t n);
void ink_unspread(float *x, size_t n);

#endif
