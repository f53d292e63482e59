/*
 * The table of weight formats: what a block is, how large it is, how it is interleaved in a tile.
 * No arithmetic.
 *
 * A matrix [n_rows, k] is stored row by row, each row k / elements blocks. Packed, 16 rows form a
 * tile; a tile holds its blocks in increasing k, each as large as 16 blocks of one row. The last
 * tile is padded with zero rows.
 */
#ifndef INK_TENSOR_FORMAT_H
#define INK_TENSOR_FORMAT_H

#include "base/status.h"
#include "tensor/blocks.h"

#define INK_TILE_ROWS 16 /* 4 NEON registers, 2 AVX2, 1 AVX-512 */

/*
 * Part of what packed tiles kept in files are marked with, beside the rows of a tile and the field
 * lists of formats.def: raise it when packing changes in a way that these do not show.
 */
#define INK_TILE_VERSION 1

#define INK_OWN_GGUF_ID 20000     /* from here on: Inkling's own formats */
#define INK_NO_GGUF_ID UINT32_MAX /* of formats that no file has */

typedef enum ink_format {
#define FORMAT(name, id, elements, block, fields) INK_FORMAT_##name,
#define PAGED(name, elements, block, fields) INK_FORMAT_##name,
#define REFUSED(name, id, elements, bytes)
#include "tensor/formats.def"
#undef FORMAT
#undef PAGED
#undef REFUSED
    INK_N_FORMATS
} ink_format;

/*
 * A run of `count` units of `unit_bytes`; `spread` as formats.def explains. A zero count ends the
 * list.
 */
typedef struct ink_format_field {
    uint8_t unit_bytes, count;
    bool spread;
} ink_format_field;

#define INK_MAX_FORMAT_FIELDS 5

typedef struct ink_format_info {
    const char *name;
    uint32_t gguf_id;
    uint32_t block_elements, block_bytes;
    ink_format_field fields[INK_MAX_FORMAT_FIELDS];
} ink_format_info;

extern const ink_format_info ink_formats[INK_N_FORMATS];

/* By name, without regard to case. */
bool ink_format_by_name(const char *name, ink_format *format);

/*
 * Bytes of a row of k elements; false when k is not a multiple of the block or the product
 * overflows.
 */
bool ink_format_row_bytes(ink_format format, uint64_t k, uint64_t *bytes);

/* Bytes of [n_rows, k] packed into tiles; false as above. */
bool ink_format_packed_bytes(ink_format format, uint64_t n_rows, uint64_t k, uint64_t *bytes);

#endif
