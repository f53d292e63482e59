#define _POSIX_C_SOURCE 200809L
#include "base/stall.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_BYTES = 4096, PATH_BYTES = 1024 };

/* The first bytes of root/folder/name, terminated; false when there is no such file. */
static bool read_text(char text[FILE_BYTES], const char *root, const char *folder, const char *name)
{
    char path[PATH_BYTES];
    int n = snprintf(path, sizeof path, "%s%s/%s", root, folder, name);
    if (n < 0 || n >= PATH_BYTES)
        return false;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    ssize_t got = read(descriptor, text, FILE_BYTES - 1);
    (void)close(descriptor);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

static float average(const char *text, const char *kind)
{
    const char *line = strstr(text, kind), *number = line ? strstr(line, "avg10=") : NULL;
    float value = number ? strtof(number + 6, NULL) : 0;
    return value > 0 && value <= 100 ? value : 0;
}

void ink_stall_parse(ink_stall *stall, const char *text)
{
    stall->some = average(text, "some ");
    stall->full = average(text, "full ");
}

uint64_t ink_stall_count(const char *text, const char *key)
{
    size_t n = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, n) == 0 && line[n] == ' ')
            return strtoull(line + n, NULL, 10);
    }
    return 0;
}

/* What stands behind `marker` in /proc/self/cgroup, up to the end of its line. */
static bool find_group(const char *groups, const char *marker, char path[PATH_BYTES],
                       const char *mount)
{
    const char *at = strstr(groups, marker);
    if (!at)
        return false;
    at += strlen(marker);
    int n = snprintf(path, PATH_BYTES, "%s%.*s", mount, (int)strcspn(at, "\n"), at);
    return n > 0 && n < PATH_BYTES;
}

void ink_stall_read(ink_stall *stall, const char *root)
{
    char groups[FILE_BYTES], text[FILE_BYTES], path[PATH_BYTES];
    *stall = (ink_stall){0};
    if (read_text(text, root, "/proc/pressure", "memory"))
        ink_stall_parse(stall, text);
    if (!read_text(groups, root, "/proc/self", "cgroup"))
        return;
    if (find_group(groups, "0::", path, "/sys/fs/cgroup")) {
        if (read_text(text, root, path, "memory.pressure"))
            ink_stall_parse(stall, text);
        if (read_text(text, root, path, "memory.events"))
            stall->n_events = ink_stall_count(text, "high") + ink_stall_count(text, "max");
    }
    if (find_group(groups, ":memory:", path, "/sys/fs/cgroup/memory") &&
        read_text(text, root, path, "memory.failcnt"))
        stall->n_events += strtoull(text, NULL, 10);
}
