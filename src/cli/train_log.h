/*
 * The log of training: a row a step, as CSV or, where the name ends with ".jsonl", one JSON object
 * a line. Training that goes on where it was broken off continues the log: rows of steps that come
 * again are taken off its end first, and a row that was cut short.
 */
#ifndef INK_CLI_TRAIN_LOG_H
#define INK_CLI_TRAIN_LOG_H

#include <stdio.h>
#include "cli/course.h"
#include "inkling.h"

/* name, type (as printf), value in a report `r`; seconds are those of the rows before, too */
#define INK_TRAIN_LOG_COLUMNS(X)                       \
    X(step, "%.0f", (double)r->step)                   \
    X(tokens, "%.0f", (double)r->n_tokens)             \
    X(loss, "%.6f", r->loss)                           \
    X(validation_loss, "%.6f", r->validation_loss)     \
    X(rate, "%.6e", r->rate)                           \
    X(gradient_norm, "%.6f", r->gradient_norm)         \
    X(tokens_per_second, "%.1f", r->tokens_per_second) \
    X(seconds, "%.3f", seconds)

typedef struct ink_train_log {
    const char *path;
    FILE *file; /* NULL: there is none */
    bool json, begun;
    double seconds, since; /* in earlier rows; when this process began */
} ink_train_log;

/*
 * Opens it and sees that a file that is there is such a log, else BAD_ARGUMENT; nothing is changed
 * yet.
 */
ink_status ink_train_log_open(ink_train_log *log, const char *path, ink_error *error);
void ink_train_log_close(ink_train_log *log);

/*
 * A row. Before the first, the rows of steps before it are read into the course. False after a
 * message.
 */
bool ink_train_log_add(ink_train_log *log, const ink_training_report *report, ink_course *course);

#endif
