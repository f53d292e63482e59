#define _POSIX_C_SOURCE 200809L
#include "base/proc.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

bool ink_proc_read(char text[INK_PROC_FILE_BYTES], const char *root, const char *folder,
                   const char *name)
{
    char path[INK_PROC_PATH_BYTES];
    int n = snprintf(path, sizeof path, "%s%s/%s", root, folder, name);
    if (n < 0 || n >= INK_PROC_PATH_BYTES)
        return false;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    ssize_t got = read(descriptor, text, INK_PROC_FILE_BYTES - 1);
    (void)close(descriptor);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

uint64_t ink_proc_count(const char *text, const char *key)
{
    size_t n = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, n) == 0 && line[n] == ' ')
            return strtoull(line + n, NULL, 10);
    }
    return 0;
}

/* ---- Groups ---------------------------------------------------------------------------------- */

/* How a version of control groups tells of memory. */
static const struct {
    const char *marker, *mount, *limit, *usage, *files; /* files: a key of memory.stat */
} groups[] = {
    {":memory:", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
     "total_inactive_file"},
    {"0::", "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"},
};
enum { N_VERSIONS = sizeof groups / sizeof *groups };

bool ink_proc_group(const char *root, int version, char path[INK_PROC_PATH_BYTES])
{
    char text[INK_PROC_FILE_BYTES];
    const char *marker = groups[version - 1].marker;
    if (!ink_proc_read(text, root, "/proc/self", "cgroup"))
        return false;
    const char *at = strstr(text, marker);
    if (!at)
        return false;
    at += strlen(marker);
    int n = snprintf(path, INK_PROC_PATH_BYTES, "%s%.*s", groups[version - 1].mount,
                     (int)strcspn(at, "\n"), at);
    return n > 0 && n < INK_PROC_PATH_BYTES;
}

/* A group without a limit says "max", or a number beyond all memory. */
static uint64_t available_in(const char *root, int version, const char *path)
{
    char text[INK_PROC_FILE_BYTES];
    if (!ink_proc_read(text, root, path, groups[version - 1].limit) || *text < '0' || *text > '9')
        return UINT64_MAX;
    uint64_t limit = strtoull(text, NULL, 10), used = 0, files = 0;
    if (ink_proc_read(text, root, path, groups[version - 1].usage))
        used = strtoull(text, NULL, 10);
    if (ink_proc_read(text, root, path, "memory.stat"))
        files = ink_proc_count(text, groups[version - 1].files);
    used -= files < used ? files : used;
    return used < limit ? limit - used : 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The group and all it is in: in a container the names above it may not be there. */
static uint64_t available_in_groups(const char *root, int version)
{
    char path[INK_PROC_PATH_BYTES];
    uint64_t bytes = UINT64_MAX;
    size_t mount = strlen(groups[version - 1].mount);
    if (!ink_proc_group(root, version, path))
        return bytes;
    for (size_t n = strlen(path); n >= mount;) {
        bytes = least(bytes, available_in(root, version, path));
        while (n > mount && path[n - 1] != '/')
            n--;
        path[n ? --n : 0] = '\0';
    }
    return bytes;
}

/* ---- All of it ------------------------------------------------------------------------------- */

static uint64_t available_in_machine(const char *root)
{
    char text[INK_PROC_FILE_BYTES];
    if (!ink_proc_read(text, root, "/proc", "meminfo"))
        return UINT64_MAX;
    uint64_t kilobytes = ink_proc_count(text, "MemAvailable:");
    return kilobytes ? kilobytes * 1024 : UINT64_MAX;
}

/* Of the process itself (ulimit -v). */
static uint64_t available_by_limit(const char *root)
{
    char text[INK_PROC_FILE_BYTES];
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
        !ink_proc_read(text, root, "/proc/self", "statm"))
        return UINT64_MAX;
    uint64_t used = strtoull(text, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
    return used < limit.rlim_cur ? limit.rlim_cur - used : 0;
}

uint64_t ink_proc_available(const char *root)
{
    uint64_t bytes = least(available_in_machine(root), available_by_limit(root));
    for (int version = 1; version <= N_VERSIONS; version++)
        bytes = least(bytes, available_in_groups(root, version));
    return bytes;
}
