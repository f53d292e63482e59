#include "cli/digest.h"

#include <string.h>
#include "base/sha256.h"

void ink_digest_print(const char *bytes, size_t n_bytes, char out[65])
{
    uint8_t digest[INK_SHA256_BYTES];
    ink_sha256 sum;
    ink_sha256_init(&sum);
    if (n_bytes)
        ink_sha256_add(&sum, bytes, n_bytes);
    ink_sha256_finish(&sum, digest);
    ink_sha256_print(digest, INK_SHA256_BYTES, out);
}

const char *ink_digest_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}
