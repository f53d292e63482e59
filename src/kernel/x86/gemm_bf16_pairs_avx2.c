/*
 * Products of float arrays rounded to BF16, in pairs (kernel.h, gemm_bf16_pairs), where no
 * instruction does it: BF16 numbers are floats, so these are the fused multiply-adds of gemm_f32,
 * with the odd k of a pair first and subnormal numbers taken for zero by the processor.
 */
#include "kernel/x86/gemm_flushed.h"
#include "kernel/x86/gemm_pack_avx2.h"

/* To nearest, ties to even. Subnormals become zero before; NaN becomes quiet. */
static inline __m256 rounded(__m256 x)
{
    const __m256i bits = _mm256_castps_si256(x), one = _mm256_set1_epi32(1);
    const __m256i magnitude = _mm256_and_si256(bits, _mm256_set1_epi32(0x7fffffff));
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), one);
    const __m256i nearest =
        _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
    const __m256i is_nan = _mm256_cmpgt_epi32(magnitude, _mm256_set1_epi32(0x7f800000));
    const __m256i is_small = _mm256_cmpgt_epi32(_mm256_set1_epi32(0x800000), magnitude);
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const __m256i zero = _mm256_and_si256(bits, _mm256_set1_epi32(INT32_MIN));
    __m256i y = _mm256_blendv_epi8(nearest, quiet, is_nan);
    y = _mm256_blendv_epi8(y, zero, is_small);
    return _mm256_castsi256_ps(_mm256_and_si256(y, _mm256_set1_epi32(-0x10000)));
}

static void pack_a(void *out, const ink_gemm_part *part)
{
    pack_part(out, part, 1, INK_GEMM_ODD_FIRST, rounded);
}

static void pack_b(void *out, const ink_gemm_part *part)
{
    pack_part(out, part, TILE_VECTORS, INK_GEMM_ODD_FIRST, rounded);
}

void ink_gemm_bf16_pairs_avx2(const ink_gemm *g)
{
    const ink_gemm_kernels kernels = float_tiles(INK_GEMM_BF16_RUN, pack_a, pack_b);
    ink_gemm_run_flushed(g, &kernels);
}
