/*
 * Weights come from memory in order and are asked for before their use: the hardware's own guess
 * covers a page at most and is poor where fields are not met in the order they lie (the scales of
 * Q6_K stand at the end of 3360 bytes and are read first). How is a matter of the format: one
 * request into the first cache is the cheapest, and where unpacking keeps a line waiting, one far
 * ahead into the second cache, which keeps more requests under way, and one shortly before the use.
 * Long blocks are read best from two tiles in turn. docs/performance.md has the figures.
 */
#ifndef INK_KERNEL_X86_READ_AHEAD_H
#define INK_KERNEL_X86_READ_AHEAD_H

#include <stdint.h>

typedef enum read_ahead {
    READ_ONCE,        /* one request for a line, one tile after the other */
    READ_TWICE,       /* two requests */
    READ_TWO_STREAMS, /* two requests, two tiles that are far apart in turn */
} read_ahead;

/* Bytes from a line in use to those that are asked for into the second and into the first cache. */
static const struct read_distance {
    uint16_t second, first;
} read_distances[] = {
    [READ_ONCE] = {0, 8192},
    [READ_TWICE] = {16384, 4096},
    [READ_TWO_STREAMS] = {6144, 2048},
};

/*
 * As volatile assembly, because compilers gather the intrinsics of a block at its start, where they
 * fill the queue of misses that loads need too. An address past the weights is no error.
 */
static inline void ask_for_line(read_ahead how, const uint8_t *p)
{
    const struct read_distance ahead = read_distances[how];
    if (ahead.second)
        __asm__ volatile("prefetcht1 (%0)" : : "r"((uintptr_t)p + ahead.second));
    __asm__ volatile("prefetcht0 (%0)" : : "r"((uintptr_t)p + ahead.first));
}

#endif
