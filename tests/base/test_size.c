/* Checked arithmetic at its edges. */
#include "base/size.h"
#include "support.h"

static void products_and_sums_at_the_edge(void **state)
{
    (void)state;
    const size_t root = (size_t)1 << (sizeof(size_t) * 4); /* root * root is one too many */
    size_t out = 0;
    assert_true(ink_size_mul(0, SIZE_MAX, &out));
    assert_int_equal(out, 0);
    assert_true(ink_size_mul(root, root - 1, &out));
    assert_true(out == root * (root - 1));
    assert_false(ink_size_mul(root, root, &out));
    assert_false(ink_size_mul(SIZE_MAX, 2, &out));
    assert_true(ink_size_add(SIZE_MAX - 1, 1, &out));
    assert_true(out == SIZE_MAX);
    assert_false(ink_size_add(SIZE_MAX, 1, &out));
}

static void wide_products_and_sums_at_the_edge(void **state)
{
    (void)state;
    uint64_t out = 0;
    assert_true(ink_u64_mul(UINT64_C(1) << 32, UINT32_MAX, &out));
    assert_true(out == (uint64_t)UINT32_MAX << 32);
    assert_false(ink_u64_mul(UINT64_C(1) << 32, UINT64_C(1) << 32, &out));
    assert_true(ink_u64_add(UINT64_MAX, 0, &out));
    assert_true(out == UINT64_MAX);
    assert_false(ink_u64_add(UINT64_MAX, 1, &out));
}

static void alignment_rounds_up_or_refuses(void **state)
{
    (void)state;
    size_t out = 0;
    for (size_t alignment = 1; alignment <= 4096; alignment *= 2)
        for (size_t bytes = 0; bytes < 3 * alignment; bytes++) {
            assert_true(ink_size_align(bytes, alignment, &out));
            assert_true(out >= bytes && out - bytes < alignment && out % alignment == 0);
        }
    assert_false(ink_size_align(SIZE_MAX - 2, 16, &out));
    assert_true(ink_size_align(SIZE_MAX - 15, 16, &out));
    assert_true(out == SIZE_MAX - 15);
}

static void groups_cover_every_count(void **state)
{
    (void)state;
    for (size_t group = 1; group < 40; group++)
        for (size_t n = 0; n < 200; n++) {
            size_t groups = ink_size_groups(n, group);
            assert_true(groups * group >= n);
            assert_true(groups == 0 || (groups - 1) * group < n);
        }
    assert_true(ink_size_groups(SIZE_MAX, 32) == SIZE_MAX / 32 + 1);
    assert_true(ink_size_min(3, 5) == 3 && ink_size_min(5, 3) == 3);
    assert_true(ink_size_max(3, 5) == 5 && ink_size_max(5, 3) == 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_and_sums_at_the_edge),
        cmocka_unit_test(wide_products_and_sums_at_the_edge),
        cmocka_unit_test(alignment_rounds_up_or_refuses),
        cmocka_unit_test(groups_cover_every_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
