#include <string.h>
#include "cli/options.h"

ink_exit ink_cmd_help(const ink_call *call)
{
    static char flag[] = "--help";
    char *words[] = {flag, NULL};
    const char *arguments[INK_MAX_ARGUMENTS];
    const ink_option options[] = {{0}};
    INK_PARSE(call, options, NULL, arguments);
    if (!arguments[0]) {
        ink_command_print_all();
        return INK_EXIT_OK;
    }
    const ink_command *command = ink_command_find(arguments[0]);
    if (!command)
        return INK_EXIT_USAGE;
    return command->run(&(ink_call){.command = command, .argc = 1, .argv = words});
}
