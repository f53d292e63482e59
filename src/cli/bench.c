/*
 * Speed: tokens per second of reading a prompt and of generating, and how near that comes to what
 * the machine can do at most.
 */
#include "cli/bench.h"

#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/cpu.h"
#include "base/size.h"
#include "base/status.h"
#include "cli/interrupt.h"
#include "cli/setup.h"
#include "cli/terminal.h"
#include "runtime/sampler_random.h"
#include "runtime/session.h"

enum { DEFAULT_PROMPT = 512, DEFAULT_GENERATE = 128, DEFAULT_REPEAT = 3 };

static const char notes[] =
    "Speeds are medians. Each repetition begins with a session that holds --depth tokens: it reads "
    "the\n"
    "prompt, and from the same depth again evaluates tokens one by one. Bytes are those that a "
    "step must\n"
    "read: each weight that multiplies once, and the keys and values that are seen. Operations "
    "count a\n"
    "product and its sum as two. --roofline measures how fast this machine reads and multiplies "
    "at most,\n"
    "with all threads, and says what part of it is reached; without a MODEL it shows these limits.";

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values, size_t n)
{
    double sorted[INK_BENCH_MAX_REPEAT];
    memcpy(sorted, values, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_size);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* A fixed sequence over the vocabulary: first the context, then what is read or generated. */
static ink_status make_tokens(ink_bench *b, ink_error *error)
{
    uint64_t random[4];
    size_t n = b->depth + ink_size_max(b->n_prompt, b->n_generate);
    b->tokens = ink_new(NULL, n, sizeof *b->tokens);
    if (!b->tokens)
        return ink_fail_memory(error, "the tokens");
    ink_random_init(random, 1);
    for (size_t i = 0; i < n; i++)
        b->tokens[i] = (int32_t)((ink_random_next(random) >> 33) % b->info.n_vocab);
    return INK_OK;
}

/* Back to the depth; where a window or a state no longer reaches it, from the beginning. */
static ink_status reach_depth(ink_bench *b, ink_error *error)
{
    const ink_progress quiet = ink_interrupt_progress();
    if (ink_session_position(b->state) >= b->depth &&
        ink_session_rewind(b->state, b->depth, NULL) == INK_OK)
        return INK_OK;
    INK_TRY(ink_session_rewind(b->state, 0, error));
    return ink_session_evaluate(b->state, b->tokens, b->depth, NULL, &quiet, error);
}

static ink_status run_prefill(ink_bench *b, double *seconds, ink_error *error)
{
    const ink_progress quiet = ink_interrupt_progress();
    INK_TRY(reach_depth(b, error));
    double begin = ink_clock_seconds();
    INK_TRY(ink_session_evaluate(b->state, b->tokens + b->depth, b->n_prompt, NULL, &quiet, error));
    *seconds = ink_clock_seconds() - begin;
    return INK_OK;
}

static ink_status run_decode(ink_bench *b, double *seconds, ink_error *error)
{
    INK_TRY(reach_depth(b, error));
    double begin = ink_clock_seconds();
    for (size_t t = 0; t < b->n_generate; t++) {
        INK_TRY(ink_session_evaluate(b->state, b->tokens + b->depth + t, 1, NULL, NULL, error));
        if (ink_interrupted())
            return ink_fail(error, INK_CANCELLED, 0, "interrupted");
    }
    *seconds = ink_clock_seconds() - begin;
    return INK_OK;
}

static ink_status open_session(ink_bench *b, ink_error *error)
{
    double begin = ink_clock_seconds();
    b->open.model.n_threads = b->session.n_threads;
    b->open.session = &b->session;
    INK_TRY(ink_setup_model(&b->model, b->path, &b->open, error));
    b->load_seconds = ink_clock_seconds() - begin;
    ink_model_get_info(b->model, &b->info);
    INK_TRY(make_tokens(b, error));
    INK_TRY(ink_session_new(&b->state, b->model, &b->session, error));
    /* A batch and a token first: steps are recorded and pages touched outside of what counts. */
    size_t batch = ink_size_min(b->n_prompt, b->state->n_batch);
    const ink_progress quiet = ink_interrupt_progress();
    INK_TRY(ink_session_evaluate(b->state, b->tokens, batch, NULL, &quiet, error));
    INK_TRY(ink_session_rewind(b->state, 0, error));
    return ink_session_evaluate(b->state, b->tokens, 1, NULL, NULL, error);
}

static ink_status measure(ink_bench *b, ink_error *error)
{
    ink_bar bar;
    ink_status status = INK_OK;
    ink_bar_init(&bar, "Measuring");
    for (size_t i = 0; i < b->n_repeat && status == INK_OK; i++) {
        double seconds = 0;
        status = run_prefill(b, &seconds, error);
        b->prefill.samples[i] = (double)b->n_prompt / seconds;
        if (status == INK_OK && b->n_generate)
            status = run_decode(b, &seconds, error);
        b->decode.samples[i] = (double)b->n_generate / seconds;
        if (!bar.progress.report(&bar, (float)(i + 1) / (float)b->n_repeat) && status == INK_OK)
            status = ink_fail(error, INK_CANCELLED, 0, "interrupted");
    }
    ink_bar_end(&bar);
    return status;
}

/* What a phase had to do: a prompt goes in batches, generation token by token. */
static void finish_phase(const ink_bench *b, ink_bench_phase *phase, size_t n_tokens, size_t batch)
{
    const ink_kv_layout *layouts = b->state->cache.layouts;
    phase->n_tokens = n_tokens;
    phase->speed = median(phase->samples, b->n_repeat);
    for (size_t done = 0; done < n_tokens; done += batch) {
        ink_work work = ink_work_of_step(b->model, layouts, b->depth + done,
                                         ink_size_min(batch, n_tokens - done));
        ink_work_add(&phase->work, &work);
    }
}

ink_status ink_bench_measure(ink_bench *b, ink_error *error)
{
    b->session.isolated = true; /* what was evaluated before is to be evaluated again */
    b->session.n_context = b->depth + ink_size_max(b->n_prompt, b->n_generate);
    INK_TRY(open_session(b, error));
    INK_TRY(measure(b, error));
    finish_phase(b, &b->prefill, b->n_prompt, b->state->n_batch);
    finish_phase(b, &b->decode, b->n_generate, 1);
    b->peak_bytes = ink_peak_memory();
    return INK_OK;
}

void ink_bench_close(ink_bench *b)
{
    ink_delete(NULL, b->tokens);
    ink_session_free(b->state);
    ink_model_free(b->model);
}

static ink_status run(ink_bench *b, ink_error *error)
{
    if (b->path)
        INK_TRY(ink_bench_measure(b, error));
    if (b->roofline)
        INK_TRY(ink_roofline_measure(&b->limits, b->n_threads, error));
    return b->json ? ink_bench_report(b, error) : ink_bench_print(b);
}

ink_exit ink_cmd_bench(const ink_call *call)
{
    ink_bench b = {
        .n_prompt = DEFAULT_PROMPT, .n_generate = DEFAULT_GENERATE, .n_repeat = DEFAULT_REPEAT};
    const char *arguments[INK_MAX_ARGUMENTS];
    ink_setup_session_defaults(&b.session);
    ink_setup_model_defaults(&b.open);
    const ink_option options[] = {
        INK_OPTION_COUNT("prompt", &b.n_prompt, "N", "tokens of the prompt"),
        INK_OPTION_COUNT("generate", &b.n_generate, "N", "tokens to generate"),
        INK_OPTION_RANGE("depth", &b.depth, 0, INT32_MAX, "tokens that the session holds before"),
        INK_OPTION_RANGE("repeat", &b.n_repeat, 1, INK_BENCH_MAX_REPEAT, "how many times"),
        INK_OPTION_FLAG("roofline", &b.roofline, "also measure this machine's limits"),
        INK_OPTION_JSON(&b.json),
        INK_OPTION_CACHE(&b.session),
        INK_OPTION_BATCH(&b.session),
        INK_OPTION_THREADS(&b.session),
        INK_OPTION_WEIGHTS(&b.open),
        {0}};
    INK_PARSE(call, options, notes, arguments);
    b.path = arguments[0];
    if (!b.path && !b.roofline) {
        ink_say("bench: MODEL is missing; --roofline alone shows this machine's limits");
        return INK_EXIT_USAGE;
    }
    b.n_threads = b.session.n_threads ? b.session.n_threads : ink_cpu_count();
    ink_error error = {0};
    ink_status status = run(&b, &error);
    ink_bench_close(&b);
    return ink_finish(status, &error);
}
