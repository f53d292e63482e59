/* Files as cards name them. */
#ifndef INK_CLI_DIGEST_H
#define INK_CLI_DIGEST_H

#include <stddef.h>

/* The SHA-256 of bytes in hexadecimal, terminated. */
void ink_digest_print(const char *bytes, size_t n_bytes, char out[65]);

/* What stands behind the last '/'. */
const char *ink_digest_name(const char *path);

#endif
