/*
 * The allocator hook, the arena and the buffer: contents, alignment, limits, and every allocation
 * failing in turn.
 */
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "support.h"

static bool all_zero(const void *memory, size_t n_bytes)
{
    const unsigned char *bytes = memory;
    for (size_t i = 0; i < n_bytes; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

static void new_memory_is_zero_and_products_are_checked(void **state)
{
    (void)state;
    ink_test_allocator test;
    ink_test_allocator_init(&test, 0);
    const ink_allocator *allocators[] = {NULL, &test.allocator};
    for (size_t i = 0; i < 2; i++) {
        void *some = ink_new(allocators[i], 100, 7), *none = ink_new(allocators[i], 0, 8);
        assert_true(some && all_zero(some, 700));
        assert_non_null(none);
        assert_null(ink_new(allocators[i], SIZE_MAX / 2, 3));
        assert_null(ink_resize(allocators[i], NULL, SIZE_MAX / 2, 3));
        ink_delete(allocators[i], some);
        ink_delete(allocators[i], none);
        ink_delete(allocators[i], NULL);
    }
    assert_int_equal(test.n_blocks, 0);
}

static void resizing_keeps_what_was_there(void **state)
{
    (void)state;
    ink_test_allocator test;
    ink_test_allocator_init(&test, 3);
    char *text = ink_copy_string(&test.allocator, "abc", 2);
    assert_string_equal(text, "ab");
    text = ink_resize(&test.allocator, text, 50, 2);
    assert_memory_equal(text, "ab", 3);
    assert_int_equal(test.n_bytes, 100);
    assert_null(ink_resize(&test.allocator, text, 200, 1));
    assert_memory_equal(text, "ab", 3);
    assert_int_equal(test.n_bytes, 100);
    ink_delete(&test.allocator, text);
    assert_int_equal(test.n_blocks, 0);
    assert_int_equal(test.n_bytes, 0);
}

static void aligned_blocks_are_aligned(void **state)
{
    (void)state;
    ink_test_allocator test;
    ink_test_allocator_init(&test, 0);
    for (size_t alignment = sizeof(void *); alignment <= 4096; alignment *= 2)
        for (size_t bytes = 0; bytes < 70; bytes += 23) {
            char *block = ink_new_aligned(&test.allocator, bytes, alignment);
            assert_non_null(block);
            assert_int_equal((uintptr_t)block % alignment, 0);
            memset(block, 1, bytes);
            ink_delete_aligned(&test.allocator, block);
        }
    assert_null(ink_new_aligned(&test.allocator, SIZE_MAX - 4, 64));
    ink_delete_aligned(&test.allocator, NULL);
    assert_int_equal(test.n_blocks, 0);
}

static void the_arena_gives_zeroed_aligned_memory(void **state)
{
    (void)state;
    ink_test_allocator test;
    ink_test_allocator_init(&test, 0);
    ink_arena arena;
    ink_arena_init(&arena, &test.allocator, (size_t)1 << 20);
    assert_int_equal(test.n_calls, 0);
    size_t expected = 0;
    for (size_t bytes = 1; bytes < 700; bytes += 3) {
        char *taken = ink_arena_take(&arena, bytes, 1);
        assert_true(taken && all_zero(taken, bytes));
        assert_int_equal((uintptr_t)taken % alignof(max_align_t), 0);
        memset(taken, 0xff, bytes);
        expected +=
            (bytes + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
        assert_int_equal(arena.used_bytes, expected);
    }
    assert_string_equal(ink_arena_string(&arena, "wordless", 4), "word");
    ink_arena_deinit(&arena);
    assert_int_equal(test.n_blocks, 0);
}

static void the_arena_keeps_to_its_maximum(void **state)
{
    (void)state;
    ink_arena arena;
    ink_arena_init(&arena, NULL, 4096);
    assert_non_null(ink_arena_take(&arena, 4096, 1));
    assert_null(ink_arena_take(&arena, 1, 1));
    assert_null(ink_arena_take(&arena, SIZE_MAX, 2));
    assert_null(ink_arena_take(&arena, SIZE_MAX, 1));
    ink_arena_reset(&arena);
    assert_non_null(ink_arena_take(&arena, 1, 4096));
    ink_arena_deinit(&arena);
}

static void the_same_work_again_needs_no_new_memory(void **state)
{
    (void)state;
    ink_test_allocator test;
    ink_test_allocator_init(&test, 0);
    ink_arena arena;
    ink_arena_init(&arena, &test.allocator, SIZE_MAX);
    size_t calls_after_first = 0;
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < 100; i++)
            assert_non_null(ink_arena_take(&arena, 5000, 1));
        ink_arena_reset(&arena);
        if (round == 0)
            calls_after_first = test.n_calls;
    }
    assert_int_equal(test.n_calls, calls_after_first);
    ink_arena_deinit(&arena);
    assert_int_equal(test.n_blocks, 0);
}

static void the_buffer_grows_and_stays_terminated(void **state)
{
    (void)state;
    ink_buffer buffer;
    ink_buffer_init(&buffer, NULL, 10000);
    assert_true(ink_buffer_append(&buffer, NULL, 0));
    assert_string_equal(buffer.data, "");
    for (size_t i = 0; i < 1000; i++) {
        assert_true(ink_buffer_format(&buffer, "%zu,", i % 10));
        assert_int_equal(buffer.n_bytes, 2 * (i + 1));
        assert_int_equal(strlen(buffer.data), buffer.n_bytes);
    }
    assert_true(ink_buffer_text(&buffer, "end"));
    assert_string_equal(buffer.data + 1990, "5,6,7,8,9,end");
    ink_buffer_deinit(&buffer);
    assert_null(buffer.data);
}

static void a_full_buffer_stays_as_it_was(void **state)
{
    (void)state;
    ink_buffer buffer;
    ink_buffer_init(&buffer, NULL, 5);
    assert_true(ink_buffer_text(&buffer, "1234"));
    assert_false(buffer.failed);
    assert_false(ink_buffer_text(&buffer, "56"));
    assert_true(buffer.failed);
    assert_string_equal(buffer.data, "1234");
    assert_false(ink_buffer_format(&buffer, "%d", 56));
    assert_null(ink_buffer_reserve(&buffer, SIZE_MAX));
    assert_true(ink_buffer_text(&buffer, "5"));
    assert_string_equal(buffer.data, "12345");
    assert_true(buffer.failed);
    ink_buffer_deinit(&buffer);
}

/* Something of everything, released whatever fails. */
static ink_status use_all(const ink_allocator *allocator, void *context)
{
    (void)context;
    ink_arena arena;
    ink_buffer buffer;
    ink_arena_init(&arena, allocator, SIZE_MAX);
    ink_buffer_init(&buffer, allocator, SIZE_MAX);
    char *copy = ink_copy_string(allocator, "text", 4);
    void *aligned = ink_new_aligned(allocator, 100, 64), *zeroed = ink_new(allocator, 3, 5);
    bool ok = copy && aligned && zeroed;
    for (int i = 0; i < 30; i++) {
        ok &= ink_arena_take(&arena, 10000, 1) != NULL;
        ok &= ink_buffer_text(&buffer, "a line that makes the buffer grow");
    }
    assert_int_equal(buffer.failed && ok, 0);
    ink_delete(allocator, copy);
    ink_delete_aligned(allocator, aligned);
    ink_delete(allocator, zeroed);
    ink_buffer_deinit(&buffer);
    ink_arena_deinit(&arena);
    return ok ? INK_OK : INK_NO_MEMORY;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(ink_fail_each_allocation(use_all, NULL, 100) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_memory_is_zero_and_products_are_checked),
        cmocka_unit_test(resizing_keeps_what_was_there),
        cmocka_unit_test(aligned_blocks_are_aligned),
        cmocka_unit_test(the_arena_gives_zeroed_aligned_memory),
        cmocka_unit_test(the_arena_keeps_to_its_maximum),
        cmocka_unit_test(the_same_work_again_needs_no_new_memory),
        cmocka_unit_test(the_buffer_grows_and_stays_terminated),
        cmocka_unit_test(a_full_buffer_stays_as_it_was),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
