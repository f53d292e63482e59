#define _DEFAULT_SOURCE
#include "cli/roofline.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/memory.h"
#include "base/pool.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "kernel/probe.h"

enum { RUNS = 2, TASKS_OF_THREAD = 8 };
#define MIN_BYTES ((size_t)256 << 20)
#define LARGE_PAGE ((size_t)2 << 20)
#define TASK_ROUNDS 250000

typedef struct meter {
    const ink_probe *probe;
    ink_pool *pool;
    char *buffer;
    size_t task_bytes, n_streams;
    uint64_t (*loop)(size_t n_rounds); /* NULL: read */
    _Atomic uint64_t sum;              /* what the loops return, so that they are not dropped */
} meter;

static void run_task(void *context, size_t stage, size_t task, int thread)
{
    meter *m = context;
    (void)stage, (void)thread;
    uint64_t sum =
        m->loop ? m->loop(TASK_ROUNDS)
                : m->probe->read(m->buffer + task * m->task_bytes, m->task_bytes, m->n_streams);
    atomic_fetch_add(&m->sum, sum);
}

/* The best of several runs, in seconds: whatever disturbs a run only makes it slower. */
static double best_seconds(meter *m)
{
    double best = 0;
    uint32_t n_tasks = (uint32_t)(ink_pool_threads(m->pool) * TASKS_OF_THREAD);
    for (int i = 0; i < RUNS && !ink_interrupted(); i++) {
        double begin = ink_clock_seconds();
        ink_pool_run(m->pool, &(ink_pool_work){run_task, m, &n_tasks, 1});
        double seconds = ink_clock_seconds() - begin;
        if (i == 0 || seconds < best)
            best = seconds;
    }
    return best > 0 ? best : 1;
}

static double best_read(meter *m, size_t n_bytes)
{
    double best = 0;
    size_t n_tasks = (size_t)ink_pool_threads(m->pool) * TASKS_OF_THREAD;
    m->loop = NULL;
    m->task_bytes = n_bytes / n_tasks / LARGE_PAGE * LARGE_PAGE;
    for (m->n_streams = 1; m->n_streams <= INK_PROBE_MAX_STREAMS; m->n_streams *= 2) {
        double rate = (double)(m->task_bytes * n_tasks) / best_seconds(m);
        best = rate > best ? rate : best;
    }
    return best;
}

static double best_loop(meter *m, uint64_t (*loop)(size_t), double ops)
{
    double rounds = (double)TASK_ROUNDS * TASKS_OF_THREAD;
    m->loop = loop;
    return ops * rounds * ink_pool_threads(m->pool) / best_seconds(m);
}

/* Twice the last cache, but no more than a quarter of the memory. */
static size_t buffer_bytes(void)
{
    size_t wanted = MIN_BYTES;
#ifdef _SC_LEVEL3_CACHE_SIZE
    long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
    if (cache > 0 && 2 * (size_t)cache > wanted)
        wanted = 2 * (size_t)cache;
#endif
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    size_t quarter = pages > 0 && page > 0 ? (size_t)pages / 4 * (size_t)page : wanted;
    return (wanted < quarter ? wanted : quarter) / LARGE_PAGE * LARGE_PAGE;
}

static char *new_buffer(size_t n_bytes, bool large_pages)
{
    char *buffer = ink_new_aligned(NULL, n_bytes, LARGE_PAGE);
#ifdef MADV_HUGEPAGE
    if (buffer) /* a wish: where it is not granted, both buffers have small pages */
        (void)madvise(buffer, n_bytes, large_pages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
#endif
    if (buffer)
        memset(buffer, 1, n_bytes);
    return buffer;
}

/* One buffer at a time: both might not fit. */
static ink_status measure_reads(ink_roofline *r, meter *meters, int n_meters, bool large_pages,
                                ink_error *error)
{
    char *buffer = new_buffer((size_t)r->probe_bytes, large_pages);
    if (!buffer)
        return ink_fail(error, INK_NO_MEMORY, 0,
                        "out of memory for %" PRIu64 " bytes to measure how fast memory is read",
                        r->probe_bytes);
    for (int i = 0; i < n_meters; i++) {
        ink_limits *limits = i ? &r->all : &r->one;
        meters[i].buffer = buffer;
        *(large_pages ? &limits->read_bytes : &limits->read_bytes_small) =
            best_read(&meters[i], (size_t)r->probe_bytes);
    }
    ink_delete_aligned(NULL, buffer);
    return INK_OK;
}

static ink_status measure(ink_roofline *r, meter *meters, int n_meters, ink_error *error)
{
    for (int i = 0; i < n_meters; i++) {
        ink_limits *limits = i ? &r->all : &r->one;
        const ink_probe *probe = meters[i].probe;
        INK_TRY(ink_pool_new(&meters[i].pool, limits->n_threads, NULL, error));
        INK_TRY(ink_pool_reserve(meters[i].pool, 1, error));
        limits->dot_ops = best_loop(&meters[i], probe->dot, probe->dot_ops);
        limits->fma_ops = best_loop(&meters[i], probe->fma, probe->fma_ops);
    }
    INK_TRY(measure_reads(r, meters, n_meters, false, error));
    INK_TRY(measure_reads(r, meters, n_meters, true, error));
    return ink_interrupted() ? ink_fail(error, INK_CANCELLED, 0, "interrupted") : INK_OK;
}

ink_status ink_roofline_measure(ink_roofline *roofline, int n_threads, ink_error *error)
{
    uint32_t features;
    ink_interrupt_watch();
    INK_TRY(ink_cpu_select(&features, error));
    const ink_probe *probe = ink_probe_find(features);
    meter meters[2] = {{.probe = probe}, {.probe = probe}};
    ink_roofline r = {.isa = probe->name,
                      .probe_bytes = buffer_bytes(),
                      .one.n_threads = 1,
                      .all.n_threads = n_threads};
    ink_status status = measure(&r, meters, n_threads > 1 ? 2 : 1, error);
    for (int i = 0; i < 2; i++)
        ink_pool_free(meters[i].pool);
    if (n_threads == 1)
        r.all = r.one;
    if (status == INK_OK)
        *roofline = r;
    return status;
}

static void print_limits(const ink_limits *limits)
{
    printf("%2d thread%s  read %5.1f GB/s (%.1f from small pages)   int8 %6.0f Gop/s   "
           "float %5.0f Gop/s\n",
           limits->n_threads, limits->n_threads == 1 ? " " : "s", limits->read_bytes / 1e9,
           limits->read_bytes_small / 1e9, limits->dot_ops / 1e9, limits->fma_ops / 1e9);
}

void ink_roofline_print(const ink_roofline *roofline)
{
    printf("limits of this machine, %s:\n", roofline->isa);
    print_limits(&roofline->one);
    if (roofline->all.n_threads > 1)
        print_limits(&roofline->all);
}

static void report_limits(ink_report *report, ink_value in, const ink_limits *limits)
{
    ink_report_count(report, in, "threads", (uint64_t)limits->n_threads);
    ink_report_real(report, in, "read_bytes_per_second", limits->read_bytes);
    ink_report_real(report, in, "read_bytes_per_second_small_pages", limits->read_bytes_small);
    ink_report_real(report, in, "int8_ops_per_second", limits->dot_ops);
    ink_report_real(report, in, "float_ops_per_second", limits->fma_ops);
}

void ink_roofline_report(ink_report *report, ink_value in, const ink_roofline *roofline)
{
    ink_value roof = ink_report_dict(report, in, "roofline");
    ink_report_text(report, roof, "instructions", roofline->isa);
    ink_report_count(report, roof, "probe_bytes", roofline->probe_bytes);
    report_limits(report, ink_report_dict(report, roof, "one_thread"), &roofline->one);
    report_limits(report, ink_report_dict(report, roof, "all_threads"), &roofline->all);
}
