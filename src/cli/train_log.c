#define _POSIX_C_SOURCE 200809L
#include "cli/train_log.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/status.h"
#include "cli/terminal.h"

enum { ROW_BYTES = 1024 };

typedef enum column {
#define X(name, format, value) COLUMN_##name,
    INK_TRAIN_LOG_COLUMNS(X)
#undef X
        N_COLUMNS
} column;

static const struct {
    const char *name, *format;
} columns[] = {
#define X(name, format, value) {#name, format},
    INK_TRAIN_LOG_COLUMNS(X)
#undef X
};

static bool failed(const ink_train_log *log, const char *what)
{
    ink_say("%s: %s: %s", log->path, what, strerror(errno));
    return false;
}

static void format_header(char out[ROW_BYTES])
{
    size_t used = 0;
    for (size_t i = 0; i < N_COLUMNS; i++)
        used +=
            (size_t)snprintf(out + used, ROW_BYTES - used, "%s%s", i ? "," : "", columns[i].name);
    (void)snprintf(out + used, ROW_BYTES - used, "\n");
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* NAN where the column is empty or absent. */
static double number_at(const char *at)
{
    char *end;
    double value = strtod(at, &end);
    return end == at ? (double)NAN : value;
}

static bool read_csv(const char *row, double values[N_COLUMNS])
{
    for (size_t i = 0; i < N_COLUMNS; i++) {
        values[i] = *row == ',' ? (double)NAN : number_at(row);
        row += strcspn(row, ",");
        if (*row != ',' && i + 1 < N_COLUMNS)
            return false;
        row += *row == ',';
    }
    return isfinite(values[COLUMN_step]) != 0;
}

/* What this file has written itself: flat objects of numbers. */
static bool read_json(const char *row, double values[N_COLUMNS])
{
    char key[40];
    for (size_t i = 0; i < N_COLUMNS; i++) {
        (void)snprintf(key, sizeof key, "\"%s\":", columns[i].name);
        const char *found = strstr(row, key);
        values[i] = found ? number_at(found + strlen(key)) : (double)NAN;
    }
    return row[0] == '{' && isfinite(values[COLUMN_step]) != 0;
}

static bool read_row(const ink_train_log *log, const char *row, double values[N_COLUMNS])
{
    size_t n = strlen(row);
    if (n == 0 || row[n - 1] != '\n')
        return false; /* cut short */
    return log->json ? read_json(row, values) : read_csv(row, values);
}

/* Leaves the file at the end of the rows before `step`. */
static bool keep_before(ink_train_log *log, double step, ink_course *course)
{
    char row[ROW_BYTES];
    double values[N_COLUMNS];
    rewind(log->file);
    if (!log->json && !fgets(row, sizeof row, log->file))
        return failed(log, "could not be read");
    off_t end = ftello(log->file);
    while (fgets(row, sizeof row, log->file) && read_row(log, row, values) &&
           values[COLUMN_step] < step) {
        ink_series_add(&course->loss, values[COLUMN_step], values[COLUMN_loss]);
        ink_series_add(&course->validation, values[COLUMN_step], values[COLUMN_validation_loss]);
        log->seconds = isfinite(values[COLUMN_seconds]) ? values[COLUMN_seconds] : log->seconds;
        end = ftello(log->file);
    }
    if (end < 0 || fflush(log->file) != 0 || ftruncate(fileno(log->file), end) != 0 ||
        fseeko(log->file, 0, SEEK_END) != 0)
        return failed(log, "could not be continued");
    return true;
}

/* ---- Opening --------------------------------------------------------------------------------- */

static ink_status begin_file(ink_train_log *log, ink_error *error)
{
    char row[ROW_BYTES], header[ROW_BYTES];
    double values[N_COLUMNS];
    format_header(header);
    rewind(log->file);
    if (!fgets(row, sizeof row, log->file)) {
        rewind(log->file);
        if (!log->json && (fputs(header, log->file) == EOF || fflush(log->file) != 0))
            return ink_fail(error, INK_IO, 0, "%s: could not be written: %s", log->path,
                            strerror(errno));
        return INK_OK;
    }
    if (log->json ? read_row(log, row, values) : strcmp(row, header) == 0)
        return INK_OK;
    return ink_fail(error, INK_BAD_ARGUMENT, 0,
                    "%s: is there and is no log of training; choose another name or remove it",
                    log->path);
}

ink_status ink_train_log_open(ink_train_log *log, const char *path, ink_error *error)
{
    size_t n = strlen(path);
    *log = (ink_train_log){.path = path, .json = n >= 6 && strcmp(path + n - 6, ".jsonl") == 0};
    log->file = fopen(path, "r+");
    if (!log->file && errno == ENOENT)
        log->file = fopen(path, "w+");
    if (!log->file)
        return ink_fail(error, INK_IO, 0, "%s: cannot open: %s", path, strerror(errno));
    log->since = ink_clock_seconds();
    return begin_file(log, error);
}

void ink_train_log_close(ink_train_log *log)
{
    if (log->file && fclose(log->file) != 0)
        (void)failed(log, "could not be written");
    log->file = NULL;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static bool write_row(const ink_train_log *log, const double values[N_COLUMNS])
{
    char row[ROW_BYTES], number[64];
    size_t used = 0;
    for (size_t i = 0; i < N_COLUMNS; i++) {
        bool known = isfinite(values[i]) != 0;
        number[0] = '\0';
        if (known)
            (void)snprintf(number, sizeof number, columns[i].format, values[i]);
        if (!log->json)
            used += (size_t)snprintf(row + used, sizeof row - used, "%s%s", i ? "," : "", number);
        else if (known)
            used += (size_t)snprintf(row + used, sizeof row - used, "%s\"%s\": %s",
                                     used ? ", " : "{", columns[i].name, number);
    }
    (void)snprintf(row + used, sizeof row - used, log->json ? "}\n" : "\n");
    return fputs(row, log->file) != EOF && fflush(log->file) == 0;
}

bool ink_train_log_add(ink_train_log *log, const ink_training_report *r, ink_course *course)
{
    if (!log->begun && !keep_before(log, (double)r->step, course))
        return false;
    log->begun = true;
    double seconds = log->seconds + ink_clock_seconds() - log->since;
    const double values[N_COLUMNS] = {
#define X(name, format, value) value,
        INK_TRAIN_LOG_COLUMNS(X)
#undef X
    };
    return write_row(log, values) || failed(log, "could not be written");
}
