/* --help, from the rows: destinations still hold the defaults when it is printed. */
#include <stdio.h>
#include <string.h>
#include "cli/options.h"
#include "cli/terminal.h"

enum { HELP_COLUMN = 26, HELP_WIDTH = 88 };

/* Prints words from `column` on, continuing on new lines that begin at HELP_COLUMN. */
static void print_wrapped(const char *text, size_t column)
{
    for (bool first = true; *text; first = false) {
        size_t length = strcspn(text, " ");
        if (!first && column + 1 + length > HELP_WIDTH) {
            printf("\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        } else if (!first) {
            putchar(' ');
            column++;
        }
        printf("%.*s", (int)length, text);
        column += length;
        text += length;
        text += strspn(text, " ");
    }
    putchar('\n');
}

/*
 * " (default 0.8)"; nothing when it is zero, or no allowed value: the help then says what that
 * means.
 */
static void format_default(const ink_option *option, char *out, size_t n_bytes)
{
    char number[INK_FLOAT_BYTES];
    double value = ink_option_number(option);
    const char *text = NULL;
    if (option->kind == INK_OPTION_CHOICE || option->kind == INK_OPTION_CACHE)
        text = *(const char *const *)option->destination;
    else if (value != 0 && value >= option->low)
        text = ink_option_print_number(option, value, number);
    out[0] = '\0';
    if (text)
        snprintf(out, n_bytes, " (default %s)", text);
}

/* "  --flag a|b|c", which goes on in the next line behind a bar; the column where it ends. */
static size_t print_flag(const ink_option *option)
{
    char flag[INK_FLAG_BYTES];
    ink_option_flag(option, flag);
    printf("  %s", flag);
    size_t indent = 2 + strlen(flag) + 1, column = indent - 1, length;
    for (const char *word = option->value ? option->value : ""; *word; word += length) {
        length = strcspn(word, "|");
        length += word[length] == '|';
        if (column + 1 + length > HELP_WIDTH) {
            printf("\n%*s", (int)indent, "");
            column = indent;
        } else if (word == option->value) {
            putchar(' ');
            column++;
        }
        printf("%.*s", (int)length, word);
        column += length;
    }
    return column;
}

static void print_option(const ink_option *option)
{
    char fallback[60], help[400];
    size_t column = print_flag(option);
    format_default(option, fallback, sizeof fallback);
    snprintf(help, sizeof help, "%s%s", option->help, fallback);
    if (column + 2 > HELP_COLUMN)
        printf("\n%*s", HELP_COLUMN, "");
    else
        printf("%*s", (int)(HELP_COLUMN - column), "");
    print_wrapped(help, HELP_COLUMN);
}

void ink_options_print_help(const ink_command *command, const ink_option *options,
                            const char *notes)
{
    const char *strong = ink_terminal_style(stdout, INK_STYLE_STRONG);
    const char *plain = ink_terminal_style(stdout, INK_STYLE_PLAIN);
    printf("%s.\n\n%sUsage:%s inkling %s%s%s [options]\n", command->summary, strong, plain,
           command->name, *command->arguments ? " " : "", command->arguments);
    if (options->kind != INK_OPTION_HEADING)
        printf("\n%sOptions:%s\n", strong, plain);
    for (const ink_option *option = options; option->kind != INK_OPTION_END; option++)
        if (option->kind == INK_OPTION_HEADING)
            printf("\n%s%s:%s\n", strong, option->name, plain);
        else
            print_option(option);
    printf("%-*sthis text\n", HELP_COLUMN, "  --help");
    if (notes)
        printf("\n%s\n", notes);
    printf("\nExit codes: 0 done, 1 failed (the message says why), 2 wrong usage, "
           "130 interrupted.\n");
}
