/* What an evaluation consists of: shared by measuring (eval.c) and telling (eval_report.c). */
#ifndef INK_CLI_EVAL_H
#define INK_CLI_EVAL_H

#include "cli/report.h"
#include "cli/score.h"
#include "cli/setup.h"
#include "cli/task.h"
#include "cli/windows.h"

/* A text that was read. */
typedef struct ink_eval_text {
    const char *path;
    size_t n_bytes;
    char sha256[65];
    ink_window_counts counts;
} ink_eval_text;

typedef struct ink_eval {
    const ink_call *call;
    /* What is wanted. */
    const char *path, *reference_path; /* reference_path: NULL without one */
    ink_eval_text texts[INK_MAX_TEXTS];
    size_t n_texts;
    bool all, json, card, anew;
    const char *out; /* where the model is written to with its card; NULL: in place */
    ink_open open;
    ink_session_options session; /* n_context 0: the default of windows, and that of tasks */
    ink_task task;               /* path NULL: none */
    /* What is measured. */
    ink_model *model, *reference;
    ink_windows windows;
    ink_score score;
    ink_figures figures; /* with texts */
    /* What else its entry of a card says. NULL: nothing. */
    void (*more)(const void *context, ink_report *report);
    const void *more_context;
} ink_eval;

/*
 * Reads the texts with the readers of e->windows, whose other fields but `score` and `context` are
 * set too: the last of two readers is the reference. Fills counts and figures, and ends sessions.
 */
ink_status ink_eval_score(ink_eval *eval, ink_error *error);

/* On standard output, for people or as JSON. */
ink_status ink_eval_print(const ink_eval *eval, ink_error *error);

/* A file as cards name it, into a list. */
void ink_eval_report_file(ink_report *report, ink_value list, const char *path, size_t n_bytes,
                          const char *sha256);

/* As an entry of the model's card: what does not depend on the machine, the data, the command. */
ink_status ink_eval_write_entry(const ink_eval *eval, ink_buffer *out, ink_error *error);

#endif
