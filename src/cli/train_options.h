/*
 * What the commands that teach have in common: the flags of INK_TRAINING_TABLE, and lines that say
 * how far it has come.
 */
#ifndef INK_CLI_TRAIN_OPTIONS_H
#define INK_CLI_TRAIN_OPTIONS_H

#include "cli/setup.h"

enum { INK_LESSON_PATH_BYTES = 4096 };

typedef struct ink_lesson {
    ink_training training;
    ink_texts texts;
    char checkpoint[INK_LESSON_PATH_BYTES];
    double shown; /* when a line was last printed */
} ink_lesson;

/* Rows of an option table; `lesson` is an address. */
#define INK_OPTION_OF_TRAINING(type, field, fallback, low_, high_, help_) \
    {.name = #field,                                                      \
     .kind = INK_OPTION_OF_##type,                                        \
     .destination = &training->field,                                     \
     .value = "N",                                                        \
     .help = help_,                                                       \
     .low = (double)(low_),                                               \
     .high = (double)(high_)},
#define INK_OPTION_TRAINING_TEXTS(lesson)                   \
    {.name = "precision",                                   \
     .kind = INK_OPTION_CHOICE,                             \
     .destination = &(lesson)->training.precision,          \
     .value = "f32|bf16",                                   \
     .help = "of products with weights"},                   \
        {.name = "text",                                    \
         .kind = INK_OPTION_TEXTS,                          \
         .destination = &(lesson)->texts,                   \
         .value = "FILE",                                   \
         .help = "what to learn from; may be given again"}, \
        INK_OPTION_THREADS(&(lesson)->training)

/*
 * After parsing: texts, a checkpoint beside `out`, warnings on standard error, a line a second, and
 * Ctrl-C watched from here on.
 */
ink_status ink_lesson_begin(ink_lesson *lesson, const char *out, ink_error *error);

#endif
