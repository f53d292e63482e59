/* What the probes of all 64-bit ARM instruction sets share: reading, and products of floats. */
#ifndef INK_KERNEL_ARM_PROBE_NEON_H
#define INK_KERNEL_ARM_PROBE_NEON_H

#include <arm_neon.h>
#include "kernel/probe.h"

#define AHEAD 1024 /* bytes; without fetching ahead one stream waits at every page's end */

/* Enough sums that each has left the pipeline when its turn comes again. */
enum { N_SUMS = 16, LANES = 4 };

static uint64_t read_bytes(const void *bytes, size_t n_bytes, size_t n_streams)
{
    enum { VECTORS = INK_PROBE_LINE / 16 };
    uint8x16_t sums[4] = {vdupq_n_u8(0), vdupq_n_u8(0), vdupq_n_u8(0), vdupq_n_u8(0)};
    size_t run = n_bytes / n_streams;
    for (size_t at = 0; at < run; at += INK_PROBE_LINE)
        for (size_t stream = 0; stream < n_streams; stream++) {
            const uint8_t *line = (const uint8_t *)bytes + stream * run + at;
            for (int i = 0; i < VECTORS; i++) {
                if (i % 4 == 0)
                    __builtin_prefetch(line + AHEAD + 16 * i);
                sums[i % 4] = veorq_u8(sums[i % 4], vld1q_u8(line + 16 * i));
            }
        }
    sums[0] = veorq_u8(veorq_u8(sums[0], sums[1]), veorq_u8(sums[2], sums[3]));
    uint64x2_t words = vreinterpretq_u64_u8(sums[0]);
    return vgetq_lane_u64(words, 0) ^ vgetq_lane_u64(words, 1);
}

static uint64_t multiply_add(size_t n_rounds)
{
    float32x4_t sums[N_SUMS], a = vdupq_n_f32(0.5f), b = vdupq_n_f32(0.25f);
    for (int i = 0; i < N_SUMS; i++)
        sums[i] = vdupq_n_f32(0);
    for (size_t round = 0; round < n_rounds; round++)
        for (int i = 0; i < N_SUMS; i++)
            sums[i] = vfmaq_f32(b, sums[i], a);
    for (int i = 1; i < N_SUMS; i++)
        sums[0] = vaddq_f32(sums[0], sums[i]);
    return (uint64_t)vaddvq_f32(sums[0]);
}

static inline uint64_t add_sums(int32x4_t sums[N_SUMS])
{
    for (int i = 1; i < N_SUMS; i++)
        sums[0] = vaddq_s32(sums[0], sums[i]);
    return (uint64_t)(uint32_t)vaddvq_s32(sums[0]);
}

#endif
