#include <immintrin.h>
#include "kernel/probe.h"

#define AHEAD 1024 /* bytes; without fetching ahead one stream waits at every page's end */

static uint64_t read_bytes(const void *bytes, size_t n_bytes, size_t n_streams)
{
    __m512i sums[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                       _mm512_setzero_si512()};
    size_t run = n_bytes / n_streams;
    for (size_t at = 0; at < run; at += INK_PROBE_LINE)
        for (size_t stream = 0; stream < n_streams; stream++) {
            const char *line = (const char *)bytes + stream * run + at;
            for (int i = 0; i < 4; i++) {
                _mm_prefetch(line + AHEAD + 64 * i, _MM_HINT_T0);
                sums[i] = _mm512_xor_si512(sums[i], _mm512_loadu_si512(line + 64 * i));
            }
        }
    sums[0] =
        _mm512_xor_si512(_mm512_xor_si512(sums[0], sums[1]), _mm512_xor_si512(sums[2], sums[3]));
    return (uint64_t)_mm512_reduce_add_epi64(sums[0]);
}

/* Enough sums that each has left the pipeline when its turn comes again. */
enum { N_SUMS = 16, LANES = 16 };

static uint64_t dot(size_t n_rounds)
{
    __m512i sums[N_SUMS], a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(-2);
    for (int i = 0; i < N_SUMS; i++)
        sums[i] = _mm512_setzero_si512();
    for (size_t round = 0; round < n_rounds; round++)
        for (int i = 0; i < N_SUMS; i++)
            sums[i] = _mm512_dpbusd_epi32(sums[i], a, b);
    for (int i = 1; i < N_SUMS; i++)
        sums[0] = _mm512_add_epi32(sums[0], sums[i]);
    return (uint32_t)_mm512_reduce_add_epi32(sums[0]);
}

static uint64_t multiply_add(size_t n_rounds)
{
    __m512 sums[N_SUMS], a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(0.25f);
    for (int i = 0; i < N_SUMS; i++)
        sums[i] = _mm512_setzero_ps();
    for (size_t round = 0; round < n_rounds; round++)
        for (int i = 0; i < N_SUMS; i++)
            sums[i] = _mm512_fmadd_ps(sums[i], a, b);
    for (int i = 1; i < N_SUMS; i++)
        sums[0] = _mm512_add_ps(sums[0], sums[i]);
    return (uint64_t)_mm512_reduce_add_ps(sums[0]);
}

const ink_probe ink_probe_avx512 = {"avx512",     INK_CPU_AVX512,        read_bytes,       dot,
                                    multiply_add, 2 * 4 * LANES *N_SUMS, 2 * LANES *N_SUMS};
