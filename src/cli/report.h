/*
 * Results as JSON for programs: values are put together in memory and printed once, so that what
 * fails in between prints nothing. Running out of memory is remembered and reported by
 * ink_report_print.
 */
#ifndef INK_CLI_REPORT_H
#define INK_CLI_REPORT_H

#include "text/value.h"

typedef struct ink_report {
    ink_arena arena;
    ink_value root; /* a dict */
    bool failed;
} ink_report;

void ink_report_init(ink_report *report);
void ink_report_deinit(ink_report *report);

/*
 * A dict or list inside another dict, or inside a list when name is NULL. Names must outlive the
 * report: they are literals, or strings of what is reported.
 */
ink_value ink_report_dict(ink_report *report, ink_value in, const char *name);
ink_value ink_report_list(ink_report *report, ink_value in, const char *name);

/* Bytes that are not UTF-8 become U+FFFD, as JSON has no other way. */
void ink_report_text(ink_report *report, ink_value in, const char *name, const char *text);
void ink_report_count(ink_report *report, ink_value in, const char *name, uint64_t count);
void ink_report_bool(ink_report *report, ink_value in, const char *name, bool truth);

/* null when it is not finite. */
void ink_report_real(ink_report *report, ink_value in, const char *name, double real);

/* A text that is a number, true or false is reported as that; any other as a text. */
void ink_report_word(ink_report *report, ink_value in, const char *name, const char *word);

/* A value that something else made; it lives as long as the report. */
void ink_report_value(ink_report *report, ink_value in, const char *name, ink_value value);

/* On one line, without its end; appended to `out`. */
ink_status ink_report_write(const ink_report *report, ink_buffer *out, ink_error *error);

/* On standard output, indented, ended by a new line. */
ink_status ink_report_print(ink_report *report, ink_error *error);

#endif
