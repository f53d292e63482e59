#include "cli/input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/status.h"

enum { PIECE_BYTES = 64 * 1024 };

static ink_status read_stream(FILE *stream, const char *name, ink_buffer *out, ink_error *error)
{
    for (;;) {
        char *room = ink_buffer_reserve(out, PIECE_BYTES);
        if (!room && out->n_bytes > INK_INPUT_MAX_BYTES)
            return ink_fail(error, INK_LIMIT, 0, "%s: more than %zu MiB", name,
                            INK_INPUT_MAX_BYTES >> 20);
        if (!room)
            return ink_fail_memory(error, name);
        size_t n = fread(room, 1, PIECE_BYTES, stream);
        out->n_bytes += n;
        room[n] = '\0';
        if (n == PIECE_BYTES)
            continue;
        if (ferror(stream))
            return ink_fail(error, INK_IO, 0, "%s: %s", name, strerror(errno));
        return INK_OK;
    }
}

static const char *name_of(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

ink_status ink_input_blame(ink_status status, const char *path, ink_error *error)
{
    ink_error cause = *error;
    return status == INK_OK
               ? INK_OK
               : ink_fail(error, status, cause.offset, "%s: %s", name_of(path), cause.message);
}

ink_status ink_input_read(const char *path, ink_buffer *out, ink_error *error)
{
    ink_buffer_init(out, NULL, INK_INPUT_MAX_BYTES + PIECE_BYTES);
    if (strcmp(path, "-") == 0)
        return read_stream(stdin, name_of(path), out, error);
    FILE *file = fopen(path, "rb");
    if (!file)
        return ink_fail(error, INK_IO, 0, "%s: %s", path, strerror(errno));
    ink_status status = read_stream(file, path, out, error);
    fclose(file);
    return status;
}

ink_status ink_input_add_id(ink_tokens *tokens, int32_t id, ink_error *error)
{
    if (tokens->n_tokens == tokens->capacity) {
        size_t capacity = tokens->capacity ? 2 * tokens->capacity : 64;
        int32_t *ids = ink_resize(tokens->allocator, tokens->ids, capacity, sizeof *ids);
        if (!ids)
            return ink_fail_memory(error, "token ids");
        tokens->ids = ids;
        tokens->capacity = capacity;
    }
    tokens->ids[tokens->n_tokens++] = id;
    return INK_OK;
}

ink_status ink_input_parse_ids(const char *text, size_t n_bytes, ink_tokens *out, ink_error *error)
{
    static const char between[] = " \t\r\n,";
    const char *at = text, *end = text + n_bytes;
    out->n_tokens = 0;
    while (at < end) {
        size_t blanks = strspn(at, between), length = strcspn(at + blanks, between);
        at += blanks;
        if (at >= end || (length == 0 && *at == '\0' && at == end))
            break;
        char *stop;
        errno = 0;
        long long id = length ? strtoll(at, &stop, 10) : 0;
        if (length == 0 || stop != at + length || errno != 0 || id < 0 || id > INT32_MAX)
            return ink_fail(error, INK_CORRUPT, (uint64_t)(at - text),
                            "word %zu of the token ids is '%.*s', which is no token id",
                            out->n_tokens + 1, (int)(length < 60 ? length : 60), at);
        INK_TRY(ink_input_add_id(out, (int32_t)id, error));
        at += length;
    }
    return INK_OK;
}
