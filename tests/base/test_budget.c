/* The counting allocator: what it counts, what it refuses, and that it outlives its owner. */
#include "support.h"

#include <string.h>

#include "base/budget.h"

#define HEADER INK_BUDGET_HEADER_BYTES

static ink_budget_use use_of(const ink_allocator *budget)
{
    ink_budget_use use;
    ink_budget_get(budget, &use);
    return use;
}

static void counts_every_byte(void **state)
{
    ink_test_allocator below;
    (void)state;
    ink_test_allocator_init(&below, 0);
    const ink_allocator *budget = ink_budget_new(&below.allocator, SIZE_MAX);
    size_t own = use_of(budget).used_bytes;
    assert_int_equal(own, below.n_bytes);
    char *a = ink_new(budget, 100, 1), *b = ink_resize(budget, NULL, 10, 1);
    assert_int_equal(use_of(budget).used_bytes, own + 110 + 2 * HEADER);
    assert_int_equal(use_of(budget).used_bytes, below.n_bytes);
    memset(b, 7, 10);
    b = ink_resize(budget, b, 1000, 1);
    for (int i = 0; i < 10; i++)
        assert_int_equal(b[i], 7);
    a = ink_resize(budget, a, 1, 1);
    assert_int_equal(use_of(budget).used_bytes, own + 1001 + 2 * HEADER);
    assert_int_equal(use_of(budget).peak_bytes, own + 1100 + 2 * HEADER);
    ink_delete(budget, a);
    ink_delete(budget, b);
    assert_int_equal(use_of(budget).used_bytes, own);
    ink_budget_free(budget);
    assert_int_equal(below.n_blocks, 0);
}

static void refuses_what_is_beyond(void **state)
{
    (void)state;
    const ink_allocator *budget = ink_budget_new(NULL, 4096);
    size_t room = 4096 - use_of(budget).used_bytes;
    assert_null(ink_resize(budget, NULL, room - HEADER + 1, 1));
    assert_null(ink_resize(budget, NULL, SIZE_MAX - 8, 1));
    char *all = ink_resize(budget, NULL, room - HEADER, 1);
    assert_non_null(all);
    assert_null(ink_resize(budget, NULL, 1, 1));
    assert_null(ink_resize(budget, all, room - HEADER + 1, 1));
    all = ink_resize(budget, all, room - HEADER - 64, 1);
    char *more = ink_new(budget, 64 - HEADER, 1);
    assert_non_null(more);
    assert_int_equal(use_of(budget).used_bytes, 4096);
    ink_delete(budget, more);
    ink_delete(budget, all);
    ink_budget_free(budget);
}

static void what_fails_below_is_not_counted(void **state)
{
    ink_test_allocator below;
    (void)state;
    ink_test_allocator_init(&below, 2);
    const ink_allocator *budget = ink_budget_new(&below.allocator, SIZE_MAX);
    size_t before = use_of(budget).used_bytes;
    assert_null(ink_new(budget, 5, 5));
    assert_int_equal(use_of(budget).used_bytes, before);
    ink_budget_free(budget);
    ink_test_allocator_init(&below, 1);
    assert_null(ink_budget_new(&below.allocator, 1));
}

static void lives_as_long_as_its_blocks(void **state)
{
    ink_test_allocator below;
    (void)state;
    ink_test_allocator_init(&below, 0);
    const ink_allocator *budget = ink_budget_new(&below.allocator, SIZE_MAX);
    char *kept = ink_new(budget, 10, 1);
    ink_budget_free(budget);
    assert_int_equal(below.n_blocks, 2);
    kept[9] = 1;
    ink_delete(budget, kept);
    assert_int_equal(below.n_blocks, 0);
}

static void large_blocks_are_aligned(void **state)
{
    static const size_t sizes[] = {1, 4096, 40 << 20};
    (void)state;
    const ink_allocator *budget = ink_budget_new(NULL, SIZE_MAX);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t before = use_of(budget).used_bytes;
        char *block = ink_new_large(budget, sizes[i]);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % 4096, 0);
        assert_int_equal(use_of(budget).used_bytes - before,
                         ink_large_bytes(budget, sizes[i]) + HEADER);
        ink_delete_aligned(budget, block);
    }
    assert_true(ink_allocator_is_system(NULL));
    assert_true(ink_allocator_is_system(budget));
    ink_budget_free(budget);
    ink_test_allocator below;
    ink_test_allocator_init(&below, 0);
    budget = ink_budget_new(&below.allocator, SIZE_MAX);
    assert_false(ink_allocator_is_system(budget));
    assert_false(ink_allocator_is_system(&below.allocator));
    ink_budget_free(budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_every_byte),
        cmocka_unit_test(refuses_what_is_beyond),
        cmocka_unit_test(what_fails_below_is_not_counted),
        cmocka_unit_test(lives_as_long_as_its_blocks),
        cmocka_unit_test(large_blocks_are_aligned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
