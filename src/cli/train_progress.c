#include "cli/train_progress.h"

#include <math.h>
#include "base/clock.h"
#include "cli/terminal.h"

#define TERMINAL_INTERVAL 0.2
#define PLAIN_INTERVAL 10.0
#define MEAN_WEIGHT 0.05 /* of the newest loss */

const char *ink_format_duration(double seconds, char out[INK_DURATION_BYTES])
{
    double bounded = seconds >= 0 && seconds < 1e9 ? seconds : 1e9;
    unsigned long minutes = (unsigned long)(bounded / 60 + 0.5);
    if (bounded < 100)
        (void)snprintf(out, INK_DURATION_BYTES, "%.0f s", bounded);
    else if (minutes < 60)
        (void)snprintf(out, INK_DURATION_BYTES, "%lu min", minutes);
    else
        (void)snprintf(out, INK_DURATION_BYTES, "%lu h %02lu min", minutes / 60, minutes % 60);
    return out;
}

static void print_report(const ink_train_progress *progress, const ink_training_report *r)
{
    char left[INK_DURATION_BYTES];
    bool measured = !isnan(r->validation_loss);
    fprintf(stderr, "step %lld of %lld  loss %.4f", (long long)r->step, (long long)r->steps,
            progress->mean);
    if (measured)
        fprintf(stderr, "  validation %.4f%s", r->validation_loss,
                r->validation_loss <= r->best_validation_loss ? " (best)" : "");
    fprintf(stderr, "  %.0f tokens/s", r->tokens_per_second);
    if (r->step < r->steps)
        fprintf(stderr, "  %s left", ink_format_duration(r->seconds_left, left));
}

/* Behind the line of its step. */
static void print_sample(const ink_training_report *r)
{
    fputs("sample: ", stderr);
    (void)ink_terminal_write(stderr, r->sample, r->n_sample_bytes);
    fputc('\n', stderr);
}

void ink_train_progress_show(ink_train_progress *progress, const ink_training_report *r)
{
    bool terminal = ink_terminal_is(stderr), measured = !isnan(r->validation_loss) || r->sample;
    double now = ink_clock_seconds();
    double interval = terminal ? TERMINAL_INTERVAL : PLAIN_INTERVAL;
    progress->mean =
        progress->mean == 0 ? r->loss : progress->mean + MEAN_WEIGHT * (r->loss - progress->mean);
    if (!measured && r->step < r->steps && progress->shown > 0 && now - progress->shown < interval)
        return;
    if (terminal)
        fputs("\r\033[K", stderr);
    print_report(progress, r);
    progress->open = terminal && !measured;
    if (!progress->open)
        fputc('\n', stderr);
    if (r->sample)
        print_sample(r);
    (void)fflush(stderr);
    progress->shown = now;
}

void ink_train_progress_end(ink_train_progress *progress)
{
    if (progress->open)
        fputc('\n', stderr);
    progress->open = false;
}
