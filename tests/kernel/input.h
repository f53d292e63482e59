/*
 * What kernels are fed: floats, blocks and quantized activations, plain and hostile, of one seed.
 */
#ifndef KERNELS_INPUT_H
#define KERNELS_INPUT_H

#include "kernel/kernel.h"

typedef struct rng {
    uint64_t state;
} rng;

/* One stream per (seed, name, number), so that a case does not depend on those run before it. */
rng rng_for(uint64_t seed, const char *name, size_t number);
uint64_t rng_next(rng *r);
size_t rng_below(rng *r, size_t n);
float rng_unit(rng *r);                         /* [-1, 1) */
float rng_magnitude(rng *r, int low, int high); /* +-2^e, e uniform in [low, high) */

#define FLOAT_KINDS(X) \
    X(UNIFORM)         \
    X(GAUSSIAN)        \
    X(OUTLIERS)        \
    X(WIDE)            \
    X(INTEGERS)        \
    X(HALVES)          \
    X(STEEP)           \
    X(ZEROS)           \
    X(CONSTANT)        \
    X(SUBNORMAL)       \
    X(TINY)            \
    X(HUGE_VALUES)     \
    X(SPECIALS)        \
    X(ANY_BITS)

typedef enum float_kind {
#define X(name) FLOATS_##name,
    FLOAT_KINDS(X)
#undef X
        N_FLOAT_KINDS
} float_kind;

extern const char *const float_kind_names[N_FLOAT_KINDS];

void fill_floats(rng *r, float *out, size_t n, float_kind kind);

/*
 * LOW and HIGH: bytes 0x00 and 0xff; LEAST and LARGEST: 0x80 and 0x7f, the ends of a signed byte;
 * CORNER: any of these and of their nibbles. MIXED draws a kind per block.
 */
#define BLOCK_KINDS(X) \
    X(SANE)            \
    X(LOW_CODES)       \
    X(HIGH_CODES)      \
    X(LEAST_CODES)     \
    X(LARGEST_CODES)   \
    X(CORNER_CODES)    \
    X(ALL_ZERO)        \
    X(ALL_ONES)        \
    X(RANDOM_BYTES)    \
    X(SCALE_ZERO)      \
    X(SCALE_NEGATIVE)  \
    X(SCALE_SUBNORMAL) \
    X(SCALE_LARGEST)   \
    X(SCALE_INFINITE)  \
    X(SCALE_NAN)       \
    X(MIXED)

typedef enum block_kind {
#define X(name) BLOCKS_##name,
    BLOCK_KINDS(X)
#undef X
        N_BLOCK_KINDS
} block_kind;

extern const char *const block_kind_names[N_BLOCK_KINDS];

/* `out`: n_blocks in file order. */
void fill_blocks(rng *r, ink_format format, void *out, size_t n_blocks, block_kind kind);

#define Q8_KINDS(X)   \
    X(QUANTIZED)      \
    X(QUANTIZED_WIDE) \
    X(RANDOM)         \
    X(ALL_127)        \
    X(ALL_MINUS_127)  \
    X(ALTERNATING)    \
    X(ZERO)           \
    X(SUBNORMAL_D)    \
    X(LARGEST_D)      \
    X(NAN_D)

typedef enum q8_kind {
#define X(name) Q8_##name,
    Q8_KINDS(X)
#undef X
        N_Q8_KINDS
} q8_kind;

extern const char *const q8_kind_names[N_Q8_KINDS];

/* Groups as quantize_q8 could have made them: -128 does not occur, sums agree with the codes. */
void fill_q8(rng *r, ink_q8 *out, size_t n_groups, q8_kind kind);

#endif
