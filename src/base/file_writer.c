/*
 * Writing: bytes go to a temporary file, which takes the place of the wanted one when it is whole.
 */
#define _FILE_OFFSET_BITS 64
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE /* flock */

#include "base/file_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "base/memory.h"
#include "base/size.h"

#define WRITE_BUFFER_BYTES ((size_t)1 << 16)
#define TEMPORARY_SUFFIX_BYTES 32
#define MAX_TEMPORARY_TRIES 100

struct ink_file_writer {
    const ink_allocator *allocator;
    int descriptor;                          /* -1 once sealed; a private file's holds its lock */
    bool created, failed, sealed, committed; /* created: the temporary file exists */
    bool private, kept;     /* both have one name and a lock; a kept one's temporary file stays */
    ink_file_access access; /* of a file that is not private */
    uint64_t offset;
    void *mapped; /* [mapped_bytes] of the file, or NULL */
    size_t mapped_bytes;
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
    writer->name = ink_file_name_of(writer->path);
    writer->buffer = ink_resize(allocator, NULL, WRITE_BUFFER_BYTES, 1);
    writer->temporary = ink_new(allocator, n_bytes + TEMPORARY_SUFFIX_BYTES, 1);
    if (!writer->buffer || !writer->temporary) {
        ink_file_writer_close(writer);
        return NULL;
    }
    return writer;
}

bool ink_file_is_link(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 && S_ISLNK(status.st_mode);
}

/* The permissions to create a file with; the kernel applies the umask. */
static mode_t choose_mode(const ink_file_writer *writer, const struct stat *replaced)
{
    if (writer->access == INK_FILE_FOR_OWNER)
        return 0600;
    return replaced ? replaced->st_mode & 0666 : 0666;
}

static ink_status refuse_place(const ink_file_writer *writer, ink_error *error)
{
    return ink_fail(error, INK_IO, 0, "%s: cannot be replaced, it is not a regular file",
                    writer->name);
}

/* O_EXCL neither follows links nor opens what another made. */
static ink_status create_temporary(ink_file_writer *writer, ink_error *error)
{
    struct stat status;
    size_t capacity = strlen(writer->path) + TEMPORARY_SUFFIX_BYTES;
    bool replaces = stat(writer->path, &status) == 0;
    mode_t mode = choose_mode(writer, replaces ? &status : NULL);
    if (replaces && !S_ISREG(status.st_mode))
        return refuse_place(writer, error);
    for (int try = 0; try < MAX_TEMPORARY_TRIES; try++) {
        (void)snprintf(writer->temporary, capacity, "%s.%ld-%d.tmp", writer->path, (long)getpid(),
                       try);
        int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
        writer->descriptor = open(writer->temporary, flags, mode);
        if (writer->descriptor >= 0 || errno != EEXIST)
            break;
    }
    if (writer->descriptor < 0)
        return ink_file_fail_errno(error, writer->name, "create a file beside it");
    writer->created = true;
    (void)flock(writer->descriptor, LOCK_EX | LOCK_NB); /* alive: see ink_file_sweep */
    return INK_OK;
}

/* What can be known before the first byte; past the limit a write would raise a signal. */
static ink_status check_room(const ink_file_writer *writer, uint64_t n_bytes, ink_error *error)
{
    struct statvfs disk;
    struct rlimit limit;
    if (fstatvfs(writer->descriptor, &disk) == 0 && disk.f_frsize > 0 &&
        n_bytes / disk.f_frsize >= disk.f_bavail)
        return ink_fail(error, INK_IO, 0,
                        "%s: %" PRIu64 " bytes do not fit on the disk; make room or choose another "
                        "folder",
                        writer->name, n_bytes);
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        writer->offset + n_bytes > limit.rlim_cur)
        return ink_fail(error, INK_IO, 0,
                        "%s: %" PRIu64 " bytes are more than a file may have here (ulimit -f)",
                        writer->name, writer->offset + n_bytes);
    return INK_OK;
}

/*
 * One name for all who write this path: who holds the lock writes, and a file without one was left
 * behind by a killed process. A file that was renamed before we got its lock is another's result.
 */
static ink_status lock_temporary(ink_file_writer *writer, ink_error *error)
{
    struct stat old;
    bool replaces = writer->kept && stat(writer->path, &old) == 0;
    mode_t mode = choose_mode(writer, replaces ? &old : NULL);
    if (replaces && !S_ISREG(old.st_mode))
        return refuse_place(writer, error);
    (void)snprintf(writer->temporary, strlen(writer->path) + TEMPORARY_SUFFIX_BYTES, "%s.%s",
                   writer->path, writer->kept ? "part" : "tmp");
    INK_TRY(ink_file_take_lock(&writer->descriptor, writer->temporary, mode, writer->name,
                               "writing it", error));
    writer->created = true;
    if (writer->kept)
        return INK_OK;
    if (fchmod(writer->descriptor, (mode_t)0600) != 0 || ftruncate(writer->descriptor, 0) != 0)
        return ink_file_fail_errno(error, writer->name, "write");
    return INK_OK;
}

static ink_status open_writer(ink_file_writer **out, const char *path, ink_file_access access,
                              const uint64_t *n_private, bool kept, const ink_allocator *allocator,
                              ink_error *error)
{
    ink_file_writer *writer = new_writer(path, allocator);
    if (!writer)
        return ink_fail_memory(error, path);
    writer->access = access;
    writer->private = n_private != NULL;
    writer->kept = kept;
    ink_status status =
        n_private || kept ? lock_temporary(writer, error) : create_temporary(writer, error);
    if (status == INK_OK && n_private)
        status = check_room(writer, *n_private, error);
    if (status != INK_OK) {
        ink_file_writer_close(writer);
        return status;
    }
    *out = writer;
    return INK_OK;
}

ink_status ink_file_writer_open(ink_file_writer **out, const char *path, ink_file_access access,
                                const ink_allocator *allocator, ink_error *error)
{
    return open_writer(out, path, access, NULL, false, allocator, error);
}

ink_status ink_file_writer_open_private(ink_file_writer **out, const char *path, uint64_t n_bytes,
                                        const ink_allocator *allocator, ink_error *error)
{
    return open_writer(out, path, INK_FILE_FOR_OWNER, &n_bytes, false, allocator, error);
}

ink_status ink_file_writer_open_kept(ink_file_writer **out, const char *path,
                                     const ink_allocator *allocator, ink_error *error)
{
    return open_writer(out, path, INK_FILE_FOR_ALL, NULL, true, allocator, error);
}

bool ink_file_writer_has(const ink_file_writer *writer, uint64_t n_bytes)
{
    struct stat status;
    return fstat(writer->descriptor, &status) == 0 && (uint64_t)status.st_size >= n_bytes;
}

ink_status ink_file_writer_go_on(ink_file_writer *writer, uint64_t offset, uint64_t n_bytes,
                                 ink_error *error)
{
    if (!writer->kept || writer->offset || !ink_file_writer_has(writer, offset))
        return ink_fail(error, INK_BAD_ARGUMENT, offset, "%s: cannot go on there", writer->name);
    if (ftruncate(writer->descriptor, (off_t)offset) != 0 ||
        lseek(writer->descriptor, (off_t)offset, SEEK_SET) < 0)
        return ink_file_fail_errno(error, writer->name, "write");
    writer->offset = offset;
    return check_room(writer, n_bytes, error);
}

void ink_file_writer_discard(ink_file_writer *writer)
{
    writer->kept = false;
}

ink_status ink_file_writer_check(const char *path, uint64_t n_bytes, const ink_allocator *allocator,
                                 ink_error *error)
{
    ink_file_writer *writer;
    INK_TRY(ink_file_writer_open(&writer, path, INK_FILE_FOR_ALL, allocator, error));
    ink_status status = n_bytes ? check_room(writer, n_bytes, error) : INK_OK;
    ink_file_writer_close(writer);
    return status;
}

static ink_status write_out(ink_file_writer *writer, const uint8_t *bytes, size_t n_bytes,
                            ink_error *error)
{
    while (n_bytes) {
        ssize_t put =
            write(writer->descriptor, bytes, ink_size_min(n_bytes, INK_FILE_MAX_TRANSFER));
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            if (put == 0)
                errno = ENOSPC;
            writer->failed = true;
            return ink_file_fail_errno(error, writer->name, "write");
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

ink_status ink_file_writer_map(ink_file_writer *writer, size_t n_bytes, void **bytes,
                               ink_error *error)
{
    INK_TRY(check_usable(writer, error));
    if (!writer->private || writer->sealed || writer->offset || writer->mapped)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "%s: cannot be mapped here", writer->name);
    int reserved = posix_fallocate(writer->descriptor, 0, (off_t)n_bytes);
    if (reserved != 0) { /* later, a full disk would be a signal */
        errno = reserved;
        return ink_file_fail_errno(error, writer->name, "make room on the disk");
    }
    void *mapped = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, writer->descriptor, 0);
    if (mapped == MAP_FAILED)
        return ink_file_fail_errno(error, writer->name, "map");
    writer->mapped_bytes = n_bytes;
    *bytes = writer->mapped = mapped;
    return INK_OK;
}

ink_status ink_file_writer_unmap(ink_file_writer *writer, ink_error *error)
{
    int synced = msync(writer->mapped, writer->mapped_bytes, MS_SYNC), number = errno;
    (void)munmap(writer->mapped, writer->mapped_bytes);
    writer->mapped = NULL;
    writer->offset = writer->mapped_bytes;
    errno = number;
    if (synced == 0)
        return INK_OK;
    writer->failed = true;
    return ink_file_fail_errno(error, writer->name, "write to the disk");
}

uint64_t ink_file_writer_offset(const ink_file_writer *writer)
{
    return writer->offset;
}

static ink_status close_sealed(ink_file_writer *writer, ink_error *error)
{
    int closed = close(writer->descriptor);
    writer->descriptor = -1;
    if (closed == 0)
        return INK_OK;
    writer->failed = true;
    return ink_file_fail_errno(error, writer->name, "finish writing");
}

ink_status ink_file_writer_sync(ink_file_writer *writer, ink_error *error)
{
    INK_TRY(check_usable(writer, error));
    INK_TRY(write_out(writer, writer->buffer, writer->n_buffered, error));
    writer->n_buffered = 0;
    if (fsync(writer->descriptor) == 0)
        return INK_OK;
    writer->failed = true;
    return ink_file_fail_errno(error, writer->name, "write to the disk");
}

ink_status ink_file_writer_seal(ink_file_writer *writer, ink_error *error)
{
    INK_TRY(check_usable(writer, error));
    if (writer->sealed)
        return INK_OK;
    INK_TRY(ink_file_writer_sync(writer, error));
    if (!writer->private && !writer->kept)
        INK_TRY(close_sealed(writer, error));
    ink_delete(writer->allocator, writer->buffer);
    writer->buffer = NULL;
    writer->sealed = true;
    return INK_OK;
}

ink_status ink_file_writer_read(const ink_file_writer *writer, uint64_t offset, size_t n_bytes,
                                void *dst, ink_error *error)
{
    if (!writer->private || !writer->sealed || offset > writer->offset ||
        n_bytes > writer->offset - offset)
        return ink_fail(error, INK_BAD_ARGUMENT, offset, "%s: cannot be read here", writer->name);
    for (size_t done = 0; done < n_bytes;) {
        ssize_t got =
            pread(writer->descriptor, (char *)dst + done,
                  ink_size_min(n_bytes - done, INK_FILE_MAX_TRANSFER), (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ink_file_fail_errno(error, writer->name, "read what was written");
        if (got == 0)
            return ink_fail(error, INK_IO, offset + done, "%s: became shorter while it was written",
                            writer->name);
        done += (size_t)got;
    }
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
        return ink_file_fail_errno(error, writer->name, "rename the finished file");
    }
    writer->committed = true;
    sync_folder(writer);
    return INK_OK;
}

void ink_file_writer_close(ink_file_writer *writer)
{
    if (!writer)
        return;
    if (writer->mapped)
        (void)munmap(writer->mapped, writer->mapped_bytes);
    if (writer->created && !writer->committed && !writer->kept)
        (void)unlink(writer->temporary);
    if (writer->descriptor >= 0) /* after the name is gone: the lock goes with it */
        (void)close(writer->descriptor);
    ink_delete(writer->allocator, writer->buffer);
    ink_delete(writer->allocator, writer->temporary);
    ink_delete(writer->allocator, writer);
}
