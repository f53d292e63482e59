/* Products for which subnormal numbers are zeros, by the processor's own switches. */
#ifndef INK_KERNEL_X86_GEMM_FLUSHED_H
#define INK_KERNEL_X86_GEMM_FLUSHED_H

#include <xmmintrin.h>
#include "kernel/gemm.h"

/* Round to nearest, no traps; subnormals are zeros when read and when they come out. */
static inline void ink_gemm_run_flushed(const ink_gemm *g, const ink_gemm_kernels *kernels)
{
    enum { NEAREST_MASKED = 0x1f80, READ_AS_ZERO = 0x40, FLUSH_TO_ZERO = 0x8000 };
    const unsigned before = _mm_getcsr();
    _mm_setcsr(NEAREST_MASKED | READ_AS_ZERO | FLUSH_TO_ZERO);
    ink_gemm_run(g, kernels);
    _mm_setcsr(before);
}

#endif
