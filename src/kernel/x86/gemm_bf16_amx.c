/*
 * Products of float arrays rounded to BF16, in tile registers: 32 x 32 sums in four tiles, 32 of k
 * at a time (kernel.h, gemm_bf16). A tile of a holds 16 rows of 16 pairs, neighbors in k; one of b,
 * for each pair, 16 columns. A panel is two tiles for each 32 of k.
 */
#include <string.h>
#include "kernel/gemm.h"
#include "kernel/x86/transpose_avx512.h"

#define RUN 32  /* of k in a tile */
#define SIDE 32 /* of a product of two by two tiles */
#define TILE_BYTES 1024
#define LINE 64 /* bytes of a tile's row */

/* ---- Packing: 16 of the wide side, 32 of k */

/* For each of 16 its 16 pairs, where k lies side by side. */
TEMPLATE void take_columns(__m512 x[LANES], const ink_gemm_part *p, size_t first, size_t l)
{
    const size_t n = p->deep - l;
    const __mmask16 low = first_lanes(n), high = n > LANES ? first_lanes(n - LANES) : 0;
    foreach (i, LANES) {
        const size_t at = first + (size_t)i < p->wide ? first + (size_t)i : p->wide - 1;
        const float *from = p->from + at * p->wide_stride + l;
        x[i] = (__m512)_mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(high, from + LANES),
                                           _mm512_maskz_loadu_ps(low, from));
    }
}

/* For each of 16 pairs its 16, where these lie side by side. */
TEMPLATE void take_rows(__m512 x[LANES], const ink_gemm_part *p, size_t first, size_t l)
{
    const __m512i in_turn = _mm512_or_si512(
        _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
        _mm512_setr_epi32(16 << 16, 17 << 16, 18 << 16, 19 << 16, 20 << 16, 21 << 16, 22 << 16,
                          23 << 16, 24 << 16, 25 << 16, 26 << 16, 27 << 16, 28 << 16, 29 << 16,
                          30 << 16, 31 << 16));
    const __mmask16 lanes = first_lanes(p->wide - first);
    const float *from = p->from + l * p->deep_stride + first;
    foreach (i, LANES) {
        const size_t at = l + 2 * (size_t)i;
        __m512 even = _mm512_maskz_loadu_ps(at < p->deep ? lanes : 0, from);
        __m512 odd = _mm512_maskz_loadu_ps(at + 1 < p->deep ? lanes : 0, from + p->deep_stride);
        __m512i words = (__m512i)_mm512_cvtne2ps_pbh(odd, even);
        x[i] = _mm512_castsi512_ps(_mm512_permutexvar_epi16(in_turn, words));
        from += 2 * p->deep_stride;
    }
}

/* `by_pair`: a line of the tile is a pair; else it is one of the wide side. */
TEMPLATE void pack_part(char *out, const ink_gemm_part *p, bool by_pair)
{
    for (size_t first = 0; first < p->wide; first += LANES) {
        char *to = out + first / SIDE * p->panel_bytes + first % SIDE / LANES * TILE_BYTES;
        for (size_t l = 0; l < p->deep; l += RUN, to += 2 * TILE_BYTES) {
            __m512 x[LANES];
            if (p->wide_stride == 1)
                take_rows(x, p, first, l);
            else
                take_columns(x, p, first, l);
            if ((p->wide_stride == 1) != by_pair)
                transpose(x);
            foreach (i, LANES)
                _mm512_store_ps(to + LINE * i, x[i]);
        }
    }
}

static void pack_a(void *out, const ink_gemm_part *part)
{
    pack_part(out, part, false);
}

static void pack_b(void *out, const ink_gemm_part *part)
{
    pack_part(out, part, true);
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

void ink_gemm_bf16_amx(const ink_gemm *g)
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
