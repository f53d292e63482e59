/*
 * Products of float arrays rounded to BF16, in tile registers: 32 x 32 sums in four tiles, 32 of k
 * at a time (kernel.h, gemm_bf16_tiles). A tile of a holds 16 rows of 16 pairs, neighbors in k; one
 * of b, for each pair, 16 columns. A panel is two tiles for each 32 of k.
 */
#include <string.h>
#include "kernel/x86/gemm_pack_bf16.h"

#define SIDE 32 /* of a product of two by two tiles */
#define TILE_BYTES 1024
#define LINE 64 /* bytes of a tile's row */

static void pack_a(void *out, const ink_gemm_part *part)
{
    pack_part(out, part, &(pair_layout){false, LINE, TILE_BYTES, 2 * TILE_BYTES});
}

static void pack_b(void *out, const ink_gemm_part *part)
{
    pack_part(out, part, &(pair_layout){true, LINE, TILE_BYTES, 2 * TILE_BYTES});
}

/* ---- One product of up to two by two tiles: 0 .. 3 hold sums, 4 and 5 a, 6 and 7 b */

typedef struct sums {
    float *c;
    size_t c_row; /* in bytes */
    bool add;
} sums;

/* X(tile of sums, its row, its column, tile of a, tile of b) */
#define EACH_SUM(X, down, across) \
    X(0, 0, 0, 4, 6)              \
    if (across)                   \
        X(1, 0, 1, 4, 7)          \
    if (down)                     \
        X(2, 1, 0, 5, 6)          \
    if (down && across)           \
    X(3, 1, 1, 5, 7)

/* `down`, `across`: whether there is a second tile of rows, of columns. */
TEMPLATE void multiply(const ink_gemm_tile *t, const sums *s, bool down, bool across)
{
    const char *a = t->a, *b = t->b;
    char *c = (char *)s->c;
#define PLACE(i, j) (c + (i)*LANES * s->c_row + (j)*LINE)
#define LOAD(sum, i, j, row, column) _tile_loadd(sum, PLACE(i, j), s->c_row);
#define ZERO(sum, i, j, row, column) _tile_zero(sum);
#define ADD(sum, i, j, row, column) _tile_dpbf16ps(sum, row, column);
#define STORE(sum, i, j, row, column) _tile_stored(sum, PLACE(i, j), s->c_row);
    __asm__ volatile(""
                     :
                     :
                     : "memory"); /* what tiles load has been written: GCC 12 does not know */
    if (s->add) {
        EACH_SUM(LOAD, down, across)
    } else {
        EACH_SUM(ZERO, down, across)
    }
    for (size_t l = 0; l < t->k; l += RUN, a += 2 * TILE_BYTES, b += 2 * TILE_BYTES) {
        _tile_loadd(4, a, LINE);
        _tile_loadd(6, b, LINE);
        if (down)
            _tile_loadd(5, a + TILE_BYTES, LINE);
        if (across)
            _tile_loadd(7, b + TILE_BYTES, LINE);
        EACH_SUM(ADD, down, across)
    }
    EACH_SUM(STORE, down, across)
#undef PLACE
#undef LOAD
#undef ZERO
#undef ADD
#undef STORE
}

static void multiply_sums(const ink_gemm_tile *t, const sums *s)
{
    const bool down = t->rows > LANES, across = t->columns > LANES;
    if (down && across)
        multiply(t, s, true, true);
    else if (down)
        multiply(t, s, true, false);
    else if (across)
        multiply(t, s, false, true);
    else
        multiply(t, s, false, false);
}

/* Where a tile is partly past an edge, sums are elsewhere in the meantime. */
static void multiply_edge(const ink_gemm_tile *t)
{
    _Alignas(LINE) float c[SIDE][SIDE];
    const size_t bytes = t->columns * sizeof **c;
    memset(c, 0, sizeof c);
    for (size_t i = 0; i < t->rows && t->add; i++)
        memcpy(c[i], t->c + i * t->c_row, bytes);
    multiply_sums(t, &(sums){c[0], sizeof *c, t->add});
    for (size_t i = 0; i < t->rows; i++)
        memcpy(t->c + i * t->c_row, c[i], bytes);
}

static void multiply_tile(const ink_gemm_tile *t)
{
    if (t->rows % LANES || t->columns % LANES)
        multiply_edge(t);
    else
        multiply_sums(t, &(sums){t->c, t->c_row * sizeof *t->c, t->add});
}

/* What LDTILECFG reads: all eight tiles are of 16 lines of 64 bytes. */
typedef struct tile_layout {
    uint8_t palette, start_line, reserved[14];
    uint16_t line_bytes[16];
    uint8_t n_lines[16];
} tile_layout;

_Static_assert(sizeof(tile_layout) == 64, "as the processor reads it");

void ink_gemm_bf16_tiles_amx(const ink_gemm *g)
{
    static const tile_layout layout = {.palette = 1,
                                       .line_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
                                       .n_lines = {16, 16, 16, 16, 16, 16, 16, 16}};
    static const ink_gemm_kernels kernels = {
        .rows = SIDE,
        .columns = SIDE,
        .row_step = SIDE,
        .step = RUN,
        .a_bytes = 2 * TILE_BYTES / RUN,
        .b_bytes = 2 * TILE_BYTES / RUN,
        .pack_a = pack_a,
        .pack_b = pack_b,
        .tile = multiply_tile,
    };
    _tile_loadconfig(&layout);
    ink_gemm_run(g, &kernels);
    _tile_release();
}
