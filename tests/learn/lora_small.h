/* Short lessons for adapters, and what models say with and without them. */
#ifndef INK_TESTS_LEARN_LORA_SMALL_H
#define INK_TESTS_LEARN_LORA_SMALL_H

#include "../support.h"

#define LESSON                                                                                \
    "Once upon a time, there was a robot named Beep. Beep lived on the moon. Every day Beep " \
    "looked "                                                                                 \
    "at the blue earth and sang a song. \"Beep, beep,\" sang the robot on the moon.\n"

typedef struct lesson {
    const char *base, *out;
    ink_adapter_training adapter;
    ink_training training;
    int64_t stop_after; /* step after which it is cancelled; 0: none */
    double first_loss, last_loss;
} lesson;

/* LESSON six times in `text_path`; small batches, a rate that is high, nothing kept apart. */
lesson lesson_of(const char *base, const char *out, const char *const *text_path, int64_t steps);

/* Fails the test when it fails, but for CANCELLED where that was wanted. */
void take_lesson(lesson *l);

/* The text of LESSON's kind in a file. */
void write_lesson(const char *path);

/* Logits of some tokens with adapters, [*n], ended by free. */
float *logits_with(const char *model, const ink_adapter *adapters, size_t n_adapters, size_t *n);

double largest_difference(const float *a, const float *b, size_t n);

bool same_files(const char *a, const char *b);

#endif
