/*
 * What a processor can do at most: for each instruction set the plainest loops that keep one unit
 * busy, with the instructions that its kernels use. Speeds are judged by them (Williams, Waterman &
 * Patterson 2009, "Roofline"). They compute nothing that a model needs, so they are no rows of
 * kernels.def; they take no time themselves.
 */
#ifndef INK_KERNEL_PROBE_H
#define INK_KERNEL_PROBE_H

#include "base/cpu.h"

/* Bytes that a stream advances by, and how many streams may be read at once. */
enum { INK_PROBE_LINE = 256, INK_PROBE_MAX_STREAMS = 4 };

typedef struct ink_probe {
    const char *name; /* of the instruction set */
    uint32_t needs;   /* features */
    /*
     * Loads n_bytes once, in n_streams runs that advance together; returns something that depends
     * on all of it. n_bytes is a multiple of n_streams * INK_PROBE_LINE.
     */
    uint64_t (*read)(const void *bytes, size_t n_bytes, size_t n_streams);
    /*
     * Products of 8-bit integers added to 32-bit ones, each 3 x -2: returns their sum modulo 2^32.
     * Fused multiply-adds of floats.
     */
    uint64_t (*dot)(size_t n_rounds);
    uint64_t (*fma)(size_t n_rounds);
    double dot_ops, fma_ops; /* of a round; a product and its sum are two */
} ink_probe;

/* The best that needs nothing outside `features`. */
const ink_probe *ink_probe_find(uint32_t features);

extern const ink_probe ink_probe_c, ink_probe_avx2, ink_probe_avx512, ink_probe_neon,
    ink_probe_dotprod;

#endif
