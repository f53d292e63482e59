/* SHA-256 as FIPS 180-4 defines it. */
#ifndef INK_BASE_SHA256_H
#define INK_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define INK_SHA256_BYTES 32

typedef struct ink_sha256 {
    uint32_t state[8];
    uint64_t n_bytes;  /* so far */
    uint8_t block[64]; /* the first n_bytes % 64 are waiting for the others */
} ink_sha256;

void ink_sha256_init(ink_sha256 *sum);
void ink_sha256_add(ink_sha256 *sum, const void *bytes, size_t n_bytes);

/* Begin again with init. */
void ink_sha256_finish(ink_sha256 *sum, uint8_t digest[INK_SHA256_BYTES]);

/* The first n bytes of a digest in hexadecimal, terminated: out[2 * n + 1]. */
void ink_sha256_print(const uint8_t *digest, size_t n, char *out);
#define INK_SHA256_TEXT_BYTES (2 * INK_SHA256_BYTES + 1)

#endif
