/* What killed writers left is removed; what is still written, or is no such file, is not. */
#include "../support.h"

#include <stdio.h>
#include <unistd.h>
#include "base/file.h"

static bool is_there(const char *folder, const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static void only_what_is_left_behind(void **state)
{
    static const char *const gone[] = {"a.gguf.123-0.tmp", "a.gguf.9-15.tmp"};
    static const char *const kept[] = {"a.gguf",          "a.gguf.tmp",     "a.gguf.123-0.tmp2",
                                       "a.gguf.x-0.tmp",  "b.gguf.1-0.tmp", "a.gguf.first.1-0.tmp",
                                       "aa.gguf.1-0.tmp", "a.gguf.1-.tmp",  "a.gguf.1.tmp"};
    char folder[64], path[256], live[64];
    ink_file_writer *writer = NULL;
    (void)state;
    (void)ink_temporary_folder(folder);
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, gone[i]);
        ink_write_file(path, "x", 1);
    }
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, kept[i]);
        ink_write_file(path, "x", 1);
    }
    (void)snprintf(path, sizeof path, "%s/a.gguf", folder);
    assert_int_equal(ink_file_writer_open(&writer, path, INK_FILE_FOR_ALL, NULL, NULL), INK_OK);
    (void)snprintf(live, sizeof live, "a.gguf.%ld-0.tmp", (long)getpid());
    assert_true(is_there(folder, live));
    ink_file_sweep(path);
    assert_true(is_there(folder, live));
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        assert_false(is_there(folder, gone[i]));
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        assert_true(is_there(folder, kept[i]));
    assert_int_equal(ink_file_writer_commit(writer, NULL), INK_OK);
    ink_file_writer_close(writer);
    ink_file_sweep("no/such/folder/a.gguf");
    ink_remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_what_is_left_behind)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
