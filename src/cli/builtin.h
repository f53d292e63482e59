/* What is in the binary: a sample home, and a model for homes if there was one at build time. */
#ifndef INK_CLI_BUILTIN_H
#define INK_CLI_BUILTIN_H

#include <stddef.h>

extern const char ink_builtin_sample[], ink_builtin_sample_end[];

/* NULL when the binary was built without the model. */
const void *ink_builtin_home(size_t *n_bytes);

#endif
