/*
 * Answers in parts: thoughts, text, and calls of the tools of a request; the flags of `run` that
 * name them, and how they are shown.
 */
#ifndef INK_CLI_TOOLS_H
#define INK_CLI_TOOLS_H

#include "base/memory.h"
#include "cli/options.h"
#include "cli/report.h"

typedef struct ink_tool_flags {
    const char *file, *choice, *format;
    bool single, json;
} ink_tool_flags;

#define INK_OPTION_TOOLS(flags)                                                                    \
    {.name = "tools",                                                                              \
     .kind = INK_OPTION_TEXT,                                                                      \
     .destination = &(flags)->file,                                                                \
     .value = "FILE",                                                                              \
     .help = "functions that the answer may call, JSON as OpenAI has it; with --raw the model is " \
             "not told of them"},                                                                  \
        {.name = "tool_choice",                                                                    \
         .kind = INK_OPTION_TEXT,                                                                  \
         .destination = &(flags)->choice,                                                          \
         .value = "auto|none|required|NAME",                                                       \
         .help = "whether the answer calls (auto unless given)",                                   \
         .only_with = "tools"},                                                                    \
        {.name = "tool_format",                                                                    \
         .kind = INK_OPTION_TEXT,                                                                  \
         .destination = &(flags)->format,                                                          \
         .value = "NAME",                                                                          \
         .help = "how calls are written: hermes, llama3, json, ... (what the chat template says)", \
         .only_with = "tools"},                                                                    \
        {.name = "single_call",                                                                    \
         .kind = INK_OPTION_SWITCH,                                                                \
         .destination = &(flags)->single,                                                          \
         .help = "at most one call",                                                               \
         .only_with = "tools"},                                                                    \
    {                                                                                              \
        .name = "json", .kind = INK_OPTION_SWITCH, .destination = &(flags)->json,                  \
        .help = "the answer as one JSON object: content, tool_calls", .only_with = "tools"         \
    }

/* An answer that is being read; begin with {0}. */
typedef struct ink_parts {
    ink_buffer file; /* the tools, as JSON */
    ink_tools *tools;
    ink_answer *answer;
    bool json;
    ink_report report;
    ink_buffer content, thoughts;
    ink_value calls; /* of the report */
    bool (*write)(void *context, const char *text, size_t n_bytes);
    void *context;
} ink_parts;

/* Reads the file, if one is given; `model` outlives the parts. */
ink_status ink_parts_open(ink_parts *parts, const ink_tool_flags *flags, const ink_model *model,
                          ink_error *error);
void ink_parts_deinit(ink_parts *parts);

/* Begins an answer whose text goes to `write`. */
ink_status ink_parts_begin(ink_parts *parts, ink_thinking thinking,
                           bool (*write)(void *context, const char *text, size_t n_bytes),
                           void *context, ink_error *error);

/* The end of it: JSON is printed. `stop` says why it ended. A cut answer is not read on. */
ink_status ink_parts_end(ink_parts *parts, bool whole, const char *stop, ink_error *error);

#endif
