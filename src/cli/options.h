/*
 * Flags as rows of a table: name, kind, where the value goes, help. From the rows follow parsing,
 * --help, and messages that say what was found, what is allowed, and which flag is nearest to one
 * that is not there.
 *
 * The value a destination has before parsing is the default, and is shown in the help when it is
 * not zero.
 */
#ifndef INK_CLI_OPTIONS_H
#define INK_CLI_OPTIONS_H

#include "base/nearest.h"
#include "base/number.h"
#include "cli/command.h"

/* kind, C type of the destination */
#define INK_OPTION_KINDS(X)                                                \
    X(SWITCH, bool)         /* takes no value */                           \
    X(TEXT, const char *)   /* borrowed from argv */                       \
    X(TEXTS, ink_texts)     /* may be given again and again */             \
    X(CHOICE, const char *) /* one of the words of `value`, as in "a|b" */ \
    X(CACHE, const char *)  /* of ink_session_options */                   \
    X(INT, int32_t)                                                        \
    X(INT64, int64_t)                                                      \
    X(SIZE, size_t)                                                        \
    X(BYTES, uint64_t) /* 512M, 1.5G, 800Mi; above 0 */                    \
    X(FLOAT, float)

typedef enum ink_option_kind {
    INK_OPTION_END,     /* ends the table */
    INK_OPTION_HEADING, /* of the rows that follow, in the help */
#define X(name, type) INK_OPTION_##name,
    INK_OPTION_KINDS(X)
#undef X
} ink_option_kind;

/* INK_MAX_ARGUMENTS: words that are no flags, INK_MAX_TEXTS of them behind a MODEL */
enum { INK_MAX_TEXTS = 32, INK_MAX_OPTIONS = 64, INK_MAX_ARGUMENTS = INK_MAX_TEXTS + 1 };

typedef struct ink_texts {
    const char *texts[INK_MAX_TEXTS];
    size_t n_texts;
} ink_texts;

typedef struct ink_option {
    const char *name; /* without dashes; '_' stands for '-' */
    ink_option_kind kind;
    void *destination;
    const char *value; /* what stands for it in the help: "N", "FILE" */
    const char *help;
    double low, high;      /* of numbers: what is allowed */
    double off;            /* of numbers: the value that changes nothing */
    const char *only_with; /* a switch or text without which this one has no effect */
    const char *not_with;  /* a switch or text with which this one has no effect */
    const char *needs;     /* numbers, "a|b": at `off` of all of them this one has no effect */
} ink_option;

/* What parsing leads to: go on, or end with this exit code because help or an error was printed. */
typedef enum ink_parsed { INK_PARSED, INK_PARSED_HELP, INK_PARSED_WRONG } ink_parsed;

/*
 * Fills the destinations and `arguments` ([INK_MAX_ARGUMENTS], NULL where left out), the words that
 * the command's row names. `notes` is printed at the end of the help, or NULL. Use through
 * INK_PARSE.
 */
ink_parsed ink_options_parse(const ink_call *call, const ink_option *options, const char *notes,
                             const char **arguments);

/* Returns from the command when there is nothing left to do. */
#define INK_PARSE(call, options, notes, arguments)                                       \
    do {                                                                                 \
        ink_parsed parsed_ = ink_options_parse((call), (options), (notes), (arguments)); \
        if (parsed_ != INK_PARSED)                                                       \
            return parsed_ == INK_PARSED_HELP ? INK_EXIT_OK : INK_EXIT_USAGE;            \
    } while (0)

void ink_options_print_help(const ink_command *command, const ink_option *options,
                            const char *notes);

/* What a destination holds; 0 when it is no number. */
double ink_option_number(const ink_option *option);

/* As a person writes it: 0.01, 1000000. */
const char *ink_option_print_number(const ink_option *option, double value,
                                    char out[INK_FLOAT_BYTES]);

/* Writes "--name" with dashes. */
enum { INK_FLAG_BYTES = 48 };
const char *ink_option_flag(const ink_option *option, char flag[INK_FLAG_BYTES]);

#endif
