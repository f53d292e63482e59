/* Errors: every row has a text, a failure fills the caller's error, long messages are cut. */
#include <string.h>

#include "base/status.h"
#include "support.h"

static void every_status_has_its_own_text(void **state)
{
    (void)state;
    static const ink_status all[] = {
#define X(name, value, text) INK_##name,
        INK_STATUS_TABLE(X)
#undef X
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_int_equal(all[i], i);
        assert_true(strlen(ink_status_text(all[i])) > 0);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(ink_status_text(all[i]), ink_status_text(all[j]));
    }
    assert_string_equal(ink_status_text((ink_status)99), "unknown status");
}

static void failing_fills_the_error(void **state)
{
    (void)state;
    ink_error error = {0};
    assert_int_equal(ink_fail(&error, INK_CORRUPT, 17, "%s: %d", "file", 42), INK_CORRUPT);
    assert_int_equal(error.status, INK_CORRUPT);
    assert_int_equal(error.offset, 17);
    assert_string_equal(error.message, "file: 42");
    assert_int_equal(ink_fail_memory(&error, "a thing"), INK_NO_MEMORY);
    assert_int_equal(error.status, INK_NO_MEMORY);
    assert_non_null(strstr(error.message, "a thing"));
}

static void an_error_may_be_null(void **state)
{
    (void)state;
    assert_int_equal(ink_fail(NULL, INK_IO, 0, "unseen"), INK_IO);
    assert_int_equal(ink_fail_memory(NULL, "unseen"), INK_NO_MEMORY);
}

static void a_long_message_is_cut(void **state)
{
    (void)state;
    ink_error error;
    char text[2000];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)ink_fail(&error, INK_LIMIT, 0, "%s", text);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
}

static ink_status three_steps(int failing, int *reached)
{
    for (*reached = 0; *reached < 3; ++*reached)
        INK_TRY(*reached == failing ? INK_LIMIT : INK_OK);
    return INK_OK;
}

static void try_returns_the_first_failure(void **state)
{
    (void)state;
    int reached;
    assert_int_equal(three_steps(1, &reached), INK_LIMIT);
    assert_int_equal(reached, 1);
    assert_int_equal(three_steps(-1, &reached), INK_OK);
    assert_int_equal(reached, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_its_own_text), cmocka_unit_test(failing_fills_the_error),
        cmocka_unit_test(an_error_may_be_null),          cmocka_unit_test(a_long_message_is_cut),
        cmocka_unit_test(try_returns_the_first_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
