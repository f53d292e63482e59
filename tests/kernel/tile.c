/* Packing moves bytes and nothing else: a tile holds each block once and gives it back. */
#include "facts.h"

#include <string.h>

enum {
    N_BLOCKS = 3,
    MAX_BLOCK = 256,
    ROW_BYTES = N_BLOCKS * MAX_BLOCK,
    TILE_BYTES = ROW_BYTES * INK_TILE_ROWS
};

static void fill_bytes(rng *r, unsigned char *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (unsigned char)rng_next(r);
}

static size_t field_bytes(const ink_format_info *info)
{
    size_t bytes = 0;
    for (const ink_format_field *f = info->fields; f->count; f++)
        bytes += (size_t)f->unit_bytes * f->count;
    return bytes;
}

/* A packed tile gives rows back, missing ones as zeros; nothing is written behind it. */
static void check_packed(ink_format format, const unsigned char *rows, size_t n_rows, finding *f)
{
    static const unsigned char zeros[ROW_BYTES];
    size_t row_bytes = N_BLOCKS * ink_formats[format].block_bytes,
           tile_bytes = row_bytes * INK_TILE_ROWS;
    unsigned char tile[TILE_BYTES + 1], back[ROW_BYTES + 1];
    tile[tile_bytes] = back[row_bytes] = 0x5a;
    ink_pack_c(format, tile, rows, n_rows, N_BLOCKS);
    for (size_t row = 0; row < INK_TILE_ROWS; row++) {
        ink_tile_get_row(format, back, tile, row, N_BLOCKS);
        if (memcmp(back, row < n_rows ? rows + row * row_bytes : zeros, row_bytes) != 0)
            finding_fail(f, "%zu rows packed: row %zu does not come back", n_rows, row);
    }
    if (tile[tile_bytes] != 0x5a || back[row_bytes] != 0x5a)
        finding_fail(f, "%zu rows packed: wrote behind the tile or the row", n_rows);
}

/* put_row over a tile of other bytes changes that row and no other. */
static void check_put(ink_format format, rng *r, const unsigned char *rows, finding *f)
{
    size_t row_bytes = N_BLOCKS * ink_formats[format].block_bytes,
           put = rng_below(r, INK_TILE_ROWS);
    unsigned char tile[TILE_BYTES], other[ROW_BYTES], back[ROW_BYTES];
    ink_pack_c(format, tile, rows, INK_TILE_ROWS, N_BLOCKS);
    fill_bytes(r, other, row_bytes);
    ink_tile_put_row(format, tile, other, put, N_BLOCKS);
    for (size_t row = 0; row < INK_TILE_ROWS; row++) {
        ink_tile_get_row(format, back, tile, row, N_BLOCKS);
        if (memcmp(back, row == put ? other : rows + row * row_bytes, row_bytes) != 0)
            finding_fail(f, "put row %zu: row %zu is not what it should be", put, row);
    }
}

/* Any bytes are the packing of some rows: all taken out and put elsewhere make them again. */
static void check_onto(ink_format format, rng *r, finding *f)
{
    size_t row_bytes = N_BLOCKS * ink_formats[format].block_bytes,
           tile_bytes = row_bytes * INK_TILE_ROWS;
    unsigned char tile[TILE_BYTES], again[TILE_BYTES], row_blocks[ROW_BYTES];
    fill_bytes(r, tile, tile_bytes);
    fill_bytes(r, again, tile_bytes);
    for (size_t row = 0; row < INK_TILE_ROWS; row++) {
        ink_tile_get_row(format, row_blocks, tile, row, N_BLOCKS);
        ink_tile_put_row(format, again, row_blocks, row, N_BLOCKS);
    }
    if (memcmp(tile, again, tile_bytes) != 0)
        finding_fail(f, "some bytes of a tile belong to no row");
}

void check_tile(size_t i, rng *r, finding *f)
{
    ink_format format = (ink_format)i;
    const ink_format_info *info = &ink_formats[format];
    unsigned char rows[TILE_BYTES];
    uint64_t packed_bytes = 0;
    if (field_bytes(info) != info->block_bytes)
        finding_fail(f, "fields of %zu bytes in a block of %u", field_bytes(info),
                     info->block_bytes);
    if (!ink_format_packed_bytes(format, 17, info->block_elements, &packed_bytes) ||
        packed_bytes != 2 * INK_TILE_ROWS * (uint64_t)info->block_bytes)
        finding_fail(f, "17 rows of a block take %llu bytes", (unsigned long long)packed_bytes);
    for (size_t n_rows = 1; n_rows <= INK_TILE_ROWS; n_rows++) {
        fill_bytes(r, rows, sizeof rows);
        check_packed(format, rows, n_rows, f);
        check_put(format, r, rows, f);
    }
    check_onto(format, r, f);
    finding_note(f, "16 x %u bytes, there and back", info->block_bytes);
}
