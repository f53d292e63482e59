/*
 * A model on its way to a smaller one: what each stage is worth on a text, and how fast it is.
 * Texts are read and scored as `inkling eval` does, speed is measured as `inkling bench` does.
 */
#ifndef INK_CLI_STAGES_H
#define INK_CLI_STAGES_H

#include "cli/report.h"
#include "cli/score.h"
#include "cli/setup.h"

enum { INK_MAX_STAGES = 4 };

typedef struct ink_stage {
    const char *name;
    uint64_t n_bytes, n_parameters; /* of the file */
    ink_figures figures;            /* beside the original; of itself only its own */
    double speed;                   /* tokens generated a second */
} ink_stage;

typedef struct ink_stages {
    const char *original, *text; /* paths */
    bool all;                    /* figures are of whole windows, not of their second half */
    ink_session_options session; /* n_context: of a window; 0: INK_DEFAULT_WINDOW at most */
    ink_stage list[INK_MAX_STAGES];
    size_t n;
} ink_stages;

/* One more, of the file as it is now. */
ink_status ink_stages_add(ink_stages *stages, const char *name, const char *path, ink_error *error);

/* A table on standard output. */
void ink_stages_print(const ink_stages *stages);
void ink_stages_report(const ink_stages *stages, ink_report *report);

/*
 * Milliseconds a generated token takes; *n_read: bytes of weights that it reads.
 */
ink_status ink_stages_time(const char *path, const ink_session_options *session,
                           double *milliseconds, double *n_read, ink_error *error);

#endif
