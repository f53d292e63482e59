/* Lines without libedit: what the terminal itself offers. */
#define _POSIX_C_SOURCE 200809L
#include "cli/line.h"

#ifndef INK_HAVE_EDIT

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/terminal.h"

const char *const ink_line_library = NULL;

struct ink_line {
    char *text;
    size_t capacity;
};

ink_line *ink_line_open(void)
{
    return calloc(1, sizeof(ink_line));
}

void ink_line_close(ink_line *line)
{
    if (!line)
        return;
    free(line->text);
    free(line);
}

const char *ink_line_read(ink_line *line, const char *prompt)
{
    fprintf(stderr, "%s%s%s", ink_terminal_style(stderr, INK_STYLE_PROMPT), prompt,
            ink_terminal_style(stderr, INK_STYLE_PLAIN));
    fflush(stderr);
    ssize_t n = getline(&line->text, &line->capacity, stdin);
    if (n < 0) {
        clearerr(stdin);
        return NULL;
    }
    line->text[strcspn(line->text, "\r\n")] = '\0';
    return line->text;
}

void ink_line_remember(ink_line *line, const char *text)
{
    (void)line;
    (void)text;
}

#else
typedef int ink_line_plain_unused;
#endif
