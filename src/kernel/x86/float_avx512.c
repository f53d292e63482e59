/*
 * Float weights: acc = fma(w, x[k], acc) in increasing k, a lane is a row. One accumulator waits
 * four cycles for its last sum, so four tiles go side by side; with many columns these 64 rows by 6
 * columns fill the registers, and k goes in chunks whose weights stay in the second cache. There
 * narrow weights are widened once: a quarter of the units that multiply would else widen them anew
 * for every six columns.
 */
#include "kernel/x86/matmul_avx512.h"

#define MAX_TILES 4
#define MAX_COLUMNS 6
#define CHUNK 512 /* of k: 64 rows of it are at most 128 KiB, 6 columns 12 KiB */

_Static_assert(CHUNK <= INK_PANEL_GROUPS * INK_Q8_GROUP && MAX_TILES <= INK_PANEL_TILES &&
                   INK_Q8_GROUP * LANES * sizeof(float) <= INK_PANEL_GROUP_BYTES,
               "a widened chunk fits the scratch that callers give");

typedef struct float_format {
    size_t bytes; /* of 16 rows of one k */
    __m512 (*load)(const uint8_t *w);
} float_format;

static inline __m512 load_f32(const uint8_t *w)
{
    return _mm512_loadu_ps(w);
}

static inline __m512 load_f16(const uint8_t *w)
{
    return load_halves(w);
}

static inline __m512 load_bf16(const uint8_t *w)
{
    __m512i upper = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)w));
    return _mm512_castsi512_ps(_mm512_slli_epi32(upper, 16));
}

/* Four tiles, k from first to first + n, a few columns. */
typedef struct float_product {
    const uint8_t *tile[MAX_TILES]; /* at k = first */
    const float *x;
    size_t x_stride, n;
    float *y[MAX_TILES];
    size_t y_stride;
    __mmask16 rows[MAX_TILES];
    bool resume; /* y holds what the chunks before gave */
} float_product;

TEMPLATE void multiply(const float_format *f, const float_product *p, int n_cols)
{
    const uint8_t *w[MAX_TILES];
    const float *x[MAX_COLUMNS];
    __m512 acc[MAX_COLUMNS][MAX_TILES];
    foreach (t, MAX_TILES)
        w[t] = p->tile[t];
    foreach (c, n_cols) {
        x[c] = p->x + (size_t)c * p->x_stride;
        foreach (t, MAX_TILES) {
            const float *y = p->y[t] + (size_t)c * p->y_stride;
            acc[c][t] = _mm512_maskz_loadu_ps(p->resume ? p->rows[t] : 0, y);
        }
    }
    for (size_t k = 0; k < p->n; k++) {
        __m512 value[MAX_TILES];
        foreach (t, MAX_TILES)
            value[t] = f->load(w[t] + k * f->bytes);
        foreach (c, n_cols) {
            __m512 activation = _mm512_set1_ps(x[c][k]);
            foreach (t, MAX_TILES)
                acc[c][t] = _mm512_fmadd_ps(value[t], activation, acc[c][t]);
        }
    }
    foreach (c, n_cols)
        foreach (t, MAX_TILES)
            _mm512_mask_storeu_ps(p->y[t] + (size_t)c * p->y_stride, p->rows[t], acc[c][t]);
}

typedef void float_product_fn(const float_product *p);

/*
 * Where fewer than four tiles are left the last stands in for the others, and none of its rows is
 * stored.
 */
static void set_tiles(float_product *p, const ink_matmul *m, size_t first_tile, size_t tile_bytes)
{
    const size_t last = tiles_of(m->n_rows) - 1;
    for (size_t t = 0; t < MAX_TILES; t++) {
        size_t tile = first_tile + t < last ? first_tile + t : last;
        p->tile[t] = (const uint8_t *)m->tiles + tile * tile_bytes;
        p->y[t] = m->y + tile * LANES;
        p->rows[t] = tile == first_tile + t ? rows_of_tile(tile, m->n_rows) : 0;
    }
}

static void multiply_columns(const float_product *tiles, const ink_matmul *m, size_t first,
                             float_product_fn *const *products)
{
    float_product p = *tiles;
    for (size_t col = 0, n; col < m->n_cols; col += n) {
        n = even_run(m->n_cols - col, MAX_COLUMNS);
        p.x = (const float *)m->x + col * m->x_stride + first;
        for (size_t t = 0; t < MAX_TILES; t++)
            p.y[t] = tiles->y[t] + col * m->y_stride;
        products[n - 1](&p);
    }
}

/* A format's products by columns - 1, and what widens n of k of a tile; NULL for F32. */
typedef void widen_fn(float *out, const uint8_t *tile, size_t n);

typedef struct float_kernels {
    size_t bytes;
    float_product_fn *products[MAX_COLUMNS];
    widen_fn *widen;
} float_kernels;

/* The product of a chunk of k; `wide` has the products of F32. */
static void multiply_chunk(const float_kernels *f, const float_kernels *wide, const ink_matmul *m,
                           const float_product *chunk, size_t first)
{
    float_product p = *chunk;
    if (!f->widen || m->n_cols <= GEMV_COLUMNS) {
        multiply_columns(&p, m, first, f->products);
        return;
    }
    for (size_t t = 0; t < MAX_TILES; t++) {
        float *panel = (float *)m->scratch + t * p.n * LANES;
        f->widen(panel, p.tile[t], p.n);
        p.tile[t] = (const uint8_t *)panel;
    }
    multiply_columns(&p, m, first, wide->products);
}

static void multiply_all(const ink_matmul *m, const float_kernels *f, const float_kernels *wide)
{
    for (size_t tile = 0; tile < tiles_of(m->n_rows); tile += MAX_TILES) {
        float_product p = {.x_stride = m->x_stride, .y_stride = m->y_stride};
        set_tiles(&p, m, tile, m->k * f->bytes);
        for (size_t first = 0; first == 0 || first < m->k; first += CHUNK) {
            p.n = m->k - first < CHUNK ? m->k - first : CHUNK;
            p.resume = first > 0;
            multiply_chunk(f, wide, m, &p, first);
            for (size_t t = 0; t < MAX_TILES; t++)
                p.tile[t] += p.n * f->bytes;
        }
    }
}

TEMPLATE void widen(const float_format *f, float *out, const uint8_t *tile, size_t n)
{
    for (size_t k = 0; k < n; k++)
        _mm512_store_ps(out + k * LANES, f->load(tile + k * f->bytes));
}

#define PRODUCT(name, n_cols)                                    \
    INSTANCE static void name##_##n_cols(const float_product *p) \
    {                                                            \
        multiply(&name, p, n_cols);                              \
    }
static const float_format f32 = {sizeof(ink_block_f32) * LANES, load_f32};
static const float_format f16 = {sizeof(ink_block_f16) * LANES, load_f16};
static const float_format bf16 = {sizeof(ink_block_bf16) * LANES, load_bf16};

#define FLOATS(name, widen_)                                          \
    PRODUCT(name, 1)                                                  \
    PRODUCT(name, 2)                                                  \
    PRODUCT(name, 3)                                                  \
    PRODUCT(name, 4)                                                  \
    PRODUCT(name, 5)                                                  \
    PRODUCT(name, 6)                                                  \
    static const float_kernels kernels_##name = {                     \
        sizeof(ink_block_##name) * LANES,                             \
        {name##_1, name##_2, name##_3, name##_4, name##_5, name##_6}, \
        widen_};                                                      \
    void ink_matmul_##name##_avx512(const ink_matmul *m)              \
    {                                                                 \
        multiply_all(m, &kernels_##name, &kernels_f32);               \
    }
#define NARROW_FLOATS(name)                                                      \
    INSTANCE static void widen_##name(float *out, const uint8_t *tile, size_t n) \
    {                                                                            \
        widen(&name, out, tile, n);                                              \
    }                                                                            \
    FLOATS(name, widen_##name)

FLOATS(f32, NULL)
NARROW_FLOATS(f16)
NARROW_FLOATS(bf16)
