/*
 * The first page of a file of packed weights: what it holds, and for whom. The weights follow at
 * INK_PACK_DATA_OFFSET, byte for byte as a model has them in memory.
 *
 * Who a file is for is said by three digests (SHA-256):
 *   model    the architecture, every tensor as it is bound (name, format, shape, bytes, place), the
 *            size of the model's file or files, and 1 KiB from the middle of up to 64 tensors
 *   layout   the rows of a tile, INK_TILE_VERSION, the field lists of the formats in use
 *   source   when the model's files were last changed
 * What this finds: another model, other weights of the same shapes, a file edited, replaced or
 * copied anew, another Inkling. What it cannot find, since a start must not read the whole model: a
 * change of few bytes in place by a program that then sets the file's time back.
 */
#ifndef INK_MODEL_PACK_HEADER_H
#define INK_MODEL_PACK_HEADER_H

#include "base/checksum.h"
#include "base/sha256.h"
#include "model/weights.h"

#define INK_PACK_MAGIC "INKPACK" /* and its NUL */
#define INK_PACK_VERSION 1       /* of this header */
#define INK_PACK_ENDIAN 0x01020304u
#define INK_PACK_DATA_OFFSET 4096

typedef struct ink_pack_header {
    char magic[8];
    uint32_t endian, version; /* as this machine stores them */
    uint32_t tile_version, tile_rows;
    uint8_t layout[INK_SHA256_BYTES], model[INK_SHA256_BYTES], source[INK_SHA256_BYTES];
    uint64_t data_bytes;
    ink_checksum checksum;            /* of the data; read only when it is asked for */
    uint8_t digest[INK_SHA256_BYTES]; /* of all that stands before it */
} ink_pack_header;

_Static_assert(sizeof(ink_pack_header) == 8 + 16 + 96 + 8 + 64 + 32, "no padding");

/* What the file of this model says here; all but checksum and digest. Reads the samples. */
ink_status ink_pack_header_init(ink_pack_header *header, const struct ink_model *model,
                                const ink_bindings *bindings, ink_error *error);

/* Once the checksum is known. */
void ink_pack_header_seal(ink_pack_header *header);

/*
 * NULL when `file`, n_bytes long, is what `wanted` describes; else why it cannot be used. Its data
 * is not looked at.
 */
const char *ink_pack_header_refuse(const ink_pack_header *wanted, const void *file, size_t n_bytes);

#endif
