#include "cli/task.h"

#include <string.h>
#include "base/file.h"
#include "base/status.h"
#include "cli/chat.h"
#include "cli/digest.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/report.h"
#include "cli/setup.h"
#include "cli/task_answer.h"
#include "cli/terminal.h"
#include "text/json.h"

#define MAX_EXAMPLE_BYTES ((size_t)256 << 20) /* of a line, read */
#define MAX_ANSWER_BYTES ((size_t)16 << 20)

typedef struct runner {
    ink_task *task;
    ink_chat chat; /* its session reads only what it has not read for the example before */
    ink_buffer file;
    ink_arena arena; /* of the line in work */
    ink_tokens tokens;
    ink_answer answer;
    ink_file_writer *failures; /* NULL: none are kept */
} runner;

typedef struct example {
    size_t line;                                /* from 1 */
    ink_value fields, prompt, messages, answer; /* prompt or messages is undefined */
} example;

/* ---- Reading ------------------------------------------------------------------------------- */

static ink_status wrong(const runner *r, size_t line, const char *what, ink_error *error)
{
    return ink_fail(error, INK_CORRUPT, 0, "%s: line %zu: %s", r->task->path, line, what);
}

static ink_value field(ink_value dict, const char *name)
{
    const ink_value *found = ink_value_find_name(dict, name);
    return found ? *found : (ink_value){0};
}

/* An answer that is compared as JSON may be written as it is, or as a text that holds it. */
static ink_status take_json_answer(runner *r, example *e, ink_error *error)
{
    ink_error cause = {0};
    if (!ink_value_is_string(e->answer))
        return INK_OK;
    ink_value text = e->answer;
    if (ink_value_from_json(&r->arena, text.as.text, text.n_bytes, &e->answer, &cause) == INK_OK)
        return INK_OK;
    return ink_fail(error, cause.status, 0, "%s: line %zu: its answer is to be JSON: %s",
                    r->task->path, e->line, cause.message);
}

static ink_status check_text_answer(const runner *r, const example *e, ink_error *error)
{
    if (!ink_value_is_string(e->answer))
        return wrong(r, e->line, "its answer is no text; --json-answers compares other values",
                     error);
    ink_value text = ink_answer_trim(e->answer);
    if (!r->task->multiline && memchr(text.as.text, '\n', text.n_bytes))
        return wrong(r, e->line,
                     "its answer has several lines, and the first ends an answer; see --multiline",
                     error);
    return INK_OK;
}

static ink_status take_fields(runner *r, example *e, ink_error *error)
{
    if (e->fields.kind != INK_VALUE_DICT)
        return wrong(r, e->line, "is no JSON object", error);
    e->prompt = field(e->fields, "prompt");
    e->messages = field(e->fields, "messages");
    e->answer = field(e->fields, "answer");
    if ((e->prompt.kind == INK_VALUE_UNDEFINED) == (e->messages.kind == INK_VALUE_UNDEFINED))
        return wrong(r, e->line, "must have either \"prompt\" or \"messages\"", error);
    if (e->prompt.kind != INK_VALUE_UNDEFINED && !ink_value_is_string(e->prompt))
        return wrong(r, e->line, "its prompt is no text", error);
    if (e->answer.kind == INK_VALUE_UNDEFINED)
        return wrong(r, e->line, "has no \"answer\"", error);
    return r->task->json_answers ? take_json_answer(r, e, error) : check_text_answer(r, e, error);
}

/* The next line that is not blank, from *at on; *found is false at the end. */
static ink_status next_example(runner *r, size_t *at, example *e, bool *found, ink_error *error)
{
    ink_error cause = {0};
    *found = false;
    while (*at < r->file.n_bytes) {
        const char *line = r->file.data + *at, *end = memchr(line, '\n', r->file.n_bytes - *at);
        size_t n = end ? (size_t)(end - line) : r->file.n_bytes - *at;
        *at += n + 1;
        e->line++;
        if (ink_answer_trim(ink_value_borrow(line, n)).n_bytes == 0)
            continue;
        ink_arena_reset(&r->arena);
        ink_status status = ink_value_from_json(&r->arena, line, n, &e->fields, &cause);
        if (status != INK_OK)
            return ink_fail(error, status, 0, "%s: line %zu: %s", r->task->path, e->line,
                            cause.message);
        *found = true;
        return take_fields(r, e, error);
    }
    return INK_OK;
}

/* Counts the examples. */
static ink_status check_all(runner *r, ink_error *error)
{
    example e = {0};
    bool found = true;
    for (size_t at = 0;;) {
        INK_TRY(next_example(r, &at, &e, &found, error));
        if (!found)
            break;
        r->task->n_examples++;
    }
    return r->task->n_examples
               ? INK_OK
               : ink_fail(error, INK_BAD_ARGUMENT, 0, "%s: holds no examples", r->task->path);
}

/* ---- Answering ----------------------------------------------------------------------------- */

/* All fields but the answer: variables of the template. */
static ink_status render(runner *r, const example *e, ink_error *error)
{
    ink_value variables;
    ink_buffer json;
    const ink_value_dict *fields = e->fields.as.dict;
    bool made = ink_value_new_dict(&r->arena, INK_VALUE_DICT, &variables);
    for (uint32_t i = 0; made && i < fields->n_entries; i++)
        if (!ink_value_is_text(fields->entries[i].key, "answer"))
            made = ink_value_set(&r->arena, variables, fields->entries[i].key,
                                 fields->entries[i].item);
    if (!made)
        return ink_fail_memory(error, "a conversation");
    ink_buffer_init(&json, NULL, MAX_EXAMPLE_BYTES);
    ink_status status = ink_json_write(&json, variables, NULL, error);
    if (status == INK_OK)
        status = ink_chat_tokenize(r->chat.model, json.data, json.n_bytes, INK_TASK_NOW, &r->tokens,
                                   error);
    ink_buffer_deinit(&json);
    return status;
}

static bool listen(void *context, const char *text, size_t n_bytes)
{
    return ink_answer_write(context, text, n_bytes) && !ink_interrupted();
}

static ink_status generate(runner *r, ink_error *error)
{
    ink_generated result;
    ink_generation generation;
    const ink_progress quiet = ink_interrupt_progress();
    ink_generation_init(&generation);
    generation.sampling.temperature = 0;
    generation.max_tokens = r->task->max_tokens;
    generation.write = listen;
    generation.context = &r->answer;
    generation.progress = &quiet;
    double begin = ink_terminal_seconds();
    INK_TRY(ink_chat_generate(&r->chat, &r->tokens, &generation, &result, error));
    r->task->seconds += ink_terminal_seconds() - begin;
    r->task->n_tokens += result.n_tokens;
    return r->answer.text.failed ? ink_fail_memory(error, "an answer") : INK_OK;
}

/* Leaves what was generated in r->answer. */
static ink_status answer(runner *r, const example *e, ink_error *error)
{
    ink_buffer text = r->answer.text;
    text.n_bytes = 0;
    r->answer =
        (ink_answer){.text = text, .json = r->task->json_answers, .multiline = r->task->multiline};
    INK_TRY(e->prompt.kind == INK_VALUE_UNDEFINED
                ? render(r, e, error)
                : ink_tokenize(r->chat.model, e->prompt.as.text, e->prompt.n_bytes,
                               INK_SPECIAL_OPEN, &r->tokens, error));
    return generate(r, error);
}

/* The example as it was given, and what came instead of its answer. */
static ink_status keep_failure(runner *r, const example *e, ink_error *error)
{
    ink_report report;
    ink_buffer line;
    const ink_value_dict *fields = e->fields.as.dict;
    ink_buffer_init(&line, NULL, MAX_EXAMPLE_BYTES);
    ink_report_init(&report);
    for (uint32_t i = 0; i < fields->n_entries; i++)
        if (!report.failed && !ink_value_set(&report.arena, report.root, fields->entries[i].key,
                                             fields->entries[i].item))
            report.failed = true;
    ink_report_count(&report, report.root, "line", e->line);
    ink_report_text(&report, report.root, "output",
                    r->answer.text.n_bytes ? r->answer.text.data : "");
    ink_status status = ink_report_write(&report, &line, error);
    if (status == INK_OK && !ink_buffer_text(&line, "\n"))
        status = ink_fail_memory(error, "a failure");
    if (status == INK_OK)
        status = ink_file_writer_write(r->failures, line.data, line.n_bytes, error);
    ink_report_deinit(&report);
    ink_buffer_deinit(&line);
    return status;
}

static ink_status try_example(runner *r, const example *e, ink_error *error)
{
    bool matches;
    ink_error cause = {0};
    ink_status status = answer(r, e, &cause);
    if (status != INK_OK)
        return ink_fail(error, status, 0, "%s: line %zu: %s", r->task->path, e->line,
                        cause.message);
    if (!r->task->json_answers)
        matches = ink_answer_matches_text(&r->answer, e->answer);
    else
        INK_TRY(ink_answer_matches_json(&r->answer, e->answer, &r->arena, &matches, error));
    r->task->n_matches += matches;
    return matches || !r->failures ? INK_OK : keep_failure(r, e, error);
}

static ink_status try_all(runner *r, ink_bar *bar, ink_error *error)
{
    example e = {0};
    bool found;
    for (size_t at = 0, done = 1;; done++) {
        INK_TRY(next_example(r, &at, &e, &found, error));
        if (!found)
            break;
        INK_TRY(try_example(r, &e, error));
        if (!bar->progress.report(bar, (float)done / (float)r->task->n_examples))
            return ink_fail(error, INK_CANCELLED, 0, "interrupted");
    }
    return r->failures ? ink_file_writer_commit(r->failures, error) : INK_OK;
}

static ink_status run(runner *r, const ink_session_options *session, ink_error *error)
{
    ink_bar bar;
    ink_task *task = r->task;
    INK_TRY(ink_input_read(task->path, &r->file, error));
    task->n_bytes = r->file.n_bytes;
    ink_digest_print(r->file.data, r->file.n_bytes, task->sha256);
    INK_TRY(check_all(r, error));
    if (task->failures)
        INK_TRY(ink_file_writer_open(&r->failures, task->failures, INK_FILE_FOR_ALL, NULL, error));
    INK_TRY(ink_setup_session(&r->chat.session, r->chat.model, session, error));
    ink_bar_init(&bar, "Answering");
    ink_status status = try_all(r, &bar, error);
    ink_bar_end(&bar);
    return status;
}

ink_status ink_task_run(ink_task *task, const ink_model *model, const ink_session_options *session,
                        ink_error *error)
{
    runner r = {.task = task, .chat.model = model};
    ink_arena_init(&r.arena, NULL, MAX_EXAMPLE_BYTES);
    ink_buffer_init(&r.answer.text, NULL, MAX_ANSWER_BYTES);
    task->n_examples = task->n_matches = task->n_tokens = 0;
    task->seconds = 0;
    ink_status status = run(&r, session, error);
    ink_file_writer_close(r.failures);
    ink_session_free(r.chat.session);
    ink_chat_deinit(&r.chat);
    ink_tokens_free(&r.tokens);
    ink_buffer_deinit(&r.answer.text);
    ink_buffer_deinit(&r.file);
    ink_arena_deinit(&r.arena);
    return status;
}
