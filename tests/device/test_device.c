/*
 * The device interface: programs that share memory, limits of threads, and every allocation
 * failing.
 */
#include "../support.h"

#include "base/pool.h"
#include "device/device.h"

static const float two[2] = {1, 2};

/* y = 2 * (x + {1, 2}), [n_rows, 2]. */
static ink_array *record(ink_graph *graph, size_t n_rows, ink_array **x)
{
    *x = ink_input(graph, INK_F32, 2, (size_t[]){n_rows, 2});
    return ink_output(ink_scale(ink_add(*x, ink_vector(graph, two, 2)), 2));
}

static void run(ink_program *program, ink_array *x, ink_array *y, float first)
{
    float *from = ink_program_data(program, x);
    for (size_t i = 0; i < ink_elements(x); i++)
        from[i] = first + (float)i;
    assert_int_equal(ink_program_run(program, NULL), INK_OK);
    const float *got = ink_program_data(program, y);
    for (size_t i = 0; i < ink_elements(y); i++)
        assert_true(got[i] == 2 * (first + (float)i + two[i % 2]));
}

static void programs_take_turns(void **state)
{
    (void)state;
    ink_device *device;
    ink_graph graphs[3];
    ink_program *programs[3];
    ink_array *x[3], *y[3];
    static const size_t n_rows[3] = {3, 500, 40};
    assert_int_equal(ink_device_cpu_new(&device, 2, ink_cpu_features(), NULL, NULL), INK_OK);
    for (int i = 0; i < 3; i++) {
        ink_graph_init(&graphs[i], NULL);
        y[i] = record(&graphs[i], n_rows[i], &x[i]);
        assert_int_equal(ink_program_new(&programs[i], device, &graphs[i], NULL), INK_OK);
        for (int j = i; j >= 0; j--)
            run(programs[j], x[j], y[j], (float)(10 * i + j));
    }
    /* One block for all: what the largest needs, and scratch; not the sum. */
    assert_true(ink_device_memory_bytes(device) < 3 * 500 * 2 * sizeof(float) * 2);
    ink_program_free(programs[1]);
    run(programs[0], x[0], y[0], 5);
    run(programs[2], x[2], y[2], 6);
    ink_program_free(programs[0]);
    ink_program_free(programs[2]);
    for (int i = 0; i < 3; i++)
        ink_graph_deinit(&graphs[i]);
    ink_device_free(device);
}

static void thread_counts_have_limits(void **state)
{
    static const int wrong[] = {0, -1, INK_MAX_THREADS + 1, 2147483647, -2147483647 - 1};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ink_device *device = NULL;
        ink_error error = {.status = INK_OK};
        ink_test_allocator memory;
        ink_test_allocator_init(&memory, 0);
        ink_status status = ink_device_cpu_new(&device, wrong[i], 0, &memory.allocator, &error);
        assert_int_equal(status, INK_BAD_ARGUMENT);
        assert_int_equal(error.status, status);
        assert_null(device);
        assert_int_equal(memory.n_blocks, 0);
    }
}

static ink_status whole(const ink_allocator *allocator, void *context)
{
    ink_device *device = NULL;
    ink_program *program = NULL;
    ink_graph graph;
    ink_array *x, *y;
    ink_graph_init(&graph, allocator);
    ink_status status =
        ink_device_cpu_new(&device, *(const int *)context, ink_cpu_features(), allocator, NULL);
    if (status == INK_OK) {
        y = record(&graph, 5, &x);
        status = ink_program_new(&program, device, &graph, NULL);
    }
    if (status == INK_OK)
        run(program, x, y, 1);
    ink_program_free(program);
    ink_device_free(device);
    ink_graph_deinit(&graph);
    return status;
}

static void every_allocation_fails_once(void **state)
{
    (void)state;
    for (int n_threads = 1; n_threads <= 3; n_threads++)
        assert_true(ink_fail_each_allocation(whole, &n_threads, 100) > 8);
}

static void nothing_may_be_freed(void **state)
{
    (void)state;
    ink_device_free(NULL);
    ink_program_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_take_turns),
        cmocka_unit_test(thread_counts_have_limits),
        cmocka_unit_test(every_allocation_fails_once),
        cmocka_unit_test(nothing_may_be_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
