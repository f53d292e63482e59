/* `inkling run home`: the assistant for a home, whose model is in the binary. */
#ifndef INK_CLI_HOME_H
#define INK_CLI_HOME_H

#include "cli/command.h"

/* The words behind "run home". */
ink_exit ink_run_home(int argc, char **argv);

#endif
