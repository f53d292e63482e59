/* How long it takes to tell which tokens may come next, along a text. */
#ifndef INK_CLI_CONSTRAIN_BENCH_H
#define INK_CLI_CONSTRAIN_BENCH_H

#include "cli/command.h"

/*
 * Goes along the text of `path`, or a walk of random tokens when it is NULL, three times: cold, and
 * twice with what was learned. Prints microseconds of processor time a token: median, 99th
 * percentile, most.
 */
ink_exit ink_constrain_bench(ink_constraint *constraint, const ink_model *model, const char *path,
                             bool json);

#endif
