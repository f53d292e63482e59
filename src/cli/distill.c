/* Teaching a small model what a larger one knows. */
#include <stdio.h>
#include "base/status.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "cli/train_options.h"

static const char notes[] =
    "The student is a GGUF file with the teacher's vocabulary, or a new one that a config (see\n"
    "`train`) describes and that takes it from the teacher. The validation loss is that of the\n"
    "text, with a teacher as without, so that both compare. --alone trains the same student\n"
    "without the teacher, too, with the same texts, steps and options, and compares the two.\n"
    "Ctrl-C keeps what was learned in OUT.gguf.checkpoint, and the same command goes on from "
    "there.";

typedef struct distilling {
    ink_distillation distillation;
    const char *student, *config, *out, *alone;
    char first[INK_LESSON_PATH_BYTES];
} distilling;

/* ---- What came of it ------------------------------------------------------------------------- */

static ink_status print_comparison(const distilling *d, const ink_training *training,
                                   const char *name, const char *path, ink_error *error)
{
    ink_comparison c;
    INK_TRY(ink_compare(path, d->distillation.teacher, training, &c, error));
    if (path == d->out)
        printf("\n%-20s %8s  %11s  %11s\n%-20s %8.4f\n", "on text kept apart", "loss",
               "KL(teacher)", "same choice", "teacher", c.other_loss);
    printf("%-20s %8.4f  %11.4f  %9.1f %%\n", name, c.loss, c.divergence, 100 * c.agreement);
    return INK_OK;
}

static ink_exit print_comparisons(const distilling *d, const ink_training *training)
{
    ink_error error = {0};
    if (training->validation == 0)
        return INK_EXIT_OK;
    ink_status status = print_comparison(d, training, "student", d->out, &error);
    if (status == INK_OK && d->alone)
        status = print_comparison(d, training, "student alone", d->alone, &error);
    return ink_finish(status, &error);
}

/* ---- Teaching -------------------------------------------------------------------------------- */

static ink_status create(distilling *d, const ink_lesson *lesson, ink_error *error)
{
    if (!d->config)
        return INK_OK;
    (void)snprintf(d->first, sizeof d->first, "%s.first", lesson->out);
    d->student = d->first;
    ink_creation creation = {.config = d->config,
                             .vocabulary = d->distillation.teacher,
                             .seed = lesson->training.seed,
                             .log = lesson->training.log};
    return ink_model_create(d->first, &creation, error);
}

static ink_exit teach(distilling *d, ink_lesson *lesson)
{
    ink_bar bar;
    ink_error error = {0};
    ink_training_result result = {.first_step = 0};
    ink_status status = ink_lesson_begin(lesson, d->out, &error);
    if (status == INK_OK)
        status = create(d, lesson, &error);
    ink_bar_init(&bar, "Asking the teacher");
    const ink_progress progress = bar.progress;
    d->distillation.progress = &progress;
    if (status == INK_OK)
        status =
            ink_distill(d->student, d->out, &d->distillation, &lesson->training, &result, &error);
    ink_bar_end(&bar);
    d->distillation.progress = NULL; /* it ends with this function */
    return ink_lesson_end(lesson, status, &result, &error);
}

/* The same student, with the same options but the files of what is seen of the course. */
static ink_exit train_alone(const distilling *d, const ink_lesson *taught)
{
    ink_error error = {0};
    ink_training_result result = {.first_step = 0};
    ink_lesson *lesson = ink_lesson_new();
    if (!lesson)
        return ink_finish(INK_NO_MEMORY, &(ink_error){.message = ""});
    lesson->training = taught->training;
    lesson->texts = taught->texts;
    printf("\nThe same student without the teacher:\n");
    ink_status status = ink_lesson_begin(lesson, d->alone, &error);
    if (status == INK_OK)
        status = ink_train(d->student, d->alone, &lesson->training, &result, &error);
    ink_exit code = ink_lesson_end(lesson, status, &result, &error);
    ink_lesson_free(lesson);
    return code;
}

static bool check_usage(const distilling *d)
{
    if (!d->student == !d->config)
        ink_say("distill: name the student by --student MODEL, or a new one by --config");
    else
        return true;
    return false;
}

static ink_exit run(const ink_call *call, ink_lesson *lesson)
{
    distilling d = {.alone = NULL};
    const char *arguments[INK_MAX_ARGUMENTS];
    ink_training *training = &lesson->training;
    ink_distillation_init(&d.distillation);
    const ink_option options[] = {
        {.name = "Teacher and student", .kind = INK_OPTION_HEADING},
        INK_OPTION_WORD("teacher", &d.distillation.teacher, "MODEL", "the model to learn from"),
        {.name = "student",
         .kind = INK_OPTION_TEXT,
         .destination = &d.student,
         .value = "MODEL",
         .help = "the model to begin with",
         .not_with = "config"},
        INK_OPTION_WORD("config", &d.config, "FILE", "JSON that describes a new one"),
        INK_OPTION_WORD("alone", &d.alone, "OUT.gguf",
                        "also train the same student without the teacher"),
        {.name = "divergence",
         .kind = INK_OPTION_CHOICE,
         .destination = &d.distillation.divergence,
         .value = "forward|reverse",
         .help = "forward: cover all that the teacher would say; reverse: say nothing else"},
        INK_OPTION_WORD("kept", &d.distillation.kept, "FILE",
                        "where what the teacher expects is kept, with --keep"),
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
            {.name = "Texts and records", .kind = INK_OPTION_HEADING},
        INK_OPTION_TRAINING_TEXTS(lesson),
        {.name = "Training", .kind = INK_OPTION_HEADING},
        INK_TRAINING_TABLE(INK_OPTION_OF_TRAINING){0}};
    INK_PARSE(call, options, notes, arguments);
    d.out = arguments[0];
    if (!check_usage(&d))
        return INK_EXIT_USAGE;
    ink_exit code = teach(&d, lesson);
    if (code == INK_EXIT_OK && d.alone)
        code = train_alone(&d, lesson);
    return code == INK_EXIT_OK ? print_comparisons(&d, training) : code;
}

ink_exit ink_cmd_distill(const ink_call *call)
{
    return ink_lesson_run(call, run);
}
