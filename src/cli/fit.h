/* What fitting consists of: shared by doing (fit.c) and telling (fit_report.c). */
#ifndef INK_CLI_FIT_H
#define INK_CLI_FIT_H

#include "cli/eval.h"
#include "cli/roofline.h"

enum { INK_MAX_FITS = 16 };

/* A file that was calibrated with. */
typedef struct ink_fit_source {
    size_t n_bytes;
    char sha256[65];
} ink_fit_source;

typedef struct ink_fit_run {
    /* What is wanted. */
    const char *out, *svg; /* NULL: not written */
    ink_texts calibration, measuring;
    size_t n_windows; /* of each text, at most */
    bool json;
    ink_fitting fitting;
    ink_eval eval; /* path, texts and figures: of the choice, beside the model as it is */
    /* What was found. */
    ink_fit_source sources[INK_MAX_TEXTS]; /* of `calibration` */
    ink_roofline limits;
    ink_fitted fits[INK_MAX_FITS];
    size_t n_fits, choice;
    ink_memory_plan plan; /* of what was written */
    bool measured;        /* eval.figures are those of the choice */
} ink_fit_run;

/* On standard output, for people or as JSON. */
ink_status ink_fit_print(const ink_fit_run *run, ink_error *error);

/* The frontier as a picture. False after a message. */
bool ink_fit_plot(const ink_fit_run *run);

/* For ink_eval.more: what a card says of a fit beside figures. */
void ink_fit_note(const void *run, ink_report *report);

#endif
