#include <stdio.h>
#include "cli/input.h"
#include "cli/setup.h"
#include "cli/terminal.h"

static const char notes[] =
    "Prints the text exactly, with no new line added; ids stand between blanks, commas or line\n"
    "ends.";

static ink_status detokenize(const char *path, unsigned special, ink_error *error)
{
    ink_model *model = NULL;
    ink_tokens tokens = {0};
    ink_string text = {0};
    ink_buffer ids = {0};
    ink_status status = ink_setup_model(
        &model, path, &(ink_open){.model = {.load = INK_LOAD_VOCABULARY, .n_threads = 1}}, error);
    if (status == INK_OK)
        status = ink_input_read("-", &ids, error);
    if (status == INK_OK)
        status = ink_input_parse_ids(ids.data, ids.n_bytes, &tokens, error);
    if (status == INK_OK)
        status = ink_detokenize(model, tokens.ids, tokens.n_tokens, special, &text, error);
    if (status == INK_OK && text.n_bytes)
        fwrite(text.data, 1, text.n_bytes, stdout);
    ink_string_free(&text);
    ink_buffer_deinit(&ids);
    ink_tokens_free(&tokens);
    ink_model_free(model);
    return status;
}

ink_exit ink_cmd_detokenize(const ink_call *call)
{
    bool special = false;
    const char *arguments[INK_MAX_ARGUMENTS];
    const ink_option options[] = {
        INK_OPTION_FLAG("special", &special,
                        "write control tokens out, instead of leaving them out"),
        {0}};
    INK_PARSE(call, options, notes, arguments);
    ink_error error = {0};
    unsigned kinds = special ? (unsigned)INK_SPECIAL_PARSE : 0u;
    return ink_finish(detokenize(arguments[0], kinds, &error), &error);
}
