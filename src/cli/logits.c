#define _POSIX_C_SOURCE 200809L
/* Logits as raw floats, for comparing one engine, machine or setting with another. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/status.h"
#include "cli/input.h"
#include "cli/setup.h"
#include "cli/terminal.h"

/* At most this much is held at a time; what a piece is does not change the bits. */
#define MAX_PIECE_BYTES ((size_t)256 << 20)

static const char notes[] =
    "Writes float32, little-endian, [tokens, vocabulary]. The ids are taken as they are:\n"
    "nothing is added in front of them.";

typedef struct request {
    const char *path, *ids, *out;
    size_t split;
    ink_open open;
    ink_session_options session;
    ink_model *model;
    ink_session *state;
    ink_tokens tokens;
    size_t n_vocab, n_piece;
    float *logits;           /* [n_piece][n_vocab] */
    ink_file_writer *writer; /* NULL: standard output */
} request;

/* The first n of the logits. */
static ink_status put(request *r, size_t n, ink_error *error)
{
    if (r->writer)
        return ink_file_writer_write(r->writer, r->logits, n * sizeof *r->logits, error);
    if (fwrite(r->logits, sizeof *r->logits, n, stdout) != n)
        return ink_fail(error, INK_IO, 0, "standard output: %s", strerror(errno));
    return INK_OK;
}

/* Tokens [begin, end), one piece after the other. */
static ink_status write_range(request *r, size_t begin, size_t end, ink_error *error)
{
    ink_bar bar;
    ink_bar_init(&bar, "Evaluating");
    for (size_t at = begin, n; at < end; at += n) {
        n = end - at < r->n_piece ? end - at : r->n_piece;
        ink_status status =
            ink_session_evaluate(r->state, r->tokens.ids + at, n, r->logits, &bar.progress, error);
        if (status == INK_OK)
            status = put(r, n * r->n_vocab, error);
        if (status != INK_OK) {
            ink_bar_end(&bar);
            return status;
        }
    }
    ink_bar_end(&bar);
    return INK_OK;
}

/* Saves the session into a file, and goes on in a new one that is restored from it. */
static ink_status exchange_session(request *r, ink_error *error)
{
    const char *folder = getenv("TMPDIR");
    char path[1024];
    int n = snprintf(path, sizeof path, "%s/inkling-session-XXXXXX",
                     folder && *folder ? folder : "/tmp");
    if (n < 0 || (size_t)n >= sizeof path)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "TMPDIR is longer than %zu bytes", sizeof path);
    int descriptor = mkstemp(path);
    if (descriptor < 0)
        return ink_fail(error, INK_IO, 0, "%s: %s", path, strerror(errno));
    close(descriptor);
    ink_session *fresh = NULL;
    ink_status status = ink_session_save(r->state, path, error);
    if (status == INK_OK)
        status = ink_session_new(&fresh, r->model, &r->session, error);
    if (status == INK_OK)
        status = ink_session_restore(fresh, path, error);
    unlink(path);
    if (status == INK_OK) {
        ink_session_free(r->state);
        r->state = fresh;
    } else {
        ink_session_free(fresh);
    }
    return status;
}

static ink_status check(const request *r, ink_error *error)
{
    size_t n_context = ink_session_n_context(r->state);
    if (r->tokens.n_tokens > n_context)
        return ink_fail(error, INK_LIMIT, 0,
                        "%zu tokens do not fit into a context of %zu positions; see --context",
                        r->tokens.n_tokens, n_context);
    return INK_OK;
}

static ink_status prepare(request *r, ink_error *error)
{
    ink_model_info info;
    INK_TRY(ink_setup_session(&r->state, r->model, &r->session, error));
    INK_TRY(check(r, error));
    ink_model_get_info(r->model, &info);
    r->n_vocab = info.n_vocab;
    r->n_piece = MAX_PIECE_BYTES / sizeof *r->logits / r->n_vocab + 1;
    if (r->n_piece > r->tokens.n_tokens)
        r->n_piece = r->tokens.n_tokens;
    r->logits = ink_setup_rows(r->n_piece, r->n_vocab);
    if (!r->logits)
        return ink_fail_memory(error, "the logits");
    return strcmp(r->out, "-") == 0
               ? INK_OK
               : ink_file_writer_open(&r->writer, r->out, INK_FILE_FOR_ALL, NULL, error);
}

static ink_status take_ids(request *r, ink_error *error)
{
    ink_buffer text = {0};
    ink_status status = INK_OK;
    if (!r->ids)
        status = ink_input_read("-", &text, error);
    if (status == INK_OK)
        status = ink_input_parse_ids(r->ids ? r->ids : text.data,
                                     r->ids ? strlen(r->ids) : text.n_bytes, &r->tokens, error);
    if (status == INK_OK && r->tokens.n_tokens == 0)
        status = ink_fail(error, INK_BAD_ARGUMENT, 0, "no token ids were given");
    ink_buffer_deinit(&text);
    return status;
}

static ink_status write_logits(request *r, ink_error *error)
{
    r->open.model.n_threads = r->session.n_threads;
    r->open.session = &r->session;
    r->session.all_logits = true;
    INK_TRY(ink_setup_model(&r->model, r->path, &r->open, error));
    INK_TRY(prepare(r, error));
    INK_TRY(write_range(r, 0, r->split, error));
    if (r->split)
        INK_TRY(exchange_session(r, error));
    INK_TRY(write_range(r, r->split, r->tokens.n_tokens, error));
    return r->writer ? ink_file_writer_commit(r->writer, error) : INK_OK;
}

ink_exit ink_cmd_logits(const ink_call *call)
{
    request r = {0};
    const char *arguments[INK_MAX_ARGUMENTS];
    ink_setup_session_defaults(&r.session);
    ink_setup_model_defaults(&r.open);
    const ink_option options[] = {
        INK_OPTION_WORD("tokens", &r.ids, "IDS", "\"1 403 407\"; from standard input unless given"),
        INK_OPTION_WORD("out", &r.out, "FILE", "where to; - is standard output"),
        INK_OPTION_COUNT("split", &r.split, "N",
                         "after N tokens, save the session and go on with a restored one"),
        INK_OPTION_SESSION(&r.session),
        INK_OPTION_WEIGHTS(&r.open),
        {0}};
    INK_PARSE(call, options, notes, arguments);
    r.path = arguments[0];
    ink_error error = {0};
    ink_status status = take_ids(&r, &error);
    if (status == INK_OK && r.split >= r.tokens.n_tokens) {
        ink_say("logits: --split is '%zu', but must be less than the %zu tokens", r.split,
                r.tokens.n_tokens);
        ink_tokens_free(&r.tokens);
        return INK_EXIT_USAGE;
    }
    if (status == INK_OK)
        status = write_logits(&r, &error);
    ink_file_writer_close(r.writer);
    ink_delete(NULL, r.logits);
    ink_tokens_free(&r.tokens);
    ink_session_free(r.state);
    ink_model_free(r.model);
    return ink_finish(status, &error);
}
