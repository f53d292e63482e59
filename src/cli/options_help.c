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
    double value = 0;
    const char *text = NULL;
    if (option->kind == INK_OPTION_INT)
        value = *(const int32_t *)option->destination;
    else if (option->kind == INK_OPTION_INT64)
        value = (double)*(const int64_t *)option->destination;
    else if (option->kind == INK_OPTION_SIZE)
        value = (double)*(const size_t *)option->destination;
    else if (option->kind == INK_OPTION_FLOAT)
        value = (double)*(const float *)option->destination;
    else if (option->kind == INK_OPTION_CHOICE)
        text = *(const char *const *)option->destination;
    out[0] = '\0';
    if (text)
        snprintf(out, n_bytes, " (default %s)", text);
    else if (value != 0 && value >= option->low)
        snprintf(out, n_bytes, " (default %.6g)", value);
}

static void print_option(const ink_option *option)
{
    char flag[INK_FLAG_BYTES], left[80], fallback[60], help[400];
    ink_option_flag(option, flag);
    int width = snprintf(left, sizeof left, "  %s%s%s", flag, option->value ? " " : "",
                         option->value ? option->value : "");
    format_default(option, fallback, sizeof fallback);
    snprintf(help, sizeof help, "%s%s", option->help, fallback);
    if (width + 2 > HELP_COLUMN)
        printf("%s\n%*s", left, HELP_COLUMN, "");
    else
        printf("%-*s", HELP_COLUMN, left);
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
