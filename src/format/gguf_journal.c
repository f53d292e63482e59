/*
 * The journal beside a kept file: a digest of all that decides its bytes, and how many tensors are
 * whole. It is a file of 48 bytes that is replaced at once, or there is none.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "format/gguf_writer_internal.h"

#define SUFFIX ".journal"

typedef struct record {
    uint8_t digest[INK_SHA256_BYTES];
    uint64_t n_tensors, offset;
} record;

static char *path_of(const ink_gguf_writer *writer)
{
    size_t n = strlen(writer->path);
    char *path = ink_new(writer->allocator, n + sizeof SUFFIX, 1);
    if (path)
        (void)snprintf(path, n + sizeof SUFFIX, "%s" SUFFIX, writer->path);
    return path;
}

static bool read_record(const ink_gguf_writer *writer, const char *path, record *out)
{
    ink_file *file = NULL;
    if (ink_file_open(&file, path, writer->allocator, NULL) != INK_OK)
        return false;
    bool whole = ink_file_size(file) == sizeof *out &&
                 ink_file_read(file, 0, sizeof *out, out, NULL) == INK_OK;
    ink_file_close(file);
    return whole;
}

bool ink_gguf_journal_read(const ink_gguf_writer *writer, ink_gguf_journal *journal)
{
    record r;
    char *path = path_of(writer);
    if (path)
        ink_file_sweep(path);
    bool found = path && read_record(writer, path, &r) &&
                 memcmp(r.digest, writer->digest, sizeof r.digest) == 0 &&
                 r.n_tensors <= writer->n_tensors;
    ink_delete(writer->allocator, path);
    if (found)
        *journal = (ink_gguf_journal){r.n_tensors, r.offset};
    return found;
}

static ink_status write_record(const ink_gguf_writer *writer, const char *path, const record *r,
                               ink_error *error)
{
    ink_file_writer *file = NULL;
    INK_TRY(ink_file_writer_open(&file, path, INK_FILE_FOR_ALL, writer->allocator, error));
    ink_status status = ink_file_writer_write(file, r, sizeof *r, error);
    if (status == INK_OK)
        status = ink_file_writer_commit(file, error);
    ink_file_writer_close(file);
    return status;
}

ink_status ink_gguf_journal_write(const ink_gguf_writer *writer, ink_gguf_journal journal,
                                  ink_error *error)
{
    record r = {.n_tensors = journal.n_tensors, .offset = journal.offset};
    char *path = path_of(writer);
    if (!path)
        return ink_fail_memory(error, "the journal of a GGUF writer");
    memcpy(r.digest, writer->digest, sizeof r.digest);
    ink_status status = write_record(writer, path, &r, error);
    ink_delete(writer->allocator, path);
    return status;
}

void ink_gguf_journal_remove(const ink_gguf_writer *writer)
{
    char *path = path_of(writer);
    if (path)
        (void)unlink(path);
    ink_delete(writer->allocator, path);
}
