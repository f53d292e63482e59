/*
 * Each allocation fails in turn while GGUF files are opened and written: INK_NO_MEMORY, no leak, no
 * file left.
 */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/status.h"
#include "format/gguf_writer.h"

#define N_TENSORS 40
#define MAX_CALLS 1000

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    ink_temporary_folder(folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    ink_remove_folder(folder);
    return 0;
}

static size_t count_files(void)
{
    size_t n_files = 0;
    DIR *opened = opendir(folder);
    assert_non_null(opened);
    for (struct dirent *entry; (entry = readdir(opened)) != NULL;)
        n_files += entry->d_name[0] != '.';
    (void)closedir(opened);
    return n_files;
}

/* More keys and tensors than the writer's first room for them. */
static ink_status fill(ink_gguf_writer *writer)
{
    const ink_gguf_string words[] = {{"one", 3}, {"two", 3}};
    const uint64_t shape[] = {8};
    char name[16];
    INK_TRY(ink_gguf_writer_set_text(writer, "general.architecture", "llama", NULL));
    INK_TRY(ink_gguf_writer_set_strings(writer, "words", words, 2, NULL));
    for (uint32_t i = 0; i < N_TENSORS; i++) {
        (void)snprintf(name, sizeof name, "t%u", (unsigned)i);
        INK_TRY(ink_gguf_writer_set_u32(writer, name, i, NULL));
        INK_TRY(ink_gguf_writer_add_tensor(writer, name, 0, 1, shape, NULL));
    }
    return INK_OK;
}

static ink_status stream(ink_gguf_writer *writer, const char *path)
{
    const float data[8] = {0};
    INK_TRY(fill(writer));
    INK_TRY(ink_gguf_writer_begin(writer, path, NULL));
    for (uint32_t i = 0; i < N_TENSORS; i++)
        INK_TRY(ink_gguf_writer_write(writer, data, sizeof data, NULL));
    return ink_gguf_writer_commit(writer, NULL);
}

typedef struct writing {
    uint64_t max_part_bytes;
    size_t n_files; /* when all went well */
} writing;

/* Whatever fails before commit, nothing appears. */
static ink_status write_file(const ink_allocator *allocator, void *context)
{
    const writing *wanted = context;
    char path[128];
    ink_gguf_writer *writer = NULL;
    (void)snprintf(path, sizeof path, "%s/out.gguf", folder);
    ink_status status = ink_gguf_writer_new(&writer, wanted->max_part_bytes, allocator, NULL);
    if (status == INK_OK)
        status = stream(writer, path);
    ink_gguf_writer_free(writer);
    assert_int_equal(count_files(), status == INK_OK ? wanted->n_files : 0);
    return status;
}

static ink_status open_path(const ink_allocator *allocator, void *context)
{
    ink_gguf *gguf = NULL;
    ink_error error = {.status = INK_OK};
    ink_status status = ink_gguf_open(&gguf, context, allocator, &error);
    assert_true(status == INK_OK ? gguf != NULL : gguf == NULL && error.status == status);
    ink_gguf_free(gguf);
    return status;
}

static void writing_one_file(void **state)
{
    (void)state;
    writing wanted = {.max_part_bytes = 0, .n_files = 1};
    assert_true(ink_fail_each_allocation(write_file, &wanted, MAX_CALLS) > 10);
}

static void writing_and_opening_a_split_set(void **state)
{
    (void)state;
    char path[128];
    writing wanted = {.max_part_bytes = 320, .n_files = 4};
    size_t n_calls = ink_fail_each_allocation(write_file, &wanted, MAX_CALLS);
    assert_true(n_calls > 20);
    (void)snprintf(path, sizeof path, "%s/out-00001-of-00004.gguf", folder);
    assert_true(ink_fail_each_allocation(open_path, path, MAX_CALLS) > 30);
}

static void opening_real_files(void **state)
{
    (void)state;
    ink_require_shared();
    const char *files[] = {"golden/models/llama-types-Q1_0.gguf",
                           "vocab/ggml-vocab-llama-spm.gguf"};
    for (size_t i = 0; i < 2; i++) {
        char path[1024];
        ink_shared_path(files[i], path, sizeof path);
        assert_true(ink_fail_each_allocation(open_path, path, MAX_CALLS) > 8);
    }
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(writing_one_file),
        IN_FOLDER(writing_and_opening_a_split_set),
        cmocka_unit_test(opening_real_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
