#define _POSIX_C_SOURCE 200809L
#include "cli/constrain_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base/status.h"
#include "cli/input.h"
#include "cli/report.h"
#include "cli/terminal.h"

enum { MAX_STEPS = 20000, RANDOM_STEPS = 2000, N_PASSES = 3 };

typedef struct walk {
    ink_constraint *constraint;
    ink_tokens tokens; /* of the text; none: chosen at random */
    uint64_t random;
    double *seconds; /* [MAX_STEPS] of a mask each */
    size_t n, n_texts;
} walk;

/* Of this thread: what others do on the machine does not count. */
static double cpu_seconds(void)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static uint64_t next_random(walk *w) /* xorshift64*, Vigna, arXiv:1402.6246 */
{
    w->random ^= w->random >> 12;
    w->random ^= w->random << 25;
    w->random ^= w->random >> 27;
    return w->random * UINT64_C(2685821657736338717);
}

/* A token that the mask allows, or -1. */
static int32_t pick(walk *w, const uint32_t *mask)
{
    size_t n_words = ink_constraint_mask_words(w->constraint);
    size_t start = (size_t)(next_random(w) % n_words);
    for (size_t i = 0; i < n_words; i++) {
        size_t word = (start + i) % n_words;
        for (unsigned bit = 0; bit < 32; bit++)
            if (mask[word] >> bit & 1)
                return (int32_t)(word * 32 + bit);
    }
    return -1;
}

/* The next token of the text, or a random one; -1 at the end. */
static int32_t next_token(walk *w, const uint32_t *mask, size_t step)
{
    if (w->tokens.n_tokens == 0)
        return pick(w, mask);
    return step < w->tokens.n_tokens ? w->tokens.ids[step] : -1;
}

/* One text from its begin: a mask before each token. */
static ink_status go(walk *w, size_t max_steps, ink_error *error)
{
    ink_constraint_reset(w->constraint);
    w->n_texts++;
    for (size_t step = 0; w->n < max_steps; step++) {
        const uint32_t *mask;
        double begin = cpu_seconds();
        INK_TRY(ink_constraint_mask(w->constraint, &mask, error));
        w->seconds[w->n++] = cpu_seconds() - begin;
        if (ink_constraint_must_end(w->constraint))
            return INK_OK;
        int32_t token = next_token(w, mask, step);
        if (token < 0)
            return INK_OK;
        INK_TRY(ink_constraint_accept_token(w->constraint, token, error));
    }
    return INK_OK;
}

static ink_status run_pass(walk *w, ink_error *error)
{
    w->n = w->n_texts = 0;
    w->random = UINT64_C(0x9e3779b97f4a7c15);
    if (w->tokens.n_tokens)
        return go(w, MAX_STEPS, error);
    while (w->n < RANDOM_STEPS)
        INK_TRY(go(w, RANDOM_STEPS, error));
    return INK_OK;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(const walk *w, double part)
{
    return w->n ? 1e6 * w->seconds[(size_t)(part * (double)(w->n - 1))] : 0;
}

static void report_pass(walk *w, ink_report *report, ink_value list)
{
    qsort(w->seconds, w->n, sizeof *w->seconds, ascending);
    ink_value row = ink_report_dict(report, list, NULL);
    ink_report_count(report, row, "tokens", w->n);
    ink_report_count(report, row, "texts", w->n_texts);
    ink_report_real(report, row, "median_us", percentile(w, 0.5));
    ink_report_real(report, row, "p99_us", percentile(w, 0.99));
    ink_report_real(report, row, "max_us", percentile(w, 1));
}

static ink_status measure(walk *w, bool json, ink_error *error)
{
    ink_report report;
    ink_status status = INK_OK;
    ink_report_init(&report);
    ink_value list = ink_report_list(&report, report.root, "passes");
    for (int pass = 0; pass < N_PASSES && status == INK_OK; pass++) {
        status = run_pass(w, error);
        if (status != INK_OK)
            break;
        report_pass(w, &report, list);
        if (!json)
            printf("pass %d  %zu tokens in %zu texts: median %.2f us, 99%% %.2f us, most %.2f us\n",
                   pass + 1, w->n, w->n_texts, percentile(w, 0.5), percentile(w, 0.99),
                   percentile(w, 1));
    }
    if (status == INK_OK && json)
        status = ink_report_print(&report, error);
    ink_report_deinit(&report);
    return status;
}

static ink_status read_tokens(walk *w, const ink_model *model, const char *path, ink_error *error)
{
    ink_buffer text = {0};
    ink_status status = ink_input_read(path, &text, error);
    if (status == INK_OK)
        status = ink_tokenize(model, text.data, text.n_bytes, 0, &w->tokens, error);
    ink_buffer_deinit(&text);
    return status;
}

ink_exit ink_constrain_bench(ink_constraint *constraint, const ink_model *model, const char *path,
                             bool json)
{
    ink_error error = {0};
    walk w = {.constraint = constraint};
    w.seconds = ink_new(NULL, MAX_STEPS, sizeof *w.seconds);
    ink_status status = w.seconds ? INK_OK : ink_fail_memory(&error, "the measurements");
    if (status == INK_OK && path)
        status = read_tokens(&w, model, path, &error);
    if (status == INK_OK)
        status = measure(&w, json, &error);
    ink_tokens_free(&w.tokens);
    ink_delete(NULL, w.seconds);
    return ink_finish(status, &error);
}
