/*
 * The thread pool: every task once, stages in order, one task per thread at a time, nothing after
 * the run returned, no processor time while idle, and creation that may fail anywhere.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/pool.h"
#include "support.h"

#define MAX_STAGES 8
#define MAX_TASKS 64
/* More than processors, so that threads are taken off between two tasks. */
#define MAX_TEST_THREADS 5

/* One run and what its tasks saw. Atomics, because an error here would itself be a race. */
typedef struct run {
    uint32_t n_tasks[MAX_STAGES];
    size_t n_stages;
    _Atomic uint32_t n_seen[MAX_STAGES][MAX_TASKS];
    _Atomic uint32_t n_done[MAX_STAGES];
    _Atomic int busy[MAX_TEST_THREADS];
    _Atomic uint32_t n_wrong; /* out of order, out of range, two at once, or after the end */
    _Atomic bool over;
    uint32_t written[MAX_TASKS]; /* without atomics: stages must order plain memory too */
} run;

static void see_task(void *context, size_t stage, size_t task, int thread)
{
    run *at = context;
    bool wrong = atomic_load(&at->over) || stage >= at->n_stages || task >= at->n_tasks[stage] ||
                 thread < 0 || thread >= MAX_TEST_THREADS;
    if (wrong) {
        atomic_fetch_add(&at->n_wrong, 1);
        return;
    }
    if (atomic_fetch_add(&at->busy[thread], 1) != 0)
        atomic_fetch_add(&at->n_wrong, 1);
    for (size_t before = 0; before < stage; before++)
        if (atomic_load(&at->n_done[before]) != at->n_tasks[before])
            atomic_fetch_add(&at->n_wrong, 1);
    at->written[task] += (uint32_t)stage + 1; /* the same element in every stage */
    atomic_fetch_add(&at->n_seen[stage][task], 1);
    atomic_fetch_add(&at->n_done[stage], 1);
    atomic_fetch_sub(&at->busy[thread], 1);
}

static void check_run(ink_pool *pool, run *at)
{
    ink_pool_work work = {
        .task = see_task, .context = at, .n_tasks = at->n_tasks, .n_stages = at->n_stages};
    ink_pool_run(pool, &work);
    atomic_store(&at->over, true);
    assert_int_equal(atomic_load(&at->n_wrong), 0);
    for (size_t task = 0; task < MAX_TASKS; task++) {
        uint32_t expected = 0;
        for (size_t stage = 0; stage < at->n_stages; stage++) {
            bool exists = task < at->n_tasks[stage];
            assert_int_equal(atomic_load(&at->n_seen[stage][task]), exists);
            expected += exists ? (uint32_t)stage + 1 : 0;
        }
        assert_int_equal(at->written[task], expected);
    }
}

static ink_pool *new_pool(int n_threads)
{
    ink_pool *pool = NULL;
    ink_error error;
    assert_int_equal(ink_pool_new(&pool, n_threads, NULL, &error), INK_OK);
    assert_int_equal(ink_pool_threads(pool), n_threads);
    assert_int_equal(ink_pool_reserve(pool, MAX_STAGES, &error), INK_OK);
    return pool;
}

static void every_task_runs_once_in_stage_order(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (int n_threads = 1; n_threads <= MAX_TEST_THREADS; n_threads++) {
        ink_pool *pool = new_pool(n_threads);
        for (int round = 0; round < 400; round++) {
            run at = {.n_stages = (size_t)ink_test_random(&random) % (MAX_STAGES + 1)};
            for (size_t stage = 0; stage < at.n_stages; stage++)
                at.n_tasks[stage] = (uint32_t)(ink_test_random(&random) % (MAX_TASKS + 1));
            check_run(pool, &at);
        }
        ink_pool_free(pool);
    }
}

/*
 * Short runs of changing length, each with a context of its own that stays alive to the end: a
 * thread that wakes up late must not find a task of the run it knew in a counter that is being set
 * up for the next.
 */
static void no_task_runs_after_its_run(void **state)
{
    (void)state;
    enum { N_RUNS = 4000 };
    run *runs = calloc(N_RUNS, sizeof *runs);
    assert_non_null(runs);
    ink_pool *pool = new_pool(MAX_TEST_THREADS);
    for (size_t i = 0; i < N_RUNS; i++) {
        runs[i].n_stages = 1 + i % 3;
        for (size_t stage = 0; stage < runs[i].n_stages; stage++)
            runs[i].n_tasks[stage] = (uint32_t)(1 + (i * 7 + stage) % 9);
        check_run(pool, &runs[i]);
    }
    ink_pool_free(pool);
    for (size_t i = 0; i < N_RUNS; i++)
        assert_int_equal(atomic_load(&runs[i].n_wrong), 0);
    free(runs);
}

static void stages_may_be_reserved_between_runs(void **state)
{
    (void)state;
    ink_pool *pool = NULL;
    assert_int_equal(ink_pool_new(&pool, 3, NULL, NULL), INK_OK);
    for (size_t n_stages = 1; n_stages <= MAX_STAGES; n_stages++) {
        assert_int_equal(ink_pool_reserve(pool, n_stages, NULL), INK_OK);
        run at = {.n_stages = n_stages};
        for (size_t stage = 0; stage < n_stages; stage++)
            at.n_tasks[stage] = 5;
        check_run(pool, &at);
    }
    ink_pool_free(pool);
}

static double seconds(clockid_t clock)
{
    struct timespec now;
    assert_int_equal(clock_gettime(clock, &now), 0);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/*
 * Idle threads park after some microseconds of spinning; one that spun on would use the whole wait.
 */
static void an_idle_pool_uses_no_processor_time(void **state)
{
    (void)state;
    ink_pool *pool = new_pool(4);
    run at = {.n_tasks = {10}, .n_stages = 1};
    check_run(pool, &at);
    struct timespec settle = {.tv_nsec = 100 * 1000 * 1000}, wait = {.tv_nsec = 500 * 1000 * 1000};
    (void)nanosleep(&settle, NULL);
    double before = seconds(CLOCK_PROCESS_CPUTIME_ID);
    (void)nanosleep(&wait, NULL);
    assert_true(seconds(CLOCK_PROCESS_CPUTIME_ID) - before < 0.05);
    ink_pool_free(pool);
}

static void wrong_thread_counts_are_refused(void **state)
{
    (void)state;
    static const int wrong[] = {0, -1, INK_MAX_THREADS + 1, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ink_pool *pool = NULL;
        ink_error error = {0};
        assert_int_equal(ink_pool_new(&pool, wrong[i], NULL, &error), INK_BAD_ARGUMENT);
        assert_null(pool);
        assert_true(strlen(error.message) > 0);
    }
    ink_pool_free(NULL);
}

static ink_status make_and_reserve(const ink_allocator *allocator, void *context)
{
    (void)context;
    ink_pool *pool = NULL;
    ink_status status = ink_pool_new(&pool, 3, allocator, NULL);
    if (status == INK_OK)
        status = ink_pool_reserve(pool, 20, NULL);
    ink_pool_free(pool);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(ink_fail_each_allocation(make_and_reserve, NULL, 20) >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once_in_stage_order),
        cmocka_unit_test(no_task_runs_after_its_run),
        cmocka_unit_test(stages_may_be_reserved_between_runs),
        cmocka_unit_test(an_idle_pool_uses_no_processor_time),
        cmocka_unit_test(wrong_thread_counts_are_refused),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
