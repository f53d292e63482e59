/*
 * Weights come from memory in order, and are asked for twice: far ahead of their use into the
 * second cache, which keeps more requests under way than the first, and shortly before it into the
 * first. The hardware's own guess covers a page at most and is poor where fields are not met in the
 * order they lie (the scales of Q6_K stand at the end of 3360 bytes and are read first). One
 * request 3.5 KB ahead into the first cache was enough on a Xeon; a Zen 4 gave Q6_K 10 GB/s that
 * way, 21 with both.
 */
#ifndef INK_KERNEL_X86_READ_AHEAD_H
#define INK_KERNEL_X86_READ_AHEAD_H

#include <stdint.h>

#define READ_AHEAD_NEAR 2048
#define READ_AHEAD_FAR 8192

/*
 * As volatile assembly, because compilers gather the intrinsics of a block at its start, where they
 * fill the queue of misses that loads need too. An address past the weights is no error.
 */
static inline void ask_for_line(const uint8_t *p)
{
    __asm__ volatile("prefetcht1 (%0)" : : "r"((uintptr_t)p + READ_AHEAD_FAR));
    __asm__ volatile("prefetcht0 (%0)" : : "r"((uintptr_t)p + READ_AHEAD_NEAR));
}

#endif
