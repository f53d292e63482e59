#include "kernel/kernel.h"

#include "kernel/reference.h"

/* Rows stand slowest first, so a later one that can run replaces an earlier one. */
void ink_kernels_init(ink_kernels *kernels, uint32_t features)
{
    *kernels = (ink_kernels){.features = features};
#define USABLE(needs) ((features & (needs)) == (needs))
#define KERNEL(op, isa, needs) \
    if (USABLE(needs))         \
        kernels->op = ink_##op##_##isa;
#define MATMUL(op, FORMAT, isa, needs) \
    if (USABLE(needs))                 \
        kernels->matmul[INK_FORMAT_##FORMAT] = ink_matmul_##op##_##isa;
#define VALUES(op, FORMAT, isa, needs) \
    if (USABLE(needs))                 \
        kernels->values[INK_FORMAT_##FORMAT] = ink_values_##op##_##isa;
#include "kernel/kernels.def"
#undef KERNEL
#undef MATMUL
#undef VALUES
#undef USABLE
}

size_t ink_matmul_scratch_bytes(size_t k)
{
    size_t n_groups = (k + INK_Q8_GROUP - 1) / INK_Q8_GROUP;
    n_groups = n_groups < INK_PANEL_GROUPS ? n_groups : INK_PANEL_GROUPS;
    return n_groups * INK_PANEL_TILES * INK_PANEL_GROUP_BYTES + 64;
}

bool ink_format_rotates(ink_format format)
{
    return ink_group_readers[format].kind == INK_GROUP_ROTATED;
}

bool ink_format_takes_q8(ink_format format)
{
    return ink_group_readers[format].read && ink_group_readers[format].kind != INK_GROUP_DECODED;
}
