#include "model/arch.h"

#include <string.h>

static const ink_arch *const archs[] = {
#define ARCH(name) &ink_arch_##name,
#include "model/archs.def"
#undef ARCH
};

const ink_arch *ink_arch_find(const char *name)
{
    for (size_t i = 0; i < sizeof archs / sizeof *archs; i++)
        if (strcmp(archs[i]->name, name) == 0)
            return archs[i];
    return NULL;
}
