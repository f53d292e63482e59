/*
 * What a person sees of training, on standard error: on a terminal one line that is written over,
 * elsewhere a line now and then; measurements keep lines of their own.
 */
#ifndef INK_CLI_TRAIN_PROGRESS_H
#define INK_CLI_TRAIN_PROGRESS_H

#include "inkling.h"

typedef struct ink_train_progress {
    double shown; /* when a line was last printed; 0: not yet */
    double mean;  /* of the loss, over the last steps */
    bool open;    /* the line on the terminal has no end yet */
} ink_train_progress;

void ink_train_progress_show(ink_train_progress *progress, const ink_training_report *report);
void ink_train_progress_end(ink_train_progress *progress);

/* "2 h 05 min", "12 min", "40 s". */
enum { INK_DURATION_BYTES = 32 };
const char *ink_format_duration(double seconds, char out[INK_DURATION_BYTES]);

#endif
