/* The names are those of FIPS 180-4, sections 4.1.2, 4.2.2, 5 and 6.2. */
#include "base/sha256.h"

#include <string.h>
#include "base/size.h"

#define BLOCK_BYTES 64
#define LENGTH_BYTES 8
#define N_ROUNDS 64

static const uint32_t K[N_ROUNDS] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static uint32_t read_word(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void write_word(uint8_t *bytes, uint32_t word)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(word >> (24 - 8 * i));
}

static void schedule(uint32_t W[N_ROUNDS], const uint8_t *block)
{
    for (int t = 0; t < 16; t++)
        W[t] = read_word(block + 4 * (size_t)t);
    for (int t = 16; t < N_ROUNDS; t++) {
        uint32_t s0 = rotate(W[t - 15], 7) ^ rotate(W[t - 15], 18) ^ W[t - 15] >> 3;
        uint32_t s1 = rotate(W[t - 2], 17) ^ rotate(W[t - 2], 19) ^ W[t - 2] >> 10;
        W[t] = s1 + W[t - 7] + s0 + W[t - 16];
    }
}

static void add_block(uint32_t H[8], const uint8_t *block)
{
    uint32_t W[N_ROUNDS], a = H[0], b = H[1], c = H[2], d = H[3];
    uint32_t e = H[4], f = H[5], g = H[6], h = H[7];
    schedule(W, block);
    for (int t = 0; t < N_ROUNDS; t++) {
        uint32_t S1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
        uint32_t T1 = h + S1 + ((e & f) ^ (~e & g)) + K[t] + W[t];
        uint32_t S0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
        uint32_t T2 = S0 + ((a & b) ^ (a & c) ^ (b & c));
        h = g;
        g = f;
        f = e;
        e = d + T1;
        d = c;
        c = b;
        b = a;
        a = T1 + T2;
    }
    const uint32_t after[8] = {a, b, c, d, e, f, g, h};
    for (int i = 0; i < 8; i++)
        H[i] += after[i];
}

void ink_sha256_init(ink_sha256 *sum)
{
    *sum = (ink_sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                                  0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void ink_sha256_add(ink_sha256 *sum, const void *bytes, size_t n_bytes)
{
    const uint8_t *from = bytes;
    while (n_bytes > 0) {
        size_t n_waiting = sum->n_bytes % BLOCK_BYTES;
        size_t n = ink_size_min(n_bytes, BLOCK_BYTES - n_waiting);
        if (n == BLOCK_BYTES) {
            add_block(sum->state, from);
        } else {
            memcpy(sum->block + n_waiting, from, n);
            if (n_waiting + n == BLOCK_BYTES)
                add_block(sum->state, sum->block);
        }
        sum->n_bytes += n;
        from += n;
        n_bytes -= n;
    }
}

void ink_sha256_finish(ink_sha256 *sum, uint8_t digest[INK_SHA256_BYTES])
{
    static const uint8_t padding[BLOCK_BYTES] = {0x80};
    uint8_t length[LENGTH_BYTES];
    uint64_t n_bits = sum->n_bytes * 8;
    write_word(length, (uint32_t)(n_bits >> 32));
    write_word(length + 4, (uint32_t)n_bits);
    size_t last = BLOCK_BYTES - LENGTH_BYTES, n_waiting = sum->n_bytes % BLOCK_BYTES;
    ink_sha256_add(sum, padding, (n_waiting < last ? last : last + BLOCK_BYTES) - n_waiting);
    ink_sha256_add(sum, length, sizeof length);
    for (size_t i = 0; i < 8; i++)
        write_word(digest + 4 * i, sum->state[i]);
}

void ink_sha256_print(const uint8_t *digest, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        *out++ = digits[digest[i] >> 4];
        *out++ = digits[digest[i] & 15];
    }
    *out = '\0';
}
