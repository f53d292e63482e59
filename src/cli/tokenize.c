#include <inttypes.h>
#include <stdio.h>
#include "base/status.h"
#include "cli/input.h"
#include "cli/report.h"
#include "cli/setup.h"
#include "cli/terminal.h"

static const char notes[] =
    "The text is taken as it is, a new line at its end included. The ids stand on one line.";

static ink_status print_json(const ink_tokens *tokens, ink_error *error)
{
    ink_report report;
    ink_report_init(&report);
    ink_report_count(&report, report.root, "n_tokens", tokens->n_tokens);
    ink_value list = ink_report_list(&report, report.root, "tokens");
    for (size_t i = 0; i < tokens->n_tokens; i++)
        ink_report_count(&report, list, NULL, (uint64_t)tokens->ids[i]);
    ink_status status = ink_report_print(&report, error);
    ink_report_deinit(&report);
    return status;
}

static ink_status print_plain(const ink_tokens *tokens)
{
    for (size_t i = 0; i < tokens->n_tokens; i++)
        printf("%s%" PRId32, i ? " " : "", tokens->ids[i]);
    putchar('\n');
    return INK_OK;
}

static ink_status tokenize(const char *path, unsigned special, bool json, ink_error *error)
{
    ink_model *model = NULL;
    ink_tokens tokens = {0};
    ink_buffer text = {0};
    ink_status status = ink_setup_model(
        &model, path, &(ink_open){.model = {.load = INK_LOAD_VOCABULARY, .n_threads = 1}}, error);
    if (status == INK_OK)
        status = ink_input_read("-", &text, error);
    if (status == INK_OK)
        status = ink_tokenize(model, text.data, text.n_bytes, special, &tokens, error);
    if (status == INK_OK)
        status = json ? print_json(&tokens, error) : print_plain(&tokens);
    ink_buffer_deinit(&text);
    ink_tokens_free(&tokens);
    ink_model_free(model);
    return status;
}

ink_exit ink_cmd_tokenize(const ink_call *call)
{
    bool no_bos = false, special = false, json = false;
    const char *arguments[INK_MAX_ARGUMENTS];
    const ink_option options[] = {
        INK_OPTION_FLAG(
            "no-bos", &no_bos,
            "leave out the tokens that the vocabulary adds around a text (BOS, EOS, CLS)"),
        INK_OPTION_FLAG("special", &special,
                        "control tokens written out in the text count as such"),
        INK_OPTION_JSON(&json),
        {0}};
    INK_PARSE(call, options, notes, arguments);
    ink_error error = {0};
    unsigned kinds =
        (no_bos ? 0u : (unsigned)INK_SPECIAL_ADD) | (special ? (unsigned)INK_SPECIAL_PARSE : 0u);
    return ink_finish(tokenize(arguments[0], kinds, json, &error), &error);
}
