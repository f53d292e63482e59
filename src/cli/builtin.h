/* What is in the binary: a sample home, and a model for homes if there was one at build time. */
#ifndef INK_CLI_BUILTIN_H
#define INK_CLI_BUILTIN_H

#include <stddef.h>
#include <stdint.h>

extern const char ink_builtin_sample[];
extern const uint64_t ink_builtin_sample_bytes;

/* NULL when the binary was built without the model. */
const void *ink_builtin_home(size_t *n_bytes);

#endif
