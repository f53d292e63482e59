/*
 * Packing 16 rows at once, whatever the vector: fields are taken as runs of four bytes a row
 * ("dwords"), transposed, and put in order within each by the width of the field's units. Nothing
 * here knows a format but by its field list.
 *
 * The file that includes this has defined
 *   dwords                            one dword of each of 16 rows
 *   load_quad(out[4], rows, stride)   four dwords: 16 bytes from each of 16 rows
 *   store_units4, _units2, _units1, _spread(to, dwords)   64 bytes of the tile
 */
#include <string.h>
#include "kernel/kernel.h"

enum { QUAD_BYTES = 16, DWORD_BYTES = 4 };

typedef void store_fn(uint8_t *to, dwords x);

/* The dwords of a field. Its last quad may begin `back` dwords early, to end inside the block. */
typedef struct run {
    size_t n_dwords, back;
} run;

TEMPLATE void pack_run(uint8_t *to, const uint8_t *from, size_t stride, run r, store_fn *store)
{
    dwords quad[4];
    size_t whole = r.n_dwords / 4 * 4;
    for (size_t i = 0; i < whole; i += 4) {
        load_quad(quad, from + DWORD_BYTES * i, stride);
        foreach (j, 4)
            store(to + INK_TILE_ROWS * DWORD_BYTES * (i + (size_t)j), quad[j]);
    }
    if (r.n_dwords == whole)
        return;
    load_quad(quad, from + DWORD_BYTES * whole - DWORD_BYTES * r.back, stride);
    for (size_t i = whole; i < r.n_dwords; i++)
        store(to + INK_TILE_ROWS * DWORD_BYTES * i, quad[r.back + i - whole]);
}

typedef void run_fn(uint8_t *to, const uint8_t *from, size_t stride, run r);

#define X(kind)                                                                     \
    static void pack_##kind(uint8_t *to, const uint8_t *from, size_t stride, run r) \
    {                                                                               \
        pack_run(to, from, stride, r, store_##kind);                                \
    }
X(units4)
X(units2)
X(units1)
X(spread)
#undef X

/* A field of every block: its dwords, then the `n_rest` bytes that make no dword. */
typedef struct step {
    run_fn *pack;
    size_t offset, unit_bytes, rest_bytes;
    run run;
} step;

typedef struct recipe {
    step steps[INK_MAX_FORMAT_FIELDS];
    size_t n_steps, block_bytes, n_blocks;
} recipe;

/* false when a quad would reach out of the block on both sides. */
static bool plan_step(step *s, const ink_format_field *field, size_t bytes, size_t block_bytes)
{
    static run_fn *const packers[] = {NULL, pack_units1, pack_units2, NULL, pack_units4};
    size_t n_dwords = bytes / DWORD_BYTES, rest = n_dwords % 4,
           at = s->offset + DWORD_BYTES * (n_dwords - rest);
    s->pack = field->spread ? pack_spread : packers[field->unit_bytes];
    s->unit_bytes = field->unit_bytes;
    s->rest_bytes = bytes % DWORD_BYTES;
    s->run = (run){.n_dwords = n_dwords};
    if (rest == 0 || at + QUAD_BYTES <= block_bytes)
        return true;
    s->run.back = 4 - rest;
    return at >= DWORD_BYTES * s->run.back;
}

/* Blocks of a single field follow each other like one: then a row is one long block. */
static bool plan(recipe *r, const ink_format_info *info, size_t n_blocks)
{
    size_t merged = info->fields[1].count == 0 && !info->fields[0].spread ? n_blocks : 1,
           offset = 0;
    *r = (recipe){.block_bytes = info->block_bytes * merged, .n_blocks = n_blocks / merged};
    for (const ink_format_field *field = info->fields; field->count; field++) {
        size_t bytes = (size_t)field->unit_bytes * field->count * merged;
        step *s = &r->steps[r->n_steps++];
        s->offset = offset;
        if (!plan_step(s, field, bytes, r->block_bytes))
            return false;
        offset += bytes;
    }
    return true;
}

/* Single units of one and two bytes. */
TEMPLATE void pack_rest(uint8_t *to, const uint8_t *from, size_t stride, size_t n, size_t bytes)
{
    for (size_t i = 0; i < n; i += bytes)
        foreach (row, INK_TILE_ROWS)
            memcpy(to + INK_TILE_ROWS * i + (size_t)row * bytes, from + (size_t)row * stride + i,
                   bytes);
}

static void pack_step(const step *s, uint8_t *tile, const uint8_t *block, size_t stride)
{
    size_t bytes = DWORD_BYTES * s->run.n_dwords;
    tile += INK_TILE_ROWS * s->offset;
    block += s->offset;
    if (s->run.n_dwords)
        s->pack(tile, block, stride, s->run);
    if (s->rest_bytes == 0)
        return;
    if (s->unit_bytes == 2)
        pack_rest(tile + INK_TILE_ROWS * bytes, block + bytes, stride, s->rest_bytes, 2);
    else
        pack_rest(tile + INK_TILE_ROWS * bytes, block + bytes, stride, s->rest_bytes, 1);
}

static void pack(ink_format format, void *tile, const void *rows, size_t n_rows, size_t n_blocks)
{
    const size_t stride = n_blocks * ink_formats[format].block_bytes;
    recipe r;
    if (n_rows < INK_TILE_ROWS || !plan(&r, &ink_formats[format], n_blocks)) {
        ink_pack_c(format, tile, rows, n_rows, n_blocks);
        return;
    }
    for (size_t b = 0; b < r.n_blocks; b++)
        for (size_t i = 0; i < r.n_steps; i++)
            pack_step(&r.steps[i], (uint8_t *)tile + INK_TILE_ROWS * b * r.block_bytes,
                      (const uint8_t *)rows + b * r.block_bytes, stride);
}
