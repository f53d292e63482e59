/* Lines through libedit (editline(7)): history of this run, emacs keys or what ~/.editrc says. */
#define _GNU_SOURCE
#include "cli/line.h"

#ifdef INK_HAVE_EDIT

#include <errno.h>
#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/interrupt.h"
#include "cli/terminal.h"

enum { HISTORY_LINES = 1000, PROMPT_BYTES = 80 };

#define TEXT(number) #number
#define VERSION(major, minor) TEXT(major) "." TEXT(minor)

const char *const ink_line_library = VERSION(LIBEDIT_MAJOR, LIBEDIT_MINOR);

struct ink_line {
    EditLine *editor;
    History *history;
    char *text;
    char prompt[PROMPT_BYTES];
};

static char *show_prompt(EditLine *editor)
{
    void *line = NULL;
    el_get(editor, EL_CLIENTDATA, &line);
    return ((ink_line *)line)->prompt;
}

/* Editing counts characters in the encoding of the locale; numbers keep their C form. */
static void use_utf8(void)
{
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
}

ink_line *ink_line_open(void)
{
    ink_line *line = calloc(1, sizeof *line);
    if (!line)
        return NULL;
    use_utf8();
    HistEvent event;
    line->history = history_init();
    line->editor = el_init("inkling", stdin, stderr, stderr);
    if (!line->history || !line->editor) {
        ink_line_close(line);
        return NULL;
    }
    history(line->history, &event, H_SETSIZE, HISTORY_LINES);
    history(line->history, &event, H_SETUNIQUE, 1);
    el_set(line->editor, EL_CLIENTDATA, line);
    el_set(line->editor, EL_PROMPT_ESC, show_prompt, '\1');
    el_set(line->editor, EL_EDITOR, "emacs");
    el_set(line->editor, EL_HIST, history, line->history);
    el_source(line->editor, NULL);
    return line;
}

void ink_line_close(ink_line *line)
{
    if (!line)
        return;
    if (line->editor)
        el_end(line->editor);
    if (line->history)
        history_end(line->history);
    free(line->text);
    free(line);
}

/*
 * Color changes stand between \1 so that libedit does not count them as columns. It sends one only
 * along with a character that follows, so the change back stands before the last one, a blank.
 */
static void set_prompt(ink_line *line, const char *prompt)
{
    const char *color = ink_terminal_style(stderr, INK_STYLE_PROMPT);
    size_t n_bytes = strlen(prompt);
    if (*color && n_bytes)
        snprintf(line->prompt, sizeof line->prompt, "\1%s\1%.*s\1%s\1%s", color, (int)(n_bytes - 1),
                 prompt, ink_terminal_style(stderr, INK_STYLE_PLAIN), prompt + n_bytes - 1);
    else
        snprintf(line->prompt, sizeof line->prompt, "%s", prompt);
}

const char *ink_line_read(ink_line *line, const char *prompt)
{
    int n = 0;
    set_prompt(line, prompt);
    const char *typed = el_gets(line->editor, &n);
    if (!typed || n <= 0 || ink_interrupted())
        return NULL;
    free(line->text);
    line->text = strdup(typed);
    for (size_t end = line->text ? strlen(line->text) : 0;
         end && strchr("\r\n", line->text[end - 1]); end--)
        line->text[end - 1] = '\0';
    return line->text;
}

void ink_line_remember(ink_line *line, const char *text)
{
    HistEvent event;
    history(line->history, &event, H_ENTER, text);
}

#else
typedef int ink_line_edit_unused;
#endif
