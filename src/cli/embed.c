#include <stdio.h>
#include <string.h>
#include "base/status.h"
#include "cli/input.h"
#include "cli/report.h"
#include "cli/setup.h"
#include "cli/terminal.h"

static const char notes[] =
    "Without TEXT, standard input is the text (one new line at its end is dropped). Prints\n"
    "one vector on a line, as the model pools it and not normalized; with --each, one line a\n"
    "token.";

typedef struct request {
    const char *path, *text, *ids;
    bool json, each;
    ink_open open;
    ink_session_options session;
    ink_model *model;
    ink_session *state;
    ink_tokens tokens;
    size_t n_rows, n_embedding;
    float *vectors; /* [n_rows][n_embedding] */
} request;

static ink_status take_tokens(request *r, ink_error *error)
{
    ink_buffer read = {0};
    if (r->ids)
        return ink_input_parse_ids(r->ids, strlen(r->ids), &r->tokens, error);
    const char *text = r->text;
    size_t n_bytes = text ? strlen(text) : 0;
    if (!text) {
        INK_TRY(ink_input_read("-", &read, error));
        text = read.data;
        n_bytes = read.n_bytes - (read.n_bytes && read.data[read.n_bytes - 1] == '\n');
    }
    ink_status status = ink_tokenize(r->model, text, n_bytes, INK_SPECIAL_ADD, &r->tokens, error);
    ink_buffer_deinit(&read);
    return status;
}

static ink_status evaluate(request *r, ink_error *error)
{
    ink_model_info info;
    ink_model_get_info(r->model, &info);
    if (!info.embedding)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s (%s) generates text; it is not for embeddings", r->path,
                        info.architecture);
    if (r->tokens.n_tokens == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "the text is empty");
    r->n_embedding = info.n_embedding;
    r->n_rows = r->each ? r->tokens.n_tokens : 1;
    r->vectors = ink_setup_rows(r->n_rows, r->n_embedding);
    if (!r->vectors)
        return ink_fail_memory(error, "the vectors");
    INK_TRY(ink_session_new(&r->state, r->model, &r->session, error));
    return ink_session_embed(r->state, r->tokens.ids, r->tokens.n_tokens, !r->each, r->vectors,
                             error);
}

static void print_plain(const request *r)
{
    for (size_t row = 0; row < r->n_rows; row++)
        for (size_t i = 0; i < r->n_embedding; i++)
            printf("%.9g%c", (double)r->vectors[row * r->n_embedding + i],
                   i + 1 == r->n_embedding ? '\n' : ' ');
}

static ink_status print_json(const request *r, ink_error *error)
{
    ink_report report;
    ink_report_init(&report);
    ink_report_count(&report, report.root, "n_tokens", r->tokens.n_tokens);
    ink_value rows = ink_report_list(&report, report.root, "embeddings");
    for (size_t row = 0; row < r->n_rows; row++) {
        ink_value vector = ink_report_list(&report, rows, NULL);
        for (size_t i = 0; i < r->n_embedding; i++)
            ink_report_real(&report, vector, NULL, (double)r->vectors[row * r->n_embedding + i]);
    }
    ink_status status = ink_report_print(&report, error);
    ink_report_deinit(&report);
    return status;
}

static ink_status run(request *r, ink_error *error)
{
    r->open.model.n_threads = r->session.n_threads;
    r->open.session = &r->session;
    INK_TRY(ink_setup_model(&r->model, r->path, &r->open, error));
    INK_TRY(take_tokens(r, error));
    INK_TRY(evaluate(r, error));
    if (r->json)
        return print_json(r, error);
    print_plain(r);
    return INK_OK;
}

ink_exit ink_cmd_embed(const ink_call *call)
{
    request r = {0};
    const char *arguments[INK_MAX_ARGUMENTS];
    ink_setup_session_defaults(&r.session);
    ink_setup_model_defaults(&r.open);
    const ink_option options[] = {
        INK_OPTION_WORD("tokens", &r.ids, "IDS", "token ids instead of a text: \"101 7592 102\""),
        INK_OPTION_FLAG("each", &r.each, "a vector for each token, not one for the text"),
        INK_OPTION_JSON(&r.json),
        INK_OPTION_CONTEXT(&r.session),
        INK_OPTION_THREADS(&r.session),
        INK_OPTION_WEIGHTS(&r.open),
        {0}};
    INK_PARSE(call, options, notes, arguments);
    r.path = arguments[0];
    r.text = arguments[1];
    if (r.ids && r.text) {
        ink_say("embed: TEXT has no effect with --tokens");
        return INK_EXIT_USAGE;
    }
    ink_error error = {0};
    ink_status status = run(&r, &error);
    ink_delete(NULL, r.vectors);
    ink_tokens_free(&r.tokens);
    ink_session_free(r.state);
    ink_model_free(r.model);
    return ink_finish(status, &error);
}
