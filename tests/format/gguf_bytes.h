/*
 * Builds GGUF files byte by byte, well-formed or not: what is put is what stands in the file. A
 * file here is at most FILE_CAPACITY bytes; more fails the test. Include support.h first.
 */
#ifndef INK_TESTS_FORMAT_GGUF_BYTES_H
#define INK_TESTS_FORMAT_GGUF_BYTES_H

#include <string.h>
#include "format/gguf.h"

#define FILE_CAPACITY ((size_t)1 << 16)

typedef struct gguf_bytes {
    size_t n_bytes;
    uint8_t bytes[FILE_CAPACITY];
} gguf_bytes;

static inline void put(gguf_bytes *file, const void *bytes, size_t n_bytes)
{
    assert_true(n_bytes <= FILE_CAPACITY - file->n_bytes);
    if (n_bytes)
        memcpy(file->bytes + file->n_bytes, bytes, n_bytes);
    file->n_bytes += n_bytes;
}

static inline void put_u8(gguf_bytes *file, uint8_t number)
{
    put(file, &number, sizeof number);
}

static inline void put_u32(gguf_bytes *file, uint32_t number)
{
    put(file, &number, sizeof number);
}

static inline void put_u64(gguf_bytes *file, uint64_t number)
{
    put(file, &number, sizeof number);
}

static inline void put_text(gguf_bytes *file, const char *text)
{
    put_u64(file, strlen(text));
    put(file, text, strlen(text));
}

/* Starts the file anew. */
static inline void put_header(gguf_bytes *file, uint32_t version, uint64_t n_tensors,
                              uint64_t n_keys)
{
    file->n_bytes = 0;
    put(file, "GGUF", 4);
    put_u32(file, version);
    put_u64(file, n_tensors);
    put_u64(file, n_keys);
}

/* The value's bytes must follow. */
static inline void put_key(gguf_bytes *file, const char *key, uint32_t type)
{
    put_text(file, key);
    put_u32(file, type);
}

static inline void put_key_u32(gguf_bytes *file, const char *key, uint32_t number)
{
    put_key(file, key, INK_GGUF_U32);
    put_u32(file, number);
}

static inline void put_key_text(gguf_bytes *file, const char *key, const char *text)
{
    put_key(file, key, INK_GGUF_STRING);
    put_text(file, text);
}

/* The items must follow. */
static inline void put_array(gguf_bytes *file, uint32_t item_type, uint64_t n_items)
{
    put_u32(file, item_type);
    put_u64(file, n_items);
}

typedef struct tensor_row {
    const char *name;
    uint32_t n_dims;
    uint64_t shape[4];
    uint32_t type;
    uint64_t offset;
} tensor_row;

static inline void put_tensor(gguf_bytes *file, const tensor_row *row)
{
    put_text(file, row->name);
    put_u32(file, row->n_dims);
    for (uint32_t i = 0; i < row->n_dims && i < 4; i++)
        put_u64(file, row->shape[i]);
    put_u32(file, row->type);
    put_u64(file, row->offset);
}

/* Pads to `alignment`, then n_bytes of data: 1, 2, 3, ... */
static inline void put_data(gguf_bytes *file, size_t alignment, size_t n_bytes)
{
    while (file->n_bytes % alignment)
        put_u8(file, 0);
    for (size_t i = 0; i < n_bytes; i++)
        put_u8(file, (uint8_t)(i + 1));
}

#endif
