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
                       const ink_format_field *field)
{
    if (field->unit_bytes == 4)
        copy_units(to, to_step, from, from_step, field->count, 4);
    else if (field->unit_bytes == 2)
        copy_units(to, to_step, from, from_step, field->count, 2);
    else
        copy_units(to, to_step, from, from_step, field->count, 1);
}

/* Bit 4g + j to bit g of byte j: one shift and mask then meets the fifth bits of four neighbors. */
static void spread_bits(uint8_t to[4], const uint8_t from[4])
{
    memset(to, 0, 4);
    for (int bit = 0; bit < 32; bit++)
        to[bit % 4] = (uint8_t)(to[bit % 4] | (from[bit / 8] >> bit % 8 & 1) << bit / 4);
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
            copy_field(place, INK_TILE_ROWS, block, 1, field);
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
            copy_field(block, 1, place, INK_TILE_ROWS, field);
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

/* Block by block, all rows of it: the piece being written stays in the first-level cache. */
void ink_tile_pack(ink_format format, void *tile, const void *rows, size_t n_rows, size_t n_blocks)
{
    const ink_format_info *info = &ink_formats[format];
    const size_t bytes = info->block_bytes, row_bytes = n_blocks * bytes;
    uint8_t *to = tile;
    if (n_rows < INK_TILE_ROWS)
        memset(tile, 0, row_bytes * INK_TILE_ROWS);
    for (size_t b = 0; b < n_blocks; b++)
        for (size_t row = 0; row < n_rows; row++)
            put_block(info, to + b * bytes * INK_TILE_ROWS,
                      (const uint8_t *)rows + row * row_bytes + b * bytes, row);
}
