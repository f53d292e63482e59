/* One prompt and its answer; without a prompt at a terminal, a conversation (console.c). */
#include "cli/run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/status.h"
#include "base/utf8.h"
#include "cli/home.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"

static const char notes[] =
    "Without PROMPT, standard input is the prompt (one new line at its end is dropped);\n"
    "at a terminal, a chat begins. With a chat template in the model, PROMPT is what the user\n"
    "says; with --raw, or without a template, it is a text to continue, and exactly the\n"
    "continuation is printed. Ctrl-C stops an answer.\n"
    "`inkling run home` is the assistant for a home; `inkling run home --help` tells more.";

/* Once a second: whether memory has become scarce. */
static void watch_memory(ink_run *run)
{
    double now = ink_clock_seconds();
    if (now - run->watched < 1)
        return;
    run->watched = now;
    ink_model_set_pressure(run->model, ink_pressure_read(&run->watch));
}

static bool write_text(void *context, const char *text, size_t n_bytes)
{
    ink_run *run = context;
    ink_bar_end(&run->bar);
    watch_memory(run);
    errno = 0;
    if (!ink_terminal_write(stdout, text, n_bytes) || fflush(stdout) != 0) {
        run->write_errno = errno ? errno : EIO;
        return false;
    }
    return !ink_interrupted();
}

static bool feed_parts(void *context, const char *text, size_t n_bytes)
{
    ink_run *run = context;
    ink_bar_end(&run->bar);
    watch_memory(run);
    run->parts_status = ink_answer_feed(run->parts.answer, text, n_bytes, &run->parts_error);
    return run->parts_status == INK_OK && !ink_interrupted();
}

/* A text that a template puts into JSON, which has room for UTF-8 only. */
static ink_status check_utf8(const char *what, const char *text, size_t n_bytes, ink_error *error)
{
    uint32_t code_point;
    for (size_t at = 0, length; at < n_bytes; at += length)
        if ((length = ink_utf8_decode(text + at, n_bytes - at, &code_point)) == 0)
            return ink_fail(error, INK_CORRUPT, at, "%s is not valid UTF-8 at byte %zu", what, at);
    return INK_OK;
}

/* What the user says, behind the tools where the template does not tell of them. */
static ink_status add_prompt(ink_run *run, const char *text, size_t n_bytes, ink_error *error)
{
    ink_string told = {0};
    ink_buffer all;
    if (!run->parts.tools || ink_tools_in_template(run->parts.tools))
        return ink_chat_add(&run->chat, "user", text, n_bytes, error);
    INK_TRY(ink_tools_describe(run->parts.tools, &told, error));
    ink_buffer_init(&all, NULL, SIZE_MAX);
    ink_status status =
        ink_buffer_append(&all, told.data, told.n_bytes) && ink_buffer_append(&all, text, n_bytes)
            ? ink_chat_add(&run->chat, "user", all.data, all.n_bytes, error)
            : ink_fail_memory(error, "the prompt");
    ink_buffer_deinit(&all);
    ink_string_free(&told);
    return status;
}

/* Why an answer ended: for programs, for people. */
static const struct {
    const char *word, *reason;
} stops[] = {[INK_STOP_END] = {"end", "the model ended"},
             [INK_STOP_STRING] = {"string", "a stop string came"},
             [INK_STOP_TOKENS] = {"tokens", "as many tokens as asked for"},
             [INK_STOP_CONTEXT] = {"context", "the context is full"},
             [INK_STOP_CANCELLED] = {"cancelled", "interrupted"}};

static ink_status end_parts(ink_run *run, ink_error *error)
{
    if (run->parts_status != INK_OK && run->parts_status != INK_CANCELLED) {
        *error = run->parts_error;
        return run->parts_status;
    }
    bool cut = run->result.stop == INK_STOP_STRING || run->result.stop == INK_STOP_CANCELLED;
    bool whole = !cut && !run->result.incomplete;
    return ink_parts_end(&run->parts, whole, stops[run->result.stop].word, error);
}

/* Of what was asked, not of the answer. That it could not be kept is said, and is no failure. */
static void keep_prefix(const ink_run *run)
{
    ink_error error;
    size_t n = ink_session_position(run->chat.session), n_new = run->result.n_tokens;
    if (!run->prefix_store || run->result.n_dropped || n < n_new)
        return;
    if (ink_session_keep_prefix(run->chat.session, n - n_new, &error) != INK_OK)
        ink_say("the prompt is not kept for the next start: %s", error.message);
}

ink_status ink_run_answer(ink_run *run, const char *text, size_t n_bytes, ink_error *error)
{
    ink_bar_init(&run->bar, "Reading");
    run->generation.write = write_text;
    run->parts_status = INK_OK;
    if (run->in_parts) {
        INK_TRY(ink_parts_begin(&run->parts, run->flags.thinking, write_text, run, error));
        run->generation.write = feed_parts;
    }
    run->generation.context = run;
    run->generation.progress = &run->bar.progress;
    run->generation.stop_strings = run->stops.texts;
    run->generation.n_stop_strings = run->stops.n_texts;
    run->generation.constraint = run->constraint;
    ink_status status;
    if (run->raw) {
        status = ink_chat_continue(&run->chat, text, n_bytes, run->special, &run->generation,
                                   &run->result, error);
    } else {
        size_t before = run->chat.n_turns;
        status = check_utf8("the prompt", text, n_bytes, error);
        if (status == INK_OK)
            status = add_prompt(run, text, n_bytes, error);
        if (status == INK_OK)
            status = ink_chat_answer(&run->chat, &run->generation, &run->result, error);
        if (status != INK_OK) /* what could not be answered was not said */
            ink_chat_truncate(&run->chat, before);
    }
    ink_bar_end(&run->bar);
    if (status == INK_OK)
        keep_prefix(run);
    return status == INK_OK && run->in_parts ? end_parts(run, error) : status;
}

static double rate(size_t n, double seconds)
{
    return seconds > 0 ? (double)n / seconds : 0;
}

void ink_run_print_stats(const ink_run *run)
{
    char weights[INK_SIZE_BYTES], cache[INK_SIZE_BYTES], peak[INK_SIZE_BYTES];
    const ink_generated *r = &run->result;
    ink_model_info info;
    ink_model_get_info(run->model, &info);
    fprintf(stderr,
            "prompt     %zu tokens in %.3f s, %.1f tokens/s; %zu were there already\n"
            "generated  %zu tokens in %.3f s, %.1f tokens/s; %s; seed %" PRId64 "\n"
            "memory     weights %s, cache %s (%zu of %zu positions), peak %s\n",
            r->n_prompt, r->prompt_seconds, rate(r->n_prompt, r->prompt_seconds), r->n_reused,
            r->n_tokens, r->seconds, rate(r->n_tokens, r->seconds), stops[r->stop].reason, r->seed,
            ink_format_bytes(info.weight_bytes, weights),
            ink_format_bytes(ink_session_cache_bytes(run->chat.session), cache),
            ink_session_position(run->chat.session), ink_session_n_context(run->chat.session),
            ink_format_bytes(ink_peak_memory(), peak));
    if (run->constraint)
        fprintf(stderr, "constraint %zu of %zu tokens were forced, without a choice\n", r->n_forced,
                r->n_tokens);
}

/* What was dropped to make room is said, whatever else there is to say. */
static void print_dropped(const ink_run *run)
{
    if (run->chat.reads_again)
        ink_say("the text is another than was read before tokens were dropped: %zu tokens were "
                "read anew",
                run->result.n_prompt - run->result.n_reused);
    if (run->result.n_dropped)
        ink_say("%zu tokens of what came before were dropped to make room (--overflow %s)",
                run->result.n_dropped, run->overflow);
    if (run->chat.n_dropped)
        ink_say("the %zu oldest messages were left out to make room (--overflow "
                "drop-oldest-turns)",
                run->chat.n_dropped);
}

void ink_run_print_stop(const ink_run *run)
{
    print_dropped(run);
    if (run->result.incomplete && run->result.stop != INK_STOP_CANCELLED)
        ink_say("the answer ended after %zu tokens, before it was what it must be; %s",
                run->result.n_tokens,
                run->result.stop == INK_STOP_CONTEXT  ? "--context makes more room"
                : run->result.stop == INK_STOP_TOKENS ? "--max-tokens allows more"
                                                      : "a stop string came");
    else if (run->result.stop == INK_STOP_CONTEXT && run->session.overflow == INK_OVERFLOW_EVICT)
        ink_say("the text has come to the end of what the model was trained for");
    else if (run->result.stop == INK_STOP_CONTEXT)
        ink_say("the context of %zu positions is full; --context makes it larger",
                ink_session_n_context(run->chat.session));
}

/* The prompt from the command line, or from standard input into `text`. */
static ink_status take_prompt(const ink_run *run, ink_buffer *text, const char **prompt,
                              size_t *n_bytes, ink_error *error)
{
    if (run->prompt) {
        *prompt = run->prompt;
        *n_bytes = strlen(run->prompt);
        return INK_OK;
    }
    INK_TRY(ink_input_read("-", text, error));
    *prompt = text->data;
    *n_bytes = text->n_bytes;
    if (*n_bytes && text->data[*n_bytes - 1] == '\n')
        --*n_bytes;
    return INK_OK;
}

static ink_exit answer_once(ink_run *run)
{
    ink_buffer text = {0};
    ink_error error = {0};
    const char *prompt = NULL;
    size_t n_bytes = 0;
    ink_status status = take_prompt(run, &text, &prompt, &n_bytes, &error);
    if (status == INK_OK && n_bytes == 0 && !run->may_be_empty)
        status = ink_fail(&error, INK_BAD_ARGUMENT, 0, "the prompt is empty");
    if (status == INK_OK)
        status = ink_run_answer(run, prompt, n_bytes, &error);
    ink_buffer_deinit(&text);
    if (status != INK_OK)
        return ink_finish(status, &error);
    if (ink_terminal_is(stdout))
        putchar('\n');
    ink_run_print_stop(run);
    if (run->stats) {
        fflush(stdout);
        ink_run_print_stats(run);
    }
    if (run->write_errno)
        return ink_fail_output(run->write_errno);
    if (ink_interrupted())
        return INK_EXIT_INTERRUPTED;
    return run->result.incomplete ? INK_EXIT_FAILED : INK_EXIT_OK;
}

/* What the template makes of a message tells whether an answer begins with thoughts. */
static ink_status find_thinking(ink_run *run, ink_error *error)
{
    size_t before = run->chat.n_turns;
    INK_TRY(ink_chat_add(&run->chat, "user", "?", 1, error));
    ink_status status = ink_chat_thinking(&run->chat, &run->flags.thinking, error);
    ink_chat_truncate(&run->chat, before);
    return status;
}

static ink_status open_constraint(ink_run *run, ink_error *error)
{
    bool given = ink_constraint_flags_given(&run->flags);
    INK_TRY(ink_parts_open(&run->parts, &run->tool_flags, run->model, error));
    if (given && run->parts.tools)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "--tools says what the answer must be; leave out --schema, --grammar, "
                        "--regex and --choice");
    if (!given && !run->parts.tools)
        return INK_OK;
    if (run->parts.tools)
        run->chat.tools = &run->parts.file;
    if (!run->raw)
        INK_TRY(find_thinking(run, error));
    run->in_parts = run->parts.tools || run->flags.thinking != INK_THINKING_NONE;
    if (given)
        return ink_constraint_flags_open(&run->constraint, &run->flags, run->model, NULL, error);
    return ink_tools_constrain(&run->constraint, run->parts.tools, run->flags.thinking, error);
}

static ink_status settle_overflow(ink_run *run, ink_error *error)
{
    run->chat.drops_turns = strcmp(run->overflow, "drop-oldest-turns") == 0;
    if (run->chat.drops_turns && run->raw)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "a text that is continued has no turns to drop: use --overflow slide or "
                        "roll");
    return INK_OK;
}

/* Settles what depends on the model: whether there is a template, and what then makes no sense. */
static ink_status prepare(ink_run *run, ink_error *error)
{
    ink_model_info info;
    ink_model_get_info(run->model, &info);
    run->chat.model = run->model;
    if (!info.has_chat_template && (run->system || run->chat.thinking))
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s has no chat template, so --system and --thinking have no effect",
                        run->path);
    if (run->chat.thinking && !info.has_thinking)
        return ink_fail(
            error, INK_BAD_ARGUMENT, 0,
            "the chat template of %s cannot switch thinking, so --thinking has no effect",
            run->path);
    run->may_be_empty = run->raw;
    run->raw = run->raw || !info.has_chat_template;
    INK_TRY(settle_overflow(run, error));
    if (run->system)
        INK_TRY(check_utf8("--system", run->system, strlen(run->system), error));
    if (run->system)
        INK_TRY(ink_chat_add(&run->chat, "system", run->system, strlen(run->system), error));
    INK_TRY(open_constraint(run, error));
    if (run->prefix_store)
        INK_TRY(
            ink_model_set_prefix_store(run->model, run->prefix_store, run->prefix_bytes, error));
    return ink_setup_session(&run->chat.session, run->model, &run->session, error);
}

static ink_exit run_model(ink_run *run)
{
    ink_error error = {0};
    ink_exit code;
    run->generation.overflow = run->session.overflow = ink_setup_overflow(run->overflow);
    run->open.model.n_threads = run->session.n_threads;
    run->open.session = &run->session;
    run->open.constraint = ink_constraint_flags_given(&run->flags) || run->tool_flags.file;
    ink_status status = ink_setup_model(&run->model, run->path, &run->open, &error);
    if (status == INK_OK)
        status = prepare(run, &error);
    bool once = run->prompt || !ink_terminal_is(stdin);
    if (status == INK_OK && !once && run->parts.tools)
        status = ink_fail(&error, INK_BAD_ARGUMENT, 0,
                          "--tools is for one prompt, not for a chat: give it as PROMPT");
    if (status != INK_OK)
        code = ink_finish(status, &error);
    else if (once)
        code = answer_once(run);
    else
        code = ink_console_run(run);
    ink_chat_deinit(&run->chat);
    ink_session_free(run->chat.session);
    ink_constraint_free(run->constraint);
    ink_parts_deinit(&run->parts);
    ink_model_free(run->model);
    return code;
}

ink_exit ink_cmd_run(const ink_call *call)
{
    if (call->argc > 0 && strcmp(call->argv[0], "home") == 0)
        return ink_run_home(call->argc - 1, call->argv + 1);
    ink_run run = {.flags = {.form = "plain"}, .overflow = "error"};
    ink_sampling *sampling = &run.generation.sampling;
    const char *arguments[INK_MAX_ARGUMENTS];
    ink_generation_init(&run.generation);
    ink_setup_session_defaults(&run.session);
    ink_setup_model_defaults(&run.open);
    const ink_option options[] = {
        INK_OPTION_FLAG("raw", &run.raw, "continue the text, without the model's chat template"),
        {.name = "special",
         .kind = INK_OPTION_SWITCH,
         .destination = &run.special,
         .help = "control tokens written out in a raw prompt count as such",
         .only_with = "raw"},
        {.name = "system",
         .kind = INK_OPTION_TEXT,
         .destination = &run.system,
         .value = "TEXT",
         .help = "what the model is told before the conversation",
         .not_with = "raw"},
        {.name = "thinking",
         .kind = INK_OPTION_CHOICE,
         .destination = &run.chat.thinking,
         .value = "on|off",
         .help = "for templates that can switch it",
         .not_with = "raw"},
        INK_OPTION_COUNT("max-tokens", &run.generation.max_tokens, "N",
                         "end after N tokens; else when the model ends or the context is full"),
        {.name = "stop",
         .kind = INK_OPTION_TEXTS,
         .destination = &run.stops,
         .value = "TEXT",
         .help = "end before this text; may be given several times"},
        INK_OPTION_FLAG("ignore-end", &run.generation.ignore_end,
                        "go on where the model would end"),
        {.name = "overflow",
         .kind = INK_OPTION_CHOICE,
         .destination = &run.overflow,
         .value = "error|slide|roll|evict|drop-oldest-turns",
         .help = "what happens when a text is longer than the context; what --system says stays"},
        INK_OPTION_FLAG("stats", &run.stats, "speed and memory afterwards, on standard error"),
        {.name = "What the answer must be", .kind = INK_OPTION_HEADING},
        INK_OPTION_CONSTRAINT(&run.flags),
        INK_OPTION_TOOLS(&run.tool_flags),
        {.name = "Choice of tokens", .kind = INK_OPTION_HEADING},
        INK_SAMPLING_TABLE(INK_OPTION_SAMPLING){.name = "Session", .kind = INK_OPTION_HEADING},
        INK_OPTION_SESSION(&run.session),
        INK_OPTION_WORD("prefix_store", &run.prefix_store, "DIR",
                        "keep what prompts came to in DIR: the next start goes on from there"),
        {.name = "prefix_store_size",
         .kind = INK_OPTION_BYTES,
         .destination = &run.prefix_bytes,
         .value = "SIZE",
         .help = "what DIR may hold (1G, unless given); what was used longest ago goes",
         .only_with = "prefix_store"},
        INK_OPTION_WEIGHTS(&run.open),
        {0}};
    INK_PARSE(call, options, notes, arguments);
    run.path = arguments[0];
    run.prompt = arguments[1];
    return run_model(&run);
}
