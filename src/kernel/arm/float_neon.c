/*
 * Float weights: acc = fma(w, x[k], acc) in increasing k, a lane is a row. Sixteen rows by six
 * columns fill the registers; k goes in chunks, whose weights stay in the L1 cache while the
 * columns pass.
 */
#include "kernel/arm/template_neon.h"
#include "kernel/kernel.h"

#define MAX_COLUMNS 6
#define CHUNK 256 /* of k: 16 rows of it are at most 16 KiB, 6 columns 6 KiB */

typedef struct float_format {
    size_t bytes; /* of 16 rows of one k */
    void (*load)(float32x4_t out[QUARTERS], const uint8_t *w);
} float_format;

TEMPLATE void load_f32(float32x4_t out[QUARTERS], const uint8_t *w)
{
    foreach (q, QUARTERS)
        out[q] = vreinterpretq_f32_u8(vld1q_u8(w + 16 * q));
}

TEMPLATE void load_f16(float32x4_t out[QUARTERS], const uint8_t *w)
{
    foreach (i, 2) {
        float16x8_t v = vreinterpretq_f16_u8(vld1q_u8(w + 16 * i));
        out[2 * i] = vcvt_f32_f16(vget_low_f16(v));
        out[2 * i + 1] = vcvt_high_f32_f16(v);
    }
}

/* The upper half of a float. */
TEMPLATE void load_bf16(float32x4_t out[QUARTERS], const uint8_t *w)
{
    const uint16x8_t zero = vdupq_n_u16(0);
    foreach (i, 2) {
        uint16x8_t v = vreinterpretq_u16_u8(vld1q_u8(w + 16 * i));
        out[2 * i] = vreinterpretq_f32_u16(vzip1q_u16(zero, v));
        out[2 * i + 1] = vreinterpretq_f32_u16(vzip2q_u16(zero, v));
    }
}

/* A tile, k from first to first + n, a few columns. */
typedef struct float_product {
    const uint8_t *tile; /* at k = first */
    const float *x;
    size_t x_stride, n;
    float *y;
    size_t y_stride, n_rows;
    bool resumes; /* y holds what the chunks before gave */
} float_product;

TEMPLATE float32x4_t fma_lane(float32x4_t acc, float32x4_t w, float32x4_t x, int lane)
{
    return lane == 0   ? vfmaq_laneq_f32(acc, w, x, 0)
           : lane == 1 ? vfmaq_laneq_f32(acc, w, x, 1)
           : lane == 2 ? vfmaq_laneq_f32(acc, w, x, 2)
                       : vfmaq_laneq_f32(acc, w, x, 3);
}

/* n of k, at most four: constant but at the end of a row. */
TEMPLATE void add_products(const float_format *f, float32x4_t acc[MAX_COLUMNS][QUARTERS],
                           const uint8_t *w, const float *const x[MAX_COLUMNS], size_t n,
                           int n_cols)
{
    float32x4_t four[MAX_COLUMNS];
    foreach (c, n_cols)
        four[c] = load_quarter(x[c], n, 0);
    foreach (i, QUARTER) {
        float32x4_t value[QUARTERS];
        if ((size_t)i >= n)
            return;
        f->load(value, w + (size_t)i * f->bytes);
        foreach (c, n_cols)
            foreach (q, QUARTERS)
                acc[c][q] = fma_lane(acc[c][q], value[q], four[c], i);
    }
}

TEMPLATE void multiply(const float_format *f, const float_product *p, int n_cols)
{
    const uint8_t *w = p->tile;
    const float *x[MAX_COLUMNS];
    float32x4_t acc[MAX_COLUMNS][QUARTERS];
    foreach (c, n_cols) {
        const float *y = p->y + (size_t)c * p->y_stride;
        x[c] = p->x + (size_t)c * p->x_stride;
        foreach (q, QUARTERS)
            acc[c][q] = p->resumes ? load_quarter(y, p->n_rows, q) : vdupq_n_f32(0);
    }
    size_t k = 0;
    for (; k + QUARTER <= p->n; k += QUARTER, w += QUARTER * f->bytes) {
        add_products(f, acc, w, x, QUARTER, n_cols);
        foreach (c, n_cols)
            x[c] += QUARTER;
    }
    if (k < p->n)
        add_products(f, acc, w, x, p->n - k, n_cols);
    foreach (c, n_cols)
        foreach (q, QUARTERS)
            store_quarter(p->y + (size_t)c * p->y_stride, p->n_rows, q, acc[c][q]);
}

typedef void float_product_fn(const float_product *p);

static size_t at_most(size_t n, size_t limit)
{
    return n < limit ? n : limit;
}

static void multiply_columns(const ink_matmul *m, float_product p, size_t first,
                             float_product_fn *const *products)
{
    for (size_t col = 0, n; col < m->n_cols; col += n, p.y += n * p.y_stride) {
        n = at_most(m->n_cols - col, MAX_COLUMNS);
        p.x = (const float *)m->x + col * m->x_stride + first;
        products[n - 1](&p);
    }
}

static void multiply_all(const ink_matmul *m, size_t bytes, float_product_fn *const *products)
{
    float_product p = {.tile = m->tiles, .x_stride = m->x_stride, .y_stride = m->y_stride};
    for (size_t row = 0; row < m->n_rows; row += INK_TILE_ROWS) {
        p.n_rows = at_most(m->n_rows - row, INK_TILE_ROWS);
        p.y = m->y + row;
        for (size_t first = 0; first == 0 || first < m->k; first += CHUNK) {
            p.n = at_most(m->k - first, CHUNK);
            p.resumes = first > 0;
            multiply_columns(m, p, first, products);
            p.tile += p.n * bytes;
        }
    }
}

#define PRODUCT(name, n_cols)                           \
    static void name##_##n_cols(const float_product *p) \
    {                                                   \
        multiply(&name, p, n_cols);                     \
    }
#define FLOATS(name)                                                                           \
    static const float_format name = {sizeof(ink_block_##name) * LANES, load_##name};          \
    PRODUCT(name, 1)                                                                           \
    PRODUCT(name, 2)                                                                           \
    PRODUCT(name, 3)                                                                           \
    PRODUCT(name, 4)                                                                           \
    PRODUCT(name, 5)                                                                           \
    PRODUCT(name, 6)                                                                           \
    void ink_matmul_##name##_neon(const ink_matmul *m)                                         \
    {                                                                                          \
        static float_product_fn *const products[MAX_COLUMNS] = {name##_1, name##_2, name##_3,  \
                                                                name##_4, name##_5, name##_6}; \
        multiply_all(m, name.bytes, products);                                                 \
    }
FLOATS(f32)
FLOATS(f16)
FLOATS(bf16)
