/*
 * strftime_now: the clock of the options in words, always in English and UTC.
 *
 * Days become dates by counting 400-year eras from 1 March of year 0, so that the leap day comes
 * last (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2013).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "text/template_builtin.h"
#include "text/template_render.h"

typedef struct moment {
    int64_t year, month, day, hour, minute, second; /* month and day from 1 */
    int64_t weekday, yearday;                       /* from 0, Sunday and 1 January */
    int64_t unix_seconds;
} moment;

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static moment moment_of(int64_t seconds)
{
    static const int days_before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int64_t day = seconds / 86400 - (seconds % 86400 < 0), second = seconds - day * 86400;
    int64_t shifted = day + 719468, era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t of_era = shifted - era * 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t from_march = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * from_march + 2) / 153;
    moment m = {.hour = second / 3600,
                .minute = second / 60 % 60,
                .second = second % 60,
                .unix_seconds = seconds};
    m.day = from_march - (153 * month_from_march + 2) / 5 + 1;
    m.month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    m.year = year_of_era + era * 400 + (m.month <= 2);
    m.weekday = ((day + 4) % 7 + 7) % 7;
    m.yearday = days_before[m.month - 1] + m.day - 1 + (m.month > 2 && is_leap(m.year));
    return m;
}

static const char *const weekdays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};
static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};

static int64_t hour12(const moment *m)
{
    return m->hour % 12 ? m->hour % 12 : 12;
}

/*
 * The number of a letter, how many digits it has and what fills them; false for letters that are no
 * number.
 */
static bool number_of(const moment *m, char letter, int64_t *value, int *width, char *fill)
{
    const struct {
        char letter, fill;
        int width;
        int64_t value;
    } numbers[] = {
        {'Y', '0', 1, m->year},
        {'m', '0', 2, m->month},
        {'d', '0', 2, m->day},
        {'H', '0', 2, m->hour},
        {'M', '0', 2, m->minute},
        {'S', '0', 2, m->second},
        {'I', '0', 2, hour12(m)},
        {'y', '0', 2, m->year % 100},
        {'j', '0', 3, m->yearday + 1},
        {'e', ' ', 2, m->day},
        {'k', ' ', 2, m->hour},
        {'l', ' ', 2, hour12(m)},
        {'w', '0', 1, m->weekday},
        {'C', '0', 2, m->year / 100},
        {'u', '0', 1, m->weekday ? m->weekday : 7},
        {'f', '0', 6, 0},
        {'s', '0', 1, m->unix_seconds},
        {'U', '0', 2, (m->yearday + 7 - m->weekday) / 7},
        {'W', '0', 2, (m->yearday + 7 - (m->weekday + 6) % 7) / 7},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (numbers[i].letter != letter)
            continue;
        *value = numbers[i].value;
        *width = numbers[i].width;
        *fill = numbers[i].fill;
        return true;
    }
    return false;
}

/* What a letter stands for in other letters, or NULL. */
static const char *expansion_of(char letter)
{
    static const char *const expansions[] = {"D%m/%d/%y", "F%Y-%m-%d",    "T%H:%M:%S",
                                             "R%H:%M",    "r%I:%M:%S %p", "c%a %b %e %H:%M:%S %Y",
                                             "x%m/%d/%y", "X%H:%M:%S"};
    for (size_t i = 0; i < sizeof expansions / sizeof expansions[0]; i++)
        if (expansions[i][0] == letter)
            return expansions[i] + 1;
    return NULL;
}

static ink_status put_words(ink_rendering *r, const moment *m, char letter)
{
    const char *word;
    size_t n = SIZE_MAX;
    switch (letter) {
    case 'A':
        word = weekdays[m->weekday];
        break;
    case 'a':
        word = weekdays[m->weekday];
        n = 3;
        break;
    case 'B':
        word = months[m->month - 1];
        break;
    case 'b':
    case 'h':
        word = months[m->month - 1];
        n = 3;
        break;
    case 'p':
        word = m->hour < 12 ? "AM" : "PM";
        break;
    case 'Z': /* the clock has no zone of its own */
    case 'z':
        word = "";
        break;
    case 'n':
        word = "\n";
        break;
    case 't':
        word = "\t";
        break;
    case '%':
        word = "%";
        break;
    default:
        return ink_render_fail(r, INK_UNSUPPORTED, "strftime_now does not know '%%%c'", letter);
    }
    return ink_render_put(r, word, n < strlen(word) ? n : strlen(word));
}

static ink_status put_formatted(ink_rendering *r, const moment *m, const char *format,
                                size_t n_bytes)
{
    for (size_t at = 0; at < n_bytes; at++) {
        int64_t value;
        int width;
        char fill, digits[32];
        if (format[at] != '%' || at + 1 == n_bytes) {
            INK_TRY(ink_render_put(r, format + at, 1));
            continue;
        }
        bool bare = format[at + 1] == '-' && at + 2 < n_bytes; /* %-d: no filling */
        char letter = format[at += 1 + bare];
        const char *expansion = expansion_of(letter);
        INK_TRY(ink_render_spend(r, 1));
        if (expansion) {
            INK_TRY(put_formatted(r, m, expansion, strlen(expansion)));
        } else if (number_of(m, letter, &value, &width, &fill)) {
            int n = snprintf(digits, sizeof digits, fill == '0' ? "%0*" PRId64 : "%*" PRId64,
                             bare ? 1 : width, value);
            INK_TRY(ink_render_put(r, digits, (size_t)n));
        } else {
            INK_TRY(put_words(r, m, letter));
        }
    }
    return INK_OK;
}

ink_status ink_global_strftime_now(ink_call *call, ink_value *out)
{
    ink_rendering *r = call->rendering;
    ink_value format;
    INK_TRY(ink_call_string(call, 0, NULL, &format));
    int64_t limit = INT64_C(
        250000000000); /* about the year 9900: four digits, and no arithmetic near its ends */
    if (r->limits.unix_seconds > limit || r->limits.unix_seconds < -limit / 5)
        return ink_render_fail(r, INK_BAD_ARGUMENT,
                               "the clock in the options stands outside the years 400 to 9900");
    moment m = moment_of(r->limits.unix_seconds);
    size_t mark = ink_render_mark(r);
    INK_TRY(put_formatted(r, &m, format.as.text, format.n_bytes));
    return ink_render_take_text(r, mark, out);
}
