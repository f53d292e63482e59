#define _DEFAULT_SOURCE
/* What killed writers left behind: their temporary files are those that nobody holds locked. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

enum { PATH_BYTES = 4096 };

/* "NAME.123-0.tmp": as file_writer.c names them. */
static bool is_temporary(const char *entry, const char *name)
{
    static const char digits[] = "0123456789";
    size_t n = strlen(name);
    if (strncmp(entry, name, n) != 0 || entry[n] != '.')
        return false;
    const char *at = entry + n + 1;
    size_t n_process = strspn(at, digits);
    if (n_process == 0 || at[n_process] != '-')
        return false;
    at += n_process + 1;
    size_t n_try = strspn(at, digits);
    return n_try > 0 && strcmp(at + n_try, ".tmp") == 0;
}

static void remove_unlocked(int folder, const char *entry)
{
    struct stat facts;
    int file = openat(folder, entry, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return;
    if (fstat(file, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_uid == geteuid() &&
        flock(file, LOCK_EX | LOCK_NB) == 0)
        (void)unlinkat(folder, entry, 0);
    (void)close(file);
}

void ink_file_sweep(const char *path)
{
    char folder[PATH_BYTES];
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t n = slash ? (size_t)(slash - path) + 1 : 0;
    if (n >= sizeof folder)
        return;
    (void)snprintf(folder, sizeof folder, "%.*s", n ? (int)n : 1, n ? path : ".");
    DIR *entries = opendir(folder);
    if (!entries)
        return;
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;)
        if (is_temporary(entry->d_name, name))
            remove_unlocked(dirfd(entries), entry->d_name);
    (void)closedir(entries);
}
