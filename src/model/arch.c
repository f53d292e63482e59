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

const char *ink_role_untrainable(ink_role role)
{
    static const char *const names[INK_N_WEIGHT_ROLES] = {
        [INK_WEIGHT_ROUTER] = "experts",        [INK_WEIGHT_CONV] = "a convolution",
        [INK_WEIGHT_SCAN_OUT] = "a recurrence", [INK_WEIGHT_KV_A] = "latent attention",
        [INK_WEIGHT_SINKS] = "attention sinks",
    };
    return names[role];
}

static bool is_among(const uint8_t *roles, ink_role role)
{
    for (size_t i = 0; i < INK_MAX_ROLES && roles[i] != INK_WEIGHT_END; i++)
        if (roles[i] == role)
            return true;
    return false;
}

bool ink_arch_requires(const ink_arch *arch, ink_role role)
{
    return is_among(arch->required, role);
}

bool ink_arch_lists(const ink_arch *arch, ink_role role)
{
    return is_among(arch->required, role) || is_among(arch->optional, role);
}
