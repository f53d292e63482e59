/*
 * How fast a file can be read: what bounds a model whose weights are larger than memory, since each
 * token reads all of them.
 */
#ifndef INK_CLI_READ_RATE_H
#define INK_CLI_READ_RATE_H

#include "inkling.h"

/*
 * Bytes a second, measured on up to 128 MB of the file that the system was asked to forget; 0 when
 * it cannot be read.
 */
double ink_read_rate(const char *path);

/* Says on standard error how many tokens a second may be expected. */
void ink_read_rate_say(const char *path, uint64_t weight_bytes, uint64_t memory_bytes);

#endif
