/*
 * Pictures of series: scalable, light, self-contained, without scripts or fonts of their own.
 */
#ifndef INK_CLI_PLOT_H
#define INK_CLI_PLOT_H

#include <stdbool.h>
#include <stddef.h>

enum { INK_SERIES_POINTS = 1024, INK_PLOT_LINES = 3 };

typedef struct ink_series_point {
    double step, value; /* means of what is in it */
    size_t n;
} ink_series_point;

/*
 * Numbers against steps, or against anything that rises. Where there are more than can be drawn,
 * neighbors are averaged.
 */
typedef struct ink_series {
    ink_series_point points[INK_SERIES_POINTS];
    size_t n, width; /* width: values that a point takes up; 0 means 1 */
} ink_series;

/* Steps come in rising order; what is no finite number is left out. */
void ink_series_add(ink_series *series, double step, double value);

typedef enum ink_plot_color { INK_PLOT_PALE, INK_PLOT_STRONG, INK_PLOT_GRAY } ink_plot_color;

/* One without points is left out. */
typedef struct ink_plot_line {
    const ink_series *series; /* NULL behind the last */
    const char *name;         /* stands above with the line's last number; NULL: does not */
    ink_plot_color color;
    bool dots; /* on each point, if they are few */
} ink_plot_line;

/* Steps begin at 0. */
typedef struct ink_plot {
    const char *title;          /* anything; NULL: none */
    const char *across, *along; /* what steps are, and values */
    bool decades;               /* values are powers of ten: the axis has those */
    ink_plot_line lines[INK_PLOT_LINES];
} ink_plot;

/* One below the other, in one piece or not at all. False after a message. */
bool ink_plot_write(const ink_plot *plots, size_t n_plots, const char *path);

#endif
