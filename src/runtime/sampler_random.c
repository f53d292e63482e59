#define _DEFAULT_SOURCE
#include "runtime/sampler_random.h"

#include <errno.h>
#include <sys/random.h>
#include "base/status.h"

ink_status ink_random_seed(int64_t *seed, ink_error *error)
{
    uint64_t bits = 0;
    ssize_t got;
    do
        got = getrandom(&bits, sizeof bits, 0);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof bits)
        return ink_fail(error, INK_IO, 0,
                        "the system gives no random numbers (errno %d); choose a seed", errno);
    *seed = (int64_t)(bits >> 1);
    return INK_OK;
}

/* splitmix64 (Steele, Lea & Flood 2014, doi:10.1145/2660193.2660195). */
void ink_random_init(uint64_t state[4], int64_t seed)
{
    uint64_t counter = (uint64_t)seed;
    for (int i = 0; i < 4; i++) {
        counter += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t mixed = counter;
        mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
        state[i] = mixed ^ mixed >> 31;
    }
}

static uint64_t rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

uint64_t ink_random_next(uint64_t state[4])
{
    uint64_t result = rotate(state[1] * 5, 7) * 9, shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate(state[3], 45);
    return result;
}

double ink_random_unit(uint64_t state[4])
{
    return (double)(ink_random_next(state) >> 11) * 0x1p-53;
}
