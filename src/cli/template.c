/*
 * Renders conversations: with a model's own template, or with a template from a file and no model
 * at all.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/status.h"
#include "cli/input.h"
#include "cli/setup.h"
#include "cli/terminal.h"
#include "text/chat.h"
#include "text/json.h"

#define MAX_VARIABLES_BYTES ((size_t)256 << 20)

static const char notes[] =
    "FILE.json holds an array of messages, [{\"role\": \"user\", \"content\": \"Hi\"}], or an\n"
    "object of all variables: messages, tools, bos_token, enable_thinking, ... Prints the text\n"
    "exactly, with no new line added.";

typedef struct request {
    const char *source, *messages;
    bool no_generation_prompt;
    int64_t now;
} request;

/*
 * Whether `path` is a model file, by its name or by what it begins with; one that cannot be read is
 * left to whoever opens it next.
 */
static bool is_model(const char *path)
{
    static const char ending[] = ".gguf";
    char magic[4] = {0};
    size_t length = strlen(path), n_ending = sizeof ending - 1;
    if (length >= n_ending && strcmp(path + length - n_ending, ending) == 0)
        return true;
    FILE *file = fopen(path, "rb");
    if (!file)
        return true;
    size_t n = fread(magic, 1, sizeof magic, file);
    fclose(file);
    return n == sizeof magic && memcmp(magic, "GGUF", sizeof magic) == 0;
}

static ink_status render_file(const request *wanted, ink_value variables, ink_buffer *out,
                              ink_error *error)
{
    ink_buffer source = {0};
    ink_template *program = NULL;
    ink_template_options options = {.unix_seconds = wanted->now};
    INK_TRY(ink_input_read(wanted->source, &source, error));
    ink_status status = ink_template_new(&program, source.data, source.n_bytes, NULL, error);
    if (status == INK_OK)
        status = ink_template_render(program, variables, &options, out, error);
    ink_template_free(program);
    ink_buffer_deinit(&source);
    return ink_input_blame(status, wanted->source, error);
}

/* The variables again, with add_generation_prompt set to false. */
static ink_status turn_off_prompt(ink_buffer *json, ink_arena *arena, ink_error *error)
{
    ink_value given, variables;
    INK_TRY(ink_value_from_json(arena, json->data, json->n_bytes, &given, error));
    bool is_object = given.kind == INK_VALUE_DICT;
    if (!is_object && !ink_value_new_dict(arena, INK_VALUE_DICT, &variables))
        return ink_fail_memory(error, "the messages");
    if (is_object)
        variables = given;
    else if (!ink_value_set_name(arena, variables, "messages", given))
        return ink_fail_memory(error, "the messages");
    if (!ink_value_set_name(arena, variables, "add_generation_prompt", ink_value_bool(false)))
        return ink_fail_memory(error, "the messages");
    json->n_bytes = 0;
    return ink_json_write(json, variables, NULL, error);
}

static ink_status render_model(const request *wanted, ink_buffer *json, ink_arena *arena,
                               ink_buffer *out, ink_error *error)
{
    ink_model *model = NULL;
    ink_string text = {0};
    if (wanted->no_generation_prompt)
        INK_TRY(turn_off_prompt(json, arena, error));
    INK_TRY(ink_setup_model(&model, wanted->source,
                            &(ink_open){.model = {.load = INK_LOAD_VOCABULARY, .n_threads = 1}},
                            error));
    ink_status status =
        ink_chat_render(model, json->data, json->n_bytes, wanted->now, &text, error);
    if (status == INK_OK && !ink_buffer_append(out, text.data, text.n_bytes))
        status = ink_fail_memory(error, "the rendered text");
    ink_string_free(&text);
    ink_model_free(model);
    return status;
}

/* The messages, checked before anything else is looked at: their errors name their file. */
static ink_status read_messages(const request *wanted, ink_buffer *json, ink_arena *arena,
                                ink_value *variables, ink_error *error)
{
    ink_chat_options chat = {.add_generation_prompt = !wanted->no_generation_prompt};
    INK_TRY(ink_input_read(wanted->messages, json, error));
    return ink_input_blame(
        ink_chat_variables_from_json(arena, json->data, json->n_bytes, &chat, variables, error),
        wanted->messages, error);
}

static ink_status render(const request *wanted, ink_error *error)
{
    ink_buffer json = {0}, out;
    ink_arena arena;
    ink_value variables = {0};
    ink_buffer_init(&out, NULL, MAX_VARIABLES_BYTES);
    ink_arena_init(&arena, NULL, MAX_VARIABLES_BYTES);
    ink_status status = read_messages(wanted, &json, &arena, &variables, error);
    if (status == INK_OK)
        status = is_model(wanted->source) ? render_model(wanted, &json, &arena, &out, error)
                                          : render_file(wanted, variables, &out, error);
    if (status == INK_OK && out.n_bytes)
        fwrite(out.data, 1, out.n_bytes, stdout);
    ink_arena_deinit(&arena);
    ink_buffer_deinit(&out);
    ink_buffer_deinit(&json);
    return status;
}

ink_exit ink_cmd_template(const ink_call *call)
{
    int64_t now = -1;
    request wanted = {.messages = "-"};
    const char *arguments[INK_MAX_ARGUMENTS];
    const ink_option options[] = {
        INK_OPTION_WORD("messages", &wanted.messages, "FILE.json",
                        "the conversation (standard input, unless given)"),
        INK_OPTION_FLAG("no-generation-prompt", &wanted.no_generation_prompt,
                        "do not open the answer of the assistant"),
        {.name = "now",
         .kind = INK_OPTION_INT64,
         .destination = &now,
         .value = "SECONDS",
         .help = "since 1970 UTC, for templates that print a date (the clock, unless given)",
         .low = 0,
         .high = 253402300799}, /* the end of the year 9999 */
        {0}};
    INK_PARSE(call, options, notes, arguments);
    wanted.source = arguments[0];
    wanted.now = now >= 0 ? now : (int64_t)time(NULL);
    ink_error error = {0};
    return ink_finish(render(&wanted, &error), &error);
}
