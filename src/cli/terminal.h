/*
 * What people see besides results: messages, colors, progress, on standard error. Colors and
 * progress bars appear only on a terminal; NO_COLOR (https://no-color.org) is respected.
 */
#ifndef INK_CLI_TERMINAL_H
#define INK_CLI_TERMINAL_H

#include <stdio.h>
#include "cli/command.h"

/* "inkling: MESSAGE" and a new line. */
INK_PRINTF(1, 2)
void ink_say(const char *format, ...);

/* What a command ends with: says what failed. */
ink_exit ink_finish(ink_status status, const ink_error *error);

/* Says that standard output could not be written. */
ink_exit ink_fail_output(int number);

typedef enum ink_style {
    INK_STYLE_PLAIN,
    INK_STYLE_STRONG,
    INK_STYLE_FAINT,
    INK_STYLE_ERROR,
    INK_STYLE_PROMPT
} ink_style;

/* The escape sequence, or "" where colors do not belong. */
const char *ink_terminal_style(FILE *stream, ink_style style);

bool ink_terminal_is(FILE *stream);

/*
 * Writes text that others made (a model, a file): a terminal gets control characters other than tab
 * and new line as '?', because they could change what the person sees; files and pipes get every
 * byte. False when writing failed.
 */
bool ink_terminal_write(FILE *stream, const char *text, size_t n_bytes);

/* ---- A progress bar: it appears when work takes longer than a moment, and goes when it ends. */

typedef struct ink_bar {
    ink_progress progress; /* hand this to the library; Ctrl-C cancels */
    const char *label;
    double begin, shown; /* seconds; shown: when last drawn, 0: not yet */
    bool wanted;
} ink_bar;

void ink_bar_init(ink_bar *bar, const char *label);
void ink_bar_end(ink_bar *bar);

/* ---- Sizes for people: "1.2 GB", "260 K". */

enum { INK_SIZE_BYTES = 24 };
const char *ink_format_bytes(uint64_t bytes, char out[INK_SIZE_BYTES]);
const char *ink_format_count(uint64_t count, char out[INK_SIZE_BYTES]);

/* Most memory this process has held, in bytes; 0 where the system does not say. */
uint64_t ink_peak_memory(void);

#endif
