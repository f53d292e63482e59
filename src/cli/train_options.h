/*
 * What the commands that teach have in common: flags, what is seen and kept of the course, and how
 * training ends.
 */
#ifndef INK_CLI_TRAIN_OPTIONS_H
#define INK_CLI_TRAIN_OPTIONS_H

#include "cli/setup.h"
#include "cli/train_log.h"
#include "cli/train_progress.h"

enum { INK_LESSON_PATH_BYTES = 4096 };

typedef struct ink_lesson {
    ink_training training;
    ink_texts texts;
    const char *log_path, *plot_path, *out;
    char checkpoint[INK_LESSON_PATH_BYTES];
    ink_train_progress progress;
    ink_train_log log;
    ink_course course;
    int64_t step;       /* done */
    bool output_failed; /* the log or the plot; a message was printed */
} ink_lesson;

/* Rows of an option table; `training` and `lesson` are addresses. */
#define INK_OPTION_OF_TRAINING(type, field, fallback, low_, high_, help_) \
    {.name = #field,                                                      \
     .kind = INK_OPTION_OF_##type,                                        \
     .destination = &training->field,                                     \
     .value = "N",                                                        \
     .help = help_,                                                       \
     .low = (double)(low_),                                               \
     .high = (double)(high_)},
#define INK_OPTION_TRAINING_TEXTS(lesson)                                                  \
    {.name = "text",                                                                       \
     .kind = INK_OPTION_TEXTS,                                                             \
     .destination = &(lesson)->texts,                                                      \
     .value = "FILE",                                                                      \
     .help = "what to learn from: plain text, or .jsonl; may be given again"},             \
        INK_OPTION_WORD("log", &(lesson)->log_path, "FILE",                                \
                        "a row a step: CSV, or JSON where it ends with .jsonl"),           \
        INK_OPTION_WORD("plot", &(lesson)->plot_path, "FILE.svg", "losses against steps"), \
        INK_OPTION_WORD("sample", &(lesson)->training.sample, "TEXT",                      \
                        "show at each measurement how the model goes on with TEXT"),       \
        {.name = "precision",                                                              \
         .kind = INK_OPTION_CHOICE,                                                        \
         .destination = &(lesson)->training.precision,                                     \
         .value = "f32|bf16|bf16-pairs|bf16-tiles",                                        \
         .help = "of products with weights; bf16: that of this processor"},                \
        INK_OPTION_THREADS(&(lesson)->training)

/* Zeroed, with the defaults of training; ended by ink_lesson_free. NULL: out of memory. */
ink_lesson *ink_lesson_new(void);
void ink_lesson_free(ink_lesson *lesson);

/* A command with a lesson of its own. */
ink_exit ink_lesson_run(const ink_call *call,
                        ink_exit (*run)(const ink_call *call, ink_lesson *lesson));

/*
 * After parsing: texts are there, outputs can be written, the state is kept beside `out`, warnings
 * go to standard error, and Ctrl-C is watched from here on.
 */
ink_status ink_lesson_begin(ink_lesson *lesson, const char *out, ink_error *error);

/* The line of progress and the log end; to be called once, whether or not training succeeded. */
void ink_lesson_close(ink_lesson *lesson);

/*
 * Closes it. What the command ends with, once training has. When it was broken off: how to go on.
 * Else what was learned, on standard output.
 */
ink_exit ink_lesson_end(ink_lesson *lesson, ink_status status, const ink_training_result *result,
                        const ink_error *error);

#endif
