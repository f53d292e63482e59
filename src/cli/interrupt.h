/*
 * Ctrl-C. The first one asks the running work to stop cleanly; a second one before that ends the process at once.
 */
#ifndef INK_CLI_INTERRUPT_H
#define INK_CLI_INTERRUPT_H

#include <stdbool.h>

/* From now on, and again after each interruption was seen to. */
void ink_interrupt_watch(void);

bool ink_interrupted(void);

#endif
