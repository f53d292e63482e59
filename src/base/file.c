#define _FILE_OFFSET_BITS 64
#define _POSIX_C_SOURCE 200809L

#include "base/file_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/memory.h"
#include "base/size.h"

#define MAX_NAME_BYTES 200 /* of a path in messages, which hold 500 */

struct ink_file {
    const ink_allocator *allocator;
    int descriptor;        /* -1 for memory */
    const uint8_t *memory; /* NULL for a file */
    uint64_t size;
    uint64_t modified;
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

ink_status ink_file_fail_errno(ink_error *error, const char *name, const char *what)
{
    int code = errno;
    return ink_fail(error, INK_IO, 0, "%s: cannot %s: %s (errno %d)", name, what, cause(code),
                    code);
}

const char *ink_file_name_of(const char *path)
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
    file->name = ink_file_name_of(file->path);
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
        return ink_file_fail_errno(error, file->name, "open");
    if (fstat(file->descriptor, &status) != 0)
        return ink_file_fail_errno(error, file->name, "read its size");
    if (!S_ISREG(status.st_mode) || status.st_size < 0)
        return ink_fail(error, INK_IO, 0, "%s: not a regular file", file->name);
    file->size = (uint64_t)status.st_size;
    file->modified =
        (uint64_t)status.st_mtim.tv_sec * 1000000000u + (uint64_t)status.st_mtim.tv_nsec;
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

uint64_t ink_file_modified(const ink_file *file)
{
    return file->modified;
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
        size_t wanted = ink_size_min(n_bytes - done, INK_FILE_MAX_TRANSFER);
        ssize_t got = pread(file->descriptor, (char *)dst + done, wanted, (off_t)(offset + done));
        if (got == 0)
            return fail_shrunk(file, offset + done, error);
        if (got > 0)
            done += (size_t)got;
        else if (errno != EINTR)
            return ink_file_fail_errno(error, file->name, "read");
    }
    return INK_OK;
}
