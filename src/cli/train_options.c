#include "cli/train_options.h"

#include <math.h>
#include <stdio.h>
#include "base/status.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"

static void print_step(const ink_training_report *r)
{
    printf("step %lld of %lld  loss %.4f", (long long)r->step, (long long)r->steps, r->loss);
    if (!isnan(r->validation_loss))
        printf("  validation %.4f", r->validation_loss);
    printf("  rate %.2e  norm %.2f  %.0f tokens/s  %.0f s left\n", r->rate, r->gradient_norm,
           r->tokens_per_second, r->seconds_left);
    (void)fflush(stdout);
}

static bool report(void *context, const ink_training_report *r)
{
    ink_lesson *lesson = context;
    double now = ink_terminal_seconds();
    if (!isnan(r->validation_loss) || now - lesson->shown > 1 || r->step == r->steps) {
        print_step(r);
        lesson->shown = now;
    }
    const ink_progress progress = ink_interrupt_progress();
    return progress.report(progress.context, 0);
}

ink_status ink_lesson_begin(ink_lesson *lesson, const char *out, ink_error *error)
{
    ink_training *training = &lesson->training;
    int n = snprintf(lesson->checkpoint, sizeof lesson->checkpoint, "%s.checkpoint", out);
    if (n < 0 || (size_t)n >= sizeof lesson->checkpoint)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "%.60s...: the path is too long", out);
    training->texts = lesson->texts.texts;
    training->n_texts = lesson->texts.n_texts;
    training->checkpoint = lesson->checkpoint;
    training->log = ink_setup_log();
    training->report = report;
    training->report_context = lesson;
    ink_interrupt_watch();
    return INK_OK;
}
