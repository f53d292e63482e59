/*
 * The file that llama2.c (karpathy/llama2.c, legacy format) keeps a model in: seven numbers, then
 * weights in F32 in a fixed order. It is given the tensors' published names and a configuration.
 */
#ifndef INK_CONVERT_LLAMA2C_H
#define INK_CONVERT_LLAMA2C_H

#include "convert/source.h"
#include "text/value.h"

/* A number of such a file: little-endian, like all of its kind. */
static inline uint32_t ink_llama2c_number(const void *bytes)
{
    const uint8_t *b = bytes;
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

/* `file` is taken, also on failure; `config` is as config.json would be, *n_tokens its vocabulary.
 */
ink_status ink_llama2c_open(ink_source *source, ink_file *file, ink_arena *arena, ink_value *config,
                            size_t *n_tokens, ink_error *error);

#endif
