/* `inkling run home`: the assistant for a home, whose model is in the binary. */
#ifndef INK_CLI_HOME_H
#define INK_CLI_HOME_H

#include "cli/command.h"
#include "home/home.h"

/* The words behind "run home". */
ink_exit ink_run_home(int argc, char **argv);

/* A home out of a file, or of standard input when it is "-". */
ink_status ink_home_open(ink_home **out, const char *path, ink_error *error);

#endif
