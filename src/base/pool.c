#define _POSIX_C_SOURCE 200809L
#include "base/pool.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include "base/budget.h"
#include "base/cpu.h"

/*
 * About 20 microseconds: longer than the wait between the stages of one step, far shorter than a
 * time slice.
 */
#define SPINS 600

/*
 * A stage's claim counter carries the run's number in its upper half, so that a thread that wakes
 * up late cannot claim a task of a run that it knows nothing of.
 */
typedef struct stage {
    _Atomic uint64_t next; /* run << 32 | next task */
    _Atomic uint32_t done, n_tasks;
} stage;

typedef struct worker {
    ink_pool *pool;
    pthread_t thread;
    int index;
} worker;

struct ink_pool {
    const ink_allocator *allocator;
    int n_threads;
    worker *workers; /* [n_threads]; 0 is the caller and has no thread */
    int n_started;   /* threads to join */

    stage *stages; /* [n_reserved] */
    size_t n_reserved;
    /* of the current run; under the lock, as are n_inside and changes of `run` */
    ink_pool_work work;
    int n_inside; /* workers that may look at `stages` */
    _Atomic uint32_t run;
    _Atomic bool stop;

    pthread_mutex_t lock;
    pthread_cond_t wake;
    _Atomic int n_parked;
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* What a waiting thread waits for: a new run (stage NULL), or the end of a stage. */
typedef struct awaited {
    const stage *stage;
    uint32_t run;
} awaited;

static bool happened(ink_pool *pool, awaited event)
{
    if (atomic_load(&pool->run) != event.run) /* so this stage ended long ago */
        return true;
    if (event.stage)
        return atomic_load(&event.stage->done) >= atomic_load(&event.stage->n_tasks);
    return atomic_load(&pool->stop);
}

static void await(ink_pool *pool, awaited event)
{
    for (int i = 0; i < SPINS; i++) {
        if (happened(pool, event))
            return;
        relax();
    }
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->n_parked, 1);
    while (!happened(pool, event))
        pthread_cond_wait(&pool->wake, &pool->lock);
    atomic_fetch_sub(&pool->n_parked, 1);
    pthread_mutex_unlock(&pool->lock);
}

/* Whoever changed what others may wait for calls this after the change. */
static void announce(ink_pool *pool)
{
    if (atomic_load(&pool->n_parked) == 0)
        return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

/* A task of this run's stage: false when none is left or the run is over. */
static bool claim(stage *at, uint32_t run, uint32_t *task)
{
    uint64_t next = atomic_load(&at->next);
    do {
        *task = (uint32_t)next;
        if ((uint32_t)(next >> 32) != run || *task >= atomic_load(&at->n_tasks))
            return false;
    } while (!atomic_compare_exchange_weak(&at->next, &next, next + 1));
    return true;
}

/*
 * `work` is the thread's own copy; its context is alive for as long as a claimed task is not done.
 */
static void work_through(ink_pool *pool, const ink_pool_work *work, uint32_t run, int thread)
{
    for (size_t s = 0; s < work->n_stages; s++) {
        stage *at = &pool->stages[s];
        uint32_t task;
        while (claim(at, run, &task)) {
            work->task(work->context, s, task, thread);
            if (atomic_fetch_add(&at->done, 1) + 1 == atomic_load(&at->n_tasks))
                announce(pool);
        }
        await(pool, (awaited){at, run});
        if (atomic_load(&pool->run) != run)
            return;
    }
}

static void *worker_main(void *argument)
{
    worker *self = argument;
    ink_pool *pool = self->pool;
    uint32_t seen = 0;
    for (;;) {
        await(pool, (awaited){NULL, seen});
        if (atomic_load(&pool->stop))
            return NULL;
        pthread_mutex_lock(&pool->lock);
        ink_pool_work work = pool->work;
        seen = atomic_load(&pool->run);
        pool->n_inside++;
        pthread_mutex_unlock(&pool->lock);
        work_through(pool, &work, seen, self->index);
        pthread_mutex_lock(&pool->lock);
        pool->n_inside--;
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->lock);
    }
}

void ink_pool_run(ink_pool *pool, const ink_pool_work *work)
{
    assert(work->n_stages <= pool->n_reserved);
    if (pool->n_threads == 1) {
        for (size_t s = 0; s < work->n_stages; s++)
            for (uint32_t task = 0; task < work->n_tasks[s]; task++)
                work->task(work->context, s, task, 0);
        return;
    }
    pthread_mutex_lock(&pool->lock);
    uint32_t run = atomic_load(&pool->run) + 1;
    for (size_t s = 0; s < work->n_stages; s++) {
        stage *at = &pool->stages[s];
        /*
         * Closed before it changes: a late thread must not take the new count with the old run's
         * number.
         */
        atomic_store(&at->next, (uint64_t)run << 32 | UINT32_MAX);
        atomic_store(&at->done, 0);
        atomic_store(&at->n_tasks, work->n_tasks[s]);
        atomic_store(&at->next, (uint64_t)run << 32);
    }
    pool->work = *work;
    atomic_store(&pool->run, run);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    work_through(pool, work, run, 0);
}

ink_status ink_pool_reserve(ink_pool *pool, size_t n_stages, ink_error *error)
{
    if (n_stages <= pool->n_reserved)
        return INK_OK;
    pthread_mutex_lock(&pool->lock);
    while (pool->n_inside > 0)
        pthread_cond_wait(&pool->wake, &pool->lock);
    stage *grown = ink_resize(pool->allocator, pool->stages, n_stages, sizeof *grown);
    if (grown) {
        pool->stages = grown;
        for (size_t s = pool->n_reserved; s < n_stages; s++) {
            atomic_init(&grown[s].next, 0);
            atomic_init(&grown[s].done, 0);
            atomic_init(&grown[s].n_tasks, 0);
        }
        pool->n_reserved = n_stages;
    }
    pthread_mutex_unlock(&pool->lock);
    return grown ? INK_OK : ink_fail_memory(error, "the thread pool's stages");
}

size_t ink_pool_bytes(int n_threads, size_t n_stages)
{
    return sizeof(ink_pool) + (size_t)n_threads * sizeof(worker) + n_stages * sizeof(stage) +
           3 * INK_BUDGET_HEADER_BYTES;
}

int ink_pool_threads(const ink_pool *pool)
{
    return pool->n_threads;
}

static ink_status start_workers(ink_pool *pool, ink_error *error)
{
    for (int i = 1; i < pool->n_threads; i++) {
        worker *self = &pool->workers[i];
        *self = (worker){.pool = pool, .index = i};
        if (pthread_create(&self->thread, NULL, worker_main, self) != 0)
            return ink_fail(error, INK_LIMIT, 0,
                            "the system refused thread %d of %d; ask for fewer threads", i + 1,
                            pool->n_threads);
        pool->n_started = i;
    }
    return INK_OK;
}

ink_status ink_pool_choose_threads(int wanted, int *n_threads, ink_error *error)
{
    if (wanted < 0 || wanted > INK_MAX_THREADS)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%d threads; from 1 to %d are possible, or 0 for one for each processor",
                        wanted, INK_MAX_THREADS);
    int n = wanted ? wanted : ink_cpu_count();
    *n_threads = n < INK_MAX_THREADS ? n : INK_MAX_THREADS;
    return INK_OK;
}

ink_status ink_pool_new(ink_pool **out, int n_threads, const ink_allocator *allocator,
                        ink_error *error)
{
    if (n_threads < 1 || n_threads > INK_MAX_THREADS)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "%d threads; from 1 to %d are possible",
                        n_threads, INK_MAX_THREADS);
    ink_pool *pool = ink_new(allocator, 1, sizeof *pool);
    if (!pool)
        return ink_fail_memory(error, "a thread pool");
    pool->allocator = allocator;
    pool->n_threads = n_threads;
    /* Neither fails with default attributes on Linux. */
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->wake, NULL);
    pool->workers = ink_new(allocator, (size_t)n_threads, sizeof *pool->workers);
    ink_status status =
        pool->workers ? start_workers(pool, error) : ink_fail_memory(error, "a thread pool");
    if (status != INK_OK) {
        ink_pool_free(pool);
        return status;
    }
    *out = pool;
    return INK_OK;
}

void ink_pool_free(ink_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->stop, true);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 1; i <= pool->n_started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    ink_delete(pool->allocator, pool->stages);
    ink_delete(pool->allocator, pool->workers);
    ink_delete(pool->allocator, pool);
}
