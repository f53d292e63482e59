#include "cli/task.h"

#include <string.h>
#include "base/clock.h"
#include "base/file.h"
#include "base/pool.h"
#include "base/status.h"
#include "cli/chat.h"
#include "cli/digest.h"
#include "cli/interrupt.h"
#include "cli/report.h"
#include "cli/setup.h"
#include "cli/task_answer.h"
#include "cli/task_lines.h"
#include "cli/terminal.h"
#include "text/json.h"

#define MAX_ANSWER_BYTES ((size_t)16 << 20)

enum { LINES_A_WORKER = 8 }; /* between two looks at the bar, and at Ctrl-C */

/* Answers one example after the other; examples are dealt out to several. */
typedef struct worker {
    ink_chat chat; /* its session reads only what it has not read for the example before */
    ink_assistant *assistant; /* of sentences, in place of the chat */
    ink_arena arena;          /* of the line in work */
    ink_tokens tokens;
    ink_answer answer;
} worker;

typedef struct outcome {
    ink_status status;
    ink_error error;
    bool matches;
    ink_home_intent intent; /* answered; of sentences */
    size_t n_tokens;
    ink_buffer failure; /* a line for the file of failures */
} outcome;

typedef struct runner {
    ink_task *task;
    const ink_model *model;
    ink_task_lines lines;
    worker *workers;   /* [n_workers] */
    outcome *outcomes; /* [n_dealt]: of the lines from `first` on */
    size_t n_workers, n_dealt, first;
    ink_pool *pool;
    ink_file_writer *failures; /* NULL: none are kept */
} runner;

/* ---- Answering a prompt or a conversation -------------------------------------------------- */

/* All fields but the answer: variables of the template. */
static ink_status render(worker *w, const ink_example *e, ink_error *error)
{
    ink_value variables;
    ink_buffer json;
    const ink_value_dict *fields = e->fields.as.dict;
    bool made = ink_value_new_dict(&w->arena, INK_VALUE_DICT, &variables);
    for (uint32_t i = 0; made && i < fields->n_entries; i++)
        if (!ink_value_is_text(fields->entries[i].key, "answer"))
            made = ink_value_set(&w->arena, variables, fields->entries[i].key,
                                 fields->entries[i].item);
    if (!made)
        return ink_fail_memory(error, "a conversation");
    ink_buffer_init(&json, NULL, INK_TASK_LINE_BYTES);
    ink_status status = ink_json_write(&json, variables, NULL, error);
    if (status == INK_OK)
        status = ink_chat_tokenize(w->chat.model, json.data, json.n_bytes, INK_TASK_NOW, &w->tokens,
                                   error);
    ink_buffer_deinit(&json);
    return status;
}

static bool listen(void *context, const char *text, size_t n_bytes)
{
    return ink_answer_write(context, text, n_bytes) && !ink_interrupted();
}

static ink_status generate(worker *w, size_t max_tokens, size_t *n_tokens, ink_error *error)
{
    ink_generated result;
    ink_generation generation;
    const ink_progress quiet = ink_interrupt_progress();
    ink_generation_init(&generation);
    generation.sampling.temperature = 0;
    generation.max_tokens = max_tokens;
    generation.write = listen;
    generation.context = &w->answer;
    generation.progress = &quiet;
    INK_TRY(ink_chat_generate(&w->chat, &w->tokens, &generation, &result, error));
    *n_tokens = result.n_tokens;
    return w->answer.text.failed ? ink_fail_memory(error, "an answer") : INK_OK;
}

/* Leaves what was generated in w->answer. */
static ink_status answer_text(const runner *r, worker *w, const ink_example *e, outcome *o)
{
    INK_TRY(e->prompt.kind == INK_VALUE_UNDEFINED
                ? render(w, e, &o->error)
                : ink_tokenize(w->chat.model, e->prompt.as.text, e->prompt.n_bytes,
                               INK_SPECIAL_OPEN, &w->tokens, &o->error));
    return generate(w, r->task->max_tokens, &o->n_tokens, &o->error);
}

/* ---- Answering a sentence ------------------------------------------------------------------ */

static ink_status answer_sentence(worker *w, const ink_task_line *line, const ink_example *e,
                                  outcome *o)
{
    ink_reply reply;
    ink_assistant_enter(w->assistant, line->home);
    INK_TRY(ink_assistant_ask(w->assistant, e->sentence.as.text, e->sentence.n_bytes,
                              line->spoken_in, &reply, &o->error));
    o->intent = reply.intent;
    ink_reply_write(&reply, &w->answer.text);
    return w->answer.text.failed ? ink_fail_memory(&o->error, "an answer") : INK_OK;
}

/* ---- An example ---------------------------------------------------------------------------- */

/* The example as it was given, and what came instead of its answer. */
static ink_status write_failure(const worker *w, const ink_task_line *line, const ink_example *e,
                                outcome *o)
{
    ink_report report;
    const ink_value_dict *fields = e->fields.as.dict;
    ink_report_init(&report);
    for (uint32_t i = 0; i < fields->n_entries; i++)
        if (!report.failed && !ink_value_set(&report.arena, report.root, fields->entries[i].key,
                                             fields->entries[i].item))
            report.failed = true;
    ink_report_count(&report, report.root, "line", line->number);
    ink_report_text(&report, report.root, "output",
                    w->answer.text.n_bytes ? w->answer.text.data : "");
    ink_status status = ink_report_write(&report, &o->failure, &o->error);
    if (status == INK_OK && !ink_buffer_text(&o->failure, "\n"))
        status = ink_fail_memory(&o->error, "a failure");
    ink_report_deinit(&report);
    return status;
}

static ink_status try_line(const runner *r, worker *w, const ink_task_line *line, outcome *o)
{
    ink_example e;
    bool json = r->task->json_answers || r->lines.sentences;
    ink_buffer text = w->answer.text;
    text.n_bytes = 0;
    w->answer = (ink_answer){.text = text, .json = json, .multiline = r->task->multiline};
    INK_TRY(ink_task_line_parse(&r->lines, line, &w->arena, &e, &o->error));
    ink_status status =
        r->lines.sentences ? answer_sentence(w, line, &e, o) : answer_text(r, w, &e, o);
    if (status != INK_OK) {
        ink_error cause = o->error;
        return ink_fail(&o->error, status, 0, "%s: line %zu: %s", r->task->path, line->number,
                        cause.message);
    }
    if (json)
        INK_TRY(ink_answer_matches_json(&w->answer, e.answer, &w->arena, &o->matches, &o->error));
    else
        o->matches = ink_answer_matches_text(&w->answer, e.answer);
    return o->matches || !r->failures ? INK_OK : write_failure(w, line, &e, o);
}

static void run_task(void *context, size_t stage, size_t index, int thread)
{
    runner *r = context;
    outcome *o = &r->outcomes[index];
    (void)stage;
    o->error = (ink_error){0};
    o->matches = false;
    o->intent = INK_INTENT_NONE;
    o->n_tokens = o->failure.n_bytes = 0;
    o->status = try_line(r, &r->workers[thread], &r->lines.lines[r->first + index], o);
}

/* ---- All of them --------------------------------------------------------------------------- */

/* In the order of lines, whoever answered them. */
static ink_status collect(runner *r, size_t n, ink_error *error)
{
    ink_task *task = r->task;
    for (size_t i = 0; i < n; i++) {
        const outcome *o = &r->outcomes[i];
        ink_intent_count *count = &task->intents[r->lines.lines[r->first + i].intent];
        if (o->status != INK_OK) {
            *error = o->error;
            return o->status;
        }
        task->n_matches += o->matches;
        task->n_tokens += o->n_tokens;
        if (r->lines.sentences) {
            count->n_examples++;
            count->n_matches += o->matches;
            task->intents[o->intent].n_answers++;
        }
        if (o->failure.n_bytes)
            INK_TRY(ink_file_writer_write(r->failures, o->failure.data, o->failure.n_bytes, error));
    }
    return INK_OK;
}

static ink_status try_all(runner *r, ink_bar *bar, ink_error *error)
{
    while (r->first < r->lines.n_lines) {
        size_t rest = r->lines.n_lines - r->first;
        const uint32_t n = (uint32_t)(rest < r->n_dealt ? rest : r->n_dealt);
        const ink_pool_work work = {.task = run_task, .context = r, .n_tasks = &n, .n_stages = 1};
        double begin = ink_clock_seconds();
        ink_pool_run(r->pool, &work);
        r->task->seconds += ink_clock_seconds() - begin;
        INK_TRY(collect(r, n, error));
        r->first += n;
        if (!bar->progress.report(bar, (float)r->first / (float)r->lines.n_lines))
            return ink_fail(error, INK_CANCELLED, 0, "interrupted");
    }
    return r->failures ? ink_file_writer_commit(r->failures, error) : INK_OK;
}

/* The first session warns of what is unusual; the others are the same. */
static ink_status hire(runner *r, worker *w, const ink_session_options *session, ink_error *error)
{
    ink_arena_init(&w->arena, NULL, INK_TASK_LINE_BYTES);
    ink_buffer_init(&w->answer.text, NULL, MAX_ANSWER_BYTES);
    w->chat.model = r->model;
    if (r->lines.sentences)
        return ink_assistant_new(&w->assistant, r->model, r->lines.homes[0], NULL, error);
    return w == r->workers ? ink_setup_session(&w->chat.session, r->model, session, error)
                           : ink_session_new(&w->chat.session, r->model, session, error);
}

static ink_status hire_all(runner *r, const ink_session_options *session, ink_error *error)
{
    ink_session_options alone = *session;
    size_t wanted = (size_t)(r->task->n_workers > 1 ? r->task->n_workers : 1);
    size_t n = wanted < r->lines.n_lines ? wanted : r->lines.n_lines;
    if (n > 1)
        alone.n_threads = 1;
    r->n_dealt = n * LINES_A_WORKER;
    r->workers = ink_new(NULL, n, sizeof *r->workers);
    r->outcomes = ink_new(NULL, r->n_dealt, sizeof *r->outcomes);
    if (!r->workers || !r->outcomes)
        return ink_fail_memory(error, "the answers of a task");
    for (size_t i = 0; i < r->n_dealt; i++)
        ink_buffer_init(&r->outcomes[i].failure, NULL, INK_TASK_LINE_BYTES);
    for (; r->n_workers < n; r->n_workers++)
        INK_TRY(hire(r, &r->workers[r->n_workers], &alone, error));
    INK_TRY(ink_pool_new(&r->pool, (int)n, NULL, error));
    return ink_pool_reserve(r->pool, 1, error);
}

static ink_status run(runner *r, const ink_session_options *session, ink_error *error)
{
    ink_bar bar;
    ink_task *task = r->task;
    INK_TRY(ink_task_lines_read(&r->lines, error));
    task->n_bytes = r->lines.file.n_bytes;
    task->n_examples = r->lines.n_lines;
    task->sentences = r->lines.sentences;
    ink_digest_print(r->lines.file.data, r->lines.file.n_bytes, task->sha256);
    if (task->failures)
        INK_TRY(ink_file_writer_open(&r->failures, task->failures, INK_FILE_FOR_ALL, NULL, error));
    INK_TRY(hire_all(r, session, error));
    ink_bar_init(&bar, "Answering");
    ink_status status = try_all(r, &bar, error);
    ink_bar_end(&bar);
    return status;
}

static void dismiss(worker *w)
{
    ink_assistant_free(w->assistant);
    ink_session_free(w->chat.session);
    ink_chat_deinit(&w->chat);
    ink_tokens_free(&w->tokens);
    ink_buffer_deinit(&w->answer.text);
    ink_arena_deinit(&w->arena);
}

static void deinit(runner *r)
{
    ink_pool_free(r->pool);
    ink_file_writer_close(r->failures);
    for (size_t i = 0; r->workers && i < r->n_dealt / LINES_A_WORKER; i++)
        dismiss(&r->workers[i]);
    for (size_t i = 0; r->outcomes && i < r->n_dealt; i++)
        ink_buffer_deinit(&r->outcomes[i].failure);
    ink_delete(NULL, r->workers);
    ink_delete(NULL, r->outcomes);
    ink_task_lines_deinit(&r->lines);
}

ink_status ink_task_run(ink_task *task, const ink_model *model, const ink_session_options *session,
                        ink_error *error)
{
    runner r = {.task = task, .model = model, .lines.task = task};
    task->n_examples = task->n_matches = task->n_tokens = 0;
    task->seconds = 0;
    memset(task->intents, 0, sizeof task->intents);
    ink_status status = run(&r, session, error);
    deinit(&r);
    return status;
}
