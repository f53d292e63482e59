/*
 * What a command is: a row of commands.def and a function that turns arguments into an exit code.
 *
 * Results go to standard output, everything else (errors, progress, statistics) to standard error.
 */
#ifndef INK_CLI_COMMAND_H
#define INK_CLI_COMMAND_H

#include "inkling.h"

typedef enum ink_exit {
    INK_EXIT_OK = 0,
    INK_EXIT_FAILED = 1, /* the message on standard error says why */
    INK_EXIT_USAGE = 2,
    INK_EXIT_INTERRUPTED = 130 /* as shells report SIGINT */
} ink_exit;

typedef struct ink_command ink_command;

/* One call of a command: argv[0] is the first word behind its name. */
typedef struct ink_call {
    const ink_command *command;
    int argc;
    char **argv;
} ink_call;

struct ink_command {
    const char *name;
    ink_exit (*run)(const ink_call *call);
    const char *summary;
    const char *arguments; /* see commands.def */
};

#define COMMAND(name, function, summary, arguments) ink_exit function(const ink_call *call);
#include "cli/commands.def"
#undef COMMAND

/* The i-th row; NULL at the end. */
const ink_command *ink_command_at(size_t index);

/* NULL after an error message that suggests the nearest name. */
const ink_command *ink_command_find(const char *name);

/* `inkling --help`, on standard output. */
void ink_command_print_all(void);

#endif
