#define _POSIX_C_SOURCE 200809L
#include "cli/terminal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/clock.h"
#include "cli/interrupt.h"

enum { BAR_CELLS = 30 };
#define BAR_DELAY_SECONDS 0.4
#define BAR_INTERVAL_SECONDS 0.1

bool ink_terminal_is(FILE *stream)
{
    return isatty(fileno(stream)) == 1;
}

const char *ink_terminal_style(FILE *stream, ink_style style)
{
    static const char *const escapes[] = {[INK_STYLE_PLAIN] = "\033[0m",
                                          [INK_STYLE_STRONG] = "\033[1m",
                                          [INK_STYLE_FAINT] = "\033[2m",
                                          [INK_STYLE_ERROR] = "\033[1;31m",
                                          [INK_STYLE_PROMPT] = "\033[1;36m"};
    const char *refused = getenv("NO_COLOR"), *term = getenv("TERM");
    bool dumb = !term || strcmp(term, "dumb") == 0;
    if ((refused && *refused) || dumb || !ink_terminal_is(stream))
        return "";
    return escapes[style];
}

/*
 * Bytes of the control character that begins at text: C0 and DEL, and in UTF-8 also C1; 0 when
 * there is none.
 */
static size_t control_bytes(const char *text, size_t n_bytes)
{
    unsigned char c = (unsigned char)text[0];
    if (c == '\n' || c == '\t')
        return 0;
    if (c < 0x20 || c == 0x7f)
        return 1;
    bool c1 = c == 0xc2 && n_bytes > 1 && ((unsigned char)text[1] & 0xe0) == 0x80;
    return c1 ? 2 : 0;
}

bool ink_terminal_write(FILE *stream, const char *text, size_t n_bytes)
{
    if (!ink_terminal_is(stream))
        return fwrite(text, 1, n_bytes, stream) == n_bytes;
    for (size_t at = 0; at < n_bytes;) {
        size_t control = control_bytes(text + at, n_bytes - at);
        if (fputc(control ? '?' : text[at], stream) == EOF)
            return false;
        at += control ? control : 1;
    }
    return true;
}

void ink_say(const char *format, ...)
{
    char message[1000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    fflush(stdout); /* what was said before stands before */
    fprintf(stderr, "%sinkling:%s ", ink_terminal_style(stderr, INK_STYLE_ERROR),
            ink_terminal_style(stderr, INK_STYLE_PLAIN));
    ink_terminal_write(stderr, message, strlen(message));
    fputc('\n', stderr);
}

ink_exit ink_finish(ink_status status, const ink_error *error)
{
    if (status == INK_OK)
        return INK_EXIT_OK;
    if (ink_interrupted()) {
        ink_say("interrupted");
        return INK_EXIT_INTERRUPTED;
    }
    ink_say("%s", error->message[0] ? error->message : ink_status_text(status));
    return INK_EXIT_FAILED;
}

ink_exit ink_fail_output(int number)
{
    ink_say("standard output could not be written: %s", strerror(number));
    return INK_EXIT_FAILED;
}

static void draw(const ink_bar *bar, float part)
{
    static const char full[] = "##############################",
                      empty[] = "..............................";
    _Static_assert(sizeof full == BAR_CELLS + 1, "one character a cell");
    int cells = (int)(part * BAR_CELLS);
    if (cells < 0)
        cells = 0;
    if (cells > BAR_CELLS)
        cells = BAR_CELLS;
    fprintf(stderr, "\r%s %.*s%s%.*s%s %3.0f %%", bar->label, cells, full,
            ink_terminal_style(stderr, INK_STYLE_FAINT), BAR_CELLS - cells, empty,
            ink_terminal_style(stderr, INK_STYLE_PLAIN), 100.0 * (double)part);
    fflush(stderr);
}

static bool report(void *context, float part)
{
    ink_bar *bar = context;
    if (bar->wanted) {
        double now = ink_clock_seconds();
        double due =
            bar->shown > 0 ? bar->shown + BAR_INTERVAL_SECONDS : bar->begin + BAR_DELAY_SECONDS;
        if (now >= due) {
            draw(bar, part);
            bar->shown = now;
        }
    }
    return !ink_interrupted();
}

void ink_bar_init(ink_bar *bar, const char *label)
{
    const char *term = getenv("TERM");
    *bar = (ink_bar){.progress = {.report = report, .context = bar},
                     .label = label,
                     .begin = ink_clock_seconds(),
                     .wanted = ink_terminal_is(stderr) && term && strcmp(term, "dumb") != 0};
}

void ink_bar_end(ink_bar *bar)
{
    if (bar->shown > 0)
        fprintf(stderr, "\r\033[K");
    bar->shown = 0;
    bar->wanted = false;
}

static const char *scale(uint64_t count, const char *const units[5], char out[INK_SIZE_BYTES])
{
    double value = (double)count;
    int unit = 0;
    while (value >= 999.5 && unit < 4) {
        value /= 1000;
        unit++;
    }
    int digits = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    snprintf(out, INK_SIZE_BYTES, "%.*f%s", digits, value, units[unit]);
    return out;
}

const char *ink_format_bytes(uint64_t bytes, char out[INK_SIZE_BYTES])
{
    static const char *const units[5] = {" B", " kB", " MB", " GB", " TB"};
    return scale(bytes, units, out);
}

const char *ink_format_count(uint64_t count, char out[INK_SIZE_BYTES])
{
    static const char *const units[5] = {"", " K", " M", " B", " T"};
    return scale(count, units, out);
}

uint64_t ink_peak_memory(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    return (uint64_t)usage.ru_maxrss * 1024; /* Linux counts in KiB */
}
