/*
 * What a run consists of: shared by the single answer (run.c) and the conversation at a terminal
 * (console.c).
 */
#ifndef INK_CLI_RUN_H
#define INK_CLI_RUN_H

#include "cli/chat.h"
#include "cli/constraint.h"
#include "cli/setup.h"
#include "cli/terminal.h"
#include "cli/tools.h"

typedef struct ink_run {
    const char *path, *prompt; /* prompt: NULL when it is to be read */
    const char *system;
    const char *overflow;     /* error, slide, drop-oldest-turns */
    const char *prefix_store; /* a folder, or NULL */
    uint64_t prefix_bytes;    /* that it may hold */
    bool raw, special, stats;
    bool may_be_empty; /* raw was asked for: no prompt then means what may open a text */
    ink_texts stops;
    ink_constraint_flags flags;
    ink_tool_flags tool_flags;
    ink_parts parts; /* in use with tools, or where thoughts come before a constraint */
    bool in_parts;
    ink_status parts_status; /* of what was read of the last answer */
    ink_error parts_error;
    ink_constraint *constraint; /* NULL: any answer will do */
    ink_open open;
    ink_session_options session;
    ink_generation generation;
    ink_model *model;
    ink_chat chat;
    ink_bar bar;          /* while a prompt is read; gone before the first text is written */
    ink_generated result; /* of the last answer */
    ink_pressure_watch watch;
    double watched;  /* when memory was last looked at, seconds */
    int write_errno; /* of standard output; 0: all was written */
} ink_run;

/*
 * Streams one answer to standard output: with a chat template `text` is what the user says, else it
 * is continued.
 */
ink_status ink_run_answer(ink_run *run, const char *text, size_t n_bytes, ink_error *error);

/* Says on standard error that the last answer ended because the context is full, if it did. */
void ink_run_print_stop(const ink_run *run);

/* Speed and memory of the last answer, on standard error. */
void ink_run_print_stats(const ink_run *run);

/* Talks until the person leaves. */
ink_exit ink_console_run(ink_run *run);

#endif
