/*
 * What this processor can run. A feature stands for all that its kernels use: AVX2 means AVX2, FMA
 * and F16C; AVX512 means F, BW, VL, DQ and VNNI, AVX512VBMI those and VBMI, AVX512BF16 those and
 * AVX512_BF16; AMX means all that, its tiles and their products of BF16. The operating system's
 * support for the registers is part of the question.
 */
#ifndef INK_BASE_CPU_H
#define INK_BASE_CPU_H

#include "base/status.h"

/* One row per instruction set: name as in INK_CPU=, feature bit, what it contains. */
#define INK_CPU_TABLE(X)                                             \
    X(c, C, 0u)                                                      \
    X(avx2, AVX2, 1u << 0)                                           \
    X(avx512, AVX512, 1u << 0 | 1u << 1)                             \
    X(avx512vbmi, AVX512VBMI, 1u << 0 | 1u << 1 | 1u << 3)           \
    X(avx512bf16, AVX512BF16, 1u << 0 | 1u << 1 | 1u << 3 | 1u << 4) \
    X(amx, AMX, 1u << 0 | 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4)     \
    X(neon, NEON, 1u << 8)                                           \
    X(dotprod, DOTPROD, 1u << 8 | 1u << 9)                           \
    X(i8mm, I8MM, 1u << 8 | 1u << 9 | 1u << 10)

enum {
#define X(name, NAME, features) INK_CPU_##NAME = features,
    INK_CPU_TABLE(X)
#undef X
};

/* The features found. */
uint32_t ink_cpu_features(void);

/*
 * The features to use: those found, masked down by the environment variable INK_CPU (c, avx2,
 * avx512, ...). A name that is unknown, or that this processor lacks, is INK_BAD_ARGUMENT.
 */
ink_status ink_cpu_select(uint32_t *features, ink_error *error);

/* The name of the best row within `features`, for instance "avx2". */
const char *ink_cpu_name(uint32_t features);

/* Processors this process may run on, at least 1. */
int ink_cpu_count(void);

#endif
