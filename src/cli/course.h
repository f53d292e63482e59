/* The course of training: losses against steps, however many steps there are. */
#ifndef INK_CLI_COURSE_H
#define INK_CLI_COURSE_H

#include "cli/plot.h"

typedef struct ink_course {
    ink_series loss, validation;
} ink_course;

/* A picture of it. False after a message. */
bool ink_course_plot(const ink_course *course, const char *path, const char *title);

#endif
