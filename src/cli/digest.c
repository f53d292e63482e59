#include "cli/digest.h"

#include <string.h>
#include "base/sha256.h"

void ink_digest_print(const char *bytes, size_t n_bytes, char out[65])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[INK_SHA256_BYTES];
    ink_sha256 sum;
    ink_sha256_init(&sum);
    if (n_bytes)
        ink_sha256_add(&sum, bytes, n_bytes);
    ink_sha256_finish(&sum, digest);
    for (size_t i = 0; i < INK_SHA256_BYTES; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[2 * INK_SHA256_BYTES] = '\0';
}

const char *ink_digest_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}
