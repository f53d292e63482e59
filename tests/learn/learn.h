/* What the tests of learning share: a text and a short training of the stories model on it. */
#ifndef INK_TESTS_LEARN_H
#define INK_TESTS_LEARN_H

#include "../support.h"

typedef struct ink_test_training {
    char folder[64];
    char model[1024], text[128], out[128], checkpoint[128];
    const char *texts[1];
    ink_training options; /* a few steps of two short sequences */
} ink_test_training;

/* A new folder with a text. Only inside a test: skips it without the model. */
void ink_test_training_init(ink_test_training *t);
void ink_test_training_deinit(ink_test_training *t);

/* Writes a text of n words, from a few dozen different ones. */
void ink_test_text(const char *path, size_t n_words, uint64_t seed);

/* Fails the test unless it succeeds. `result` may be NULL. */
void ink_test_train(ink_test_training *t, ink_training_result *result);

/* Fails the test unless both files have the same bytes. */
void ink_assert_same_files(const char *a, const char *b);

#endif
