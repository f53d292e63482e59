/*
 * The course of training: numbers against steps, however many steps there are. Where there are more
 * than can be drawn, neighbors are averaged.
 */
#ifndef INK_CLI_COURSE_H
#define INK_CLI_COURSE_H

#include <stdbool.h>
#include <stddef.h>

enum { INK_SERIES_POINTS = 1024 };

typedef struct ink_series_point {
    double step, value; /* means of what is in it */
    size_t n;
} ink_series_point;

typedef struct ink_series {
    ink_series_point points[INK_SERIES_POINTS];
    size_t n, width; /* width: values that a point takes up; 0 means 1 */
} ink_series;

/* Steps come in rising order; what is no finite number is left out. */
void ink_series_add(ink_series *series, double step, double value);

typedef struct ink_course {
    ink_series loss, validation;
} ink_course;

/* A picture of it, self-contained, in one piece or not at all. False after a message. */
bool ink_course_plot(const ink_course *course, const char *path, const char *title);

#endif
