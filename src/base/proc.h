/*
 * What Linux tells in /proc and /sys: small text files, and which control group a process is in
 * (the kernel's Documentation/filesystems/proc.rst, admin-guide/cgroup-v1 and cgroup-v2).
 */
#ifndef INK_BASE_PROC_H
#define INK_BASE_PROC_H

#include <stdbool.h>
#include <stdint.h>

enum { INK_PROC_FILE_BYTES = 4096, INK_PROC_PATH_BYTES = 1024 };

/*
 * The first bytes of root/folder/name, terminated; false when there is no such file. `root` is ""
 * but in tests.
 */
bool ink_proc_read(char text[INK_PROC_FILE_BYTES], const char *root, const char *folder,
                   const char *name);

/* The folder of the process's memory group, of version 2 or 1, below the root; false: none. */
bool ink_proc_group(const char *root, int version, char path[INK_PROC_PATH_BYTES]);

/* The number behind `key` and a blank, at the begin of a line; 0: there is none. */
uint64_t ink_proc_count(const char *text, const char *key);

/*
 * Bytes that the process may still take before the system or a limit of its groups stops it, pages
 * of files that are not in use counted as free; UINT64_MAX where nothing is told.
 */
uint64_t ink_proc_available(const char *root);

#endif
