/* Locks between processes: a file that stands beside what is locked, and is locked itself. */
#define _FILE_OFFSET_BITS 64
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE /* flock */

#include "base/file_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/memory.h"
#include "base/size.h"

#define SUFFIX ".lock"
#define USE "at work on it"

/* Between the two calls that open and lock, who held the lock may have taken the file away. */
static bool still_stands(int descriptor, const char *path, struct stat *ours)
{
    struct stat named;
    return fstat(descriptor, ours) == 0 && lstat(path, &named) == 0 &&
           ours->st_ino == named.st_ino && ours->st_dev == named.st_dev;
}

ink_status ink_file_take_lock(int *descriptor, const char *path, mode_t mode, const char *name,
                              const char *use, ink_error *error)
{
    struct stat ours;
    *descriptor = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, mode);
    if (*descriptor < 0)
        return ink_file_fail_errno(error, name, "create a file beside it");
    bool locked = flock(*descriptor, LOCK_EX | LOCK_NB) == 0;
    if (!locked && errno != EWOULDBLOCK)
        return ink_file_fail_errno(error, name, "create a file beside it");
    if (!locked || !still_stands(*descriptor, path, &ours))
        return ink_fail(error, INK_IO, 0, "%s: another process is %s", name, use);
    if (!S_ISREG(ours.st_mode) || ours.st_uid != geteuid() || ours.st_nlink != 1)
        return ink_fail(error, INK_IO, 0, "%s: not a file of ours; remove it",
                        ink_file_name_of(path));
    return INK_OK;
}

ink_status ink_file_lock_open(ink_file_lock *lock, const char *path, const ink_allocator *allocator,
                              ink_error *error)
{
    size_t n_bytes;
    *lock = (ink_file_lock){.allocator = allocator};
    if (!ink_size_add(strlen(path), sizeof SUFFIX, &n_bytes))
        return ink_fail_memory(error, path);
    char *beside = ink_new(allocator, n_bytes, 1);
    if (!beside)
        return ink_fail_memory(error, path);
    (void)snprintf(beside, n_bytes, "%s" SUFFIX, path);
    ink_status status = ink_file_take_lock(&lock->descriptor, beside, (mode_t)0600,
                                           ink_file_name_of(path), USE, error);
    if (status == INK_OK) {
        lock->path = beside;
        return INK_OK;
    }
    if (lock->descriptor >= 0)
        (void)close(lock->descriptor);
    ink_delete(allocator, beside);
    return status;
}

void ink_file_lock_close(ink_file_lock *lock)
{
    if (!lock->path)
        return;
    (void)unlink(lock->path); /* while it is ours */
    (void)close(lock->descriptor);
    ink_delete(lock->allocator, lock->path);
    *lock = (ink_file_lock){.path = NULL};
}
