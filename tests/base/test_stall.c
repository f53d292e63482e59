/* Memory pressure as Linux writes it, in files of both versions of cgroups, and in damaged ones. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/proc.h"
#include "base/stall.h"

static void averages(void **state)
{
    static const struct {
        const char *text;
        float some, full;
    } cases[] = {
        {"some avg10=12.34 avg60=1.00 avg300=0.10 total=5\n"
         "full avg10=3.50 avg60=0.00 avg300=0.00 total=2\n",
         12.34f, 3.5f},
        {"some avg10=0.00 avg60=99.00 avg300=0.00 total=0\n", 0, 0},
        {"", 0, 0},
        {"some avg10=", 0, 0},
        {"some avg10=nan\nfull avg10=-4\n", 0, 0},
        {"full avg10=1e9\nsome avg10=100.00", 100, 0},
        {"something else", 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ink_stall stall = {.some = 7, .full = 7};
        ink_stall_parse(&stall, cases[i].text);
        assert_true(stall.some == cases[i].some);
        assert_true(stall.full == cases[i].full);
    }
}

static void counters(void **state)
{
    const char *events = "low 1\nhigh 20\nmax 3\noom 0\nmaximum 9\n";
    (void)state;
    assert_int_equal(ink_proc_count(events, "high"), 20);
    assert_int_equal(ink_proc_count(events, "max"), 3);
    assert_int_equal(ink_proc_count(events, "ma"), 0);
    assert_int_equal(ink_proc_count("", "max"), 0);
    assert_int_equal(ink_proc_count("max", "max"), 0);
}

static void put(const char *root, const char *path, const char *text)
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

/* What was put, and its folders, the deepest first. */
static void take_away(const char *root)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", root);
    assert_int_equal(system(command), 0);
}

static void both_versions(void **state)
{
    char root[64];
    ink_stall stall;
    (void)state;
    ink_temporary_folder(root);
    ink_stall_read(&stall, root);
    assert_true(stall.some == 0 && stall.full == 0 && stall.n_events == 0);
    put(root, "/proc/pressure/memory", "some avg10=5.00 avg60=0\nfull avg10=1.00 avg60=0\n");
    ink_stall_read(&stall, root);
    assert_true(stall.some == 5 && stall.full == 1);
    put(root, "/proc/self/cgroup", "4:memory:/a/b\n1:cpu:/c\n");
    put(root, "/sys/fs/cgroup/memory/a/b/memory.failcnt", "12\n");
    ink_stall_read(&stall, root);
    assert_int_equal(stall.n_events, 12);
    put(root, "/proc/self/cgroup", "0::/mine\n");
    put(root, "/sys/fs/cgroup/mine/memory.pressure", "some avg10=50.00\nfull avg10=40.00\n");
    put(root, "/sys/fs/cgroup/mine/memory.events", "low 0\nhigh 2\nmax 5\n");
    ink_stall_read(&stall, root);
    assert_true(stall.some == 50 && stall.full == 40);
    assert_int_equal(stall.n_events, 7);
    take_away(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(averages),
        cmocka_unit_test(counters),
        cmocka_unit_test(both_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
