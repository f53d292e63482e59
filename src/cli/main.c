/* The command line: finds the command in the table, runs it, and sees that its output arrived. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/terminal.h"

static const ink_command commands[] = {
#define COMMAND(name, function, summary, arguments) {#name, function, summary, arguments},
#include "cli/commands.def"
#undef COMMAND
};

enum { N_COMMANDS = sizeof commands / sizeof *commands };

const ink_command *ink_command_at(size_t index)
{
    return index < N_COMMANDS ? &commands[index] : NULL;
}

const ink_command *ink_command_find(const char *name)
{
    const char *names[N_COMMANDS];
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
        names[i] = commands[i].name;
    }
    const char *nearest = ink_nearest(name, names, N_COMMANDS);
    if (nearest)
        ink_say("unknown command '%.100s'; did you mean '%s'?", name, nearest);
    else
        ink_say("unknown command '%.100s'; inkling --help lists them", name);
    return NULL;
}

void ink_command_print_all(void)
{
    const char *strong = ink_terminal_style(stdout, INK_STYLE_STRONG);
    const char *plain = ink_terminal_style(stdout, INK_STYLE_PLAIN);
    printf("Inkling runs small language models on this device.\n\n"
           "%sUsage:%s inkling COMMAND [arguments]\n\n%sCommands:%s\n",
           strong, plain, strong, plain);
    for (size_t i = 0; i < N_COMMANDS; i++)
        printf("  %-11s %s\n", commands[i].name, commands[i].summary);
    printf("\n%sExamples:%s\n"
           "  inkling run model.gguf \"Once upon a time\"    one answer\n"
           "  inkling run model.gguf                       a chat\n"
           "  inkling show model.gguf                      will it fit?\n\n"
           "inkling COMMAND --help tells more. "
           "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.\n",
           strong, plain);
}

static ink_exit dispatch(int argc, char **argv)
{
    if (argc < 2) {
        ink_command_print_all();
        return INK_EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        name = "version";
    else if (name[0] == '-') {
        ink_say("unknown option %.100s; a command comes first (inkling --help lists them)", name);
        return INK_EXIT_USAGE;
    }
    const ink_command *command = ink_command_find(name);
    if (!command)
        return INK_EXIT_USAGE;
    return command->run(&(ink_call){.command = command, .argc = argc - 2, .argv = argv + 2});
}

/*
 * A standard stream that was closed would be the next file that is opened: a model would be read as
 * standard input. In its place comes what can neither be read nor written: using it is an error.
 */
static void fill_closed_streams(void)
{
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++)
        if (fcntl(stream, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
    fill_closed_streams();
    ink_interrupt_guard_mappings();
    ink_exit code = dispatch(argc, argv);
    /* What was printed may still be on its way: a full disk shows only here. */
    errno = 0;
    bool failed = fflush(stdout) != 0 || ferror(stdout);
    if (failed && code == INK_EXIT_OK)
        code = ink_fail_output(errno ? errno : EIO);
    return (int)code;
}
