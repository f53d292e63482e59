#define _XOPEN_SOURCE 700
#include "cli/interrupt.h"

#include <signal.h>
#include <string.h>

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
