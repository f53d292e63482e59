/*
 * Speed: tokens per second of reading a prompt and of generating, and the memory bandwidth that
 * takes.
 */
#include <stdio.h>
#include <stdlib.h>
#include "base/cpu.h"
#include "base/status.h"
#include "cli/interrupt.h"
#include "cli/report.h"
#include "cli/setup.h"
#include "cli/terminal.h"

enum { MAX_REPEAT = 100, DEFAULT_PROMPT = 512, DEFAULT_GENERATE = 128, DEFAULT_REPEAT = 3 };

static const char notes[] =
    "Speeds are medians. Each repetition reads N tokens of a fixed sequence into an empty session, "
    "then\n"
    "evaluates tokens one by one. Bytes per token are all weights and the full cache: for a "
    "mixture of\n"
    "experts, which reads only some of its weights, that is an upper bound.";

typedef struct bench {
    const char *path;
    bool json;
    size_t n_prompt, n_generate, n_repeat;
    ink_model_options open;
    ink_session_options session;
    ink_model *model;
    ink_session *state;
    ink_model_info info;
    int32_t *tokens; /* [n_prompt + n_generate] */
    double load_seconds;
    double prefill[MAX_REPEAT], decode[MAX_REPEAT]; /* tokens per second */
} bench;

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, by_size);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* A fixed sequence over the vocabulary: xorshift64* (Vigna 2016). */
static ink_status make_tokens(bench *b, ink_error *error)
{
    uint64_t state = 0x9e3779b97f4a7c15u;
    size_t n = b->n_prompt + b->n_generate;
    b->tokens = ink_new(NULL, n, sizeof *b->tokens);
    if (!b->tokens)
        return ink_fail_memory(error, "the tokens");
    for (size_t i = 0; i < n; i++) {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        b->tokens[i] = (int32_t)((state * 0x2545f4914f6cdd1du >> 33) % b->info.n_vocab);
    }
    return INK_OK;
}

static ink_status repeat(bench *b, size_t i, ink_bar *bar, ink_error *error)
{
    const int32_t *next = b->tokens + b->n_prompt;
    const ink_progress quiet = ink_interrupt_progress();
    INK_TRY(ink_session_rewind(b->state, 0, error));
    double begin = ink_terminal_seconds();
    INK_TRY(ink_session_evaluate(b->state, b->tokens, b->n_prompt, NULL, &quiet, error));
    double read = ink_terminal_seconds();
    for (size_t t = 0; t < b->n_generate; t++) {
        INK_TRY(ink_session_evaluate(b->state, next + t, 1, NULL, NULL, error));
        float part = (float)(t + 1) / (float)b->n_generate;
        if (!bar->progress.report(bar, ((float)i + part) / (float)b->n_repeat))
            return ink_fail(error, INK_CANCELLED, 0, "interrupted");
    }
    double end = ink_terminal_seconds();
    b->prefill[i] = (double)b->n_prompt / (read - begin);
    b->decode[i] = (double)b->n_generate / (end - read);
    return INK_OK;
}

static ink_status measure(bench *b, ink_error *error)
{
    ink_bar bar;
    ink_status status = INK_OK;
    double begin = ink_terminal_seconds();
    b->open.n_threads = b->session.n_threads;
    INK_TRY(ink_setup_model(&b->model, b->path, &b->open, error));
    b->load_seconds = ink_terminal_seconds() - begin;
    ink_model_get_info(b->model, &b->info);
    INK_TRY(make_tokens(b, error));
    INK_TRY(ink_session_new(&b->state, b->model, &b->session, error));
    /* One token first: steps are recorded and pages touched outside of what is measured. */
    INK_TRY(ink_session_evaluate(b->state, b->tokens, 1, NULL, NULL, error));
    ink_bar_init(&bar, "Measuring");
    for (size_t i = 0; i < b->n_repeat && status == INK_OK; i++)
        status = repeat(b, i, &bar, error);
    ink_bar_end(&bar);
    return status;
}

typedef struct result {
    double prefill, decode, bandwidth;
    uint64_t cache_bytes, bytes_per_token;
    int n_threads;
} result;

static void print_plain(const bench *b, const result *r)
{
    char weights[INK_SIZE_BYTES], cache[INK_SIZE_BYTES], peak[INK_SIZE_BYTES], rate[INK_SIZE_BYTES];
    printf("prompt      %zu tokens, %.1f tokens/s\n"
           "generation  %zu tokens, %.1f tokens/s, %s/s of weights and cache%s\n"
           "memory      weights %s, cache %s, peak %s\n"
           "loaded in   %.2f s; %d threads, median of %zu\n",
           b->n_prompt, r->prefill, b->n_generate, r->decode,
           ink_format_bytes((uint64_t)r->bandwidth, rate),
           b->info.n_experts ? " at most (experts)" : "",
           ink_format_bytes(b->info.weight_bytes, weights), ink_format_bytes(r->cache_bytes, cache),
           ink_format_bytes(ink_peak_memory(), peak), b->load_seconds, r->n_threads, b->n_repeat);
}

static ink_status print_json(const bench *b, const result *r, ink_error *error)
{
    ink_report report;
    ink_report_init(&report);
    ink_report_text(&report, report.root, "file", b->info.path);
    ink_report_text(&report, report.root, "architecture", b->info.architecture);
    ink_report_count(&report, report.root, "parameters", b->info.n_parameters);
    ink_report_count(&report, report.root, "threads", (uint64_t)r->n_threads);
    ink_report_count(&report, report.root, "prompt", b->n_prompt);
    ink_report_count(&report, report.root, "generate", b->n_generate);
    ink_report_count(&report, report.root, "repeat", b->n_repeat);
    ink_report_real(&report, report.root, "load_seconds", b->load_seconds);
    ink_report_real(&report, report.root, "prefill_tokens_per_second", r->prefill);
    ink_report_real(&report, report.root, "decode_tokens_per_second", r->decode);
    ink_report_count(&report, report.root, "weight_bytes", b->info.weight_bytes);
    ink_report_count(&report, report.root, "cache_bytes", r->cache_bytes);
    ink_report_count(&report, report.root, "bytes_per_token", r->bytes_per_token);
    ink_report_real(&report, report.root, "decode_bytes_per_second", r->bandwidth);
    ink_report_count(&report, report.root, "peak_bytes", ink_peak_memory());
    ink_status status = ink_report_print(&report, error);
    ink_report_deinit(&report);
    return status;
}

static ink_status run(bench *b, ink_error *error)
{
    INK_TRY(measure(b, error));
    result r = {.prefill = median(b->prefill, b->n_repeat),
                .decode = median(b->decode, b->n_repeat),
                .cache_bytes = ink_session_cache_bytes(b->state),
                .n_threads = b->session.n_threads ? b->session.n_threads : ink_cpu_count()};
    r.bytes_per_token = b->info.weight_bytes + r.cache_bytes;
    r.bandwidth = (double)r.bytes_per_token * r.decode;
    if (b->json)
        return print_json(b, &r, error);
    print_plain(b, &r);
    return INK_OK;
}

ink_exit ink_cmd_bench(const ink_call *call)
{
    bench b = {
        .n_prompt = DEFAULT_PROMPT, .n_generate = DEFAULT_GENERATE, .n_repeat = DEFAULT_REPEAT};
    const char *arguments[INK_MAX_ARGUMENTS];
    ink_setup_session_defaults(&b.session);
    const ink_option options[] = {
        INK_OPTION_COUNT("prompt", &b.n_prompt, "N", "tokens of the prompt"),
        INK_OPTION_COUNT("generate", &b.n_generate, "N", "tokens to generate"),
        {.name = "repeat",
         .kind = INK_OPTION_SIZE,
         .destination = &b.n_repeat,
         .value = "N",
         .help = "how many times",
         .low = 1,
         .high = MAX_REPEAT},
        INK_OPTION_JSON(&b.json),
        INK_OPTION_CACHE(&b.session),
        INK_OPTION_BATCH(&b.session),
        INK_OPTION_THREADS(&b.session),
        INK_OPTION_WEIGHTS(&b.open),
        {0}};
    INK_PARSE(call, options, notes, arguments);
    b.path = arguments[0];
    b.session.n_context = b.n_prompt + b.n_generate;
    ink_error error = {0};
    ink_status status = run(&b, &error);
    ink_delete(NULL, b.tokens);
    ink_session_free(b.state);
    ink_model_free(b.model);
    return ink_finish(status, &error);
}
