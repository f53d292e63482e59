#define _POSIX_C_SOURCE 200809L
#include "cli/home.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include "cli/builtin.h"
#include "cli/input.h"
#include "cli/line.h"
#include "cli/setup.h"
#include "cli/terminal.h"
#include "home/assistant.h"

static const char notes[] =
    "Prints the intent as JSON, {\"intent\":\"none\",\"slots\":{}} when it is nothing for a home.\n"
    "Without SENTENCE, each line of standard input is one. Without --home, a sample home.\n"
    "A home: {\"floors\": [{\"name\", \"aliases\"}], \"areas\": [{\"name\", \"aliases\", "
    "\"floor\"}],\n"
    "\"devices\": [{\"name\", \"aliases\", \"domain\", \"area\"}]}. docs/home.md tells more.";

typedef struct run_home {
    const char *file, *area, *model_path;
    bool say;
    ink_model *model;
    ink_home *home;
    ink_assistant *assistant;
    uint32_t spoken_in;
} run_home;

ink_status ink_home_open(ink_home **out, const char *path, ink_error *error)
{
    ink_buffer text = {0};
    ink_status status = ink_input_read(path, &text, error);
    if (status == INK_OK)
        status = ink_home_read(out, text.data ? text.data : "", text.n_bytes, path, NULL, error);
    ink_buffer_deinit(&text);
    return status;
}

static ink_status open_home(run_home *run, ink_error *error)
{
    if (run->file)
        return ink_home_open(&run->home, run->file, error);
    return ink_home_read(&run->home, ink_builtin_sample, (size_t)ink_builtin_sample_bytes,
                         "the sample home", NULL, error);
}

static ink_status find_area(run_home *run, ink_error *error)
{
    run->spoken_in = INK_THING_NOWHERE;
    if (!run->area)
        return INK_OK;
    run->spoken_in = ink_home_find(run->home, INK_THING_AREA, run->area, strlen(run->area));
    if (run->spoken_in == INK_THING_NOWHERE)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "--area: %s has no area \"%s\"",
                        run->file ? run->file : "the sample home", run->area);
    return INK_OK;
}

static ink_status open_model(run_home *run, ink_error *error)
{
    const ink_model_options options = {.log = ink_setup_log(), .n_threads = 1};
    size_t n_bytes;
    const void *bytes = ink_builtin_home(&n_bytes);
    if (run->model_path)
        return ink_model_open(&run->model, run->model_path, &options, error);
    if (!bytes)
        return ink_fail(error, INK_UNSUPPORTED, 0,
                        "this binary was built without its model for homes; --model FILE names one "
                        "(make home trains one)");
    return ink_model_open_memory(&run->model, bytes, n_bytes, "home", &options, error);
}

static ink_exit answer(const run_home *run, const char *sentence)
{
    ink_reply reply;
    ink_error error = {0};
    ink_buffer out;
    ink_status status = ink_assistant_ask(run->assistant, sentence, strlen(sentence),
                                          run->spoken_in, &reply, &error);
    if (status != INK_OK)
        return ink_finish(status, &error);
    ink_buffer_init(&out, NULL, (size_t)1 << 20);
    if (run->say)
        ink_reply_say(&reply, &out);
    else
        ink_reply_write(&reply, &out);
    ink_buffer_text(&out, "\n");
    if (out.failed)
        status = ink_fail_memory(&error, "an answer");
    else
        ink_terminal_write(stdout, out.data, out.n_bytes);
    fflush(stdout);
    ink_buffer_deinit(&out);
    return ink_finish(status, &error);
}

/* What fails is said; the next sentence may be better. */
static bool next_sentence(const run_home *run, const char *sentence, ink_exit *worst)
{
    if (sentence && *sentence && answer(run, sentence) != INK_EXIT_OK)
        *worst = INK_EXIT_FAILED;
    return sentence != NULL;
}

static ink_exit converse(const run_home *run)
{
    ink_exit worst = INK_EXIT_OK;
    ink_line *line = ink_line_open();
    const char *sentence;
    if (!line)
        return ink_finish(INK_NO_MEMORY, &(ink_error){.message = "the line editor did not start"});
    do {
        sentence = ink_line_read(line, "home> ");
        if (sentence && *sentence)
            ink_line_remember(line, sentence);
    } while (next_sentence(run, sentence, &worst));
    ink_line_close(line);
    return worst;
}

static ink_exit answer_lines(const run_home *run)
{
    ink_exit worst = INK_EXIT_OK;
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, stdin) >= 0) {
        line[strcspn(line, "\n")] = '\0';
        (void)next_sentence(run, line, &worst);
    }
    free(line);
    return worst;
}

ink_exit ink_run_home(int argc, char **argv)
{
    static const ink_command command = {.name = "run home",
                                        .summary = "Turn a sentence into an intent for a home",
                                        .arguments = "[SENTENCE]"};
    const ink_call call = {.command = &command, .argc = argc, .argv = argv};
    run_home run = {0};
    const char *arguments[INK_MAX_ARGUMENTS];
    const ink_option options[] = {
        INK_OPTION_WORD("home", &run.file, "FILE", "the home, as JSON; \"-\" is standard input"),
        INK_OPTION_WORD("area", &run.area, "NAME", "where it was spoken"),
        INK_OPTION_FLAG("say", &run.say, "a response in words in place of the intent"),
        INK_OPTION_WORD("model", &run.model_path, "FILE", "in place of the one in the binary"),
        {0}};
    INK_PARSE(&call, options, notes, arguments);
    ink_error error = {0};
    ink_exit code;
    ink_status status = open_home(&run, &error);
    if (status == INK_OK)
        status = find_area(&run, &error);
    if (status == INK_OK)
        status = open_model(&run, &error);
    if (status == INK_OK)
        status = ink_assistant_new(&run.assistant, run.model, run.home, NULL, &error);
    if (status != INK_OK)
        code = ink_finish(status, &error);
    else
        code = arguments[0]             ? answer(&run, arguments[0])
               : ink_terminal_is(stdin) ? converse(&run)
                                        : answer_lines(&run);
    ink_assistant_free(run.assistant);
    ink_home_free(run.home);
    ink_model_free(run.model);
    return code;
}
