/*
 * Random blocks of every weight format: random bytes are codes already, then each block gets scales
 * under which its values have the wanted mean and spread, and codes that the format does not use
 * are replaced.
 */
#include <stddef.h>
#include <string.h>
#include "base/half.h"
#include "base/memory.h"
#include "base/status.h"
#include "cli/synthetic.h"
#include "kernel/kernel.h"
#include "runtime/sampler_random.h"

enum { N_SCALES = 64 };

/* Where a block's scale is, and a second one that takes the mean out: 0 or without `min`, none. */
typedef struct recipe {
    float spread; /* standard deviation of a value when the scale is 1 and codes are uniform */
    float min;    /* the second scale as a multiple of the first */
    size_t d, m;  /* bytes from the start of the block */
    void (*repair)(uint8_t *block);
} recipe;

static void repair_q8_0(uint8_t *block)
{
    ink_block_q8_0 *b = (void *)block;
    for (int i = 0; i < 32; i++)
        b->q[i] = b->q[i] == INT8_MIN ? -INT8_MAX : b->q[i];
}

/* Five digits in base 3 as 256ths of 243, rounded up; in the last bytes the fifth digit is 0. */
static void repair_tq1_0(uint8_t *block)
{
    ink_block_tq1_0 *b = (void *)block;
    for (size_t i = 0; i < sizeof b->q; i++)
        b->q[i] = (uint8_t)((b->q[i] % 243 * 256 + 242) / 243);
    for (size_t i = 0; i < sizeof b->q_last; i++)
        b->q_last[i] = (uint8_t)((b->q_last[i] % 81 * 3 * 256 + 242) / 243);
}

/* Of two bits 3 is no code; it becomes 1, which stands for zero. */
static void repair_tq2_0(uint8_t *block)
{
    ink_block_tq2_0 *b = (void *)block;
    for (size_t i = 0; i < sizeof b->q; i++)
        b->q[i] = (uint8_t)(b->q[i] & ~((b->q[i] & b->q[i] << 1) & 0xaa));
}

/* Powers of two beside the wanted scale 0.02 / 5.85, which is about 2^-8.2. */
static void repair_mxfp4(uint8_t *block)
{
    ink_block_mxfp4 *b = (void *)block;
    b->exponent = (uint8_t)(119 + (b->exponent & 1));
}

/*
 * The spreads: of uniform integers from a to b, sqrt(((b - a + 1)^2 - 1) / 12); with a uniform
 * sub-scale s and a sub-scale t of the minimum, sqrt(E(s^2) E(q^2) - E(s)^2 E(q)^2 + min^2 var(t)).
 */
static const recipe recipes[INK_N_FORMATS] = {
    [INK_FORMAT_Q8_0] = {73.9f, 0, offsetof(ink_block_q8_0, d), 0, repair_q8_0},
    [INK_FORMAT_Q4_0] = {4.61f, 0, offsetof(ink_block_q4_0, d), 0, NULL},
    [INK_FORMAT_Q4_1] = {4.61f, -7.5f, offsetof(ink_block_q4_1, d), offsetof(ink_block_q4_1, m),
                         NULL},
    [INK_FORMAT_Q5_0] = {9.23f, 0, offsetof(ink_block_q5_0, d), 0, NULL},
    [INK_FORMAT_Q5_1] = {9.23f, -15.5f, offsetof(ink_block_q5_1, d), offsetof(ink_block_q5_1, m),
                         NULL},
    [INK_FORMAT_Q2_K] = {13.9f, 1.5f, offsetof(ink_block_q2_k, d), offsetof(ink_block_q2_k, d_min),
                         NULL},
    [INK_FORMAT_Q3_K] = {43.3f, 0, offsetof(ink_block_q3_k, d), 0, NULL},
    [INK_FORMAT_Q4_K] = {258.f, 7.5f, offsetof(ink_block_q4_k, d), offsetof(ink_block_q4_k, d_min),
                         NULL},
    [INK_FORMAT_Q5_K] = {527.f, 15.5f, offsetof(ink_block_q5_k, d), offsetof(ink_block_q5_k, d_min),
                         NULL},
    [INK_FORMAT_Q6_K] = {1366.f, 0, offsetof(ink_block_q6_k, d), 0, NULL},
    [INK_FORMAT_IQ4_NL] = {67.4f, 0, offsetof(ink_block_iq4_nl, d), 0, NULL},
    [INK_FORMAT_IQ4_XS] = {1246.f, 0, offsetof(ink_block_iq4_xs, d), 0, NULL},
    [INK_FORMAT_TQ1_0] = {0.816f, 0, offsetof(ink_block_tq1_0, d), 0, repair_tq1_0},
    [INK_FORMAT_TQ2_0] = {0.707f, 0, offsetof(ink_block_tq2_0, d), 0, repair_tq2_0},
    [INK_FORMAT_T2] = {48.0f, 0, offsetof(ink_block_t2, d), 0, NULL},
    [INK_FORMAT_T3] = {47.0f, 0, offsetof(ink_block_t3, d), 0, NULL},
    [INK_FORMAT_MXFP4] = {.repair = repair_mxfp4},
};

/* Draws of about a normal distribution: four 16-bit numbers added up, of variance 65536^2 / 12. */
ink_status ink_synthetic_source_init(ink_synthetic_source *source, int64_t seed, ink_error *error)
{
    const float unit = INK_SYNTHETIC_SPREAD / (65536 * 0.57735027f); /* sqrt(4 / 12) */
    ink_random_init(source->random, seed);
    source->palette = ink_new(NULL, INK_PALETTE, sizeof *source->palette);
    source->encoded = ink_new(NULL, INK_PALETTE, sizeof(float));
    source->encoded_format = INK_N_FORMATS;
    if (!source->palette || !source->encoded)
        return ink_fail_memory(error, "random numbers");
    for (size_t i = 0; i < INK_PALETTE; i++) {
        uint64_t bits = ink_random_next(source->random);
        int32_t sum = -2 * 65535;
        for (int part = 0; part < 4; part++)
            sum += (int32_t)(bits >> 16 * part & 0xffff);
        source->palette[i] = (float)sum * unit;
    }
    return INK_OK;
}

void ink_synthetic_source_deinit(ink_synthetic_source *source)
{
    ink_delete(NULL, source->palette);
    ink_delete(NULL, source->encoded);
}

static void fill_bytes(uint64_t random[4], uint8_t *bytes, size_t n_bytes)
{
    size_t i = 0;
    for (; i + 8 <= n_bytes; i += 8) {
        uint64_t bits = ink_random_next(random);
        memcpy(bytes + i, &bits, 8);
    }
    uint64_t bits = ink_random_next(random);
    memcpy(bytes + i, &bits, n_bytes - i);
}

/* Each value is one of the palette's, which is encoded whenever the format changes. */
static void fill_floats(ink_synthetic_source *source, ink_format format, uint8_t *values, size_t n)
{
    size_t width = ink_formats[format].block_bytes;
    if (source->encoded_format != format)
        (void)ink_encode(format, source->encoded, source->palette, INK_PALETTE);
    source->encoded_format = format;
    for (size_t i = 0; i < n; i += 4) {
        uint64_t bits = ink_random_next(source->random);
        for (size_t j = i; j < n && j < i + 4; j++, bits >>= 16)
            memcpy(values + j * width, source->encoded + (bits & 0xffff) * width, width);
    }
}

/* Scales of 3/4 to 5/4 of what the spread asks for: every block gets one of them. */
static void make_scales(const recipe *r, ink_half d[N_SCALES], ink_half m[N_SCALES])
{
    for (int i = 0; i < N_SCALES; i++) {
        float scale = INK_SYNTHETIC_SPREAD / r->spread * (0.75f + 0.5f * (float)i / (N_SCALES - 1));
        d[i] = ink_half_from_float(scale);
        m[i] = ink_half_from_float(ink_half_to_float(d[i]) * r->min);
    }
}

static void set_scales(uint64_t random[4], const recipe *r, uint8_t *block, size_t n_blocks,
                       size_t block_bytes)
{
    ink_half d[N_SCALES], m[N_SCALES];
    uint64_t bits = 0;
    make_scales(r, d, m);
    for (size_t i = 0; i < n_blocks; i++, block += block_bytes, bits >>= 6) {
        if (i % 10 == 0) /* six bits choose one */
            bits = ink_random_next(random);
        memcpy(block + r->d, &d[bits % N_SCALES], sizeof *d);
        if (r->min != 0)
            memcpy(block + r->m, &m[bits % N_SCALES], sizeof *m);
    }
}

bool ink_synthetic_makes(ink_format format)
{
    return ink_formats[format].block_elements == 1 || recipes[format].spread > 0 ||
           recipes[format].repair;
}

void ink_synthetic_blocks(ink_synthetic_source *source, ink_format format, void *blocks,
                          size_t n_blocks)
{
    const recipe *r = &recipes[format];
    size_t block_bytes = ink_formats[format].block_bytes;
    if (ink_formats[format].block_elements == 1) {
        fill_floats(source, format, blocks, n_blocks);
        return;
    }
    fill_bytes(source->random, blocks, n_blocks * block_bytes);
    if (r->spread > 0)
        set_scales(source->random, r, blocks, n_blocks, block_bytes);
    for (size_t i = 0; r->repair && i < n_blocks; i++)
        r->repair((uint8_t *)blocks + i * block_bytes);
}
