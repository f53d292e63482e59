#include "base/stall.h"

#include <stdlib.h>
#include <string.h>
#include "base/proc.h"

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

void ink_stall_read(ink_stall *stall, const char *root)
{
    char text[INK_PROC_FILE_BYTES], path[INK_PROC_PATH_BYTES];
    *stall = (ink_stall){0};
    if (ink_proc_read(text, root, "/proc/pressure", "memory"))
        ink_stall_parse(stall, text);
    if (ink_proc_group(root, 2, path)) {
        if (ink_proc_read(text, root, path, "memory.pressure"))
            ink_stall_parse(stall, text);
        if (ink_proc_read(text, root, path, "memory.events"))
            stall->n_events = ink_proc_count(text, "high") + ink_proc_count(text, "max");
    }
    if (ink_proc_group(root, 1, path) && ink_proc_read(text, root, path, "memory.failcnt"))
        stall->n_events += strtoull(text, NULL, 10);
}
