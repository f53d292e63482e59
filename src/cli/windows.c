#include "cli/windows.h"

#include "base/clock.h"
#include "base/size.h"
#include "base/status.h"
#include "cli/interrupt.h"
#include "cli/setup.h"
#include "cli/terminal.h"

#define MAX_LOGITS_BYTES ((size_t)64 << 20) /* of all readers */

/* The token that opens a text: what is added to an empty one. */
static ink_status find_bos(ink_windows *w, ink_error *error)
{
    ink_tokens opening = {0};
    INK_TRY(ink_tokenize(w->readers[0].model, "", 0, INK_SPECIAL_OPEN, &opening, error));
    w->bos = opening.n_tokens ? opening.ids[0] : -1;
    ink_tokens_free(&opening);
    return INK_OK;
}

static ink_status open_reader(const ink_windows *w, ink_reader *reader,
                              const ink_session_options *session, ink_error *error)
{
    ink_session_options options = *session;
    options.n_context = w->n_window;
    options.all_logits = options.isolated = true;
    if (reader->cache)
        options.cache = reader->cache;
    reader->logits = ink_setup_rows(w->n_piece, w->n_vocab);
    if (!reader->logits)
        return ink_fail_memory(error, "the logits");
    return ink_setup_session(&reader->session, reader->model, &options, error);
}

ink_status ink_windows_init(ink_windows *w, const ink_session_options *session, ink_error *error)
{
    ink_model_info info;
    ink_model_get_info(w->readers[0].model, &info);
    w->n_vocab = info.n_vocab;
    INK_TRY(find_bos(w, error));
    size_t row_bytes = sizeof(float) * w->n_vocab * w->n_readers;
    w->n_piece = ink_size_min(MAX_LOGITS_BYTES / row_bytes + 1, w->n_window);
    for (size_t r = 0; r < w->n_readers; r++)
        INK_TRY(open_reader(w, &w->readers[r], session, error));
    return INK_OK;
}

void ink_windows_deinit(ink_windows *w)
{
    for (size_t r = 0; r < w->n_readers; r++) {
        ink_delete(NULL, w->readers[r].logits);
        ink_session_free(w->readers[r].session);
        w->readers[r].logits = NULL;
        w->readers[r].session = NULL;
    }
}

/* n tokens at the end of every session; their logits too when they are to be scored. */
static ink_status evaluate(ink_windows *w, const int32_t *ids, size_t n, bool scored,
                           ink_error *error)
{
    const ink_progress quiet = ink_interrupt_progress();
    for (size_t r = 0; r < w->n_readers; r++) {
        ink_reader *reader = &w->readers[r];
        double begin = ink_clock_seconds();
        INK_TRY(ink_session_evaluate(reader->session, ids, n, scored ? reader->logits : NULL,
                                     &quiet, error));
        reader->seconds += ink_clock_seconds() - begin;
        reader->n_tokens += n;
    }
    return INK_OK;
}

static ink_status score_piece(ink_windows *w, const int32_t *next, size_t n, ink_error *error)
{
    const float *logits[INK_MAX_READERS];
    for (size_t i = 0; i < n; i++) {
        for (size_t r = 0; r < w->n_readers; r++)
            logits[r] = w->readers[r].logits + i * w->n_vocab;
        INK_TRY(w->score(w->context, logits, next[i], error));
    }
    return INK_OK;
}

/* `ids` [n_window]; the logits at position i are about ids[i + 1]. */
static ink_status read_window(ink_windows *w, const int32_t *ids, size_t n_window, bool all,
                              ink_error *error)
{
    size_t first = all ? 0 : n_window / 2, last = n_window - 1;
    for (size_t r = 0; r < w->n_readers; r++)
        INK_TRY(ink_session_rewind(w->readers[r].session, 0, error));
    if (first)
        INK_TRY(evaluate(w, ids, first, false, error));
    for (size_t at = first, n; at < last; at += n) {
        n = ink_size_min(last - at, w->n_piece);
        INK_TRY(evaluate(w, ids + at, n, true, error));
        INK_TRY(score_piece(w, ids + at + 1, n, error));
    }
    return INK_OK;
}

/* The whole text as one bar: the library reports each evaluation from 0 to 1. */
static ink_status read_windows(ink_windows *w, const ink_window_counts *counts, int32_t *ids,
                               ink_bar *bar, ink_error *error)
{
    bool all = w->all || counts->n_window < w->n_window;
    for (size_t i = 0; i < counts->n_windows; i++, ids += counts->n_window) {
        if (w->bos >= 0)
            ids[0] = w->bos;
        INK_TRY(read_window(w, ids, counts->n_window, all, error));
        if (!bar->progress.report(bar, (float)(i + 1) / (float)counts->n_windows))
            return ink_fail(error, INK_CANCELLED, 0, "interrupted");
    }
    return INK_OK;
}

static ink_status cut(const ink_windows *w, const char *name, size_t n_tokens,
                      ink_window_counts *counts, ink_error *error)
{
    size_t n_window = ink_size_min(w->n_window, n_tokens);
    if (n_window < INK_MIN_WINDOW)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s: the text has %zu tokens; at least %d are needed", name, n_window,
                        INK_MIN_WINDOW);
    size_t n = n_tokens / n_window;
    *counts = (ink_window_counts){n_tokens, w->n_most ? ink_size_min(n, w->n_most) : n, n_window};
    return INK_OK;
}

ink_status ink_windows_read(ink_windows *w, const char *name, const char *text, size_t n_bytes,
                            ink_window_counts *counts, ink_error *error)
{
    ink_bar bar;
    ink_tokens tokens = {0};
    INK_TRY(ink_tokenize(w->readers[0].model, text, n_bytes, INK_SPECIAL_OPEN, &tokens, error));
    ink_bar_init(&bar, "Scoring");
    ink_status status = cut(w, name, tokens.n_tokens, counts, error);
    if (status == INK_OK)
        status = read_windows(w, counts, tokens.ids, &bar, error);
    ink_bar_end(&bar);
    ink_tokens_free(&tokens);
    return status;
}
