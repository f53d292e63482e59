/* What reading and writing files have in common. */
#ifndef INK_BASE_FILE_INTERNAL_H
#define INK_BASE_FILE_INTERNAL_H

#include <sys/types.h>
#include "base/file.h"

#define INK_FILE_MAX_TRANSFER ((size_t)1 << 30) /* Linux moves no more than 2^31 - 4096 at once */

/* "NAME: cannot WHAT: why", from errno. */
ink_status ink_file_fail_errno(ink_error *error, const char *name, const char *what);

/* The path, or its end when it is very long. */
const char *ink_file_name_of(const char *path);

/*
 * Opens the file at `path`, makes it with `mode` if need be, and locks it, as long as *descriptor
 * (-1: none) is open. IO: another process holds it, in words that say what for: it is `use`. On
 * failure, too, the caller closes the descriptor.
 */
ink_status ink_file_take_lock(int *descriptor, const char *path, mode_t mode, const char *name,
                              const char *use, ink_error *error);

#endif
