/*
 * Exact match: how many examples of a task a model answers as expected, choosing the likeliest
 * token each time.
 *
 * A task is a file of one JSON object a line: "prompt", a text that is continued, or "messages", a
 * conversation for the model's chat template (what else stands in the object is then a variable of
 * the template); and "answer". Or all lines have a "sentence" for a home, which is answered as
 * `inkling run home` does, and whose answer is an intent.
 */
#ifndef INK_CLI_TASK_H
#define INK_CLI_TASK_H

#include "home/assistant.h"

/* The time that templates are told which print a date: 2024-01-01 00:00 UTC, on every day. */
#define INK_TASK_NOW 1704067200

/* Of the sentences of one intent. */
typedef struct ink_intent_count {
    size_t n_examples, n_matches;
    size_t n_answers; /* that this intent was the answer, rightly or not */
} ink_intent_count;

typedef struct ink_task {
    /* Set by the caller. */
    const char *path, *failures; /* failures: a file for what was missed, or NULL */
    const char *home;            /* of sentences that have none before them; NULL: no file */
    bool json_answers;           /* answers are compared as JSON values, not as texts */
    bool multiline;              /* an answer does not end with its line */
    size_t max_tokens;
    int n_workers; /* examples that are answered side by side, by a thread each */
    /* What came out. */
    size_t n_examples, n_matches;
    size_t n_tokens; /* generated; not counted of sentences */
    double seconds;  /* of answering */
    char sha256[65]; /* of the file */
    size_t n_bytes;
    bool sentences;                              /* its lines are sentences for homes */
    ink_intent_count intents[INK_N_INTENTS + 1]; /* of these; the last one is "none" */
} ink_task;

/*
 * All lines are checked before the first is answered. CORRUPT names the file and the line. The file
 * of failures appears when all is done. Figures do not depend on the number of workers.
 */
ink_status ink_task_run(ink_task *task, const ink_model *model, const ink_session_options *session,
                        ink_error *error);

#endif
