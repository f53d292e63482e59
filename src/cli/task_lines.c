#include "cli/task_lines.h"

#include <string.h>
#include "base/memory.h"
#include "base/size.h"
#include "base/status.h"
#include "cli/home.h"
#include "cli/input.h"
#include "cli/task_answer.h"
#include "text/json.h"

#define MAX_MEMORY ((size_t)1 << 30)

static ink_status blame(const ink_task_lines *l, size_t number, ink_status status, const char *what,
                        ink_error *error)
{
    return ink_fail(error, status, 0, "%s: line %zu: %s", l->task->path, number, what);
}

static ink_status wrong(const ink_task_lines *l, size_t number, const char *what, ink_error *error)
{
    return blame(l, number, INK_CORRUPT, what, error);
}

static ink_value field(ink_value dict, const char *name)
{
    const ink_value *found = ink_value_find_name(dict, name);
    return found ? *found : (ink_value){0};
}

/* ---- A line -------------------------------------------------------------------------------- */

/* An answer that is compared as JSON may be written as it is, or as a text that holds it. */
static ink_status take_json_answer(const ink_task_lines *l, size_t number, ink_arena *arena,
                                   ink_value *answer, ink_error *error)
{
    ink_error cause = {0};
    if (!ink_value_is_string(*answer))
        return INK_OK;
    ink_value text = *answer;
    if (ink_value_from_json(arena, text.as.text, text.n_bytes, answer, &cause) == INK_OK)
        return INK_OK;
    return ink_fail(error, cause.status, 0, "%s: line %zu: its answer is to be JSON: %s",
                    l->task->path, number, cause.message);
}

static ink_status check_text_answer(const ink_task_lines *l, size_t number, ink_value answer,
                                    ink_error *error)
{
    if (!ink_value_is_string(answer))
        return wrong(l, number, "its answer is no text; --json-answers compares other values",
                     error);
    ink_value text = ink_answer_trim(answer);
    if (!l->task->multiline && memchr(text.as.text, '\n', text.n_bytes))
        return wrong(l, number,
                     "its answer has several lines, and the first ends an answer; see --multiline",
                     error);
    return INK_OK;
}

static ink_status take_fields(const ink_task_lines *l, size_t number, ink_arena *arena,
                              ink_example *e, ink_error *error)
{
    if (e->fields.kind != INK_VALUE_DICT)
        return wrong(l, number, "is no JSON object", error);
    e->prompt = field(e->fields, "prompt");
    e->messages = field(e->fields, "messages");
    e->sentence = field(e->fields, "sentence");
    e->answer = field(e->fields, "answer");
    if ((e->prompt.kind != INK_VALUE_UNDEFINED) + (e->messages.kind != INK_VALUE_UNDEFINED) +
            (e->sentence.kind != INK_VALUE_UNDEFINED) !=
        1)
        return wrong(l, number, "must have either \"prompt\" or \"messages\", or a \"sentence\"",
                     error);
    if (e->prompt.kind != INK_VALUE_UNDEFINED && !ink_value_is_string(e->prompt))
        return wrong(l, number, "its prompt is no text", error);
    if (e->sentence.kind != INK_VALUE_UNDEFINED && !ink_value_is_string(e->sentence))
        return wrong(l, number, "its sentence is no text", error);
    if (e->answer.kind == INK_VALUE_UNDEFINED)
        return wrong(l, number, "has no \"answer\"", error);
    if (l->task->json_answers || e->sentence.kind != INK_VALUE_UNDEFINED)
        return take_json_answer(l, number, arena, &e->answer, error);
    return check_text_answer(l, number, e->answer, error);
}

ink_status ink_task_line_parse(const ink_task_lines *l, const ink_task_line *line, ink_arena *arena,
                               ink_example *out, ink_error *error)
{
    ink_error cause = {0};
    ink_arena_reset(arena);
    ink_status status = ink_value_from_json(arena, line->text, line->n_bytes, &out->fields, &cause);
    if (status != INK_OK)
        return blame(l, line->number, status, cause.message, error);
    return take_fields(l, line->number, arena, out, error);
}

/* ---- Homes --------------------------------------------------------------------------------- */

/* Takes the home, whatever comes. */
static ink_status keep_home(ink_task_lines *l, ink_home *home, ink_error *error)
{
    if (!ink_buffer_append(&l->home_memory, &home, sizeof(ink_home *))) {
        ink_home_free(home);
        return ink_fail_memory(error, "homes");
    }
    l->homes = (ink_home **)(void *)l->home_memory.data;
    l->n_homes++;
    return INK_OK;
}

/* A home that stands in a line is that of the lines behind it, too. */
static ink_status take_home(ink_task_lines *l, size_t number, ink_value home, ink_error *error)
{
    ink_buffer json;
    ink_home *read = NULL;
    ink_error cause = {0};
    ink_buffer_init(&json, NULL, INK_HOME_MAX_BYTES);
    ink_status status = ink_json_write(&json, home, NULL, &cause);
    if (status == INK_OK)
        status = ink_home_read(&read, json.data, json.n_bytes, "its home", NULL, &cause);
    ink_buffer_deinit(&json);
    return status == INK_OK ? keep_home(l, read, error)
                            : blame(l, number, status, cause.message, error);
}

static ink_status take_intent(const ink_task_lines *l, ink_task_line *line, ink_value answer,
                              ink_error *error)
{
    ink_value intent = answer.kind == INK_VALUE_DICT ? field(answer, "intent") : (ink_value){0};
    if (!ink_value_is_string(intent) || field(answer, "slots").kind != INK_VALUE_DICT)
        return wrong(
            l, line->number,
            "its answer is to be {\"intent\": NAME, \"slots\": {...}}, as inkling run home "
            "prints it",
            error);
    line->intent = ink_intent_find(intent.as.text, intent.n_bytes);
    if (line->intent == INK_INTENT_NONE && !ink_value_is_text(intent, "none"))
        return ink_fail(error, INK_CORRUPT, 0, "%s: line %zu: unknown intent \"%.*s\"",
                        l->task->path, line->number, (int)ink_size_min(intent.n_bytes, 60),
                        intent.as.text);
    return INK_OK;
}

static ink_status take_sentence(ink_task_lines *l, ink_task_line *line, const ink_example *e,
                                ink_error *error)
{
    ink_value home = field(e->fields, "home"), area = field(e->fields, "area");
    if (l->task->json_answers || l->task->multiline)
        return wrong(l, line->number,
                     "a sentence's answer is an intent: --json-answers and --multiline have no "
                     "effect",
                     error);
    if (home.kind != INK_VALUE_UNDEFINED)
        INK_TRY(take_home(l, line->number, home, error));
    if (l->n_homes == 0)
        return wrong(l, line->number,
                     "its sentence needs a \"home\", there or in a line before, or --home", error);
    line->home = l->homes[l->n_homes - 1];
    line->spoken_in = INK_THING_NOWHERE;
    if (area.kind != INK_VALUE_UNDEFINED && area.kind != INK_VALUE_NONE) {
        if (ink_value_is_string(area))
            line->spoken_in = ink_home_find(line->home, INK_THING_AREA, area.as.text, area.n_bytes);
        if (line->spoken_in == INK_THING_NOWHERE)
            return wrong(l, line->number, "its \"area\" is none of the home", error);
    }
    return take_intent(l, line, e->answer, error);
}

/* ---- All lines ----------------------------------------------------------------------------- */

static ink_status read_line(ink_task_lines *l, ink_task_line *line, ink_arena *arena,
                            ink_error *error)
{
    ink_example e;
    INK_TRY(ink_task_line_parse(l, line, arena, &e, error));
    bool sentence = e.sentence.kind != INK_VALUE_UNDEFINED;
    if (l->n_lines && sentence != l->sentences)
        return wrong(l, line->number, "either all lines have a \"sentence\", or none has", error);
    l->sentences = sentence;
    if (sentence)
        INK_TRY(take_sentence(l, line, &e, error));
    if (!ink_buffer_append(&l->line_memory, line, sizeof *line))
        return ink_fail_memory(error, "the lines of a task");
    l->lines = (const ink_task_line *)(const void *)l->line_memory.data;
    l->n_lines++;
    return INK_OK;
}

static ink_status read_lines(ink_task_lines *l, ink_arena *arena, ink_error *error)
{
    ink_task_line line = {.number = 0};
    for (size_t at = 0; at < l->file.n_bytes; at += line.n_bytes + 1) {
        const char *end = memchr(l->file.data + at, '\n', l->file.n_bytes - at);
        line.text = l->file.data + at;
        line.n_bytes = end ? (size_t)(end - line.text) : l->file.n_bytes - at;
        line.number++;
        if (ink_answer_trim(ink_value_borrow(line.text, line.n_bytes)).n_bytes)
            INK_TRY(read_line(l, &line, arena, error));
    }
    return INK_OK;
}

ink_status ink_task_lines_read(ink_task_lines *l, ink_error *error)
{
    ink_arena arena;
    ink_buffer_init(&l->line_memory, NULL, MAX_MEMORY);
    ink_buffer_init(&l->home_memory, NULL, MAX_MEMORY);
    INK_TRY(ink_input_read(l->task->path, &l->file, error));
    if (l->task->home) {
        ink_home *home;
        INK_TRY(ink_home_open(&home, l->task->home, error));
        INK_TRY(keep_home(l, home, error));
    }
    ink_arena_init(&arena, NULL, INK_TASK_LINE_BYTES);
    ink_status status = read_lines(l, &arena, error);
    ink_arena_deinit(&arena);
    INK_TRY(status);
    if (l->n_lines == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "%s: holds no examples", l->task->path);
    if (l->task->home && l->lines[0].home != l->homes[0])
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "--home has no effect: no line of %s has a sentence without a home before "
                        "it",
                        l->task->path);
    return INK_OK;
}

void ink_task_lines_deinit(ink_task_lines *l)
{
    for (size_t i = 0; i < l->n_homes; i++)
        ink_home_free(l->homes[i]);
    ink_buffer_deinit(&l->home_memory);
    ink_buffer_deinit(&l->line_memory);
    ink_buffer_deinit(&l->file);
}
