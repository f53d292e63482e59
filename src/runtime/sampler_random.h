/* The sampler's random numbers: the same sequence for a seed on every machine. */
#ifndef INK_RUNTIME_SAMPLER_RANDOM_H
#define INK_RUNTIME_SAMPLER_RANDOM_H

#include "inkling.h"

/* A seed from the system, 0 to INT64_MAX. */
ink_status ink_random_seed(int64_t *seed, ink_error *error);

/*
 * xoshiro256** (Blackman & Vigna 2021, doi:10.1145/3460772), its state filled by splitmix64 as they
 * advise.
 */
void ink_random_init(uint64_t state[4], int64_t seed);
uint64_t ink_random_next(uint64_t state[4]);

/* 0 to 1, without 1: the upper 53 bits. */
double ink_random_unit(uint64_t state[4]);

#endif
