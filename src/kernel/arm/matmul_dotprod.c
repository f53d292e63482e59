/* The quantized matmuls of an ARM processor that has SDOT. */
#include "kernel/arm/dot_dotprod.h"
#include "kernel/arm/matmul_neon.h"

PANEL_KINDS(PANEL_KIND)
TILE_FORMATS(PANEL_FORMAT)

#define MATMUL(name, ...)                                             \
    DIRECT_COLUMNS(name, 1)                                           \
    DIRECT_COLUMNS(name, 2)                                           \
    void ink_matmul_##name##_dotprod(const ink_matmul *m)             \
    {                                                                 \
        static const direct_products products = {name##_1, name##_2}; \
        if (m->n_cols <= MAX_DIRECT_COLS)                             \
            multiply_direct(m, &expand_##name, &products);            \
        else                                                          \
            multiply_panels(m, &panels_##name);                       \
    }
TILE_FORMATS(MATMUL)
