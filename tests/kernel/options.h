/* The command line. */
#ifndef KERNELS_OPTIONS_H
#define KERNELS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct options {
    const char *op, *isa; /* NULL: all */
    uint64_t seed;
    bool bench, json, speed, list, help;
} options;

/* False after a message on standard error: usage is wrong. */
bool options_read(options *o, int n_arguments, char **arguments);

void options_help(void);

#endif
