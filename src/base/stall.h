/*
 * How scarce memory is, as Linux tells it: pressure stall information (the kernel's
 * Documentation/accounting/psi.rst) and the counters of the process's cgroup (version 2:
 * memory.events; version 1: memory.failcnt). What a system does not tell is 0.
 */
#ifndef INK_BASE_STALL_H
#define INK_BASE_STALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ink_stall {
    float some, full;  /* percent of the last ten seconds that some task, or all, waited */
    uint64_t n_events; /* times that the cgroup was at its limit */
} ink_stall;

/* `root` stands before /proc and /sys: "" but in tests. */
void ink_stall_read(ink_stall *stall, const char *root);

/* From the text of a memory.pressure file. */
void ink_stall_parse(ink_stall *stall, const char *text);

#endif
