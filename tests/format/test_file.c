/* Reading files that change or are none; writing that fails leaves everything as it was. */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"

static char folder[64];
static char path[128];
static ink_error error;

static int make_folder(void **state)
{
    (void)state;
    ink_temporary_folder(folder);
    (void)snprintf(path, sizeof path, "%s/file", folder);
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

static void expect_content(const char *wanted)
{
    size_t n_bytes;
    char *bytes = ink_read_file(path, &n_bytes);
    assert_int_equal(n_bytes, strlen(wanted));
    assert_memory_equal(bytes, wanted, n_bytes);
    free(bytes);
}

/* ---- Reading */

static void reads_files_and_memory_alike(void **state)
{
    (void)state;
    ink_file *files[2] = {NULL, NULL};
    ink_write_file(path, "0123456789", 10);
    assert_int_equal(ink_file_open(&files[0], path, NULL, &error), INK_OK);
    assert_int_equal(ink_file_borrow(&files[1], "0123456789", 10, "memory", NULL, &error), INK_OK);
    for (size_t i = 0; i < 2; i++) {
        char bytes[11] = "";
        assert_int_equal(ink_file_size(files[i]), 10);
        assert_int_equal(ink_file_read(files[i], 3, 4, bytes, &error), INK_OK);
        assert_string_equal(bytes, "3456");
        assert_int_equal(ink_file_read(files[i], 10, 0, bytes, &error), INK_OK);
        assert_int_equal(ink_file_read(files[i], 7, 4, bytes, &error), INK_BAD_ARGUMENT);
        assert_int_equal(ink_file_read(files[i], UINT64_MAX, 1, bytes, &error), INK_BAD_ARGUMENT);
        assert_int_equal(ink_file_read(files[i], 1, SIZE_MAX, bytes, &error), INK_BAD_ARGUMENT);
    }
    assert_null(ink_file_memory(files[0]));
    assert_non_null(ink_file_memory(files[1]));
    ink_file_close(files[0]);
    ink_file_close(files[1]);
    ink_file_close(NULL);
}

static void only_regular_files_open(void **state)
{
    (void)state;
    ink_file *file = NULL;
    assert_int_equal(ink_file_open(&file, path, NULL, &error), INK_IO);
    assert_non_null(strstr(error.message, "no such file"));
    assert_int_equal(ink_file_open(&file, folder, NULL, &error), INK_IO);
    assert_non_null(strstr(error.message, "not a regular file"));
    assert_int_equal(ink_file_open(&file, "/dev/zero", NULL, &error), INK_IO);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(ink_file_open(&file, path, NULL, &error), INK_IO); /* and does not wait */
    assert_null(file);
}

static void shrinking_is_an_error(void **state)
{
    (void)state;
    ink_file *file = NULL;
    char bytes[10], message[256];
    ink_write_file(path, "0123456789", 10);
    assert_int_equal(ink_file_open(&file, path, NULL, &error), INK_OK);
    assert_int_equal(truncate(path, 4), 0);
    assert_int_equal(ink_file_read(file, 0, 4, bytes, &error), INK_OK);
    assert_int_equal(ink_file_read(file, 0, 5, bytes, &error), INK_IO);
    (void)snprintf(message, sizeof message, "%s: shrank from 10 to 4 bytes while in use", path);
    assert_string_equal(error.message, message);
    assert_int_equal(error.offset, 4);
    ink_file_close(file);
}

/* The end of a long path, where files differ, must leave room for the message. */
static void long_paths_leave_room_for_the_message(void **state)
{
    (void)state;
    char long_path[3000];
    ink_file *file = NULL;
    memset(long_path, 'd', sizeof long_path);
    memcpy(long_path + sizeof long_path - 6, "/file", 6);
    assert_int_equal(ink_file_open(&file, long_path, NULL, &error), INK_IO);
    assert_non_null(strstr(error.message, "d/file: cannot open: the name is too long"));
}

typedef struct reader {
    const ink_file *file;
    uint64_t seed;
    bool wrong;
} reader;

static void *read_many(void *argument)
{
    reader *self = argument;
    for (int i = 0; i < 2000; i++) {
        uint32_t number = 0;
        uint64_t at = ink_test_random(&self->seed) % 4096;
        ink_status status = ink_file_read(self->file, at * 4, 4, &number, NULL);
        self->wrong |= status != INK_OK || number != at;
    }
    return NULL;
}

static void threads_share_a_file(void **state)
{
    (void)state;
    uint32_t numbers[4096];
    ink_file *file = NULL;
    reader readers[3];
    pthread_t threads[3];
    for (uint32_t i = 0; i < 4096; i++)
        numbers[i] = i;
    ink_write_file(path, numbers, sizeof numbers);
    assert_int_equal(ink_file_open(&file, path, NULL, &error), INK_OK);
    for (size_t i = 0; i < 3; i++) {
        readers[i] = (reader){.file = file, .seed = i + 1};
        assert_int_equal(pthread_create(&threads[i], NULL, read_many, &readers[i]), 0);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(readers[i].wrong);
    }
    ink_file_close(file);
}

/* ---- Writing */

static ink_file_writer *open_writer(void)
{
    ink_file_writer *writer = NULL;
    if (ink_file_writer_open(&writer, path, INK_FILE_FOR_ALL, NULL, &error) != INK_OK)
        fail_msg("%s", error.message);
    return writer;
}

static void a_commit_replaces_and_nothing_before_does(void **state)
{
    (void)state;
    ink_write_file(path, "old", 3);
    ink_file_writer *writer = open_writer();
    assert_int_equal(ink_file_writer_write(writer, "ne", 2, &error), INK_OK);
    assert_int_equal(ink_file_writer_write(writer, "w", 1, &error), INK_OK);
    assert_int_equal(ink_file_writer_offset(writer), 3);
    assert_int_equal(ink_file_writer_seal(writer, &error), INK_OK);
    assert_int_equal(ink_file_writer_write(writer, "x", 1, &error), INK_BAD_ARGUMENT);
    expect_content("old");
    assert_int_equal(ink_file_writer_commit(writer, &error), INK_OK);
    assert_int_equal(ink_file_writer_commit(writer, &error), INK_BAD_ARGUMENT);
    ink_file_writer_close(writer);
    expect_content("new");
    assert_int_equal(count_files(), 1);
}

static void without_a_commit_nothing_stays(void **state)
{
    (void)state;
    ink_file_writer_close(NULL);
    for (int sealed = 0; sealed < 2; sealed++) {
        ink_file_writer *writer = open_writer();
        assert_int_equal(ink_file_writer_write(writer, "x", 1, &error), INK_OK);
        assert_int_equal(count_files(), 1);
        if (sealed)
            assert_int_equal(ink_file_writer_seal(writer, &error), INK_OK);
        ink_file_writer_close(writer);
        assert_int_equal(count_files(), 0);
    }
}

static void pieces_of_any_size_arrive_in_order(void **state)
{
    (void)state;
    static uint8_t bytes[300000];
    uint64_t seed = 7;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)ink_test_random(&seed);
    ink_file_writer *writer = open_writer();
    for (size_t at = 0; at < sizeof bytes;) {
        size_t n_bytes = (size_t)ink_test_random(&seed) % 100000;
        if (ink_test_random(&seed) % 2)
            n_bytes %= 100;
        if (n_bytes > sizeof bytes - at)
            n_bytes = sizeof bytes - at;
        assert_int_equal(ink_file_writer_write(writer, bytes + at, n_bytes, &error), INK_OK);
        at += n_bytes;
    }
    assert_int_equal(ink_file_writer_commit(writer, &error), INK_OK);
    ink_file_writer_close(writer);
    size_t n_bytes;
    char *written = ink_read_file(path, &n_bytes);
    assert_int_equal(n_bytes, sizeof bytes);
    assert_memory_equal(written, bytes, n_bytes);
    free(written);
}

/* A limit on file sizes stands for a full disk: the write that crosses it fails. */
static void a_full_disk_loses_nothing(void **state)
{
    (void)state;
    static const uint8_t zeros[100000];
    struct rlimit before, small;
    ink_write_file(path, "old", 3);
    ink_file_writer *writer = open_writer();
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 150000;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    ink_status first = ink_file_writer_write(writer, zeros, sizeof zeros, &error);
    ink_status second = ink_file_writer_write(writer, zeros, sizeof zeros, &error);
    ink_status third = ink_file_writer_commit(writer, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, handler);
    ink_file_writer_close(writer);
    assert_int_equal(first, INK_OK);
    assert_int_equal(second, INK_IO);
    assert_non_null(strstr(error.message, "cannot write: larger than the system allows"));
    assert_int_equal(third, INK_IO);
    expect_content("old");
    assert_int_equal(count_files(), 1);
}

static void only_regular_files_are_replaced(void **state)
{
    (void)state;
    ink_file_writer *writer = NULL;
    assert_int_equal(ink_file_writer_open(&writer, folder, INK_FILE_FOR_ALL, NULL, &error), INK_IO);
    assert_int_equal(ink_file_writer_open(&writer, "/dev/null", INK_FILE_FOR_ALL, NULL, &error),
                     INK_IO);
    assert_non_null(strstr(error.message, "/dev/null: cannot be replaced"));
    assert_int_equal(
        ink_file_writer_open(&writer, "/nowhere/at/all", INK_FILE_FOR_ALL, NULL, &error), INK_IO);
    assert_null(writer);
}

/* The target became a folder after the writer was opened. */
static void a_failed_rename_leaves_no_temporary(void **state)
{
    (void)state;
    ink_file_writer *writer = open_writer();
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(ink_file_writer_write(writer, "x", 1, &error), INK_OK);
    assert_int_equal(ink_file_writer_commit(writer, &error), INK_IO);
    ink_file_writer_close(writer);
    assert_int_equal(count_files(), 1);
    assert_int_equal(rmdir(path), 0);
}

/* ---- Private files and mappings */

static void a_private_file_has_one_writer_and_one_reader(void **state)
{
    (void)state;
    ink_file_writer *first = NULL, *second = NULL;
    ink_mapping mapping;
    struct stat status;
    char back[5];
    assert_int_equal(ink_file_writer_open_private(&first, path, 5, NULL, &error), INK_OK);
    assert_int_equal(ink_file_writer_open_private(&second, path, 5, NULL, &error), INK_IO);
    assert_non_null(strstr(error.message, "another process is writing it"));
    assert_int_equal(ink_file_writer_write(first, "hello", 5, &error), INK_OK);
    assert_int_equal(ink_file_writer_read(first, 0, 5, back, &error), INK_BAD_ARGUMENT);
    assert_int_equal(ink_file_writer_seal(first, &error), INK_OK);
    assert_int_equal(ink_file_writer_open_private(&second, path, 5, NULL, &error), INK_IO);
    assert_int_equal(ink_file_writer_read(first, 1, 4, back, &error), INK_OK);
    assert_memory_equal(back, "ello", 4);
    assert_int_equal(ink_file_writer_read(first, 2, 4, back, &error), INK_BAD_ARGUMENT);
    assert_int_equal(ink_file_writer_commit(first, &error), INK_OK);
    ink_file_writer_close(first);
    assert_null(second);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(ink_mapping_open(&mapping, path, &error), INK_OK);
    assert_int_equal(mapping.n_bytes, 5);
    assert_memory_equal(mapping.bytes, "hello", 5);
    ink_mapping_close(&mapping);
    assert_int_equal(count_files(), 1);
}

static void a_private_file_needs_room(void **state)
{
    (void)state;
    ink_file_writer *writer = NULL;
    assert_int_equal(ink_file_writer_open_private(&writer, path, UINT64_MAX / 2, NULL, &error),
                     INK_IO);
    assert_non_null(strstr(error.message, "do not fit on the disk"));
    assert_null(writer);
    assert_int_equal(count_files(), 0);
}

static void only_files_of_our_own_are_mapped(void **state)
{
    (void)state;
    ink_mapping mapping;
    char link[160];
    assert_int_equal(ink_mapping_open(&mapping, path, &error), INK_OK);
    assert_null(mapping.bytes);
    assert_int_equal(ink_mapping_open(&mapping, folder, &error), INK_IO);
    assert_int_equal(ink_mapping_open(&mapping, "/dev/null", &error), INK_IO);
    ink_write_file(path, "x", 1);
    assert_int_equal(chmod(path, 0602), 0);
    assert_int_equal(ink_mapping_open(&mapping, path, &error), INK_IO);
    assert_int_equal(chmod(path, 0600), 0);
    (void)snprintf(link, sizeof link, "%s.link", path);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(ink_mapping_open(&mapping, link, &error), INK_IO);
    assert_null(mapping.bytes);
}

static ink_status open_and_write(const ink_allocator *allocator, void *context)
{
    (void)context;
    ink_file_writer *writer = NULL;
    ink_file *file = NULL;
    INK_TRY(ink_file_writer_open(&writer, path, INK_FILE_FOR_ALL, allocator, NULL));
    ink_status status = ink_file_writer_write(writer, "x", 1, NULL);
    if (status == INK_OK)
        status = ink_file_writer_commit(writer, NULL);
    ink_file_writer_close(writer);
    INK_TRY(status);
    INK_TRY(ink_file_open(&file, path, allocator, NULL));
    ink_file_close(file);
    return INK_OK;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    assert_int_equal(ink_fail_each_allocation(open_and_write, NULL, 16), 4);
    assert_int_equal(count_files(), 1);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(reads_files_and_memory_alike),
        IN_FOLDER(only_regular_files_open),
        IN_FOLDER(shrinking_is_an_error),
        IN_FOLDER(long_paths_leave_room_for_the_message),
        IN_FOLDER(threads_share_a_file),
        IN_FOLDER(a_commit_replaces_and_nothing_before_does),
        IN_FOLDER(without_a_commit_nothing_stays),
        IN_FOLDER(pieces_of_any_size_arrive_in_order),
        IN_FOLDER(a_full_disk_loses_nothing),
        IN_FOLDER(only_regular_files_are_replaced),
        IN_FOLDER(a_failed_rename_leaves_no_temporary),
        IN_FOLDER(a_private_file_has_one_writer_and_one_reader),
        IN_FOLDER(a_private_file_needs_room),
        IN_FOLDER(only_files_of_our_own_are_mapped),
        IN_FOLDER(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
