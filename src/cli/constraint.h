/* The flags that say what a text must be, shared by the commands that take them. */
#ifndef INK_CLI_CONSTRAINT_H
#define INK_CLI_CONSTRAINT_H

#include "base/memory.h"
#include "cli/options.h"

typedef struct ink_constraint_flags {
    const char *schema, *grammar, *regex, *choice; /* at most one is given */
    const char *form;                              /* "plain" or "any" */
    ink_thinking thinking; /* before the text; no flag: what the prompt came to */
} ink_constraint_flags;

#define INK_OPTION_CONSTRAINT_ROW(name_, field_, value_, help_)                            \
    {                                                                                      \
        .name = name_, .kind = INK_OPTION_TEXT, .destination = &(field_), .value = value_, \
        .help = help_                                                                      \
    }
#define INK_OPTION_CONSTRAINT(flags)                                                              \
    INK_OPTION_CONSTRAINT_ROW("schema", (flags)->schema, "FILE", "JSON that satisfies a schema"), \
        INK_OPTION_CONSTRAINT_ROW("grammar", (flags)->grammar, "FILE",                            \
                                  "a text of a GBNF grammar"),                                    \
        INK_OPTION_CONSTRAINT_ROW("regex", (flags)->regex, "R",                                   \
                                  "a text that matches a regular expression as a whole"),         \
        INK_OPTION_CONSTRAINT_ROW("choice", (flags)->choice, "A,B", "one of these texts"),        \
    {                                                                                             \
        .name = "form", .kind = INK_OPTION_CHOICE, .destination = &(flags)->form,                 \
        .value = "plain|any", .help = "of JSON: one line with keys in the schema's order, or any" \
    }

/* Whether there is any. */
bool ink_constraint_flags_given(const ink_constraint_flags *flags);

/*
 * `*out` stays NULL when no flag is given. `refused` (may be NULL) is set when what was given could
 * be read, but is no constraint that can be honored. BAD_ARGUMENT: more than one is given.
 */
ink_status ink_constraint_flags_open(ink_constraint **out, const ink_constraint_flags *flags,
                                     const ink_model *model, bool *refused, ink_error *error);

#endif
