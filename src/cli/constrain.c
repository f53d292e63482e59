/* Is a text what a constraint allows? And how quickly is it told which tokens may come next? */
#include <stdio.h>

#include "base/status.h"
#include "cli/constrain_bench.h"
#include "cli/constraint.h"
#include "cli/input.h"
#include "cli/report.h"
#include "cli/setup.h"
#include "cli/terminal.h"

static const char notes[] =
    "Exit code 0: the text is accepted, or without --check, the constraint is. 1: the text is "
    "not,\n"
    "and the byte is named. 2: the constraint is refused, with the reason. Both files may be '-'.\n"
    "A new line at the end of the text is dropped unless the constraint allows it.";

typedef struct verdict {
    bool accepted;
    bool early; /* all of the text is allowed, but it may not end here */
    size_t byte;
} verdict;

static ink_status check(ink_constraint *constraint, const ink_buffer *text, verdict *out,
                        ink_error *error)
{
    size_t n = text->n_bytes;
    INK_TRY(ink_constraint_accept(constraint, text->data, n, &out->byte, error));
    bool may_end = ink_constraint_may_end(constraint);
    bool line = n > 0 && out->byte == n - 1 && text->data[n - 1] == '\n';
    out->accepted = may_end && (out->byte == n || line);
    out->early = !out->accepted && out->byte == n;
    return INK_OK;
}

static ink_status print(const verdict *v, const char *path, bool json, ink_error *error)
{
    if (!json) {
        printf(v->accepted ? "accepted\n"
               : v->early  ? "not accepted: it ends too early, at byte %zu\n"
                           : "not accepted: byte %zu may not stand there\n",
               v->byte);
        return INK_OK;
    }
    ink_report report;
    ink_report_init(&report);
    ink_report_text(&report, report.root, "file", path);
    ink_report_bool(&report, report.root, "accepted", v->accepted);
    if (!v->accepted) {
        ink_report_count(&report, report.root, "byte", v->byte);
        ink_report_text(&report, report.root, "reason",
                        v->early ? "it ends too early" : "this byte may not stand there");
    }
    ink_status status = ink_report_print(&report, error);
    ink_report_deinit(&report);
    return status;
}

static ink_exit check_file(ink_constraint *constraint, const char *path, bool json)
{
    ink_buffer text = {0};
    verdict v = {.accepted = false};
    ink_error error = {0};
    ink_status status = ink_input_read(path, &text, &error);
    if (status == INK_OK)
        status = check(constraint, &text, &v, &error);
    if (status == INK_OK)
        status = print(&v, path, json, &error);
    ink_buffer_deinit(&text);
    if (status != INK_OK) {
        (void)ink_finish(status, &error);
        return INK_EXIT_USAGE; /* nothing was found out about the text */
    }
    return v.accepted ? INK_EXIT_OK : INK_EXIT_FAILED;
}

static ink_exit constrain(const ink_constraint_flags *flags, const char *path,
                          const char *model_path, bool json)
{
    ink_error error = {0};
    ink_model *model = NULL;
    ink_constraint *constraint = NULL;
    ink_exit code = INK_EXIT_USAGE;
    ink_status status = INK_OK;
    const ink_open vocabulary = {.model = {.load = INK_LOAD_VOCABULARY, .n_threads = 1}};
    if (model_path)
        status = ink_setup_model(&model, model_path, &vocabulary, &error);
    if (status == INK_OK)
        status = ink_constraint_flags_open(&constraint, flags, model, NULL, &error);
    if (status == INK_OK && !constraint)
        status = ink_fail(&error, INK_BAD_ARGUMENT, 0,
                          "what must the text be? One of --schema, --grammar, --regex and --choice "
                          "says it");
    if (status != INK_OK)
        (void)ink_finish(status, &error);
    else if (model_path)
        code = ink_constrain_bench(constraint, model, path, json);
    else if (path)
        code = check_file(constraint, path, json);
    else
        code = INK_EXIT_OK;
    ink_constraint_free(constraint);
    ink_model_free(model);
    return code;
}

ink_exit ink_cmd_constrain(const ink_call *call)
{
    ink_constraint_flags flags = {.form = "any"};
    const char *path = NULL, *model = NULL;
    bool json = false;
    const char *arguments[INK_MAX_ARGUMENTS];
    const ink_option options[] = {
        INK_OPTION_WORD("check", &path, "FILE", "is this text accepted?"),
        INK_OPTION_CONSTRAINT(&flags),
        INK_OPTION_WORD("bench", &model, "MODEL",
                        "time the choice of tokens along the text of --check"),
        INK_OPTION_JSON(&json),
        {0}};
    INK_PARSE(call, options, notes, arguments);
    return constrain(&flags, path, model, json);
}
