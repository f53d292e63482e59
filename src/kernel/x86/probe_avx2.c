#include <immintrin.h>
#include "kernel/probe.h"

#define AHEAD 1024 /* bytes; without fetching ahead one stream waits at every page's end */

static uint64_t read_bytes(const void *bytes, size_t n_bytes, size_t n_streams)
{
    __m256i sums[8];
    uint64_t words[4];
    size_t run = n_bytes / n_streams;
    for (int i = 0; i < 8; i++)
        sums[i] = _mm256_setzero_si256();
    for (size_t at = 0; at < run; at += INK_PROBE_LINE)
        for (size_t stream = 0; stream < n_streams; stream++) {
            const char *line = (const char *)bytes + stream * run + at;
            for (int i = 0; i < 8; i++) {
                if (i % 2 == 0)
                    _mm_prefetch(line + AHEAD + 32 * i, _MM_HINT_T0);
                sums[i] =
                    _mm256_xor_si256(sums[i], _mm256_loadu_si256((const void *)(line + 32 * i)));
            }
        }
    for (int i = 1; i < 8; i++)
        sums[0] = _mm256_xor_si256(sums[0], sums[i]);
    _mm256_storeu_si256((void *)words, sums[0]);
    return words[0] ^ words[1] ^ words[2] ^ words[3];
}

/* Enough sums that each has left the pipeline when its turn comes again. */
enum { N_SUMS = 10, LANES = 8 };

/* As the kernels do it: products in pairs, pairs in fours, sums. The factor changes each time. */
static uint64_t dot(size_t n_rounds)
{
    __m256i sums[N_SUMS], a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(-2);
    const __m256i ones = _mm256_set1_epi16(1);
    uint32_t lanes[LANES];
    for (int i = 0; i < N_SUMS; i++)
        sums[i] = _mm256_setzero_si256();
    for (size_t round = 0; round < n_rounds; round++)
        for (int i = 0; i < N_SUMS; i++) {
            __asm__ volatile("" : "+x"(b)); /* else the product is taken out of the loop */
            sums[i] =
                _mm256_add_epi32(sums[i], _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones));
        }
    for (int i = 1; i < N_SUMS; i++)
        sums[0] = _mm256_add_epi32(sums[0], sums[i]);
    _mm256_storeu_si256((void *)lanes, sums[0]);
    for (int i = 1; i < LANES; i++)
        lanes[0] += lanes[i];
    return lanes[0];
}

static uint64_t multiply_add(size_t n_rounds)
{
    __m256 sums[N_SUMS], a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(0.25f);
    for (int i = 0; i < N_SUMS; i++)
        sums[i] = _mm256_setzero_ps();
    for (size_t round = 0; round < n_rounds; round++)
        for (int i = 0; i < N_SUMS; i++)
            sums[i] = _mm256_fmadd_ps(sums[i], a, b);
    for (int i = 1; i < N_SUMS; i++)
        sums[0] = _mm256_add_ps(sums[0], sums[i]);
    return (uint64_t)_mm256_cvtss_f32(sums[0]);
}

const ink_probe ink_probe_avx2 = {"avx2",       INK_CPU_AVX2,          read_bytes,       dot,
                                  multiply_add, 2 * 4 * LANES *N_SUMS, 2 * LANES *N_SUMS};
