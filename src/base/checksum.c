#include "base/checksum.h"

#include <string.h>

_Static_assert(INK_CHECKSUM_BYTES == INK_CHECKSUM_LANES * sizeof(uint64_t), "a round");

#define PRIME 0x00000100000001b3u /* FNV's, of 64 bits */
#define ROTATION 29

static void add_round(ink_checksum *sum, const uint8_t *bytes)
{
    for (int lane = 0; lane < INK_CHECKSUM_LANES; lane++) {
        uint64_t word;
        memcpy(&word, bytes + (size_t)lane * sizeof word, sizeof word);
        word ^= sum->lanes[lane];
        sum->lanes[lane] = (word << ROTATION | word >> (64 - ROTATION)) * PRIME;
    }
}

void ink_checksum_init(ink_checksum *sum)
{
    for (int lane = 0; lane < INK_CHECKSUM_LANES; lane++)
        sum->lanes[lane] = (uint64_t)lane + 1;
}

void ink_checksum_add(ink_checksum *sum, const void *bytes, size_t n_bytes)
{
    const uint8_t *at = bytes;
    size_t whole = n_bytes / INK_CHECKSUM_BYTES * INK_CHECKSUM_BYTES;
    for (size_t i = 0; i < whole; i += INK_CHECKSUM_BYTES)
        add_round(sum, at + i);
    if (n_bytes > whole) {
        uint8_t end[INK_CHECKSUM_BYTES] = {0};
        memcpy(end, at + whole, n_bytes - whole);
        add_round(sum, end);
    }
}
