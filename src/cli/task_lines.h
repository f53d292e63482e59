/* The file of a task: its lines, checked, and the homes that they name. */
#ifndef INK_CLI_TASK_LINES_H
#define INK_CLI_TASK_LINES_H

#include "cli/task.h"
#include "text/value.h"

#define INK_TASK_LINE_BYTES ((size_t)256 << 20) /* of a line, read */

typedef struct ink_task_line {
    const char *text;       /* [n_bytes] */
    size_t n_bytes, number; /* number: from 1 */
    /* Of sentences: */
    const ink_home *home;
    uint32_t spoken_in;     /* an area of it, or INK_THING_NOWHERE */
    ink_home_intent intent; /* that is expected */
} ink_task_line;

typedef struct ink_task_lines {
    const ink_task *task;
    ink_buffer file, line_memory, home_memory;
    const ink_task_line *lines; /* [n_lines] */
    ink_home **homes;           /* [n_homes] */
    size_t n_lines, n_homes;
    bool sentences; /* all lines have one, or none has */
} ink_task_lines;

/* A line's fields; those that are missing are undefined. They live in the arena. */
typedef struct ink_example {
    ink_value fields, prompt, messages, sentence, answer;
} ink_example;

/* Zeros but for the task; ended by ink_task_lines_deinit whatever comes. */
ink_status ink_task_lines_read(ink_task_lines *lines, ink_error *error);
void ink_task_lines_deinit(ink_task_lines *lines);

/* CORRUPT names the file and the line. */
ink_status ink_task_line_parse(const ink_task_lines *lines, const ink_task_line *line,
                               ink_arena *arena, ink_example *out, ink_error *error);

#endif
