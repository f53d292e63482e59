/* A conversation at a terminal: lines in, answers out, commands that begin with a slash. */
#include <stdio.h>
#include <string.h>
#include "base/status.h"
#include "cli/interrupt.h"
#include "cli/line.h"
#include "cli/run.h"
#include "cli/terminal.h"

#define MAX_MESSAGE_BYTES ((size_t)16 << 20)
enum { MAX_FORKS = 8 };

typedef struct console {
    ink_run *run;
    ink_line *line;
    ink_buffer message;
    ink_chat forks[MAX_FORKS]; /* [n_forks]: what /back returns to, with sessions of their own */
    size_t n_forks;
    bool leaving;
} console;

/* name, argument, help */
#define CONSOLE_COMMANDS(X)                                      \
    X(help, "", "this list")                                     \
    X(clear, "", "forget the conversation")                      \
    X(undo, "", "forget the last question and its answer")       \
    X(fork, "", "go on in a copy of the conversation")           \
    X(back, "", "leave the copy, to where /fork was")            \
    X(stats, "", "speed and memory of the last answer")          \
    X(save, "FILE", "write the conversation to a file, as JSON") \
    X(load, "FILE", "go on with a saved conversation")           \
    X(exit, "", "leave; Ctrl-D too")

#define X(name, argument, help) \
    static ink_status do_##name(console *c, const char *text, ink_error *error);
CONSOLE_COMMANDS(X)
#undef X

typedef struct console_command {
    const char *name, *argument, *help;
    ink_status (*run)(console *c, const char *text, ink_error *error);
} console_command;

static const console_command commands[] = {
#define X(name, argument, help) {#name, argument, help, do_##name},
    CONSOLE_COMMANDS(X)
#undef X
};

enum { N_COMMANDS = sizeof commands / sizeof *commands };

static ink_status do_help(console *c, const char *text, ink_error *error)
{
    (void)c;
    (void)text;
    (void)error;
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(stderr, "  /%-5s %-5s %s\n", commands[i].name, commands[i].argument,
                commands[i].help);
    fprintf(stderr,
            "A line that ends in \\ goes on in the next; \"\"\" begins and ends several lines.\n"
            "Ctrl-C stops an answer.\n");
    return INK_OK;
}

static ink_status need_conversation(const console *c, ink_error *error)
{
    if (!c->run->raw)
        return INK_OK;
    return ink_fail(error, INK_BAD_ARGUMENT, 0,
                    "each text is continued by itself here; there is no conversation");
}

static ink_status do_clear(console *c, const char *text, ink_error *error)
{
    (void)text;
    INK_TRY(need_conversation(c, error));
    const ink_chat *chat = &c->run->chat;
    bool told = chat->n_turns && strcmp(chat->turns[0].role, "system") == 0;
    ink_chat_truncate(&c->run->chat, told ? 1 : 0);
    return INK_OK;
}

/* The session goes back with the next answer, to what is still in common. */
static ink_status do_undo(console *c, const char *text, ink_error *error)
{
    ink_chat *chat = &c->run->chat;
    size_t n = chat->n_turns;
    (void)text;
    INK_TRY(need_conversation(c, error));
    while (n > 0 && strcmp(chat->turns[n - 1].role, "user") != 0)
        n--;
    if (n == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "there is no question to forget");
    ink_chat_truncate(chat, n - 1);
    fprintf(stderr, "%zu messages are left\n", chat->n_turns);
    return INK_OK;
}

static ink_status do_fork(console *c, const char *text, ink_error *error)
{
    ink_chat *chat = &c->run->chat, branch = *chat;
    (void)text;
    INK_TRY(need_conversation(c, error));
    if (c->n_forks == MAX_FORKS)
        return ink_fail(error, INK_LIMIT, 0, "%d copies are open; /back leaves one", MAX_FORKS);
    INK_TRY(ink_session_fork(&branch.session, chat->session, error));
    ink_status status = ink_chat_copy_turns(&branch, chat, error);
    if (status != INK_OK) {
        ink_session_free(branch.session);
        return status;
    }
    c->forks[c->n_forks++] = *chat;
    *chat = branch;
    fprintf(stderr, "this is a copy of %zu messages; /back leaves it\n", chat->n_turns);
    return INK_OK;
}

static void leave_fork(console *c)
{
    ink_chat *chat = &c->run->chat;
    ink_chat_deinit(chat);
    ink_session_free(chat->session);
    *chat = c->forks[--c->n_forks];
}

static ink_status do_back(console *c, const char *text, ink_error *error)
{
    (void)text;
    if (c->n_forks == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "this is no copy: /fork makes one");
    leave_fork(c);
    fprintf(stderr, "back at %zu messages\n", c->run->chat.n_turns);
    return INK_OK;
}

static ink_status do_stats(console *c, const char *text, ink_error *error)
{
    (void)text;
    if (c->run->result.n_prompt == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "nothing was answered yet");
    ink_run_print_stats(c->run);
    return INK_OK;
}

static ink_status do_save(console *c, const char *text, ink_error *error)
{
    INK_TRY(need_conversation(c, error));
    INK_TRY(ink_chat_save(&c->run->chat, text, error));
    fprintf(stderr, "%zu messages written to %s\n", c->run->chat.n_turns, text);
    return INK_OK;
}

static ink_status do_load(console *c, const char *text, ink_error *error)
{
    INK_TRY(need_conversation(c, error));
    INK_TRY(ink_chat_load(&c->run->chat, text, error));
    fprintf(stderr, "%zu messages read from %s\n", c->run->chat.n_turns, text);
    return INK_OK;
}

static ink_status do_exit(console *c, const char *text, ink_error *error)
{
    (void)text;
    (void)error;
    c->leaving = true;
    return INK_OK;
}

static ink_status find_command(const char *name, const console_command **out, ink_error *error)
{
    const char *names[N_COMMANDS];
    for (size_t i = 0; i < N_COMMANDS; i++) {
        names[i] = commands[i].name;
        if (strcmp(name, names[i]) == 0) {
            *out = &commands[i];
            return INK_OK;
        }
    }
    const char *nearest = ink_nearest(name, names, N_COMMANDS);
    if (nearest)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "unknown command /%s; did you mean /%s?", name,
                        nearest);
    return ink_fail(error, INK_BAD_ARGUMENT, 0, "unknown command /%s; /help lists them", name);
}

/* `text` begins with the slash; it may be cut in place. */
static ink_status run_command(console *c, char *text, ink_error *error)
{
    const console_command *command = NULL;
    char *name = text + 1, *argument = name + strcspn(name, " ");
    if (*argument)
        *argument++ = '\0';
    argument += strspn(argument, " ");
    INK_TRY(find_command(name, &command, error));
    if (*command->argument && !*argument)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "/%s needs a %s", name, command->argument);
    if (!*command->argument && *argument)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "/%s takes nothing behind it", name);
    return command->run(c, argument, error);
}

/*
 * Appends lines to the message until it is whole. False at the end of input and on Ctrl-C. A block
 * ends with the line that ends in """.
 */
static bool read_message(console *c)
{
    static const char quotes[] = "\"\"\"";
    bool block = false, more = true;
    c->message.n_bytes = 0;
    c->message.failed = false;
    for (const char *prompt = "> "; more; prompt = "... ") {
        const char *line = ink_line_read(c->line, prompt);
        if (!line)
            return false;
        if (!block && c->message.n_bytes == 0 && strncmp(line, quotes, 3) == 0) {
            block = true;
            line += 3;
        }
        size_t length = strlen(line);
        bool closes = block && length >= 3 && strcmp(line + length - 3, quotes) == 0;
        bool joins = !block && length && line[length - 1] == '\\';
        ink_buffer_append(&c->message, line, length - (closes ? 3 : 0) - joins);
        more = (block && !closes) || joins;
        if (more && (joins || c->message.n_bytes))
            ink_buffer_text(&c->message, "\n");
    }
    return true;
}

static void answer(console *c)
{
    ink_error error = {0};
    ink_status status = INK_OK;
    bool is_command = c->message.data[0] == '/' && !strchr(c->message.data, '\n');
    if (c->message.failed)
        status =
            ink_fail(&error, INK_LIMIT, 0, "a message may have %zu MiB", MAX_MESSAGE_BYTES >> 20);
    else if (is_command)
        status = run_command(c, c->message.data, &error);
    else
        status = ink_run_answer(c->run, c->message.data, c->message.n_bytes, &error);
    fflush(stdout);
    if (status == INK_CANCELLED)
        fprintf(stderr, "(stopped)\n");
    else if (status != INK_OK)
        ink_say("%s%s", error.message,
                status == INK_LIMIT && !is_command && !c->run->raw ? "; /clear makes room" : "");
    else if (!is_command) {
        printf("%s\n", ink_interrupted() ? " (stopped)" : "");
        fflush(stdout);
        ink_run_print_stop(c->run);
        if (c->run->stats)
            ink_run_print_stats(c->run);
    }
}

static void greet(const console *c)
{
    char parameters[INK_SIZE_BYTES], memory[INK_SIZE_BYTES];
    ink_model_info info;
    ink_model_get_info(c->run->model, &info);
    const char *name = *info.name ? info.name : info.path;
    fputs(ink_terminal_style(stderr, INK_STYLE_STRONG), stderr);
    ink_terminal_write(stderr, name, strlen(name));
    fprintf(stderr, "%s: %s, %s parameters, %s%s. /help lists commands.\n",
            ink_terminal_style(stderr, INK_STYLE_PLAIN), info.architecture,
            ink_format_count(info.n_parameters, parameters),
            ink_format_bytes(info.weight_bytes, memory),
            c->run->raw ? "; no chat template, so texts are continued" : "");
    if (!ink_line_library)
        fprintf(stderr, "Built without libedit: lines cannot be edited or brought back.\n");
}

ink_exit ink_console_run(ink_run *run)
{
    console c = {.run = run, .line = ink_line_open()};
    if (!c.line)
        return ink_finish(INK_NO_MEMORY, &(ink_error){.message = "the line editor did not start"});
    ink_buffer_init(&c.message, NULL, MAX_MESSAGE_BYTES);
    greet(&c);
    while (!c.leaving && !run->write_errno) {
        ink_interrupt_watch();
        if (read_message(&c)) {
            if (c.message.n_bytes == 0)
                continue;
            ink_line_remember(c.line, c.message.data);
            ink_interrupt_watch();
            answer(&c);
        } else if (ink_interrupted()) {
            fprintf(stderr, "\n(Ctrl-D or /exit leaves)\n");
        } else {
            fprintf(stderr, "\n");
            c.leaving = true;
        }
    }
    while (c.n_forks > 0)
        leave_fork(&c);
    ink_buffer_deinit(&c.message);
    ink_line_close(c.line);
    return run->write_errno ? ink_fail_output(run->write_errno) : INK_EXIT_OK;
}
