/*
 * Products of float arrays rounded to BF16, in pairs (kernel.h, gemm_bf16_pairs), where no
 * instruction does it: BF16 numbers are floats, so these are the fused multiply-adds of gemm_f32,
 * with the odd k of a pair first and subnormal numbers taken for zero by the processor.
 */
#include "kernel/x86/gemm_flushed.h"
#include "kernel/x86/gemm_pack_avx512.h"

/* To nearest, ties to even. Subnormals become zero before; NaN becomes quiet. */
static inline __m512 rounded(__m512 x)
{
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i magnitude = _mm512_and_si512(bits, _mm512_set1_epi32(0x7fffffff));
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i y = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
    y = _mm512_mask_or_epi32(y, _mm512_cmpgt_epi32_mask(magnitude, _mm512_set1_epi32(0x7f800000)),
                             bits, _mm512_set1_epi32(0x400000));
    y = _mm512_mask_mov_epi32(y, _mm512_cmplt_epi32_mask(magnitude, _mm512_set1_epi32(0x800000)),
                              _mm512_and_si512(bits, _mm512_set1_epi32(INT32_MIN)));
    return _mm512_castsi512_ps(_mm512_and_si512(y, _mm512_set1_epi32(-0x10000)));
}

static void pack_a(void *out, const ink_gemm_part *part)
{
    pack_part(out, part, 1, INK_GEMM_ODD_FIRST, rounded);
}

static void pack_b(void *out, const ink_gemm_part *part)
{
    pack_part(out, part, TILE_VECTORS, INK_GEMM_ODD_FIRST, rounded);
}

void ink_gemm_bf16_pairs_avx512(const ink_gemm *g)
{
    const ink_gemm_kernels kernels = float_tiles(INK_GEMM_BF16_RUN, pack_a, pack_b);
    ink_gemm_run_flushed(g, &kernels);
}
