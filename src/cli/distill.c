/* Teaching a small model what a larger one knows. */
#include <math.h>
#include <stdio.h>
#include "base/status.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "cli/train_options.h"

static const char notes[] =
    "The student is a GGUF file with the teacher's vocabulary, whose weights the training begins "
    "with.\n"
    "The validation loss is that of the text, with a teacher as without, so that both compare.\n"
    "--alone trains the same student without the teacher, too, with the same texts, steps and\n"
    "options, and compares the two. Ctrl-C keeps what was learned in OUT.checkpoint, and the same\n"
    "command goes on from there.";

typedef struct distilling {
    ink_lesson lesson;
    ink_distillation distillation;
    const char *student, *out, *alone;
    ink_bar bar;
    ink_progress progress;
} distilling;

static ink_status print_comparison(const distilling *d, const char *name, const char *path,
                                   bool first, ink_error *error)
{
    ink_comparison c;
    INK_TRY(ink_compare(path, d->distillation.teacher, &d->lesson.training, &c, error));
    if (first)
        printf("\n%-24s %10s %12s %14s\n%-24s %10.4f\n", "on text kept apart", "loss",
               "KL(teacher)", "same choice", "teacher", c.other_loss);
    printf("%-24s %10.4f %12.4f %12.1f %%\n", name, c.loss, c.divergence, 100 * c.agreement);
    return INK_OK;
}

static ink_status train_alone(distilling *d, ink_error *error)
{
    ink_lesson lesson = {.training = d->lesson.training, .texts = d->lesson.texts};
    ink_training_result result;
    printf("\nThe same student without the teacher:\n");
    ink_status status = ink_lesson_begin(&lesson, d->alone, error);
    if (status == INK_OK)
        status = ink_train(d->student, d->alone, &lesson.training, &result, error);
    ink_lesson_close(&lesson);
    return status;
}

static ink_status teach(distilling *d, ink_error *error)
{
    ink_training *training = &d->lesson.training;
    ink_training_result result;
    ink_status status = ink_lesson_begin(&d->lesson, d->out, error);
    ink_bar_init(&d->bar, "Asking the teacher");
    d->progress = d->bar.progress;
    d->distillation.progress = &d->progress;
    if (status == INK_OK)
        status = ink_distill(d->student, d->out, &d->distillation, training, &result, error);
    ink_bar_end(&d->bar);
    ink_lesson_close(&d->lesson);
    INK_TRY(status);
    if (d->alone)
        INK_TRY(train_alone(d, error));
    if (training->validation == 0)
        return INK_OK;
    INK_TRY(print_comparison(d, "student", d->out, true, error));
    return d->alone ? print_comparison(d, "student alone", d->alone, false, error) : INK_OK;
}

ink_exit ink_cmd_distill(const ink_call *call)
{
    distilling d = {.alone = NULL};
    const char *arguments[INK_MAX_ARGUMENTS];
    ink_training *training = &d.lesson.training;
    ink_training_init(training);
    ink_distillation_init(&d.distillation);
    const ink_option options[] = {
        {.name = "teacher",
         .kind = INK_OPTION_TEXT,
         .destination = &d.distillation.teacher,
         .value = "MODEL",
         .help = "the model to learn from"},
        {.name = "student",
         .kind = INK_OPTION_TEXT,
         .destination = &d.student,
         .value = "MODEL",
         .help = "the model to begin with"},
        {.name = "divergence",
         .kind = INK_OPTION_CHOICE,
         .destination = &d.distillation.divergence,
         .value = "forward|reverse",
         .help = "forward: cover all that the teacher would say; reverse: say only that"},
        {.name = "kept",
         .kind = INK_OPTION_TEXT,
         .destination = &d.distillation.kept,
         .value = "FILE",
         .help = "where what the teacher expects is kept, with --keep"},
        {.name = "alone",
         .kind = INK_OPTION_TEXT,
         .destination = &d.alone,
         .value = "OUT.gguf",
         .help = "also train the same student without the teacher"},
#define X(type, field, fallback, low_, high_, help_) \
    {.name = #field,                                 \
     .kind = INK_OPTION_OF_##type,                   \
     .destination = &d.distillation.field,           \
     .value = "N",                                   \
     .help = help_,                                  \
     .low = (double)(low_),                          \
     .high = (double)(high_)},
        INK_DISTILLATION_TABLE(X)
#undef X
            INK_TRAINING_TABLE(INK_OPTION_OF_TRAINING) INK_OPTION_TRAINING_TEXTS(&d.lesson),
        {0}};
    INK_PARSE(call, options, notes, arguments);
    d.out = arguments[0];
    ink_error error = {0};
    ink_status status = teach(&d, &error);
    return ink_finish(status, &error);
}
