#include "kernel/probe.h"

#include <string.h>

static uint64_t read_bytes(const void *bytes, size_t n_bytes, size_t n_streams)
{
    uint64_t sums[INK_PROBE_LINE / sizeof(uint64_t)] = {0},
                                   words[INK_PROBE_LINE / sizeof(uint64_t)];
    const char *base = bytes;
    size_t run = n_bytes / n_streams;
    for (size_t at = 0; at < run; at += sizeof words)
        for (size_t stream = 0; stream < n_streams; stream++) {
            memcpy(words, base + stream * run + at, sizeof words);
            for (size_t i = 0; i < sizeof words / sizeof *words; i++)
                sums[i] ^= words[i];
        }
    for (size_t i = 1; i < sizeof sums / sizeof *sums; i++)
        sums[0] ^= sums[i];
    return sums[0];
}

enum { LANES = 32 };

static uint64_t dot(size_t n_rounds)
{
    int8_t a[LANES], b[LANES];
    uint32_t sums[LANES] = {0};
    for (int i = 0; i < LANES; i++)
        a[i] = 3, b[i] = -2;
    for (size_t round = 0; round < n_rounds; round++) {
        __asm__ volatile("" : : "r"(a), "r"(b) : "memory"); /* else it is one product */
        for (int i = 0; i < LANES; i++)
            sums[i] += (uint32_t)(a[i] * b[i]);
    }
    for (int i = 1; i < LANES; i++)
        sums[0] += sums[i];
    return sums[0];
}

static uint64_t multiply_add(size_t n_rounds)
{
    float a[LANES], sums[LANES] = {0};
    for (int i = 0; i < LANES; i++)
        a[i] = (float)i * 0x1p-20f;
    for (size_t round = 0; round < n_rounds; round++)
        for (int i = 0; i < LANES; i++)
            sums[i] = sums[i] * 0.5f + a[i]; /* without the instruction a fused one is a call */
    return (uint64_t)sums[0] + (uint64_t)sums[LANES - 1];
}

const ink_probe ink_probe_c = {"c", INK_CPU_C, read_bytes, dot, multiply_add, 2 * LANES, 2 * LANES};

const ink_probe *ink_probe_find(uint32_t features)
{
    static const ink_probe *const rows[] = {
        &ink_probe_c,
#if defined(__x86_64__)
        &ink_probe_avx2,
        &ink_probe_avx512,
#elif defined(__aarch64__)
        &ink_probe_neon,
        &ink_probe_dotprod,
#endif
    };
    const ink_probe *found = rows[0];
    for (size_t i = 1; i < sizeof rows / sizeof *rows; i++)
        if ((features & rows[i]->needs) == rows[i]->needs)
            found = rows[i];
    return found;
}
