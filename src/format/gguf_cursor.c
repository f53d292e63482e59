#include <stdio.h>
#include <string.h>
#include "base/size.h"
#include "base/utf8.h"
#include "format/gguf_internal.h"

#define FIRST_LOAD_BYTES ((uint64_t)1 << 16)

void ink_gguf_cursor_init(ink_gguf_cursor *cursor, const ink_file *file,
                          const ink_allocator *allocator, ink_error *error)
{
    *cursor = (ink_gguf_cursor){
        .file = file,
        .allocator = allocator,
        .error = error,
        .size = ink_file_size(file),
        .kind = "header",
    };
    cursor->bytes = ink_file_memory(file);
    if (cursor->bytes)
        cursor->loaded = cursor->size;
}

ink_status ink_gguf_cursor_fail(const ink_gguf_cursor *cursor, ink_status status, uint64_t offset,
                                const char *format, ...)
{
    char text[200];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const char *name = cursor->name ? cursor->name : "";
    return ink_fail(cursor->error, status, offset, "%s: %s%s%.64s: %s at byte %" PRIu64,
                    ink_file_name(cursor->file), cursor->kind, *name ? " " : "", name, text,
                    offset);
}

ink_status ink_gguf_cursor_expect(const ink_gguf_cursor *cursor, uint64_t count, uint64_t bytes,
                                  const char *what)
{
    uint64_t total, end, at = cursor->position;
    if (!ink_u64_mul(count, bytes, &total) || total > cursor->size - at)
        return ink_gguf_cursor_fail(cursor, INK_CORRUPT, at,
                                    "%" PRIu64 " %s cannot fit in the %" PRIu64
                                    " bytes that are left",
                                    count, what, cursor->size - at);
    if (!ink_u64_add(at, total, &end) || end > INK_GGUF_MAX_HEADER_BYTES)
        return ink_gguf_cursor_fail(cursor, INK_LIMIT, at,
                                    "with %" PRIu64
                                    " %s the header exceeds %u bytes, the most supported,",
                                    count, what, INK_GGUF_MAX_HEADER_BYTES);
    return INK_OK;
}

/* Doubles what is loaded, so that the header is read in few pieces and little beyond it is read. */
static ink_status load_more(ink_gguf_cursor *cursor, uint64_t end)
{
    uint64_t wanted = cursor->loaded ? cursor->loaded * 2 : FIRST_LOAD_BYTES;
    if (wanted < end)
        wanted = end;
    if (wanted > cursor->size)
        wanted = cursor->size;
    if (wanted > INK_GGUF_MAX_HEADER_BYTES)
        wanted = INK_GGUF_MAX_HEADER_BYTES;
    uint8_t *grown = ink_resize(cursor->allocator, cursor->owned, (size_t)wanted, 1);
    if (!grown)
        return ink_fail_memory(cursor->error, "the header of a GGUF file");
    cursor->bytes = cursor->owned = grown;
    INK_TRY(ink_file_read(cursor->file, cursor->loaded, (size_t)(wanted - cursor->loaded),
                          grown + cursor->loaded, cursor->error));
    cursor->loaded = wanted;
    return INK_OK;
}

ink_status ink_gguf_cursor_load(ink_gguf_cursor *cursor, uint64_t n_bytes)
{
    uint64_t at = cursor->position;
    if (n_bytes > cursor->size - at)
        return ink_gguf_cursor_fail(cursor, INK_CORRUPT, at,
                                    "%" PRIu64 " bytes expected, the file has %" PRIu64 " more",
                                    n_bytes, cursor->size - at);
    if (at + n_bytes > INK_GGUF_MAX_HEADER_BYTES)
        return ink_gguf_cursor_fail(cursor, INK_LIMIT, at,
                                    "the header exceeds %u bytes, the most supported,",
                                    INK_GGUF_MAX_HEADER_BYTES);
    return at + n_bytes > cursor->loaded ? load_more(cursor, at + n_bytes) : INK_OK;
}

static ink_status take(ink_gguf_cursor *cursor, void *out, size_t n_bytes)
{
    INK_TRY(ink_gguf_cursor_load(cursor, n_bytes));
    memcpy(out, cursor->bytes + cursor->position, n_bytes);
    cursor->position += n_bytes;
    return INK_OK;
}

ink_status ink_gguf_cursor_u32(ink_gguf_cursor *cursor, uint32_t *out)
{
    return take(cursor, out, sizeof *out);
}

ink_status ink_gguf_cursor_u64(ink_gguf_cursor *cursor, uint64_t *out)
{
    return take(cursor, out, sizeof *out);
}

ink_status ink_gguf_cursor_string(ink_gguf_cursor *cursor, uint64_t *start, uint64_t *n_bytes)
{
    uint64_t at = cursor->position;
    INK_TRY(ink_gguf_cursor_u64(cursor, n_bytes));
    if (*n_bytes > cursor->size - cursor->position)
        return ink_gguf_cursor_fail(cursor, INK_CORRUPT, at,
                                    "a string of %" PRIu64 " bytes, the file has %" PRIu64 " more,",
                                    *n_bytes, cursor->size - cursor->position);
    INK_TRY(ink_gguf_cursor_load(cursor, *n_bytes));
    *start = cursor->position;
    cursor->position += *n_bytes;
    return INK_OK;
}

bool ink_gguf_name_valid(const char *name, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return false;
    return n_bytes && ink_utf8_valid(name, n_bytes);
}

ink_status ink_gguf_cursor_name(ink_gguf_cursor *cursor, uint64_t max_bytes, ink_arena *arena,
                                const char **name)
{
    uint64_t start = 0, n_bytes = 0, at = cursor->position;
    INK_TRY(ink_gguf_cursor_string(cursor, &start, &n_bytes));
    if (n_bytes > max_bytes)
        return ink_gguf_cursor_fail(
            cursor, INK_LIMIT, at,
            "a name of %" PRIu64 " bytes, at most %" PRIu64 " are supported,", n_bytes, max_bytes);
    const char *text = (const char *)cursor->bytes + start;
    if (!ink_gguf_name_valid(text, (size_t)n_bytes))
        return ink_gguf_cursor_fail(cursor, INK_CORRUPT, at,
                                    "a name that is empty, not UTF-8 or holds control characters");
    *name = ink_arena_string(arena, text, (size_t)n_bytes);
    return *name ? INK_OK : ink_fail_memory(cursor->error, "the names in a GGUF file");
}
