#include "cli/constraint.h"

#include <string.h>
#include "base/status.h"
#include "cli/input.h"

/* The kind that is given, with its flag, and the text or the file that holds it. */
static ink_status find_given(const ink_constraint_flags *flags, ink_constraint_kind *kind,
                             const char **text, ink_error *error)
{
    const char *const texts[] = {[INK_CONSTRAINT_SCHEMA] = flags->schema,
                                 [INK_CONSTRAINT_GRAMMAR] = flags->grammar,
                                 [INK_CONSTRAINT_REGEX] = flags->regex,
                                 [INK_CONSTRAINT_CHOICE] = flags->choice};
    *text = NULL;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i] && *text)
            return ink_fail(error, INK_BAD_ARGUMENT, 0,
                            "only one of --schema, --grammar, --regex and --choice can be given");
        if (texts[i]) {
            *kind = (ink_constraint_kind)i;
            *text = texts[i];
        }
    }
    return INK_OK;
}

bool ink_constraint_flags_given(const ink_constraint_flags *flags)
{
    return flags->schema || flags->grammar || flags->regex || flags->choice;
}

ink_status ink_constraint_flags_open(ink_constraint **out, const ink_constraint_flags *flags,
                                     const ink_model *model, bool *refused, ink_error *error)
{
    ink_constraint_source source = {
        .form = flags->form && strcmp(flags->form, "any") == 0 ? INK_JSON_ANY : INK_JSON_PLAIN,
        .thinking = flags->thinking};
    const char *text;
    ink_buffer file = {0};
    INK_TRY(find_given(flags, &source.kind, &text, error));
    if (!text)
        return INK_OK;
    source.text = text;
    source.n_bytes = strlen(text);
    bool in_file = text == flags->schema || text == flags->grammar;
    ink_status status = in_file ? ink_input_read(text, &file, error) : INK_OK;
    if (status == INK_OK && in_file) {
        source.text = file.data;
        source.n_bytes = file.n_bytes;
    }
    if (status == INK_OK) {
        status = ink_constraint_new(out, model, &source, error);
        if (refused)
            *refused = status != INK_OK && status != INK_NO_MEMORY;
        if (in_file)
            status = ink_input_blame(status, text, error);
    }
    ink_buffer_deinit(&file);
    return status;
}
