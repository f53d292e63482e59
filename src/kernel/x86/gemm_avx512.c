/*
 * Matrix times many columns: arithmetic is the limit. Four tiles at a time are expanded into a
 * panel that stays in the second cache, every format to the same unsigned bytes, and one product
 * runs over it: 32 rows by 6 columns (12 sums and 12 accumulators in registers), the columns
 * staying in the first cache while the panel's tiles pass.
 *
 * Formats with scales for 16 values multiply them into the codes where the product fits a byte
 * (Q2_K, Q3_K).
 */
#include "kernel/x86/matmul_avx512.h"

#define CHUNK_GROUPS 64 /* of k at a time: 6 columns of it are 18 KiB, 4 tiles at most 176 KiB */
#define PAIR 2
#define MAX_COLUMNS 6

/* A group of a tile in the panel; `more` is what its kind needs besides. */
typedef struct panel_group {
    uint8_t codes[GROUP_UNITS][64];
    float d[INK_TILE_ROWS];
    union {
        float m[2][INK_TILE_ROWS];
        int32_t scale[2][INK_TILE_ROWS];
    } more;
} panel_group;

_Static_assert(CHUNK_GROUPS <= INK_PANEL_GROUPS && sizeof(panel_group) <= INK_PANEL_GROUP_BYTES,
               "fits the scratch that callers give");

/* What the product must know of a format: the others are expanded to one of these. */
typedef enum product_kind {
    PRODUCT_PLAIN,
    PRODUCT_M32,
    PRODUCT_M16,
    PRODUCT_SCALED,
    N_PRODUCTS
} product_kind;

/* 32 rows of the panel times a few columns, for a chunk of k. */
typedef struct product {
    const panel_group *tile[PAIR];
    size_t n_groups;
    const ink_q8 *x;
    size_t x_stride;
    float *y[PAIR];
    size_t y_stride;
    __mmask16 rows[PAIR];
    bool resume; /* y holds what the chunks before gave */
    int bias;
} product;

/* ---- Expanding. */

/* Scale times (code - bias), plus a new bias: 16 bits have room, and the low byte is the result. */
#define FOLDED_BIAS_Q3_K 127

TEMPLATE __m512i fold_scale(__m512i codes, int bias, __m512i scale, int folded_bias)
{
    const __m512i low_bytes = _mm512_set1_epi16(0xff), minus_bias = _mm512_set1_epi16((short)-bias);
    scale = _mm512_or_si512(_mm512_and_si512(scale, _mm512_set1_epi32(0xffff)),
                            _mm512_slli_epi32(scale, 16));
    __m512i even = _mm512_add_epi16(_mm512_and_si512(codes, low_bytes), minus_bias);
    __m512i odd =
        _mm512_add_epi16(_mm512_and_si512(_mm512_srli_epi32(codes, 8), low_bytes), minus_bias);
    even = _mm512_and_si512(_mm512_mullo_epi16(even, scale), low_bytes);
    odd = _mm512_andnot_si512(low_bytes, _mm512_slli_epi32(_mm512_mullo_epi16(odd, scale), 8));
    return _mm512_add_epi8(_mm512_or_si512(even, odd), bytes(folded_bias));
}

TEMPLATE bool folds(const tile_format *f)
{
    return f->sub == SUB_16 && f->bias < 8;
}

TEMPLATE int folded_bias(const tile_format *f)
{
    return folds(f) && f->bias ? FOLDED_BIAS_Q3_K : f->bias;
}

TEMPLATE void expand_group(const tile_format *f, panel_group *out, const uint8_t *block, int g,
                           const group_scales *s)
{
    foreach (u, GROUP_UNITS) {
        const int half = u / HALF_UNITS;
        __m512i codes = move_bits(f->codes(block, g, u), f->shift(g, half), 0);
        if (folds(f))
            codes = fold_scale(codes, f->bias, s->scale[half], folded_bias(f));
        _mm512_store_si512(out->codes[u], codes);
    }
    _mm512_store_ps(out->d, s->d);
    foreach (half, 2) {
        if (f->kind == INK_GROUP_M16 || (f->kind == INK_GROUP_M32 && half == 0))
            _mm512_store_ps(out->more.m[half], s->m[half]);
        else if (f->sub == SUB_16)
            _mm512_store_si512(out->more.scale[half], s->scale[half]);
    }
}

TEMPLATE void expand(const tile_format *f, panel_group *out, const uint8_t *block, size_t n_blocks)
{
    for (size_t b = 0; b < n_blocks; b++, block += f->block_bytes, out += f->n_groups) {
        tile_scales scales;
        f->scales(&scales, block);
        foreach (g, f->n_groups) {
            group_scales s = scales_of_group(f, &scales, g);
            prefetch(f, block, g);
            expand_group(f, out + g, block, g, &s);
        }
    }
}

/* ---- The product. */

/*
 * -bias times the activations' sum, of both halves or of one where their scales differ. Scalars
 * make it and memory hands it on, because the product needs every slot of the vector ports.
 */
TEMPLATE __m512i start(product_kind kind, int bias, const ink_q8 *x, bool first, bool second)
{
    if (kind == PRODUCT_M32 || kind == PRODUCT_M16)
        return _mm512_setzero_si512();
    const int32_t value = -bias * ((first ? x->isum[0] : 0) + (second ? x->isum[1] : 0));
    __m512i all;
    __asm__("vpbroadcastd %1, %0" : "=v"(all) : "m"(value));
    return all;
}

/* Both tiles' codes of half a group meet every column. */
TEMPLATE void add_codes(__m512i sum[][PAIR], const panel_group *const *w, const ink_q8 *const *x,
                        int half, int n_cols)
{
    foreach (i, HALF_UNITS) {
        const int u = HALF_UNITS * half + i;
        __m512i first = _mm512_load_si512(w[0]->codes[u]);
        __m512i second = _mm512_load_si512(w[1]->codes[u]);
        foreach (c, n_cols) {
            __m512i activations = broadcast4(x[c]->q + 4 * u);
            sum[c][0] = _mm512_dpbusd_epi32(sum[c][0], first, activations);
            sum[c][1] = _mm512_dpbusd_epi32(sum[c][1], second, activations);
        }
    }
}

/* The integer sums of a group: sum over k of scale * q * x.q. */
TEMPLATE void sum_group(product_kind kind, __m512i sum[][PAIR], const panel_group *const *w,
                        const ink_q8 *const *x, int bias, int n_cols)
{
    const bool scaled = kind == PRODUCT_SCALED;
    foreach (c, n_cols)
        sum[c][0] = sum[c][1] = start(kind, bias, x[c], true, !scaled);
    add_codes(sum, w, x, 0, n_cols);
    if (!scaled) {
        add_codes(sum, w, x, 1, n_cols);
        return;
    }
    __m512i second[MAX_COLUMNS][PAIR];
    foreach (c, n_cols)
        second[c][0] = second[c][1] = start(kind, bias, x[c], false, true);
    add_codes(second, w, x, 1, n_cols);
    foreach (c, n_cols)
        foreach (t, PAIR)
            sum[c][t] = _mm512_add_epi32(
                _mm512_mullo_epi32(sum[c][t], _mm512_load_si512(w[t]->more.scale[0])),
                _mm512_mullo_epi32(second[c][t], _mm512_load_si512(w[t]->more.scale[1])));
}

TEMPLATE ink_group_kind kind_of_sums(product_kind kind)
{
    return kind == PRODUCT_M32   ? INK_GROUP_M32
           : kind == PRODUCT_M16 ? INK_GROUP_M16
                                 : INK_GROUP_PLAIN;
}

TEMPLATE void multiply(product_kind kind, const product *p, int n_cols)
{
    const panel_group *w[PAIR] = {p->tile[0], p->tile[1]};
    const ink_q8 *x[MAX_COLUMNS];
    __m512 acc[MAX_COLUMNS][PAIR];
    foreach (c, n_cols) {
        x[c] = p->x + (size_t)c * p->x_stride;
        foreach (t, PAIR)
            acc[c][t] = _mm512_maskz_loadu_ps(p->resume ? p->rows[t] : 0,
                                              p->y[t] + (size_t)c * p->y_stride);
    }
    for (size_t g = 0; g < p->n_groups; g++, w[0]++, w[1]++) {
        __m512i sum[MAX_COLUMNS][PAIR];
        sum_group(kind, sum, w, x, p->bias, n_cols);
        foreach (t, PAIR) {
            __m512 d = _mm512_load_ps(w[t]->d);
            __m512 m[2] = {_mm512_load_ps(w[t]->more.m[0]), _mm512_load_ps(w[t]->more.m[1])};
            foreach (c, n_cols)
                acc[c][t] = add_product(kind_of_sums(kind), d, m, x[c], sum[c][t], acc[c][t]);
        }
        foreach (c, n_cols)
            x[c]++;
    }
    foreach (c, n_cols)
        foreach (t, PAIR)
            _mm512_mask_storeu_ps(p->y[t] + (size_t)c * p->y_stride, p->rows[t], acc[c][t]);
}

#define PRODUCT(kind, n_cols)                                \
    static void multiply_##kind##_##n_cols(const product *p) \
    {                                                        \
        multiply(PRODUCT_##kind, p, n_cols);                 \
    }
#define PRODUCTS_4(kind) PRODUCT(kind, 1) PRODUCT(kind, 2) PRODUCT(kind, 3) PRODUCT(kind, 4)
#define PRODUCTS_6(kind) PRODUCTS_4(kind) PRODUCT(kind, 5) PRODUCT(kind, 6)
PRODUCTS_6(PLAIN)
PRODUCTS_6(M32)
PRODUCTS_6(M16)
PRODUCTS_4(SCALED)

/*
 * Per kind and number of columns. SCALED keeps the halves' sums apart, which leaves registers for
 * four columns.
 */
typedef void product_fn(const product *p);
#define ROW_4(kind) \
    multiply_##kind##_1, multiply_##kind##_2, multiply_##kind##_3, multiply_##kind##_4
#define ROW_6(kind) ROW_4(kind), multiply_##kind##_5, multiply_##kind##_6
static product_fn *const products[N_PRODUCTS][MAX_COLUMNS] = {
    [PRODUCT_PLAIN] = {ROW_6(PLAIN)},
    [PRODUCT_M32] = {ROW_6(M32)},
    [PRODUCT_M16] = {ROW_6(M16)},
    [PRODUCT_SCALED] = {ROW_4(SCALED)},
};
static const uint8_t max_columns[N_PRODUCTS] = {6, 6, 6, 4};

/* ---- Panels. */

typedef void expand_fn(panel_group *out, const uint8_t *block, size_t n_blocks);

typedef struct gemm_format {
    size_t block_bytes, block_groups;
    expand_fn *expand;
    product_kind kind;
    int bias;
} gemm_format;

/*
 * Tiles `tile` .. tile + n_tiles of the matrix, groups first .. first + n_groups, expanded: the
 * panel's rows times x.
 */
typedef struct panel {
    panel_group *groups; /* [n_tiles][n_groups] */
    size_t tile, n_tiles, first, n_groups;
} panel;

static void fill_panel(const gemm_format *f, const ink_matmul *m, const panel *p)
{
    const size_t row_blocks = m->k / INK_Q8_GROUP / f->block_groups;
    for (size_t t = 0; t < p->n_tiles; t++) {
        size_t block = (p->tile + t) * row_blocks + p->first / f->block_groups;
        f->expand(p->groups + t * p->n_groups, (const uint8_t *)m->tiles + block * f->block_bytes,
                  p->n_groups / f->block_groups);
    }
}

/*
 * The last pair may lack its second tile: the first stands in for it, and no row of it is stored.
 */
static void multiply_panel(const gemm_format *f, const ink_matmul *m, const panel *p, size_t col,
                           size_t n_cols)
{
    product args = {
        .n_groups = p->n_groups, .x_stride = m->x_stride, .y_stride = m->y_stride, .bias = f->bias};
    args.x = (const ink_q8 *)m->x + col * m->x_stride + p->first;
    args.resume = p->first > 0;
    for (size_t t = 0; t < p->n_tiles; t += PAIR) {
        for (size_t i = 0; i < PAIR; i++) {
            size_t in_panel = t + i < p->n_tiles ? t + i : t, tile = p->tile + in_panel;
            args.tile[i] = p->groups + in_panel * p->n_groups;
            args.y[i] = m->y + col * m->y_stride + tile * INK_TILE_ROWS;
            args.rows[i] = in_panel == t + i ? rows_of_tile(tile, m->n_rows) : 0;
        }
        products[f->kind][n_cols - 1](&args);
    }
}

static void multiply_columns(const gemm_format *f, const ink_matmul *m, const panel *p)
{
    for (size_t col = 0, n; col < m->n_cols; col += n) {
        n = even_run(m->n_cols - col, max_columns[f->kind]);
        multiply_panel(f, m, p, col, n);
    }
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void gemm(const gemm_format *f, const ink_matmul *m)
{
    const size_t n_groups = m->k / INK_Q8_GROUP, n_tiles = tiles_of(m->n_rows);
    panel p = {.groups = m->scratch};
    for (p.tile = 0; p.tile < n_tiles; p.tile += INK_PANEL_TILES) {
        p.n_tiles = smaller(n_tiles - p.tile, INK_PANEL_TILES);
        for (p.first = 0; p.first == 0 || p.first < n_groups; p.first += CHUNK_GROUPS) {
            p.n_groups = smaller(n_groups - p.first, CHUNK_GROUPS);
            fill_panel(f, m, &p);
            multiply_columns(f, m, &p);
        }
    }
}

TEMPLATE product_kind product_of(const tile_format *f)
{
    if (f->kind == INK_GROUP_M32)
        return PRODUCT_M32;
    if (f->kind == INK_GROUP_M16)
        return PRODUCT_M16;
    return f->sub == SUB_16 && !folds(f) ? PRODUCT_SCALED : PRODUCT_PLAIN;
}

#define GEMM(name, ...)                                                                         \
    INSTANCE static void expand_##name(panel_group *out, const uint8_t *block, size_t n_blocks) \
    {                                                                                           \
        expand(&name, out, block, n_blocks);                                                    \
    }                                                                                           \
    void ink_gemm_##name##_avx512(const ink_matmul *m)                                          \
    {                                                                                           \
        const gemm_format f = {name.block_bytes, (size_t)name.n_groups, expand_##name,          \
                               product_of(&name), folded_bias(&name)};                          \
        gemm(&f, m);                                                                            \
    }
TILE_FORMATS(GEMM)
