/* CPU features: what was found, and how INK_CPU masks it down. */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "support.h"

static const struct {
    const char *name;
    uint32_t features;
} rows[] = {
#define X(name, NAME, features) {#name, features},
    INK_CPU_TABLE(X)
#undef X
};
#define N_ROWS (sizeof rows / sizeof *rows)

static int forget_mask(void **state)
{
    (void)state;
    return unsetenv("INK_CPU");
}

static void without_a_mask_all_found_features_are_used(void **state)
{
    (void)state;
    uint32_t features = ~0u;
    assert_int_equal(ink_cpu_select(&features, NULL), INK_OK);
    assert_int_equal(features, ink_cpu_features());
    assert_int_equal(setenv("INK_CPU", "", 1), 0);
    assert_int_equal(ink_cpu_select(&features, NULL), INK_OK);
    assert_int_equal(features, ink_cpu_features());
}

static void a_mask_selects_its_row_or_is_refused(void **state)
{
    (void)state;
    uint32_t found = ink_cpu_features();
    for (size_t i = 0; i < N_ROWS; i++) {
        uint32_t features = 0xdeadu;
        ink_error error = {0};
        assert_int_equal(setenv("INK_CPU", rows[i].name, 1), 0);
        ink_status status = ink_cpu_select(&features, &error);
        if (rows[i].features & ~found) {
            assert_int_equal(status, INK_BAD_ARGUMENT);
            assert_non_null(strstr(error.message, rows[i].name));
            assert_int_equal(features, 0xdeadu);
        } else {
            assert_int_equal(status, INK_OK);
            assert_int_equal(features, rows[i].features);
        }
    }
}

static void an_unknown_mask_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"avx", "AVX2", "avx2 ", "sse9", "0"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint32_t features = 7;
        ink_error error = {0};
        assert_int_equal(setenv("INK_CPU", wrong[i], 1), 0);
        assert_int_equal(ink_cpu_select(&features, &error), INK_BAD_ARGUMENT);
        assert_non_null(strstr(error.message, "INK_CPU"));
        assert_int_equal(features, 7);
    }
}

static void each_row_has_its_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS; i++)
        assert_string_equal(ink_cpu_name(rows[i].features), rows[i].name);
    assert_true(ink_cpu_count() >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_a_mask_all_found_features_are_used, forget_mask,
                                        forget_mask),
        cmocka_unit_test_setup_teardown(a_mask_selects_its_row_or_is_refused, forget_mask,
                                        forget_mask),
        cmocka_unit_test_setup_teardown(an_unknown_mask_is_refused, forget_mask, forget_mask),
        cmocka_unit_test(each_row_has_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
