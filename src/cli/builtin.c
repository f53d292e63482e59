/* Files become part of the binary through the assembler. CMakeLists.txt says which. */
#include "cli/builtin.h"

#define EMBED(symbol, path)                                                       \
    __asm__(".section .rodata\n"                                                  \
            ".balign 64\n"                                                        \
            ".globl " symbol "\n" symbol ":\n"                                    \
            ".incbin \"" path "\"\n"                                              \
            "1: .byte 0\n"                                                        \
            ".balign 8\n"                                                         \
            ".globl " symbol "_bytes\n" symbol "_bytes: .8byte 1b - " symbol "\n" \
            ".previous\n")

EMBED("ink_builtin_sample", INK_HOME_SAMPLE);

#ifdef INK_HOME_MODEL
EMBED("ink_builtin_model", INK_HOME_MODEL);
extern const char ink_builtin_model[];
extern const uint64_t ink_builtin_model_bytes;

const void *ink_builtin_home(size_t *n_bytes)
{
    *n_bytes = (size_t)ink_builtin_model_bytes;
    return ink_builtin_model;
}
#else
const void *ink_builtin_home(size_t *n_bytes)
{
    *n_bytes = 0;
    return NULL;
}
#endif
