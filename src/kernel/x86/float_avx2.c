/*
 * The matmuls of float weights: a fused multiply-add per weight and column, in increasing k. Its
 * latency is hidden by several tiles at once for one column, by several columns for more; these
 * pass a stretch of k of one tile while it stays in the cache, their sums waiting in y.
 */
#include "kernel/kernel.h"
#include "kernel/x86/template_avx2.h"

#define MAX_TILES 4
#define MAX_COLS 6
#define STRETCH 256 /* of k: 8 to 16 KiB of weights */

/* Rows 8 * half on of a tile's k. */
typedef __m256 load_fn(const uint8_t *tile, size_t k, int half);

/* Some tiles times some columns over a stretch of k. */
typedef struct float_stretch {
    const uint8_t *tiles;
    size_t tile_bytes, k;
    const float *x; /* [n_cols][x_stride] */
    size_t x_stride;
    float *y; /* [n_cols][y_stride] */
    size_t y_stride, n_rows;
    bool resumes; /* y holds what earlier stretches summed */
} float_stretch;

typedef void float_product_fn(const float_stretch *s);

typedef struct float_kernels {
    size_t value_bytes;
    float_product_fn *tall[MAX_TILES]; /* one column, by tiles - 1 */
    float_product_fn *wide[MAX_COLS];  /* one tile, by columns - 1 */
} float_kernels;

/* Product i is that of tile i with one column, or of one tile with column i. */
#define MAX_PRODUCTS MAX_COLS
_Static_assert(MAX_TILES <= MAX_PRODUCTS, "the larger of both");

TEMPLATE size_t tile_of(int n_tiles, int i)
{
    return n_tiles > 1 ? (size_t)i : 0;
}

TEMPLATE size_t column_of(int n_tiles, int i)
{
    return n_tiles > 1 ? 0 : (size_t)i;
}

TEMPLATE void multiply_floats(load_fn *load, int n_tiles, int n_cols, const float_stretch *s)
{
    const int n_products = n_tiles * n_cols;
    const uint8_t *tile[MAX_PRODUCTS];
    const float *x[MAX_PRODUCTS];
    float *y[MAX_PRODUCTS];
    __m256 acc[MAX_PRODUCTS][2];
    foreach (i, n_products) {
        const size_t t = tile_of(n_tiles, i), c = column_of(n_tiles, i);
        tile[i] = s->tiles + t * s->tile_bytes;
        x[i] = s->x + c * s->x_stride;
        y[i] = s->y + c * s->y_stride + t * LANES;
        foreach (h, 2)
            acc[i][h] =
                s->resumes ? load_half(y[i], s->n_rows - t * LANES, h) : _mm256_setzero_ps();
    }
    for (size_t k = 0; k < s->k; k++)
        foreach (i, n_products) {
            const __m256 value = _mm256_set1_ps(x[i][k]);
            foreach (h, 2)
                acc[i][h] = _mm256_fmadd_ps(load(tile[i], k, h), value, acc[i][h]);
        }
    foreach (i, n_products)
        foreach (h, 2)
            store_half(y[i], s->n_rows - tile_of(n_tiles, i) * LANES, h, acc[i][h]);
}

static size_t at_most(size_t n, size_t limit)
{
    return n < limit ? n : limit;
}

static void multiply_one_column(const ink_matmul *m, const float_kernels *kernels)
{
    const size_t tile_bytes = m->k * LANES * kernels->value_bytes;
    float_stretch s = {m->tiles, tile_bytes, m->k, m->x, m->x_stride, m->y, m->y_stride, 0, false};
    for (size_t row = 0; row < m->n_rows; row += MAX_TILES * LANES) {
        s.n_rows = at_most(m->n_rows - row, MAX_TILES * LANES);
        kernels->tall[(s.n_rows - 1) / LANES](&s);
        s.tiles += MAX_TILES * tile_bytes;
        s.y += MAX_TILES * LANES;
    }
}

static void multiply_columns(float_stretch s, size_t n_cols, const float_kernels *kernels)
{
    for (size_t col = 0; col < n_cols; col += MAX_COLS) {
        kernels->wide[at_most(n_cols - col, MAX_COLS) - 1](&s);
        s.x += MAX_COLS * s.x_stride;
        s.y += MAX_COLS * s.y_stride;
    }
}

static void multiply(const ink_matmul *m, const float_kernels *kernels)
{
    if (m->n_cols == 1) {
        multiply_one_column(m, kernels);
        return;
    }
    const size_t k_bytes = LANES * kernels->value_bytes;
    for (size_t k = 0; k < m->k; k += STRETCH) {
        float_stretch s = {.tiles = (const uint8_t *)m->tiles + k * k_bytes,
                           .k = at_most(m->k - k, STRETCH),
                           .x = (const float *)m->x + k,
                           .x_stride = m->x_stride,
                           .y = m->y,
                           .y_stride = m->y_stride,
                           .resumes = k > 0};
        for (size_t row = 0; row < m->n_rows; row += LANES) {
            s.n_rows = at_most(m->n_rows - row, LANES);
            multiply_columns(s, m->n_cols, kernels);
            s.tiles += m->k * k_bytes;
            s.y += LANES;
        }
    }
}

TEMPLATE __m256 load_f32(const uint8_t *tile, size_t k, int half)
{
    return _mm256_loadu_ps((const float *)tile + k * LANES + HALF * half);
}

TEMPLATE __m128i load_16_bits(const uint8_t *tile, size_t k, int half)
{
    return _mm_loadu_si128((const __m128i *)(tile + 2 * (k * LANES + (size_t)(HALF * half))));
}

TEMPLATE __m256 load_f16(const uint8_t *tile, size_t k, int half)
{
    return _mm256_cvtph_ps(load_16_bits(tile, k, half));
}

TEMPLATE __m256 load_bf16(const uint8_t *tile, size_t k, int half)
{
    __m256i upper = _mm256_cvtepu16_epi32(load_16_bits(tile, k, half));
    return _mm256_castsi256_ps(_mm256_slli_epi32(upper, 16));
}

#define PRODUCT(name, tiles, cols)                              \
    static void name##_##tiles##_##cols(const float_stretch *s) \
    {                                                           \
        multiply_floats(load_##name, tiles, cols, s);           \
    }

#define KERNELS(name, bytes)                                                       \
    PRODUCT(name, 1, 1)                                                            \
    PRODUCT(name, 2, 1)                                                            \
    PRODUCT(name, 3, 1)                                                            \
    PRODUCT(name, 4, 1)                                                            \
    PRODUCT(name, 1, 2)                                                            \
    PRODUCT(name, 1, 3)                                                            \
    PRODUCT(name, 1, 4)                                                            \
    PRODUCT(name, 1, 5)                                                            \
    PRODUCT(name, 1, 6)                                                            \
    static const float_kernels kernels_##name = {                                  \
        bytes,                                                                     \
        {name##_1_1, name##_2_1, name##_3_1, name##_4_1},                          \
        {name##_1_1, name##_1_2, name##_1_3, name##_1_4, name##_1_5, name##_1_6}}; \
    void ink_matmul_##name##_avx2(const ink_matmul *m)                             \
    {                                                                              \
        multiply(m, &kernels_##name);                                              \
    }
KERNELS(f32, 4)
KERNELS(f16, 2)
KERNELS(bf16, 2)
