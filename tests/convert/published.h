/*
 * A tiny published model, for tests that change one of its files: a llama of one layer with a
 * vocabulary of byte pairs, as ink_export writes it. Include support.h first.
 */
#ifndef INK_TESTS_CONVERT_PUBLISHED_H
#define INK_TESTS_CONVERT_PUBLISHED_H

typedef struct published {
    char folder[64]; /* holds model.gguf */
    char model[96], dir[96], out[96];
} published;

/* Made anew, exported with matrices of `type`. */
void published_make(published *p, const char *type);

/* The same of another configuration, as ink_model_create takes it. */
void published_make_of(published *p, const char *config, const char *type);
void published_remove(published *p);

/* The path of one of its files. */
const char *published_file(const published *p, const char *name, char path[160]);

/* Replaces the first `old` in one of its text files by `new`; fails the test when it is not there.
 */
void published_edit(const published *p, const char *name, const char *old, const char *new);

/* Converts it, with warnings as they come; `error` as the library filled it. */
ink_status published_convert(const published *p, const char *type, ink_error *error);

/* Fails unless the file named OUT, and none of those that are written on the way to it, is there.
 */
void published_expect_alone(const published *p);

#endif
