/*
 * Lines from a person at a terminal. With libedit they can be edited and earlier ones brought back;
 * without it a plain reader takes its place. Which one, is decided when Inkling is configured.
 */
#ifndef INK_CLI_LINE_H
#define INK_CLI_LINE_H

#include <stdbool.h>

extern const char *const ink_line_library; /* the version of libedit; NULL: without it */

typedef struct ink_line ink_line;

/*
 * NULL when memory is out. The prompt goes to standard error, so that answers may be sent
 * elsewhere.
 */
ink_line *ink_line_open(void);
void ink_line_close(ink_line *line);

/*
 * The next line without its end, valid until the next call; a remembered text of several lines may
 * be brought back as one. NULL at the end of input, or on Ctrl-C (ink_interrupted() then says so).
 */
const char *ink_line_read(ink_line *line, const char *prompt);

/* Brought back by the arrow keys from now on. */
void ink_line_remember(ink_line *line, const char *text);

#endif
