/*
 * Rows into tiles and back, from the field list of each format in formats.def: unit u of row r of a
 * field stands at (16 u + r) units from the field's begin, and each field begins at 16 times its
 * offset in the block.
 */
#include "kernel/kernel.h"

#include <string.h>

/* One side has its units 16 apart. `bytes` is a constant at each call, so that a copy is a move. */
static inline void copy_units(uint8_t *to, size_t to_step, const uint8_t *from, size_t from_step,
                              size_t count, size_t bytes)
{
    for (size_t i = 0; i < count; i++)
        memcpy(to + i * to_step * bytes, from + i * from_step * bytes, bytes);
}

static void copy_field(uint8_t *to, size_t to_step, const uint8_t *from, size_t from_step,
                       size_t count, size_t unit_bytes)
{
    if (unit_bytes == 4)
        copy_units(to, to_step, from, from_step, count, 4);
    else if (unit_bytes == 2)
        copy_units(to, to_step, from, from_step, count, 2);
    else
        copy_units(to, to_step, from, from_step, count, 1);
}

/* Bits j, j + 4, ... j + 28 side by side. */
static uint8_t every_fourth_bit(uint32_t x, int j)
{
    x = x >> j & 0x11111111;
    x = (x | x >> 3) & 0x03030303;
    x = (x | x >> 6) & 0x000f000f;
    return (uint8_t)(x | x >> 12);
}

/* Bit 4g + j to bit g of byte j: one shift and mask then meets the fifth bits of four neighbors. */
static void spread_bits(uint8_t to[4], const uint8_t from[4])
{
    uint32_t bits = (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
                    (uint32_t)from[3] << 24;
    for (int j = 0; j < 4; j++)
        to[j] = every_fourth_bit(bits, j);
}

static void gather_bits(uint8_t to[4], const uint8_t from[4])
{
    memset(to, 0, 4);
    for (int bit = 0; bit < 32; bit++)
        to[bit / 8] = (uint8_t)(to[bit / 8] | (from[bit % 4] >> bit / 4 & 1) << bit % 8);
}

static void put_block(const ink_format_info *info, uint8_t *tile, const uint8_t *block, size_t row)
{
    for (const ink_format_field *field = info->fields; field->count; field++) {
        uint8_t *place = tile + row * field->unit_bytes;
        if (field->spread)
            spread_bits(place, block);
        else
            copy_field(place, INK_TILE_ROWS, block, 1, field->count, field->unit_bytes);
        size_t bytes = (size_t)field->unit_bytes * field->count;
        tile += INK_TILE_ROWS * bytes;
        block += bytes;
    }
}

static void get_block(const ink_format_info *info, uint8_t *block, const uint8_t *tile, size_t row)
{
    for (const ink_format_field *field = info->fields; field->count; field++) {
        const uint8_t *place = tile + row * field->unit_bytes;
        if (field->spread)
            gather_bits(block, place);
        else
            copy_field(block, 1, place, INK_TILE_ROWS, field->count, field->unit_bytes);
        size_t bytes = (size_t)field->unit_bytes * field->count;
        tile += INK_TILE_ROWS * bytes;
        block += bytes;
    }
}

void ink_tile_get_row(ink_format format, void *blocks, const void *tile, size_t row,
                      size_t n_blocks)
{
    const ink_format_info *info = &ink_formats[format];
    uint8_t *to = blocks;
    const uint8_t *from = tile;
    for (size_t b = 0; b < n_blocks; b++)
        get_block(info, to + b * info->block_bytes, from + b * info->block_bytes * INK_TILE_ROWS,
                  row);
}

void ink_tile_put_row(ink_format format, void *tile, const void *blocks, size_t row,
                      size_t n_blocks)
{
    const ink_format_info *info = &ink_formats[format];
    uint8_t *to = tile;
    const uint8_t *from = blocks;
    for (size_t b = 0; b < n_blocks; b++)
        put_block(info, to + b * info->block_bytes * INK_TILE_ROWS, from + b * info->block_bytes,
                  row);
}

/* Blocks of one field follow each other like one: then a row is a single run. */
static void pack_runs(const ink_format_info *info, uint8_t *tile, const uint8_t *rows,
                      size_t n_rows, size_t row_bytes)
{
    size_t bytes = info->fields[0].unit_bytes;
    for (size_t row = 0; row < n_rows; row++)
        copy_field(tile + row * bytes, INK_TILE_ROWS, rows + row * row_bytes, 1, row_bytes / bytes,
                   bytes);
}

/* Block by block, all rows of it: the piece being written stays in the first-level cache. */
void ink_pack_c(ink_format format, void *tile, const void *rows, size_t n_rows, size_t n_blocks)
{
    const ink_format_info *info = &ink_formats[format];
    const size_t bytes = info->block_bytes, row_bytes = n_blocks * bytes;
    if (n_rows < INK_TILE_ROWS)
        memset(tile, 0, row_bytes * INK_TILE_ROWS);
    if (info->fields[1].count == 0 && !info->fields[0].spread) {
        pack_runs(info, tile, rows, n_rows, row_bytes);
        return;
    }
    for (size_t b = 0; b < n_blocks; b++)
        for (size_t row = 0; row < n_rows; row++)
            put_block(info, (uint8_t *)tile + b * bytes * INK_TILE_ROWS,
                      (const uint8_t *)rows + row * row_bytes + b * bytes, row);
}
