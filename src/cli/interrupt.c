#define _XOPEN_SOURCE 700
#include "cli/interrupt.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "cli/command.h"

static volatile sig_atomic_t interrupted;

static void note(int number)
{
    (void)number;
    interrupted = 1;
}

void ink_interrupt_watch(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = note;
    sigemptyset(&action.sa_mask);
    action.sa_flags = (int)SA_RESETHAND; /* the second one is deadly */
    interrupted = 0;
    sigaction(SIGINT, &action, NULL);
}

bool ink_interrupted(void)
{
    return interrupted != 0;
}

static void explain_bus_error(int number)
{
    static const char message[] = "inkling: a file of packed weights became shorter, or its disk "
                                  "failed, while it was in use\n";
    (void)number;
    ssize_t written = write(STDERR_FILENO, message, sizeof message - 1);
    (void)written; /* there is nobody else to tell */
    _exit(INK_EXIT_FAILED);
}

void ink_interrupt_guard_mappings(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = explain_bus_error;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}

static bool go_on(void *context, float part)
{
    (void)context;
    (void)part;
    return !ink_interrupted();
}

ink_progress ink_interrupt_progress(void)
{
    return (ink_progress){.report = go_on};
}
