#include "cli/tools.h"

#include <stdio.h>
#include <string.h>
#include "base/status.h"
#include "cli/input.h"
#include "cli/terminal.h"
#include "text/json.h"

#define MAX_ANSWER_BYTES ((size_t)256 << 20)

static ink_tools_options options_of(const ink_tool_flags *flags)
{
    static const char *const words[] = {
        [INK_TOOL_AUTO] = "auto", [INK_TOOL_NONE] = "none", [INK_TOOL_REQUIRED] = "required"};
    ink_tools_options options = {.format = flags->format, .single = flags->single};
    if (!flags->choice)
        return options;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(flags->choice, words[i]) == 0) {
            options.choice = (ink_tool_choice)i;
            return options;
        }
    options.choice = INK_TOOL_NAMED;
    options.name = flags->choice;
    return options;
}

ink_status ink_parts_open(ink_parts *parts, const ink_tool_flags *flags, const ink_model *model,
                          ink_error *error)
{
    parts->json = flags->json;
    ink_buffer_init(&parts->content, NULL, MAX_ANSWER_BYTES);
    ink_buffer_init(&parts->thoughts, NULL, MAX_ANSWER_BYTES);
    ink_report_init(&parts->report);
    parts->calls = ink_report_list(&parts->report, parts->report.root, "tool_calls");
    if (!flags->file)
        return INK_OK;
    const ink_tools_options options = options_of(flags);
    INK_TRY(ink_input_read(flags->file, &parts->file, error));
    return ink_input_blame(
        ink_tools_new(&parts->tools, model, parts->file.data, parts->file.n_bytes, &options, error),
        flags->file, error);
}

void ink_parts_deinit(ink_parts *parts)
{
    ink_answer_free(parts->answer);
    ink_tools_free(parts->tools);
    ink_buffer_deinit(&parts->file);
    ink_buffer_deinit(&parts->content);
    ink_buffer_deinit(&parts->thoughts);
    ink_report_deinit(&parts->report);
}

/* Thoughts are not the answer: to standard error, or beside the content. */
static bool take_text(void *context, const char *text, size_t n_bytes, bool thought)
{
    ink_parts *parts = context;
    if (parts->json)
        return ink_buffer_append(thought ? &parts->thoughts : &parts->content, text, n_bytes);
    return thought ? ink_terminal_write(stderr, text, n_bytes)
                   : parts->write(parts->context, text, n_bytes);
}

static bool take_call(void *context, const ink_tool_call *call)
{
    ink_parts *parts = context;
    ink_report *report = &parts->report;
    char line[INK_FLAG_BYTES + 64];
    int n = snprintf(line, sizeof line, "{\"name\": \"%s\", \"arguments\": ", call->name);
    if (!parts->json)
        return parts->write(parts->context, line, (size_t)n) &&
               parts->write(parts->context, call->arguments, call->n_bytes) &&
               parts->write(parts->context, "}\n", 2);
    char id[24];
    (void)snprintf(id, sizeof id, "call_%zu", call->index + 1);
    ink_value entry = ink_report_dict(report, parts->calls, NULL), arguments;
    ink_report_text(report, entry, "id", id);
    ink_report_text(report, entry, "type", "function");
    ink_value function = ink_report_dict(report, entry, "function");
    ink_report_text(report, function, "name", call->name);
    if (!ink_value_new_string(&report->arena, call->arguments, call->n_bytes, &arguments))
        return false;
    ink_report_value(report, function, "arguments", arguments);
    return true;
}

ink_status ink_parts_begin(ink_parts *parts, ink_thinking thinking,
                           bool (*write)(void *context, const char *text, size_t n_bytes),
                           void *context, ink_error *error)
{
    const ink_answer_events events = {take_text, take_call, parts};
    parts->write = write;
    parts->context = context;
    ink_answer_free(parts->answer);
    parts->answer = NULL;
    return ink_answer_new(&parts->answer, parts->tools, thinking, &events, error);
}

static void report_buffer(ink_report *report, const char *name, const ink_buffer *text)
{
    ink_value value;
    if (text->n_bytes && ink_value_new_string(&report->arena, text->data, text->n_bytes, &value))
        ink_report_value(report, report->root, name, value);
}

ink_status ink_parts_end(ink_parts *parts, bool whole, const char *stop, ink_error *error)
{
    if (whole)
        INK_TRY(ink_answer_end(parts->answer, error));
    if (!parts->json)
        return INK_OK;
    report_buffer(&parts->report, "content", &parts->content);
    report_buffer(&parts->report, "reasoning_content", &parts->thoughts);
    ink_report_text(&parts->report, parts->report.root, "stop", stop);
    return ink_report_print(&parts->report, error);
}
