/* Opening one file: the fixed header, then its sections; and reading tensor data. */
#include <string.h>
#include "format/gguf_internal.h"

/* Names, scalar strings and positions are never more than this many times the header. */
#define MAX_ARENA_BYTES ((size_t)INK_GGUF_MAX_HEADER_BYTES * 3)

bool ink_gguf_alignment_valid(uint64_t alignment)
{
    return alignment >= INK_GGUF_MIN_ALIGNMENT && alignment <= INK_GGUF_MAX_ALIGNMENT &&
           (alignment & (alignment - 1)) == 0;
}

/* Files that people confuse with GGUF get a message that says what they are. */
static ink_status check_magic(ink_gguf_cursor *cursor)
{
    static const struct {
        char magic[INK_GGUF_MAGIC_BYTES + 1];
        const char *what;
    } others[] = {
        {"lmgg", "an older format than GGUF; convert the model again"},
        {"tjgg", "an older format than GGUF; convert the model again"},
        {"fmgg", "an older format than GGUF; convert the model again"},
        {"FUGG", "a file of swapped bytes (big-endian); convert it to little-endian"},
        {"PK\3\4", "a zip archive or PyTorch model; convert it to GGUF"},
    };
    INK_TRY(ink_gguf_cursor_load(cursor, INK_GGUF_MAGIC_BYTES));
    const uint8_t *magic = cursor->bytes;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (memcmp(magic, others[i].magic, INK_GGUF_MAGIC_BYTES) == 0)
            return ink_gguf_cursor_fail(cursor, INK_UNSUPPORTED, 0, "%s; its magic stands",
                                        others[i].what);
    if (memcmp(magic, INK_GGUF_MAGIC, INK_GGUF_MAGIC_BYTES) != 0)
        return ink_gguf_cursor_fail(
            cursor, INK_CORRUPT, 0,
            "not a GGUF file: it begins with %02x %02x %02x %02x instead of "
            "\"GGUF\"",
            magic[0], magic[1], magic[2], magic[3]);
    cursor->position = INK_GGUF_MAGIC_BYTES;
    return INK_OK;
}

static ink_status check_version(ink_gguf_cursor *cursor, uint32_t *version)
{
    uint64_t at = cursor->position;
    INK_TRY(ink_gguf_cursor_u32(cursor, version));
    if (*version == 2 || *version == 3)
        return INK_OK;
    if (*version == 1)
        return ink_gguf_cursor_fail(
            cursor, INK_UNSUPPORTED, at,
            "GGUF version 1; convert the model again to version 3; it stands");
    if (*version && (*version & 0xffff) == 0)
        return ink_gguf_cursor_fail(cursor, INK_UNSUPPORTED, at,
                                    "a big-endian file (version 0x%08" PRIx32 "); convert it to "
                                    "little-endian; the version stands",
                                    *version);
    return ink_gguf_cursor_fail(cursor, *version ? INK_UNSUPPORTED : INK_CORRUPT, at,
                                "GGUF version %" PRIu32 ", supported are 2 and 3,", *version);
}

static ink_status read_alignment(ink_gguf *gguf, ink_gguf_cursor *cursor)
{
    gguf->alignment = INK_GGUF_DEFAULT_ALIGNMENT;
    INK_TRY(ink_gguf_get_u32(gguf, INK_GGUF_KEY_ALIGNMENT, &gguf->alignment, cursor->error));
    if (ink_gguf_alignment_valid(gguf->alignment))
        return INK_OK;
    cursor->name = INK_GGUF_KEY_ALIGNMENT;
    return ink_gguf_cursor_fail(
        cursor, INK_CORRUPT, ink_gguf_find(gguf, INK_GGUF_KEY_ALIGNMENT)->offset,
        "an alignment of %" PRIu32 ", possible are powers of two from %u to %u,", gguf->alignment,
        INK_GGUF_MIN_ALIGNMENT, INK_GGUF_MAX_ALIGNMENT);
}

/* Keeps what values point into: the header up to its tensor table. */
static void keep_values(ink_gguf *gguf, ink_gguf_cursor *cursor, uint64_t n_bytes)
{
    if (cursor->owned) {
        uint8_t *shrunk = ink_resize(gguf->allocator, cursor->owned, (size_t)n_bytes, 1);
        gguf->header = shrunk ? shrunk : cursor->owned; /* too large a block serves as well */
        cursor->bytes = gguf->header;
        cursor->owned = NULL;
    }
    ink_gguf_bind_values(gguf, cursor->bytes);
}

static ink_status read_header(ink_gguf *gguf, ink_gguf_cursor *cursor)
{
    uint64_t n_tensors, n_values;
    INK_TRY(check_magic(cursor));
    INK_TRY(check_version(cursor, &gguf->version));
    INK_TRY(ink_gguf_cursor_u64(cursor, &n_tensors));
    INK_TRY(ink_gguf_cursor_u64(cursor, &n_values));
    INK_TRY(ink_gguf_read_values(gguf, cursor, n_values));
    uint64_t values_end = cursor->position;
    ink_gguf_bind_values(gguf, cursor->bytes); /* for the alignment; they may move once more */
    INK_TRY(read_alignment(gguf, cursor));
    INK_TRY(ink_gguf_read_tensors(gguf, cursor, n_tensors));
    keep_values(gguf, cursor, values_end);
    return INK_OK;
}

ink_status ink_gguf_open_part(ink_gguf **out, ink_file *file, const ink_allocator *allocator,
                              ink_error *error)
{
    ink_gguf_cursor cursor;
    ink_gguf *gguf = ink_new(allocator, 1, sizeof *gguf);
    if (!gguf) {
        ink_file_close(file);
        return ink_fail_memory(error, "an open GGUF file");
    }
    gguf->allocator = allocator;
    gguf->file = file;
    ink_arena_init(&gguf->arena, allocator, MAX_ARENA_BYTES);
    ink_gguf_cursor_init(&cursor, file, allocator, error);
    ink_status status = read_header(gguf, &cursor);
    ink_delete(allocator, cursor.owned);
    if (status != INK_OK) {
        ink_gguf_free(gguf);
        return status;
    }
    *out = gguf;
    return INK_OK;
}

ink_status ink_gguf_open(ink_gguf **out, const char *path, const ink_allocator *allocator,
                         ink_error *error)
{
    ink_file *file = NULL;
    ink_gguf *gguf = NULL;
    INK_TRY(ink_file_open(&file, path, allocator, error));
    INK_TRY(ink_gguf_open_part(&gguf, file, allocator, error));
    ink_status status = ink_gguf_join_parts(gguf, path, error);
    if (status != INK_OK) {
        ink_gguf_free(gguf);
        return status;
    }
    *out = gguf;
    return INK_OK;
}

ink_status ink_gguf_open_memory(ink_gguf **out, const void *bytes, size_t n_bytes, const char *name,
                                const ink_allocator *allocator, ink_error *error)
{
    ink_file *file = NULL;
    ink_gguf *gguf = NULL;
    INK_TRY(ink_file_borrow(&file, bytes, n_bytes, name, allocator, error));
    INK_TRY(ink_gguf_open_part(&gguf, file, allocator, error));
    ink_status status = ink_gguf_join_parts(gguf, NULL, error);
    if (status != INK_OK) {
        ink_gguf_free(gguf);
        return status;
    }
    *out = gguf;
    return INK_OK;
}

void ink_gguf_free(ink_gguf *gguf)
{
    if (!gguf)
        return;
    for (uint32_t i = 0; i < gguf->n_others; i++)
        ink_gguf_free(gguf->others[i]);
    ink_delete(gguf->allocator, gguf->others);
    ink_delete(gguf->allocator, gguf->names.order);
    ink_delete(gguf->allocator, gguf->tensors);
    ink_delete(gguf->allocator, gguf->keys.order);
    ink_delete(gguf->allocator, gguf->values);
    ink_delete(gguf->allocator, gguf->header);
    ink_arena_deinit(&gguf->arena);
    ink_file_close(gguf->file);
    ink_delete(gguf->allocator, gguf);
}

static const ink_gguf *part_of(const ink_gguf *gguf, const ink_gguf_tensor *tensor)
{
    return tensor->part ? gguf->others[tensor->part - 1] : gguf;
}

ink_status ink_gguf_read(const ink_gguf *gguf, const ink_gguf_tensor *tensor, uint64_t offset,
                         size_t n_bytes, void *dst, ink_error *error)
{
    const ink_file *file = part_of(gguf, tensor)->file;
    if (offset > tensor->n_bytes || n_bytes > tensor->n_bytes - offset)
        return ink_fail(error, INK_BAD_ARGUMENT, tensor->offset,
                        "%s: %zu bytes wanted at byte %" PRIu64
                        " of tensor %.64s, which has %" PRIu64,
                        ink_file_name(file), n_bytes, offset, tensor->name, tensor->n_bytes);
    return ink_file_read(file, tensor->offset + offset, n_bytes, dst, error);
}

const void *ink_gguf_memory(const ink_gguf *gguf, const ink_gguf_tensor *tensor)
{
    const uint8_t *memory = ink_file_memory(part_of(gguf, tensor)->file);
    return memory ? memory + tensor->offset : NULL;
}
