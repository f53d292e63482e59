/*
 * The tools of a request: functions with a name and a schema of their arguments, and the way in
 * which a model's family writes calls of them (tool_formats.def).
 */
#ifndef INK_TEXT_TOOLS_H
#define INK_TEXT_TOOLS_H

#include "text/value.h"
#include "text/vocab.h"

/* Limits; each is reported. Of the JSON, of functions, of a name, of calls in one answer. */
#define INK_TOOLS_MAX_BYTES ((size_t)4 << 20)
#define INK_TOOLS_MAX 128
#define INK_TOOL_NAME_MAX_BYTES 64
#define INK_TOOL_CALLS_MAX 32

typedef struct ink_tool_format {
    const char *name, *known_by, *marker, *begin, *open, *middle, *close, *between, *end;
    bool several;
    const char *quote; /* around strings in arguments; NULL: arguments are JSON */
} ink_tool_format;

typedef struct ink_tool {
    ink_value name;
    ink_value parameters; /* a schema of objects */
} ink_tool;

struct ink_tools {
    const ink_allocator *allocator;
    ink_arena arena;
    const ink_vocab *vocab; /* NULL: no tokens are known */
    const struct ink_model *model;
    const ink_tool_format *format;
    ink_value list; /* as it was read, for templates */
    ink_tool *all;  /* [n] */
    size_t n;
    ink_tool_choice choice;
    const ink_tool *named; /* of INK_TOOL_NAMED */
    bool single, in_template;
};

/* The row with this name, '-' for '_'; or the first whose text the template has; or NULL. */
const ink_tool_format *ink_tool_format_find(const char *name);
const ink_tool_format *ink_tool_format_of(ink_text template);

/*
 * Fills list, all and n of `tools` from JSON. BAD_ARGUMENT and CORRUPT name the tool by place and
 * what is wrong; a schema of arguments that says nothing of other properties allows none.
 */
INK_MUST_USE ink_status ink_tools_read(struct ink_tools *tools, const char *json, size_t n_bytes,
                                       ink_error *error);

/* The names of all formats, "a, b, c". */
const char *ink_tool_format_names(char out[160]);

#endif
