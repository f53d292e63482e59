/*
 * What tests share: reference data, an allocator that counts and fails, whole files, temporary
 * folders.
 *
 * Include it instead of cmocka.h; it brings what cmocka wants before itself. Reference data lies at
 * ../shared beside the repository, or where the environment's INK_SHARED says. A test that needs it
 * calls ink_require_shared() first: without the data it fails when CI is set and counts as skipped
 * otherwise.
 */
#ifndef INK_TESTS_SUPPORT_H
#define INK_TESTS_SUPPORT_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "inkling.h"

/* ---- Reference data. */

/* Writes "<shared>/<relative>" to `path` and returns it; fails the test when it does not fit. */
const char *ink_shared_path(const char *relative, char *path, size_t path_bytes);

/* true when the path exists below the shared folder. */
bool ink_shared_has(const char *relative);

/* Only inside a test: skips or fails it when the shared folder is missing. */
void ink_require_shared(void);

/* ---- Memory. Callable from several threads, as every allocator. */

typedef struct ink_test_allocator {
    ink_allocator allocator; /* pass &this.allocator */
    size_t n_calls;          /* allocations and growths asked for since init */
    size_t fail_at;          /* this call fails, counted from 1; 0: none */
    bool fail_after;         /* all calls after it fail too */
    size_t n_blocks;         /* alive */
    size_t n_bytes;          /* alive */
    size_t peak_bytes;
    pthread_mutex_t lock;
} ink_test_allocator;

void ink_test_allocator_init(ink_test_allocator *test, size_t fail_at);

/*
 * Calls `attempt` again and again, the n-th allocation failing the n-th time, until none failed.
 * Each attempt must return INK_NO_MEMORY or INK_OK and leave nothing allocated. Returns how many
 * calls a whole attempt makes; fails the test when it makes none or more than `max_calls`.
 */
size_t ink_fail_each_allocation(ink_status (*attempt)(const ink_allocator *allocator,
                                                      void *context),
                                void *context, size_t max_calls);

/* ---- Files. */

/*
 * The whole file, terminated by a NUL beyond *n_bytes; fails the test when it cannot be read. Ended
 * by free().
 */
char *ink_read_file(const char *path, size_t *n_bytes);

void ink_write_file(const char *path, const void *bytes, size_t n_bytes);

/*
 * A new folder; `path` needs 64 bytes. Ended by ink_remove_folder, which removes the files directly
 * in it.
 */
const char *ink_temporary_folder(char path[64]);
void ink_remove_folder(const char *path);

/* ---- A folder of the whole program, and a text in it. */

/* Setup and teardown of a group of tests. */
int ink_test_folder_make(void **state);
int ink_test_folder_remove(void **state);

typedef char ink_test_path[128];

/* The path of a file in it; returns `path`. */
const char *ink_test_file(const char *name, ink_test_path path);

/* A file of the same sentences, of 77 bytes, n times. */
void ink_write_sentences(const char *path, int n);

/* ---- Numbers. */

/* The next of a fixed sequence (xorshift64*, Vigna 2016); *state must not be zero. */
uint64_t ink_test_random(uint64_t *state);

#endif
