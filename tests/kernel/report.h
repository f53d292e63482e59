/*
 * What is printed: a table for people, with colors on a terminal only, or one JSON object per row.
 */
#ifndef KERNELS_REPORT_H
#define KERNELS_REPORT_H

#include "check.h"
#include "facts.h"

typedef struct report {
    bool json, color, timed;
    size_t counts[3]; /* by verdict */
    uint64_t seed;
    section section;  /* whose heading was printed last */
    const fact *fact; /* whose name was printed last */
    double begin_s;
} report;

void report_begin(report *r, const options *o, uint32_t features);
void report_fact(report *r, const fact *f, size_t i, const finding *found);
void report_contest(report *r, const contest *c);

/* Rows and facts reported. */
size_t report_rows(const report *r);

/* Prints the totals; the process's exit code. */
int report_end(const report *r);

#endif
