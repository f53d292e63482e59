/*
 * Signals. Ctrl-C: the first one asks the running work to stop cleanly; a second one before that
 * ends the process at once.
 */
#ifndef INK_CLI_INTERRUPT_H
#define INK_CLI_INTERRUPT_H

#include "inkling.h"

/* From now on, and again after each interruption was seen to. */
void ink_interrupt_watch(void);

bool ink_interrupted(void);

/* For work without a bar of its own: shows nothing, and is cancelled by Ctrl-C. */
ink_progress ink_interrupt_progress(void);

/*
 * A mapped file that another process cuts, or whose disk fails, is a signal: from now on a message
 * and exit code 1. The library leaves signals to the program.
 */
void ink_interrupt_guard_mappings(void);

#endif
