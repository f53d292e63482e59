/*
 * A thread pool that runs stages of tasks: all tasks of one stage end before the next stage begins.
 *
 * Threads claim tasks one by one, and a stage ends when its tasks are done, not when every thread
 * has come by: a thread that the system took off its processor between two tasks holds nobody up,
 * and later skips what others did. Waiting spins briefly, then parks; an idle pool uses no
 * processor time. The caller's thread works too.
 */
#ifndef INK_BASE_POOL_H
#define INK_BASE_POOL_H

#include "base/status.h"

#define INK_MAX_THREADS 256

typedef struct ink_pool ink_pool;

/*
 * How many threads a caller's wish comes to: 0 is one for each processor, at most INK_MAX_THREADS.
 * BAD_ARGUMENT outside of 0 to INK_MAX_THREADS.
 */
ink_status ink_pool_choose_threads(int wanted, int *n_threads, ink_error *error);

typedef struct ink_pool_work {
    /* `thread` is 0 (the caller) to n_threads - 1 and never in two tasks at once. */
    void (*task)(void *context, size_t stage, size_t task, int thread);
    void *context;
    const uint32_t *n_tasks; /* [n_stages] */
    size_t n_stages;
} ink_pool_work;

/*
 * n_threads from 1 to INK_MAX_THREADS, the caller included. Threads that the system refuses are an
 * INK_LIMIT error.
 */
ink_status ink_pool_new(ink_pool **out, int n_threads, const ink_allocator *allocator,
                        ink_error *error);
void ink_pool_free(ink_pool *pool);

/* What a pool with room for n_stages asks the allocator for, at most. */
size_t ink_pool_bytes(int n_threads, size_t n_stages);

int ink_pool_threads(const ink_pool *pool);

/* Room for work of up to n_stages; ink_pool_run itself allocates nothing. Not while work runs. */
ink_status ink_pool_reserve(ink_pool *pool, size_t n_stages, ink_error *error);

/* Returns when all is done. One caller at a time. */
void ink_pool_run(ink_pool *pool, const ink_pool_work *work);

#endif
