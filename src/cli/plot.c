#include "cli/plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "cli/terminal.h"

enum { WIDTH = 760, HEIGHT = 440, LEFT = 66, RIGHT = 24, TOP = 52, BOTTOM = 56, MAX_SVG = 1 << 20 };
enum { LEGEND_WIDTH = 150, MAX_DOTS = 100 };

#define INK_COLOR "#1f2933"
#define GRID_COLOR "#e3e8ee"
#define FAINT_COLOR "#52606d"

static const struct {
    const char *color;
    double width;
} strokes[] = {
    [INK_PLOT_PALE] = {"#8fb3d9", 1.4},
    [INK_PLOT_STRONG] = {"#c2410c", 2},
    [INK_PLOT_GRAY] = {FAINT_COLOR, 1},
};

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

static void widen(axis *a, const ink_plot *plot, bool by_step)
{
    for (size_t line = 0; line < INK_PLOT_LINES && plot->lines[line].series; line++)
        for (size_t i = 0; i < plot->lines[line].series->n; i++) {
            const ink_series_point *point = &plot->lines[line].series->points[i];
            a->low = fmin(a->low, by_step ? point->step : point->value);
            a->high = fmax(a->high, by_step ? point->step : point->value);
        }
}

static axis values_of(const ink_plot *plot)
{
    axis y = {INFINITY, -INFINITY, 1};
    widen(&y, plot, false);
    if (!(y.high - y.low > 1e-6)) {
        y.low = isfinite(y.low) ? y.low - 0.5 : 0;
        y.high = y.low + 1;
    }
    choose_ticks(&y, 6);
    y.step = plot->decades ? fmax(ceil(y.step), 1) : y.step;
    y.low = floor(y.low / y.step) * y.step;
    y.high = ceil(y.high / y.step) * y.step;
    return y;
}

static axis steps_of(const ink_plot *plot)
{
    axis x = {0, 1, 1};
    widen(&x, plot, true);
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

static void draw_grid(ink_buffer *out, const ink_plot *plot, const axis *x, const axis *y)
{
    for (double v = y->low; v <= y->high + y->step / 2; v += y->step) {
        double at = down(y, v);
        ink_buffer_format(out,
                          "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"" GRID_COLOR
                          "\"/>\n<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">",
                          LEFT, at, WIDTH - RIGHT, at, LEFT - 9, at + 4);
        if (plot->decades)
            ink_buffer_format(out, "%.0e</text>\n", pow(10, v));
        else
            ink_buffer_format(out, "%.*f</text>\n", y->step < 0.1 ? 2 : 1, v);
    }
    for (double v = x->low; v <= x->high + x->step / 4; v += x->step)
        ink_buffer_format(out,
                          "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"" FAINT_COLOR
                          "\"/>\n<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f</text>\n",
                          across(x, v), HEIGHT - BOTTOM, across(x, v), HEIGHT - BOTTOM + 5,
                          across(x, v), HEIGHT - BOTTOM + 20, v);
    ink_buffer_format(out,
                      "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"" FAINT_COLOR
                      "\"/>\n<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n"
                      "<text transform=\"translate(18 %d) rotate(-90)\" text-anchor=\"middle\">%s"
                      "</text>\n",
                      LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM,
                      (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, plot->across,
                      (TOP + HEIGHT - BOTTOM) / 2, plot->along);
}

static void draw_line(ink_buffer *out, const ink_plot_line *line, const axis *x, const axis *y)
{
    const ink_series *series = line->series;
    const char *color = strokes[line->color].color;
    ink_buffer_format(out,
                      "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"%.1f\" "
                      "stroke-linejoin=\"round\" points=\"",
                      color, strokes[line->color].width);
    for (size_t i = 0; i < series->n; i++)
        ink_buffer_format(out, "%.1f,%.1f ", across(x, series->points[i].step),
                          down(y, series->points[i].value));
    ink_buffer_text(out, "\"/>\n");
    for (size_t i = 0; line->dots && series->n <= MAX_DOTS && i < series->n; i++)
        ink_buffer_format(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n",
                          across(x, series->points[i].step), down(y, series->points[i].value),
                          color);
}

/* What the line is, with its last number. */
static void draw_legend(ink_buffer *out, const ink_plot *plot, const ink_plot_line *line, int at)
{
    double last = line->series->points[line->series->n - 1].value;
    ink_buffer_format(out,
                      "<line x1=\"%d\" y1=\"37\" x2=\"%d\" y2=\"37\" stroke=\"%s\" "
                      "stroke-width=\"3\"/>\n<text x=\"%d\" y=\"41\">%s ",
                      at, at + 22, strokes[line->color].color, at + 29, line->name);
    if (plot->decades)
        ink_buffer_format(out, "%.3g</text>\n", pow(10, last));
    else
        ink_buffer_format(out, "%.3f</text>\n", last);
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

static void draw_title(ink_buffer *out, const char *title)
{
    ink_buffer_format(out,
                      "<text x=\"%d\" y=\"22\" font-size=\"14\" font-weight=\"bold\" "
                      "fill=\"" INK_COLOR "\">",
                      LEFT);
    append_escaped(out, title);
    ink_buffer_text(out, "</text>\n");
}

static void draw_plot(ink_buffer *out, const ink_plot *plot, int top)
{
    axis x = steps_of(plot), y = values_of(plot);
    int legend = LEFT;
    ink_buffer_format(out, "<g transform=\"translate(0 %d)\">\n", top);
    if (plot->title)
        draw_title(out, plot->title);
    draw_grid(out, plot, &x, &y);
    for (const ink_plot_line *line = plot->lines;
         line < plot->lines + INK_PLOT_LINES && line->series; line++) {
        if (line->series->n == 0)
            continue;
        draw_line(out, line, &x, &y);
        if (line->name)
            draw_legend(out, plot, line, legend);
        legend += LEGEND_WIDTH;
    }
    ink_buffer_text(out, "</g>\n");
}

static void draw(ink_buffer *out, const ink_plot *plots, size_t n_plots)
{
    int height = HEIGHT * (int)n_plots;
    ink_buffer_format(out,
                      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
                      "width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"12\" "
                      "fill=\"" FAINT_COLOR
                      "\">\n<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n",
                      WIDTH, height, WIDTH, height, WIDTH, height);
    for (size_t i = 0; i < n_plots; i++)
        draw_plot(out, &plots[i], HEIGHT * (int)i);
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

bool ink_plot_write(const ink_plot *plots, size_t n_plots, const char *path)
{
    ink_buffer text;
    ink_error error = {0};
    ink_buffer_init(&text, NULL, MAX_SVG);
    draw(&text, plots, n_plots);
    ink_status status =
        text.failed ? ink_fail_memory(&error, "a plot") : write_file(path, &text, &error);
    ink_buffer_deinit(&text);
    if (status != INK_OK)
        ink_say("%s", error.message);
    return status == INK_OK;
}
