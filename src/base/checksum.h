/*
 * A checksum of much data against damage, not against malice, as fast as memory is read: eight
 * lanes of 64 bits take words in turn, lane = rotate(lane ^ word) * odd. Each step is one to one in
 * the lane and in the word, so that whatever happens to a single word always shows, and anything
 * else escapes once in 2^64. After Fowler, Noll and Vo's hash, by words.
 */
#ifndef INK_BASE_CHECKSUM_H
#define INK_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#define INK_CHECKSUM_LANES 8

#define INK_CHECKSUM_BYTES 64 /* a round of all lanes */

typedef struct ink_checksum {
    uint64_t lanes[INK_CHECKSUM_LANES];
} ink_checksum;

void ink_checksum_init(ink_checksum *sum);

/*
 * All pieces but the last are whole rounds; a shorter end counts as if zeros followed, so that the
 * length must be known otherwise. Words are read as the machine stores them.
 */
void ink_checksum_add(ink_checksum *sum, const void *bytes, size_t n_bytes);

#endif
