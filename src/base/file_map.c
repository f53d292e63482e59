/* Mapping a file of our own making. */
#define _FILE_OFFSET_BITS 64
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE /* madvise */

#include "base/file_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static ink_status check_ours(const struct stat *status, const char *name, ink_error *error)
{
    const char *problem = NULL;
    if (!S_ISREG(status->st_mode) || status->st_size < 0)
        problem = "not a regular file";
    else if (status->st_uid != geteuid())
        problem = "belongs to another user";
    else if (status->st_mode & (S_IWGRP | S_IWOTH))
        problem = "may be written by other users";
    if (!problem)
        return INK_OK;
    return ink_fail(error, INK_IO, 0, "%s: %s", name, problem);
}

static ink_status map(ink_mapping *out, int descriptor, const char *name, ink_error *error)
{
    struct stat status;
    if (fstat(descriptor, &status) != 0)
        return ink_file_fail_errno(error, name, "read its size");
    INK_TRY(check_ours(&status, name, error));
    if (status.st_size == 0 || (uint64_t)status.st_size > SIZE_MAX)
        return ink_fail(error, INK_IO, 0, "%s: a size that cannot be mapped", name);
    size_t n_bytes = (size_t)status.st_size;
    void *bytes = mmap(NULL, n_bytes, PROT_READ, MAP_SHARED, descriptor, 0);
    if (bytes == MAP_FAILED)
        return ink_file_fail_errno(error, name, "map");
    *out = (ink_mapping){bytes, n_bytes};
    return INK_OK;
}

ink_status ink_mapping_open(ink_mapping *out, const char *path, ink_error *error)
{
    const char *name = ink_file_name_of(path);
    *out = (ink_mapping){NULL, 0};
    int descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0 && errno == ENOENT)
        return INK_OK;
    if (descriptor < 0)
        return ink_file_fail_errno(error, name, "open");
    ink_status status = map(out, descriptor, name, error);
    (void)close(descriptor);
    return status;
}

void ink_mapping_close(ink_mapping *mapping)
{
    if (mapping->bytes)
        (void)munmap((void *)(uintptr_t)mapping->bytes, mapping->n_bytes);
    *mapping = (ink_mapping){NULL, 0};
}

void ink_mapping_read_ahead(const void *bytes, size_t n_bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), before = (uintptr_t)bytes % page;
    (void)madvise((void *)((uintptr_t)bytes - before), n_bytes + before, MADV_WILLNEED);
}
