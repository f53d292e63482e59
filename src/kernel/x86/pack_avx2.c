/* Packing with 8 rows in a register: see pack.h. */
#include "kernel/x86/template_avx2.h"

typedef struct dwords {
    __m256i half[2]; /* rows 0..7 and 8..15 */
} dwords;

/* Row r and r + 4 in the two parts of a register. */
TEMPLATE __m256i load_rows(const uint8_t *rows, size_t stride)
{
    return _mm256_loadu2_m128i((const __m128i *)(rows + 4 * stride), (const __m128i *)rows);
}

TEMPLATE void load_eight(dwords out[4], int half, const uint8_t *rows, size_t stride)
{
    __m256i in[4], low[2], high[2];
    foreach (i, 4)
        in[i] = load_rows(rows + (size_t)i * stride, stride);
    foreach (i, 2) {
        low[i] = _mm256_unpacklo_epi32(in[2 * i], in[2 * i + 1]);
        high[i] = _mm256_unpackhi_epi32(in[2 * i], in[2 * i + 1]);
    }
    out[0].half[half] = _mm256_unpacklo_epi64(low[0], low[1]);
    out[1].half[half] = _mm256_unpackhi_epi64(low[0], low[1]);
    out[2].half[half] = _mm256_unpacklo_epi64(high[0], high[1]);
    out[3].half[half] = _mm256_unpackhi_epi64(high[0], high[1]);
}

TEMPLATE void load_quad(dwords out[4], const uint8_t *rows, size_t stride)
{
    load_eight(out, 0, rows, stride);
    load_eight(out, 1, rows + HALF * stride, stride);
}

TEMPLATE void store_pair(uint8_t *to, __m256i low, __m256i high)
{
    _mm256_storeu_si256((__m256i *)to, low);
    _mm256_storeu_si256((__m256i *)(to + 32), high);
}

TEMPLATE void store_units4(uint8_t *to, dwords x)
{
    store_pair(to, x.half[0], x.half[1]);
}

/* Bytes 0 of four rows, bytes 1, ... in each part of a register; or words. */
TEMPLATE __m256i group(__m256i x, __m128i order)
{
    return _mm256_shuffle_epi8(x, _mm256_broadcastsi128_si256(order));
}

TEMPLATE void store_units2(uint8_t *to, dwords x)
{
    const __m128i order = _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
    foreach (i, 2)
        x.half[i] = _mm256_permute4x64_epi64(group(x.half[i], order), 0xd8);
    store_pair(to, _mm256_permute2x128_si256(x.half[0], x.half[1], 0x20),
               _mm256_permute2x128_si256(x.half[0], x.half[1], 0x31));
}

TEMPLATE void store_units1(uint8_t *to, dwords x)
{
    const __m128i order = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m256i parts = _mm256_setr_epi32(0, 4, 2, 6, 1, 5, 3, 7);
    foreach (i, 2) /* eight rows of bytes 0, 2, 1, 3 */
        x.half[i] = _mm256_permutevar8x32_epi32(group(x.half[i], order), parts);
    store_pair(to, _mm256_unpacklo_epi64(x.half[0], x.half[1]),
               _mm256_unpackhi_epi64(x.half[0], x.half[1]));
}

/* Bits j, j + 4, ... j + 28 side by side in the low byte. */
TEMPLATE __m256i every_fourth_bit(__m256i x, int j)
{
    x = _mm256_and_si256(_mm256_srli_epi32(x, j), _mm256_set1_epi32(0x11111111));
    x = _mm256_or_si256(x, _mm256_srli_epi32(x, 3));
    x = _mm256_and_si256(x, _mm256_set1_epi32(0x03030303));
    x = _mm256_or_si256(x, _mm256_srli_epi32(x, 6));
    x = _mm256_or_si256(x, _mm256_srli_epi32(x, 12));
    return _mm256_and_si256(x, _mm256_set1_epi32(0xff));
}

TEMPLATE void store_spread(uint8_t *to, dwords x)
{
    foreach (i, 2) {
        __m256i sum = _mm256_setzero_si256();
        foreach (j, 4)
            sum = _mm256_or_si256(sum, _mm256_slli_epi32(every_fourth_bit(x.half[i], j), 8 * j));
        x.half[i] = sum;
    }
    store_units4(to, x);
}

#include "kernel/x86/pack.h"

void ink_pack_avx2(ink_format format, void *tile, const void *rows, size_t n_rows, size_t n_blocks)
{
    pack(format, tile, rows, n_rows, n_blocks);
}
