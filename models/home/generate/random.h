/* Random numbers that are the same everywhere (splitmix64, Steele et al. 2014). */
#ifndef INK_GENERATE_RANDOM_H
#define INK_GENERATE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline size_t below(uint64_t *state, size_t n)
{
    return (size_t)(next_random(state) % n);
}

/* In `part` of 100 cases. */
static inline int chance(uint64_t *state, unsigned part)
{
    return next_random(state) % 100 < part;
}

/* FNV-1a: what is held out is decided by it. */
static inline uint64_t hash_text(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash ^ (hash >> 29);
}

#endif
