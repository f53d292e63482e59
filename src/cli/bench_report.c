/* What was measured, for people and for programs. */
#include <stdio.h>
#include "cli/bench.h"
#include "cli/terminal.h"

typedef struct rates {
    double bytes, ops; /* a second */
    double of_read;    /* parts of the machine's limits; 0 without them */
    double of_arithmetic;
} rates;

/*
 * A phase that is bound by arithmetic takes at least the time of its integer operations and that of
 * its float operations, each at their own peak.
 */
static rates rates_of(const ink_bench *b, const ink_bench_phase *phase)
{
    const ink_work *work = &phase->work;
    double seconds = (double)phase->n_tokens / phase->speed;
    rates r = {.bytes = (work->weight_bytes + work->cache_bytes) / seconds,
               .ops = (work->dot_ops + work->fma_ops) / seconds};
    if (b->roofline) {
        const ink_limits *limits = &b->limits.all;
        double least = work->dot_ops / limits->dot_ops + work->fma_ops / limits->fma_ops;
        r.of_read = r.bytes / limits->read_bytes;
        r.of_arithmetic = least / seconds;
    }
    return r;
}

static void print_phase(const ink_bench *b, const char *name, const ink_bench_phase *phase)
{
    rates r = rates_of(b, phase);
    printf("%-11s %zu tokens", name, phase->n_tokens);
    if (b->depth)
        printf(" at depth %zu", b->depth);
    printf(", %.1f tokens/s, %.1f GB/s", phase->speed, r.bytes / 1e9);
    if (b->roofline)
        printf(" (%.0f %% of the limit)", 100 * r.of_read);
    printf(", %.0f Gop/s", r.ops / 1e9);
    if (b->roofline)
        printf(" (%.0f %%)", 100 * r.of_arithmetic);
    putchar('\n');
}

ink_status ink_bench_print(const ink_bench *b)
{
    char weights[INK_SIZE_BYTES], cache[INK_SIZE_BYTES], peak[INK_SIZE_BYTES];
    if (b->path) {
        print_phase(b, "prompt", &b->prefill);
        print_phase(b, "generation", &b->decode);
        printf("memory      weights %s, cache %s, peak %s\n"
               "loaded in   %.2f s; %d threads, median of %zu\n",
               ink_format_bytes(b->info.weight_bytes, weights),
               ink_format_bytes(ink_session_cache_bytes(b->state), cache),
               ink_format_bytes(b->peak_bytes, peak), b->load_seconds, b->n_threads, b->n_repeat);
    }
    if (b->roofline)
        ink_roofline_print(&b->limits);
    return INK_OK;
}

static void report_phase(ink_report *report, const ink_bench *b, const char *name,
                         const ink_bench_phase *phase)
{
    rates r = rates_of(b, phase);
    ink_value in = ink_report_dict(report, report->root, name);
    ink_report_count(report, in, "tokens", phase->n_tokens);
    ink_report_real(report, in, "tokens_per_second", phase->speed);
    ink_value samples = ink_report_list(report, in, "samples");
    for (size_t i = 0; i < b->n_repeat; i++)
        ink_report_real(report, samples, NULL, phase->samples[i]);
    ink_report_real(report, in, "weight_bytes", phase->work.weight_bytes);
    ink_report_real(report, in, "cache_bytes", phase->work.cache_bytes);
    ink_report_real(report, in, "int8_ops", phase->work.dot_ops);
    ink_report_real(report, in, "float_ops", phase->work.fma_ops);
    ink_report_real(report, in, "bytes_per_second", r.bytes);
    ink_report_real(report, in, "ops_per_second", r.ops);
    if (b->roofline) {
        ink_report_real(report, in, "part_of_read_limit", r.of_read);
        ink_report_real(report, in, "part_of_arithmetic_limit", r.of_arithmetic);
    }
}

static void report_model(ink_report *report, const ink_bench *b)
{
    ink_value root = report->root;
    ink_report_text(report, root, "file", b->info.path);
    ink_report_text(report, root, "architecture", b->info.architecture);
    ink_report_count(report, root, "parameters", b->info.n_parameters);
    ink_report_count(report, root, "threads", (uint64_t)b->n_threads);
    ink_report_text(report, root, "cache", b->session.cache);
    ink_report_count(report, root, "depth", b->depth);
    ink_report_count(report, root, "repeat", b->n_repeat);
    ink_report_real(report, root, "load_seconds", b->load_seconds);
    ink_report_count(report, root, "weight_bytes", b->info.weight_bytes);
    ink_report_count(report, root, "peak_bytes", b->peak_bytes);
    report_phase(report, b, "prefill", &b->prefill);
    report_phase(report, b, "decode", &b->decode);
}

ink_status ink_bench_report(const ink_bench *b, ink_error *error)
{
    ink_report report;
    ink_report_init(&report);
    if (b->path)
        report_model(&report, b);
    if (b->roofline)
        ink_roofline_report(&report, report.root, &b->limits);
    ink_status status = ink_report_print(&report, error);
    ink_report_deinit(&report);
    return status;
}
