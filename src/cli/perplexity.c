/* Perplexity over windows of a text, by the method that published figures of llama.cpp use. */
#include <math.h>
#include <stdio.h>
#include "base/status.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/report.h"
#include "cli/setup.h"
#include "cli/terminal.h"

#define MAX_LOGITS_BYTES ((size_t)64 << 20)
enum { DEFAULT_WINDOW = 512, MIN_WINDOW = 4 };

static const char notes[] =
    "The text is cut into windows of N tokens that do not overlap; the first token of each is\n"
    "replaced by BOS where the vocabulary adds one; the tokens of the second half of a window\n"
    "are scored, each having seen at least half a window. A rest that fills no window is left\n"
    "out. This is the method of llama.cpp's perplexity tool, so that figures can be compared.\n"
    "With --all every token of a window but the first is scored. So is a text that fills no\n"
    "window: it is one by itself.";

typedef struct measure {
    const char *path, *text_path;
    bool json, all;
    ink_open open;
    ink_session_options session;
    ink_model *model;
    ink_session *state;
    ink_tokens tokens;
    int32_t bos; /* -1: none */
    size_t n_vocab, n_piece, n_window, n_windows;
    float *logits;                    /* [n_piece][n_vocab] */
    double sum, sum_squares, seconds; /* of -log p of the scored tokens */
    size_t n_scored;
} measure;

/* -log of the probability of `token`, in double. */
static double surprise(const float *logits, size_t n_vocab, int32_t token)
{
    float highest = logits[0];
    double sum = 0;
    for (size_t i = 1; i < n_vocab; i++)
        if (logits[i] > highest)
            highest = logits[i];
    for (size_t i = 0; i < n_vocab; i++)
        sum += exp((double)logits[i] - (double)highest);
    return log(sum) + (double)highest - (double)logits[token];
}

static ink_status score(measure *m, const float *logits, int32_t next, ink_error *error)
{
    double nll = surprise(logits, m->n_vocab, next);
    if (!isfinite(nll))
        return ink_fail(error, INK_CORRUPT, 0,
                        "%s: the model's output is not a number: are its weights damaged?",
                        m->path);
    m->sum += nll;
    m->sum_squares += nll * nll;
    m->n_scored++;
    return INK_OK;
}

/* `ids` [n_window]; the logits at position i are about ids[i + 1]. */
static ink_status score_window(measure *m, const int32_t *ids, const ink_progress *progress,
                               ink_error *error)
{
    size_t first = m->all ? 0 : m->n_window / 2, last = m->n_window - 1;
    if (first)
        INK_TRY(ink_session_evaluate(m->state, ids, first, NULL, progress, error));
    for (size_t at = first, n; at < last; at += n) {
        n = last - at < m->n_piece ? last - at : m->n_piece;
        INK_TRY(ink_session_evaluate(m->state, ids + at, n, m->logits, progress, error));
        for (size_t i = 0; i < n; i++)
            INK_TRY(score(m, m->logits + i * m->n_vocab, ids[at + i + 1], error));
    }
    return INK_OK;
}

/* The whole work as one bar: the library reports each evaluation from 0 to 1. */
static ink_status score_windows(measure *m, ink_bar *bar, ink_error *error)
{
    double begin = ink_terminal_seconds();
    const ink_progress quiet = ink_interrupt_progress();
    for (size_t window = 0; window < m->n_windows; window++) {
        int32_t *ids = m->tokens.ids + window * m->n_window;
        if (m->bos >= 0)
            ids[0] = m->bos;
        INK_TRY(ink_session_rewind(m->state, 0, error));
        INK_TRY(score_window(m, ids, &quiet, error));
        if (!bar->progress.report(bar, (float)(window + 1) / (float)m->n_windows))
            return ink_fail(error, INK_CANCELLED, 0, "interrupted");
    }
    m->seconds = ink_terminal_seconds() - begin;
    return INK_OK;
}

/* The token that opens a text: what is added to an empty one. */
static ink_status find_bos(measure *m, ink_error *error)
{
    ink_tokens opening = {0};
    INK_TRY(ink_tokenize(m->model, "", 0, INK_SPECIAL_OPEN, &opening, error));
    m->bos = opening.n_tokens ? opening.ids[0] : -1;
    ink_tokens_free(&opening);
    return INK_OK;
}

static ink_status prepare(measure *m, ink_error *error)
{
    ink_model_info info;
    ink_model_get_info(m->model, &info);
    m->n_vocab = info.n_vocab;
    if (m->tokens.n_tokens < m->n_window) {
        m->n_window = m->tokens.n_tokens;
        m->all = true;
    }
    m->n_windows = m->n_window ? m->tokens.n_tokens / m->n_window : 0;
    if (m->n_window < MIN_WINDOW)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s: the text has %zu tokens; at least %d are needed", m->text_path,
                        m->n_window, MIN_WINDOW);
    m->n_piece = MAX_LOGITS_BYTES / sizeof *m->logits / m->n_vocab + 1;
    if (m->n_piece > m->n_window)
        m->n_piece = m->n_window;
    m->logits = ink_setup_rows(m->n_piece, m->n_vocab);
    if (!m->logits)
        return ink_fail_memory(error, "the logits");
    return ink_setup_session(&m->state, m->model, &m->session, error);
}

static ink_status take_text(measure *m, ink_error *error)
{
    ink_buffer text;
    ink_status status = ink_input_read(m->text_path, &text, error);
    if (status == INK_OK)
        status =
            ink_tokenize(m->model, text.data, text.n_bytes, INK_SPECIAL_OPEN, &m->tokens, error);
    ink_buffer_deinit(&text);
    return status == INK_OK ? find_bos(m, error) : status;
}

static ink_status print_result(const measure *m, ink_error *error)
{
    double n = (double)m->n_scored, mean = m->sum / n;
    double variance = m->sum_squares / n - mean * mean;
    double spread = n > 1 && variance > 0 ? sqrt(variance / (n - 1)) : 0; /* of the mean */
    double perplexity = exp(mean), n_read = (double)(m->n_windows * m->n_window);
    if (!m->json) {
        printf("perplexity  %.4f +/- %.4f\nmean nll    %.6f\nscored      %zu of %zu tokens, "
               "%zu windows of %zu\nspeed       %.1f tokens/s\n",
               perplexity, perplexity * spread, mean, m->n_scored, m->tokens.n_tokens, m->n_windows,
               m->n_window, n_read / m->seconds);
        return INK_OK;
    }
    ink_report report;
    ink_report_init(&report);
    ink_report_real(&report, report.root, "perplexity", perplexity);
    ink_report_real(&report, report.root, "standard_error", perplexity * spread);
    ink_report_real(&report, report.root, "mean_nll", mean);
    ink_report_count(&report, report.root, "tokens_scored", m->n_scored);
    ink_report_count(&report, report.root, "tokens", m->tokens.n_tokens);
    ink_report_count(&report, report.root, "windows", m->n_windows);
    ink_report_count(&report, report.root, "window", m->n_window);
    ink_report_real(&report, report.root, "tokens_per_second", n_read / m->seconds);
    ink_status status = ink_report_print(&report, error);
    ink_report_deinit(&report);
    return status;
}

static ink_status run(measure *m, ink_error *error)
{
    ink_bar bar;
    m->open.model.n_threads = m->session.n_threads;
    INK_TRY(ink_setup_model(&m->model, m->path, &m->open, error));
    INK_TRY(take_text(m, error));
    INK_TRY(prepare(m, error));
    ink_bar_init(&bar, "Scoring");
    ink_status status = score_windows(m, &bar, error);
    ink_bar_end(&bar);
    return status == INK_OK ? print_result(m, error) : status;
}

ink_exit ink_cmd_perplexity(const ink_call *call)
{
    measure m = {0};
    const char *arguments[INK_MAX_ARGUMENTS];
    ink_setup_session_defaults(&m.session);
    ink_setup_model_defaults(&m.open);
    m.session.n_context = DEFAULT_WINDOW;
    const ink_option options[] = {
        INK_OPTION_RANGE("context", &m.session.n_context, MIN_WINDOW, INT32_MAX,
                         "tokens of a window"),
        INK_OPTION_FLAG("all", &m.all, "score whole windows, not their second half"),
        INK_OPTION_JSON(&m.json),
        INK_OPTION_CACHE(&m.session),
        INK_OPTION_BATCH(&m.session),
        INK_OPTION_THREADS(&m.session),
        INK_OPTION_WEIGHTS(&m.open),
        {0}};
    INK_PARSE(call, options, notes, arguments);
    m.path = arguments[0];
    m.text_path = arguments[1];
    m.n_window = m.session.n_context;
    ink_error error = {0};
    ink_status status = run(&m, &error);
    ink_delete(NULL, m.logits);
    ink_tokens_free(&m.tokens);
    ink_session_free(m.state);
    ink_model_free(m.model);
    return ink_finish(status, &error);
}
