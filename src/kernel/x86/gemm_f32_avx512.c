/* Products of float arrays: fused multiply-adds in increasing k. */
#include "kernel/x86/gemm_float_avx512.h"

static void pack_a(void *out, const ink_gemm_part *part)
{
    pack_part(out, part, 1);
}

static void pack_b(void *out, const ink_gemm_part *part)
{
    pack_part(out, part, TILE_VECTORS);
}

void ink_gemm_f32_avx512(const ink_gemm *g)
{
    static const ink_gemm_kernels kernels = {
        .rows = TILE_ROWS,
        .columns = TILE_VECTORS * LANES,
        .step = 1,
        .a_bytes = LANES * sizeof(float),
        .b_bytes = TILE_VECTORS * LANES * sizeof(float),
        .pack_a = pack_a,
        .pack_b = pack_b,
        .tile = multiply_tile,
    };
    ink_gemm_run(g, &kernels);
}
