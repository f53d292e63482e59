/* What a process may still take, as Linux tells it, in both versions of control groups. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/proc.h"

static char root[64];

static void put(const char *path, const char *text)
{
    char whole[256];
    (void)snprintf(whole, sizeof whole, "%s%s", root, path);
    for (char *at = whole + strlen(root) + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        (void)mkdir(whole, 0700);
        *at = '/';
    }
    ink_write_file(whole, text, strlen(text));
}

static int begin(void **state)
{
    (void)state;
    ink_temporary_folder(root);
    put("/proc/meminfo", "MemTotal:  8000000 kB\nMemFree: 5 kB\nMemAvailable:    4000 kB\n");
    return 0;
}

static int end(void **state)
{
    char command[128];
    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static void the_machine(void **state)
{
    (void)state;
    assert_int_equal(ink_proc_available(root), 4000 * 1024);
    put("/proc/meminfo", "MemTotal:  8000000 kB\n");
    assert_true(ink_proc_available(root) == UINT64_MAX);
    assert_true(ink_proc_available("/nowhere") == UINT64_MAX);
}

static void groups_of_version_2(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "0::/a/b\n");
    assert_int_equal(ink_proc_available(root), 4000 * 1024);
    put("/sys/fs/cgroup/a/b/memory.max", "max\n");
    put("/sys/fs/cgroup/a/b/memory.current", "7\n");
    assert_int_equal(ink_proc_available(root), 4000 * 1024);
    put("/sys/fs/cgroup/a/memory.max", "1000000\n"); /* of what it is in */
    put("/sys/fs/cgroup/a/memory.current", "600000\n");
    assert_int_equal(ink_proc_available(root), 400000);
    put("/sys/fs/cgroup/a/memory.stat", "anon 5\ninactive_file 200000\nactive_file 9\n");
    assert_int_equal(ink_proc_available(root), 600000);
    put("/sys/fs/cgroup/a/b/memory.max", "50000\n");
    assert_int_equal(ink_proc_available(root), 49993);
    put("/sys/fs/cgroup/a/b/memory.current", "60000\n");
    assert_int_equal(ink_proc_available(root), 0);
}

static void groups_of_version_1(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "4:memory:/not/seen/here\n1:cpu:/c\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("/sys/fs/cgroup/memory/memory.usage_in_bytes", "123456\n");
    assert_int_equal(ink_proc_available(root), 4000 * 1024);
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "300000\n");
    put("/sys/fs/cgroup/memory/memory.stat", "cache 1\ntotal_inactive_file 3456\n");
    assert_int_equal(ink_proc_available(root), 180000);
}

#define IN_ROOT(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_ROOT(the_machine),
        IN_ROOT(groups_of_version_2),
        IN_ROOT(groups_of_version_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
