/* The quantized matmuls of an ARM processor that has no dot product instruction. */
#include "kernel/arm/dot_neon.h"
#include "kernel/arm/matmul_neon.h"

PANEL_KINDS(PANEL_KIND)
TILE_FORMATS(PANEL_FORMAT)

#define MATMUL(name, ...)                                   \
    DIRECT_COLUMNS(name, 1)                                 \
    void ink_matmul_##name##_neon(const ink_matmul *m)      \
    {                                                       \
        static const direct_products products = {name##_1}; \
        if (m->n_cols <= MAX_DIRECT_COLS)                   \
            multiply_direct(m, &expand_##name, &products);  \
        else                                                \
            multiply_panels(m, &panels_##name);             \
    }
TILE_FORMATS(MATMUL)
