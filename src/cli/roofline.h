/*
 * The limits of this machine, measured: how fast it reads memory, and how fast it multiplies
 * (kernel/probe.h). What a phase of a model reaches is a part of them.
 */
#ifndef INK_CLI_ROOFLINE_H
#define INK_CLI_ROOFLINE_H

#include "base/status.h"
#include "cli/report.h"

/* Everything a second, of some threads together. */
typedef struct ink_limits {
    int n_threads;
    double read_bytes;       /* from large pages where the system has them */
    double read_bytes_small; /* from pages as they come; the same where there are no large ones */
    double dot_ops;          /* of 8-bit integers */
    double fma_ops;          /* of floats */
} ink_limits;

typedef struct ink_roofline {
    const char *isa;
    uint64_t probe_bytes; /* what was read: much more than the last cache holds, memory allowing */
    ink_limits one, all;  /* of one thread, and of as many as asked for */
} ink_roofline;

/* Takes some seconds. */
ink_status ink_roofline_measure(ink_roofline *roofline, int n_threads, ink_error *error);

void ink_roofline_print(const ink_roofline *roofline);
void ink_roofline_report(ink_report *report, ink_value in, const ink_roofline *roofline);

#endif
