#define _FILE_OFFSET_BITS 64
#define _POSIX_C_SOURCE 200809L

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/memory.h"
#include "base/size.h"

#define MAX_NAME_BYTES 200             /* of a path in messages, which hold 500 */
#define MAX_TRANSFER ((size_t)1 << 30) /* Linux moves no more than 2^31 - 4096 at once */
#define WRITE_BUFFER_BYTES ((size_t)1 << 16)
#define TEMPORARY_SUFFIX_BYTES 32
#define MAX_TEMPORARY_TRIES 100

struct ink_file {
    const ink_allocator *allocator;
    int descriptor;        /* -1 for memory */
    const uint8_t *memory; /* NULL for a file */
    uint64_t size;
    const char *name; /* into path */
    char path[];
};

/*
 * strerror is not safe among threads and strerror_r differs among C libraries: name the common
 * causes ourselves.
 */
static const char *cause(int code)
{
    static const struct {
        int code;
        const char *text;
    } causes[] = {
        {ENOENT, "no such file or folder"},
        {EACCES, "permission denied"},
        {EPERM, "not permitted"},
        {EISDIR, "it is a folder"},
        {ENOTDIR, "not a folder"},
        {ENOSPC, "no space left on the disk"},
        {EDQUOT, "the disk quota is used up"},
        {EFBIG, "larger than the system allows"},
        {EROFS, "the file system is read-only"},
        {EMFILE, "too many open files"},
        {ENFILE, "too many open files in the system"},
        {EIO, "the device reported an error"},
        {ELOOP, "too many symbolic links"},
        {ENAMETOOLONG, "the name is too long"},
        {ENOMEM, "out of memory"},
    };
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
        if (causes[i].code == code)
            return causes[i].text;
    return "unexpected system error";
}

static ink_status fail_errno(ink_error *error, const char *name, const char *what)
{
    int code = errno;
    return ink_fail(error, INK_IO, 0, "%s: cannot %s: %s (errno %d)", name, what, cause(code),
                    code);
}

static const char *name_of(const char *path)
{
    size_t n_bytes = strlen(path);
    return n_bytes > MAX_NAME_BYTES ? path + (n_bytes - MAX_NAME_BYTES) : path;
}

static ink_file *new_file(const char *path, const ink_allocator *allocator)
{
    size_t n_bytes = strlen(path) + 1, total;
    if (!ink_size_add(sizeof(ink_file), n_bytes, &total))
        return NULL;
    ink_file *file = ink_new(allocator, 1, total);
    if (!file)
        return NULL;
    memcpy(file->path, path, n_bytes);
    file->name = name_of(file->path);
    file->allocator = allocator;
    file->descriptor = -1;
    return file;
}

/* Opens without waiting: a pipe nobody writes to must not stop us before we see what it is. */
static ink_status open_regular(ink_file *file, ink_error *error)
{
    struct stat status;
    file->descriptor = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file->descriptor < 0)
        return fail_errno(error, file->name, "open");
    if (fstat(file->descriptor, &status) != 0)
        return fail_errno(error, file->name, "read its size");
    if (!S_ISREG(status.st_mode) || status.st_size < 0)
        return ink_fail(error, INK_IO, 0, "%s: not a regular file", file->name);
    file->size = (uint64_t)status.st_size;
    return INK_OK;
}

ink_status ink_file_open(ink_file **out, const char *path, const ink_allocator *allocator,
                         ink_error *error)
{
    ink_file *file = new_file(path, allocator);
    if (!file)
        return ink_fail_memory(error, path);
    ink_status status = open_regular(file, error);
    if (status != INK_OK) {
        ink_file_close(file);
        return status;
    }
    *out = file;
    return INK_OK;
}

ink_status ink_file_borrow(ink_file **out, const void *bytes, size_t n_bytes, const char *name,
                           const ink_allocator *allocator, ink_error *error)
{
    ink_file *file = new_file(name, allocator);
    if (!file)
        return ink_fail_memory(error, name);
    file->memory = bytes;
    file->size = n_bytes;
    *out = file;
    return INK_OK;
}

void ink_file_close(ink_file *file)
{
    if (!file)
        return;
    if (file->descriptor >= 0)
        (void)close(file->descriptor);
    ink_delete(file->allocator, file);
}

uint64_t ink_file_size(const ink_file *file)
{
    return file->size;
}

const char *ink_file_name(const ink_file *file)
{
    return file->name;
}

const void *ink_file_memory(const ink_file *file)
{
    return file->memory;
}

/* The end came before the size seen at open. */
static ink_status fail_shrunk(const ink_file *file, uint64_t offset, ink_error *error)
{
    struct stat status;
    uint64_t now = offset;
    if (fstat(file->descriptor, &status) == 0 && status.st_size >= 0)
        now = (uint64_t)status.st_size;
    return ink_fail(error, INK_IO, offset,
                    "%s: shrank from %" PRIu64 " to %" PRIu64 " bytes while in use", file->name,
                    file->size, now);
}

ink_status ink_file_read(const ink_file *file, uint64_t offset, size_t n_bytes, void *dst,
                         ink_error *error)
{
    if (offset > file->size || n_bytes > file->size - offset)
        return ink_fail(error, INK_BAD_ARGUMENT, offset,
                        "%s: %zu bytes wanted at byte %" PRIu64 " of %" PRIu64, file->name, n_bytes,
                        offset, file->size);
    if (file->descriptor < 0) {
        if (n_bytes)
            memcpy(dst, file->memory + offset, n_bytes);
        return INK_OK;
    }
    for (size_t done = 0; done < n_bytes;) {
        size_t wanted = ink_size_min(n_bytes - done, MAX_TRANSFER);
        ssize_t got = pread(file->descriptor, (char *)dst + done, wanted, (off_t)(offset + done));
        if (got == 0)
            return fail_shrunk(file, offset + done, error);
        if (got > 0)
            done += (size_t)got;
        else if (errno != EINTR)
            return fail_errno(error, file->name, "read");
    }
    return INK_OK;
}

/* ---- Writing */

struct ink_file_writer {
    const ink_allocator *allocator;
    int descriptor;                          /* -1 once sealed */
    bool created, failed, sealed, committed; /* created: the temporary file exists */
    uint64_t offset;
    uint8_t *buffer; /* [WRITE_BUFFER_BYTES] until sealed */
    size_t n_buffered;
    const char *name; /* into path */
    char *temporary;
    char path[];
};

static ink_file_writer *new_writer(const char *path, const ink_allocator *allocator)
{
    size_t n_bytes = strlen(path) + 1, total;
    if (!ink_size_add(sizeof(ink_file_writer), n_bytes, &total))
        return NULL;
    ink_file_writer *writer = ink_new(allocator, 1, total);
    if (!writer)
        return NULL;
    *writer = (ink_file_writer){.allocator = allocator, .descriptor = -1};
    memcpy(writer->path, path, n_bytes);
    writer->name = name_of(writer->path);
    writer->buffer = ink_resize(allocator, NULL, WRITE_BUFFER_BYTES, 1);
    writer->temporary = ink_new(allocator, n_bytes + TEMPORARY_SUFFIX_BYTES, 1);
    if (!writer->buffer || !writer->temporary) {
        ink_file_writer_close(writer);
        return NULL;
    }
    return writer;
}

/* O_EXCL neither follows links nor opens what another made; the kernel applies the umask. */
static ink_status create_temporary(ink_file_writer *writer, ink_error *error)
{
    struct stat status;
    size_t capacity = strlen(writer->path) + TEMPORARY_SUFFIX_BYTES;
    if (stat(writer->path, &status) == 0 && !S_ISREG(status.st_mode))
        return ink_fail(error, INK_IO, 0, "%s: cannot be replaced, it is not a regular file",
                        writer->name);
    for (int try = 0; try < MAX_TEMPORARY_TRIES; try++) {
        (void)snprintf(writer->temporary, capacity, "%s.%ld-%d.tmp", writer->path, (long)getpid(),
                       try);
        int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
        writer->descriptor = open(writer->temporary, flags, (mode_t)0666);
        if (writer->descriptor >= 0 || errno != EEXIST)
            break;
    }
    if (writer->descriptor < 0)
        return fail_errno(error, writer->name, "create a file beside it");
    writer->created = true;
    return INK_OK;
}

ink_status ink_file_writer_open(ink_file_writer **out, const char *path,
                                const ink_allocator *allocator, ink_error *error)
{
    ink_file_writer *writer = new_writer(path, allocator);
    if (!writer)
        return ink_fail_memory(error, path);
    ink_status status = create_temporary(writer, error);
    if (status != INK_OK) {
        ink_file_writer_close(writer);
        return status;
    }
    *out = writer;
    return INK_OK;
}

static ink_status write_out(ink_file_writer *writer, const uint8_t *bytes, size_t n_bytes,
                            ink_error *error)
{
    while (n_bytes) {
        ssize_t put = write(writer->descriptor, bytes, ink_size_min(n_bytes, MAX_TRANSFER));
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            if (put == 0)
                errno = ENOSPC;
            writer->failed = true;
            return fail_errno(error, writer->name, "write");
        }
        bytes += put;
        n_bytes -= (size_t)put;
    }
    return INK_OK;
}

static ink_status check_usable(const ink_file_writer *writer, ink_error *error)
{
    if (writer->failed)
        return ink_fail(error, INK_IO, writer->offset, "%s: an earlier write failed", writer->name);
    if (writer->committed)
        return ink_fail(error, INK_BAD_ARGUMENT, writer->offset, "%s: already written",
                        writer->name);
    return INK_OK;
}

ink_status ink_file_writer_write(ink_file_writer *writer, const void *bytes, size_t n_bytes,
                                 ink_error *error)
{
    INK_TRY(check_usable(writer, error));
    if (writer->sealed)
        return ink_fail(error, INK_BAD_ARGUMENT, writer->offset, "%s: sealed", writer->name);
    if (n_bytes > WRITE_BUFFER_BYTES - writer->n_buffered) {
        INK_TRY(write_out(writer, writer->buffer, writer->n_buffered, error));
        writer->n_buffered = 0;
    }
    if (n_bytes >= WRITE_BUFFER_BYTES) {
        INK_TRY(write_out(writer, bytes, n_bytes, error));
    } else if (n_bytes) {
        memcpy(writer->buffer + writer->n_buffered, bytes, n_bytes);
        writer->n_buffered += n_bytes;
    }
    writer->offset += n_bytes;
    return INK_OK;
}

uint64_t ink_file_writer_offset(const ink_file_writer *writer)
{
    return writer->offset;
}

ink_status ink_file_writer_seal(ink_file_writer *writer, ink_error *error)
{
    INK_TRY(check_usable(writer, error));
    if (writer->sealed)
        return INK_OK;
    INK_TRY(write_out(writer, writer->buffer, writer->n_buffered, error));
    writer->n_buffered = 0;
    if (fsync(writer->descriptor) != 0) {
        writer->failed = true;
        return fail_errno(error, writer->name, "write to the disk");
    }
    int closed = close(writer->descriptor);
    writer->descriptor = -1;
    if (closed != 0) {
        writer->failed = true;
        return fail_errno(error, writer->name, "finish writing");
    }
    ink_delete(writer->allocator, writer->buffer);
    writer->buffer = NULL;
    writer->sealed = true;
    return INK_OK;
}

/*
 * Makes the rename itself survive a power cut. Not every file system can; the file is whole either
 * way.
 */
static void sync_folder(ink_file_writer *writer)
{
    char *slash = strrchr(writer->temporary, '/');
    if (slash == writer->temporary)
        slash[1] = '\0';
    else if (slash)
        *slash = '\0';
    int folder = open(slash ? writer->temporary : ".", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    if (folder < 0)
        return;
    (void)fsync(folder);
    (void)close(folder);
}

ink_status ink_file_writer_commit(ink_file_writer *writer, ink_error *error)
{
    INK_TRY(ink_file_writer_seal(writer, error));
    if (rename(writer->temporary, writer->path) != 0) {
        writer->failed = true;
        return fail_errno(error, writer->name, "rename the finished file");
    }
    writer->committed = true;
    sync_folder(writer);
    return INK_OK;
}

void ink_file_writer_close(ink_file_writer *writer)
{
    if (!writer)
        return;
    if (writer->descriptor >= 0)
        (void)close(writer->descriptor);
    if (writer->created && !writer->committed)
        (void)unlink(writer->temporary);
    ink_delete(writer->allocator, writer->buffer);
    ink_delete(writer->allocator, writer->temporary);
    ink_delete(writer->allocator, writer);
}
