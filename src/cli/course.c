#include "cli/course.h"

bool ink_course_plot(const ink_course *course, const char *path, const char *title)
{
    const ink_plot plot = {.title = title,
                           .across = "step",
                           .along = "loss, nats a token",
                           .lines = {{&course->loss, "training", INK_PLOT_PALE, false},
                                     {&course->validation, "validation", INK_PLOT_STRONG, true}}};
    return ink_plot_write(&plot, 1, path);
}
