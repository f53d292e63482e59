/* Teaching a model from texts. */
#include <math.h>
#include <stdio.h>
#include "base/status.h"
#include "cli/interrupt.h"
#include "cli/setup.h"
#include "cli/terminal.h"

enum { PATH_BYTES = 4096 };

typedef struct lesson {
    ink_training training;
    ink_texts texts;
    const char *out, *from, *checkpoint;
    char checkpoint_path[PATH_BYTES];
    double shown; /* when a line was last printed */
} lesson;

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
    lesson *l = context;
    double now = ink_terminal_seconds();
    if (!isnan(r->validation_loss) || now - l->shown > 1 || r->step == r->steps) {
        print_step(r);
        l->shown = now;
    }
    const ink_progress progress = ink_interrupt_progress();
    return progress.report(progress.context, 0);
}

#define ROW_int64_t INK_OPTION_INT64
#define ROW_int32_t INK_OPTION_INT
#define ROW_float INK_OPTION_FLOAT

ink_exit ink_cmd_train(const ink_call *call)
{
    lesson l = {.checkpoint = NULL};
    const char *arguments[INK_MAX_ARGUMENTS];
    ink_training_result result;
    ink_training_init(&l.training);
    const ink_option options[] = {
        {.name = "text", .kind = INK_OPTION_TEXTS, .destination = &l.texts, .value = "FILE",
         .help = "what to learn from; may be given again"},
        {.name = "from", .kind = INK_OPTION_TEXT, .destination = &l.from, .value = "MODEL",
         .help = "the model to begin with"},
#define X(type, name_, fallback, low_, high_, help_)                                      \
    {.name = #name_, .kind = ROW_##type, .destination = &l.training.name_, .value = "N", \
     .help = help_, .low = (double)(low_), .high = (double)(high_)},
        INK_TRAINING_TABLE(X)
#undef X
        {.name = "threads", .kind = INK_OPTION_INT, .destination = &l.training.n_threads,
         .value = "N", .help = "threads", .low = 0, .high = 256},
        {0}};
    INK_PARSE(call, options, NULL, arguments);
    l.out = arguments[0];
    (void)snprintf(l.checkpoint_path, sizeof l.checkpoint_path, "%s.checkpoint", l.out);
    l.training.texts = l.texts.texts;
    l.training.n_texts = l.texts.n_texts;
    l.training.checkpoint = l.checkpoint_path;
    l.training.report = report;
    l.training.report_context = &l;
    ink_error error = {0};
    ink_status status = ink_train(l.from, l.out, &l.training, &result, &error);
    return ink_finish(status, &error);
}
