/*
 * Exact match: how many examples of a task a model answers as expected, choosing the likeliest
 * token each time.
 *
 * A task is a file of one JSON object a line: "prompt", a text that is continued, or "messages", a
 * conversation for the model's chat template (what else stands in the object is then a variable of
 * the template); and "answer".
 */
#ifndef INK_CLI_TASK_H
#define INK_CLI_TASK_H

#include "inkling.h"

/* The time that templates are told which print a date: 2024-01-01 00:00 UTC, on every day. */
#define INK_TASK_NOW 1704067200

typedef struct ink_task {
    /* Set by the caller. */
    const char *path, *failures; /* failures: a file for what was missed, or NULL */
    bool json_answers;           /* answers are compared as JSON values, not as texts */
    bool multiline;              /* an answer does not end with its line */
    size_t max_tokens;
    /* What came out. */
    size_t n_examples, n_matches, n_tokens; /* n_tokens: generated */
    double seconds;                         /* of reading prompts and generating */
    char sha256[65];                        /* of the file */
    size_t n_bytes;
} ink_task;

/*
 * All lines are checked before the first is answered. CORRUPT names the file and the line. The file
 * of failures appears when all is done.
 */
ink_status ink_task_run(ink_task *task, const ink_model *model, const ink_session_options *session,
                        ink_error *error);

#endif
