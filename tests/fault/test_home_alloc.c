/* Each allocation fails in turn while a home is read. */
#include "support.h"

#include <string.h>
#include "home/home.h"

static ink_status read_home(const ink_allocator *allocator, void *context)
{
    const char *json = context;
    ink_home *home = NULL;
    ink_status status = ink_home_read(&home, json, strlen(json), "h", allocator, NULL);
    assert_int_equal(home != NULL, status == INK_OK);
    ink_home_free(home);
    return status;
}

static void a_home_runs_out_of_memory(void **state)
{
    static char json[] = "{\"areas\":[{\"name\":\"A\",\"aliases\":[\"B\",\"C\"]}],\"devices\":"
                         "[{\"name\":\"D\",\"domain\":\"fan\",\"area\":\"A\"}]}";
    (void)state;
    assert_true(ink_fail_each_allocation(read_home, json, 1000) > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_home_runs_out_of_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
