#include "shrink/calibrate_internal.h"

#include <string.h>
#include "base/file.h"
#include "base/size.h"

#define DEFAULT_WINDOW 512
#define PIECE_LOGITS_BYTES ((size_t)32 << 20)
#define MAX_TEXT_BYTES ((uint64_t)1 << 30)

/* ---- Texts ----------------------------------------------------------------------------------- */

/* The tokens of one text, in windows that begin as a text does. */
static ink_status add_tokens(ink_calibration *c, const char *path, const ink_tokens *tokens,
                             int32_t bos, ink_error *error)
{
    size_t n = tokens->n_tokens / c->n_window * c->n_window, total;
    if (n == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%.200s: has %zu tokens and fills no window of %zu; take a longer text, or "
                        "a shorter window",
                        path, tokens->n_tokens, c->n_window);
    if (!ink_size_add(c->tokens.n_tokens, n, &total))
        return ink_fail_memory(error, "the tokens of the texts");
    int32_t *grown = ink_resize(c->allocator, c->tokens.ids, total, sizeof *grown);
    if (!grown)
        return ink_fail_memory(error, "the tokens of the texts");
    memcpy(grown + c->tokens.n_tokens, tokens->ids, n * sizeof *grown);
    for (size_t i = c->tokens.n_tokens; bos >= 0 && i < total; i += c->n_window)
        grown[i] = bos;
    c->tokens.ids = grown;
    c->tokens.n_tokens = total;
    return INK_OK;
}

static ink_status tokenize_file(ink_calibration *c, const char *path, ink_tokens *tokens,
                                ink_error *error)
{
    ink_file *file = NULL;
    INK_TRY(ink_file_open(&file, path, c->allocator, error));
    uint64_t n_bytes = ink_file_size(file);
    char *text = NULL;
    ink_status status = INK_OK;
    if (n_bytes > MAX_TEXT_BYTES)
        status = ink_fail(error, INK_LIMIT, 0, "%.200s: a text of more than 1 GiB", path);
    else if (!(text = ink_resize(c->allocator, NULL, (size_t)n_bytes + 1, 1)))
        status = ink_fail_memory(error, path);
    if (status == INK_OK)
        status = ink_file_read(file, 0, (size_t)n_bytes, text, error);
    if (status == INK_OK)
        status = ink_tokenize(c->model, text, (size_t)n_bytes, INK_SPECIAL_OPEN, tokens, error);
    ink_delete(c->allocator, text);
    ink_file_close(file);
    return status;
}

static ink_status add_file(ink_calibration *c, const char *path, int32_t bos, ink_error *error)
{
    ink_tokens tokens = {0};
    ink_status status = tokenize_file(c, path, &tokens, error);
    if (status == INK_OK)
        status = add_tokens(c, path, &tokens, bos, error);
    ink_tokens_free(&tokens);
    return status;
}

/* Keeps as many windows as are wanted, evenly from all. */
static void thin_out(ink_calibration *c, size_t n_tokens)
{
    size_t n = c->tokens.n_tokens / c->n_window, wanted = n;
    if (n_tokens > 0)
        wanted = ink_size_min(n, ink_size_groups(n_tokens, c->n_window));
    for (size_t i = 0; i < wanted; i++)
        memmove(c->tokens.ids + i * c->n_window, c->tokens.ids + i * n / wanted * c->n_window,
                c->n_window * sizeof *c->tokens.ids);
    c->n_windows = wanted;
}

static ink_status read_texts(ink_calibration *c, const ink_calibration_options *o, ink_error *error)
{
    ink_tokens opening = {0};
    size_t trained = c->model->hparams.n_context;
    c->n_window = o->n_context ? o->n_context : ink_size_min(trained, DEFAULT_WINDOW);
    if (c->n_window > trained)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "windows of %zu tokens, but %.200s is made for %zu", c->n_window,
                        ink_gguf_name(c->model->gguf), trained);
    INK_TRY(ink_tokenize(c->model, "", 0, INK_SPECIAL_OPEN, &opening, error));
    int32_t bos = opening.n_tokens ? opening.ids[0] : -1;
    ink_tokens_free(&opening);
    for (size_t i = 0; i < o->n_texts; i++)
        INK_TRY(add_file(c, o->texts[i], bos, error));
    thin_out(c, o->n_tokens);
    return INK_OK;
}

/* ---- Life ------------------------------------------------------------------------------------ */

ink_status ink_calibration_open(ink_calibration *c, const char *model,
                                const ink_calibration_options *o, ink_error *error)
{
    *c = (ink_calibration){
        .allocator = o->allocator, .progress = o->progress, .n_threads = o->n_threads};
    ink_status status = ink_model_open(
        &c->model, model,
        &(ink_model_options){.allocator = o->allocator, .log = *o->log, .n_threads = o->n_threads},
        error);
    if (status == INK_OK && c->model->arch->kind != INK_KIND_CAUSAL)
        status = ink_fail(error, INK_UNSUPPORTED, 0,
                          "%s: is a model for embeddings; calibration reads texts with models that "
                          "generate",
                          model);
    if (status == INK_OK)
        status = read_texts(c, o, error);
    if (status != INK_OK)
        ink_calibration_close(c);
    return status;
}

void ink_calibration_close_model(ink_calibration *c)
{
    ink_model_free(c->model);
    c->model = NULL;
}

void ink_calibration_close(ink_calibration *c)
{
    ink_calibration_close_model(c);
    ink_delete(c->allocator, c->tokens.ids);
    *c = (ink_calibration){.allocator = c->allocator};
}

ink_status ink_calibration_go_on(const ink_calibration *c, size_t n_done, ink_error *error)
{
    const ink_progress *p = c->progress;
    if (p && p->report && !p->report(p->context, (float)n_done / (float)c->n_windows))
        return ink_fail(error, INK_CANCELLED, 0, "calibration was cancelled");
    return INK_OK;
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* One window, with logits for all of its tokens: the output matrix reads them, too. */
static ink_status read_window(const ink_calibration *c, ink_session *session, const int32_t *ids,
                              float *logits, size_t n_piece, ink_error *error)
{
    INK_TRY(ink_session_rewind(session, 0, error));
    for (size_t at = 0, n; at < c->n_window; at += n) {
        n = ink_size_min(n_piece, c->n_window - at);
        INK_TRY(ink_session_evaluate(session, ids + at, n, logits, NULL, error));
    }
    return INK_OK;
}

static ink_status read_windows(const ink_calibration *c, ink_session *session, ink_error *error)
{
    size_t n_vocab = c->model->hparams.n_vocab, n;
    size_t n_piece =
        ink_size_min(ink_size_max(PIECE_LOGITS_BYTES / sizeof(float) / n_vocab, 1), c->n_window);
    if (!ink_size_mul(n_piece, n_vocab, &n))
        return ink_fail_memory(error, "logits");
    float *logits = ink_resize(c->allocator, NULL, n, sizeof *logits);
    ink_status status = logits ? INK_OK : ink_fail_memory(error, "logits");
    for (size_t i = 0; status == INK_OK && i < c->n_windows; i++) {
        status = read_window(c, session, c->tokens.ids + i * c->n_window, logits, n_piece, error);
        if (status == INK_OK)
            status = ink_calibration_go_on(c, i + 1, error);
    }
    ink_delete(c->allocator, logits);
    return status;
}

ink_status ink_calibration_read(const ink_calibration *c, const ink_observer *observer,
                                ink_error *error)
{
    ink_session *session = NULL;
    INK_TRY(ink_session_new(&session, c->model,
                            &(ink_session_options){.n_context = c->n_window,
                                                   .n_threads = c->n_threads,
                                                   .all_logits = true},
                            error));
    session->observer = observer;
    ink_status status = read_windows(c, session, error);
    ink_session_free(session);
    return status;
}
