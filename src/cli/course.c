/* Series, and their picture: scalable, light, without scripts or fonts of its own. */
#include "cli/course.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "cli/terminal.h"

enum { WIDTH = 760, HEIGHT = 440, LEFT = 66, RIGHT = 24, TOP = 52, BOTTOM = 56, MAX_SVG = 1 << 20 };

#define INK_COLOR "#1f2933"
#define GRID_COLOR "#e3e8ee"
#define FAINT_COLOR "#52606d"
#define LOSS_COLOR "#8fb3d9"
#define VALIDATION_COLOR "#c2410c"

/* ---- Series ---------------------------------------------------------------------------------- */

static void put(ink_series_point *point, double step, double value, size_t n)
{
    double sum = (double)(point->n + n);
    point->step += (step - point->step) * (double)n / sum;
    point->value += (value - point->value) * (double)n / sum;
    point->n += n;
}

static void halve(ink_series *series)
{
    for (size_t i = 0; i < series->n; i++) {
        ink_series_point point = series->points[i];
        if (i % 2 == 0)
            series->points[i / 2] = point;
        else
            put(&series->points[i / 2], point.step, point.value, point.n);
    }
    series->n = (series->n + 1) / 2;
    series->width *= 2;
}

void ink_series_add(ink_series *series, double step, double value)
{
    if (!isfinite(step) || !isfinite(value))
        return;
    if (series->width == 0)
        series->width = 1;
    if (series->n == INK_SERIES_POINTS && series->points[series->n - 1].n >= series->width)
        halve(series);
    if (series->n == 0 || series->points[series->n - 1].n >= series->width)
        series->points[series->n++] = (ink_series_point){0};
    put(&series->points[series->n - 1], step, value, 1);
}

/* ---- Axes ------------------------------------------------------------------------------------ */

typedef struct axis {
    double low, high, step;
} axis;

/* Ticks at 1, 2 or 5 times a power of ten; `wanted` of them, about. */
static void choose_ticks(axis *a, int wanted)
{
    double rough = (a->high - a->low) / wanted, power = pow(10, floor(log10(rough)));
    double part = rough / power;
    a->step = power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

static void widen(axis *a, const ink_series *series, bool by_step)
{
    for (size_t i = 0; i < series->n; i++) {
        double value = by_step ? series->points[i].step : series->points[i].value;
        a->low = fmin(a->low, value);
        a->high = fmax(a->high, value);
    }
}

static axis values_of(const ink_course *course)
{
    axis y = {INFINITY, -INFINITY, 1};
    widen(&y, &course->loss, false);
    widen(&y, &course->validation, false);
    if (!(y.high - y.low > 1e-6)) {
        y.low = isfinite(y.low) ? y.low - 0.5 : 0;
        y.high = y.low + 1;
    }
    choose_ticks(&y, 6);
    y.low = floor(y.low / y.step) * y.step;
    y.high = ceil(y.high / y.step) * y.step;
    return y;
}

static axis steps_of(const ink_course *course)
{
    axis x = {0, 1, 1};
    widen(&x, &course->loss, true);
    widen(&x, &course->validation, true);
    choose_ticks(&x, 8);
    x.step = fmax(x.step, 1);
    return x;
}

static double across(const axis *x, double step)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * (step - x->low) / (x->high - x->low);
}

static double down(const axis *y, double value)
{
    return TOP + (HEIGHT - TOP - BOTTOM) * (y->high - value) / (y->high - y->low);
}

/* ---- The picture ----------------------------------------------------------------------------- */

static void draw_grid(ink_buffer *out, const axis *x, const axis *y)
{
    for (double v = y->low; v <= y->high + y->step / 2; v += y->step) {
        double at = down(y, v);
        ink_buffer_format(out,
                          "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"" GRID_COLOR
                          "\"/>\n<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.*f</text>\n",
                          LEFT, at, WIDTH - RIGHT, at, LEFT - 9, at + 4, y->step < 0.1 ? 2 : 1, v);
    }
    for (double v = x->low; v <= x->high + x->step / 4; v += x->step)
        ink_buffer_format(out,
                          "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"" FAINT_COLOR
                          "\"/>\n<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f</text>\n",
                          across(x, v), HEIGHT - BOTTOM, across(x, v), HEIGHT - BOTTOM + 5,
                          across(x, v), HEIGHT - BOTTOM + 20, v);
    ink_buffer_format(
        out,
        "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"" FAINT_COLOR
        "\"/>\n<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">step</text>\n"
        "<text transform=\"translate(18 %d) rotate(-90)\" text-anchor=\"middle\">loss, "
        "nats a token</text>\n",
        LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, (LEFT + WIDTH - RIGHT) / 2,
        HEIGHT - 14, (TOP + HEIGHT - BOTTOM) / 2);
}

static void draw_line(ink_buffer *out, const ink_series *series, const axis *x, const axis *y,
                      const char *color, double width)
{
    if (series->n == 0)
        return;
    ink_buffer_format(out,
                      "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"%.1f\" "
                      "stroke-linejoin=\"round\" points=\"",
                      color, width);
    for (size_t i = 0; i < series->n; i++)
        ink_buffer_format(out, "%.1f,%.1f ", across(x, series->points[i].step),
                          down(y, series->points[i].value));
    ink_buffer_text(out, "\"/>\n");
}

static void draw_dots(ink_buffer *out, const ink_series *series, const axis *x, const axis *y)
{
    for (size_t i = 0; series->n <= 100 && i < series->n; i++)
        ink_buffer_format(
            out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"" VALIDATION_COLOR "\"/>\n",
            across(x, series->points[i].step), down(y, series->points[i].value));
}

/* What the lines are, with the last number of each. */
static void draw_legend(ink_buffer *out, const ink_series *series, const char *name,
                        const char *color, int at)
{
    if (series->n == 0)
        return;
    ink_buffer_format(out,
                      "<line x1=\"%d\" y1=\"37\" x2=\"%d\" y2=\"37\" stroke=\"%s\" "
                      "stroke-width=\"3\"/>\n<text x=\"%d\" y=\"41\">%s %.3f</text>\n",
                      at, at + 22, color, at + 29, name, series->points[series->n - 1].value);
}

/* Bytes that would end the text of an element. */
static void append_escaped(ink_buffer *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '<' || c == '>' || c == '&')
            ink_buffer_format(out, "&#%d;", c);
        else if (c >= ' ' && c < 0x7f)
            ink_buffer_append(out, text, 1);
        else
            ink_buffer_text(out, "?");
    }
}

static void draw(ink_buffer *out, const ink_course *course, const char *title)
{
    axis x = steps_of(course), y = values_of(course);
    ink_buffer_format(out,
                      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
                      "width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"12\" "
                      "fill=\"" FAINT_COLOR
                      "\">\n<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n"
                      "<text x=\"%d\" y=\"22\" font-size=\"14\" font-weight=\"bold\" "
                      "fill=\"" INK_COLOR "\">",
                      WIDTH, HEIGHT, WIDTH, HEIGHT, WIDTH, HEIGHT, LEFT);
    append_escaped(out, title);
    ink_buffer_text(out, "</text>\n");
    draw_grid(out, &x, &y);
    draw_line(out, &course->loss, &x, &y, LOSS_COLOR, 1.4);
    draw_line(out, &course->validation, &x, &y, VALIDATION_COLOR, 2);
    draw_dots(out, &course->validation, &x, &y);
    draw_legend(out, &course->loss, "training", LOSS_COLOR, LEFT);
    draw_legend(out, &course->validation, "validation", VALIDATION_COLOR, LEFT + 150);
    ink_buffer_text(out, "</svg>\n");
}

static ink_status write_file(const char *path, const ink_buffer *text, ink_error *error)
{
    ink_file_writer *writer;
    INK_TRY(ink_file_writer_open(&writer, path, INK_FILE_FOR_ALL, NULL, error));
    ink_status status = ink_file_writer_write(writer, text->data, text->n_bytes, error);
    if (status == INK_OK)
        status = ink_file_writer_commit(writer, error);
    ink_file_writer_close(writer);
    return status;
}

bool ink_course_plot(const ink_course *course, const char *path, const char *title)
{
    ink_buffer text;
    ink_error error = {0};
    ink_buffer_init(&text, NULL, MAX_SVG);
    draw(&text, course, title);
    ink_status status =
        text.failed ? ink_fail_memory(&error, "a plot") : write_file(path, &text, &error);
    ink_buffer_deinit(&text);
    if (status != INK_OK)
        ink_say("%s", error.message);
    return status == INK_OK;
}
