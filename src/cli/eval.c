/* How good a model is: on texts, beside another model, on a task; and noting that in its file. */
#include "cli/eval.h"

#include <string.h>
#include "base/pool.h"
#include "base/status.h"
#include "cli/card.h"
#include "cli/digest.h"
#include "cli/input.h"
#include "cli/terminal.h"

enum { DEFAULT_ANSWER_TOKENS = 256 };

static const char notes[] =
    "Each text is cut into windows of N tokens that do not overlap; the first token of each is\n"
    "replaced by BOS where the vocabulary adds one; the tokens of the second half of a window\n"
    "are scored, each having seen at least half a window. A rest that fills no window is left\n"
    "out. This is the method of llama.cpp's perplexity tool, so that figures can be compared.\n"
    "With --all every token of a window but the first is scored. So is a text that fills no\n"
    "window: it is one by itself.\n\n"
    "--reference reads the same tokens with another model of the same vocabulary, and tells\n"
    "KL(reference || model) a token, in nats, and how often both find the same token likeliest.\n\n"
    "A line of a task is {\"prompt\": TEXT, \"answer\": TEXT} or {\"messages\": [...],\n"
    "\"answer\": TEXT}. The likeliest tokens are taken until the model ends, the line ends, or\n"
    "N tokens have come; white space around the answer does not count.\n"
    "Or all lines are {\"sentence\": TEXT, \"home\": {...}, \"area\": NAME, \"answer\": INTENT}, "
    "which\n"
    "are answered as inkling run home answers; docs/eval.md tells more.\n\n"
    "A card is a list of evaluations in the model's own file; inkling show prints it.";

/* ---- Texts */

static ink_status read_text(ink_eval *e, ink_eval_text *text, ink_error *error)
{
    ink_buffer bytes;
    ink_status status = ink_input_read(text->path, &bytes, error);
    if (status == INK_OK) {
        text->n_bytes = bytes.n_bytes;
        ink_digest_print(bytes.data, bytes.n_bytes, text->sha256);
        status = ink_windows_read(&e->windows, text->path, bytes.data, bytes.n_bytes, &text->counts,
                                  error);
    }
    ink_buffer_deinit(&bytes);
    return status;
}

ink_status ink_eval_score(ink_eval *e, ink_error *error)
{
    ink_windows *w = &e->windows;
    w->score = ink_score_token;
    w->context = &e->score;
    ink_status status = ink_windows_init(w, &e->session, error);
    e->score =
        (ink_score){.path = e->path, .reference_path = e->reference_path, .n_vocab = w->n_vocab};
    for (size_t i = 0; status == INK_OK && i < e->n_texts; i++)
        status = read_text(e, &e->texts[i], error);
    if (status == INK_OK)
        ink_score_finish(&e->score, &e->figures);
    ink_windows_deinit(w);
    ink_score_deinit(&e->score);
    return status;
}

/* The reference's weights and all sessions are gone before a task begins. */
static ink_status score_texts(ink_eval *e, ink_error *error)
{
    e->windows =
        (ink_windows){.readers = {{.model = e->model}, {.model = e->reference}},
                      .n_readers = e->reference ? 2 : 1,
                      .n_window = e->session.n_context ? e->session.n_context : INK_DEFAULT_WINDOW,
                      .all = e->all};
    ink_status status = ink_eval_score(e, error);
    ink_model_free(e->reference);
    e->reference = NULL;
    return status;
}

/* ---- Models */

/* Adapters are the model's alone. */
static ink_status open_reference(ink_eval *e, ink_error *error)
{
    ink_open open = e->open;
    open.adapters.n_texts = 0;
    if (open.model.memory_limit)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "--memory-limit is for one model; leave it out with --reference");
    INK_TRY(ink_setup_model(&e->reference, e->reference_path, &open, error));
    return ink_compare_vocabularies(e->model, e->reference, error);
}

static ink_status note(const ink_eval *e, ink_error *error)
{
    ink_bar bar;
    ink_buffer entry;
    ink_buffer_init(&entry, NULL, INK_CARD_MAX_BYTES);
    ink_bar_init(&bar, "Writing");
    const ink_card_options options = {
        .in_place = !e->out, .anew = e->anew, .progress = bar.progress};
    ink_status status = ink_eval_write_entry(e, &entry, error);
    if (status == INK_OK)
        status = ink_card_add(e->model, e->out ? e->out : e->path, entry.data, entry.n_bytes,
                              &options, error);
    ink_bar_end(&bar);
    ink_buffer_deinit(&entry);
    return status;
}

/* The card as it now stands in the file. */
static ink_status print_card(const ink_eval *e, ink_error *error)
{
    ink_model *model = NULL;
    ink_string card = {0};
    INK_TRY(ink_setup_model(&model, e->out ? e->out : e->path,
                            &(ink_open){.model = {.load = INK_LOAD_METADATA, .n_threads = 1}},
                            error));
    ink_status status = ink_card_get(model, &card, error);
    if (status == INK_OK)
        status = ink_card_print(card.data, card.n_bytes, error);
    ink_string_free(&card);
    ink_model_free(model);
    return status;
}

/* Each of several sessions takes memory of its own, so where that is limited there is one. */
static ink_status run_task(ink_eval *e, ink_error *error)
{
    e->task.n_workers = 1;
    if (!e->open.model.memory_limit)
        INK_TRY(ink_pool_choose_threads(e->session.n_threads, &e->task.n_workers, error));
    return ink_task_run(&e->task, e->model, &e->session, error);
}

static ink_status run(ink_eval *e, ink_error *error)
{
    e->open.model.n_threads = e->session.n_threads;
    if (e->session.n_context)
        e->open.session = &e->session; /* else it depends on what is read */
    INK_TRY(ink_setup_model(&e->model, e->path, &e->open, error));
    if (e->reference_path)
        INK_TRY(open_reference(e, error));
    if (e->n_texts)
        INK_TRY(score_texts(e, error));
    if (e->task.path)
        INK_TRY(run_task(e, error));
    if (e->card)
        INK_TRY(note(e, error));
    INK_TRY(ink_eval_print(e, error));
    return e->card && !e->json ? print_card(e, error) : INK_OK;
}

static bool reads_standard_input(const ink_eval *e)
{
    bool reads = e->task.path && strcmp(e->task.path, "-") == 0;
    for (size_t i = 0; i < e->n_texts; i++)
        reads = reads || strcmp(e->texts[i].path, "-") == 0;
    return reads;
}

/* What no row of options can say. */
static const char *find_contradiction(const ink_eval *e)
{
    if (e->n_texts == 0 && !e->task.path)
        return "a TEXT or --task FILE is missing";
    if (e->n_texts == 0 && e->reference_path)
        return "--reference has no effect without a TEXT";
    if (e->n_texts == 0 && e->all)
        return "--all has no effect without a TEXT";
    if (e->card && e->open.adapters.n_texts)
        return "--card has no effect with --lora: the figures are not the file's own; see inkling "
               "merge";
    return e->card && reads_standard_input(e)
               ? "--card has no effect with standard input: a card names files"
               : NULL;
}

static ink_exit finish(ink_eval *e)
{
    ink_error error = {0};
    const char *contradiction = find_contradiction(e);
    if (contradiction) {
        ink_say("%s: %s", e->call->command->name, contradiction);
        return INK_EXIT_USAGE;
    }
    ink_status status = run(e, &error);
    ink_model_free(e->reference);
    ink_model_free(e->model);
    return ink_finish(status, &error);
}

ink_exit ink_cmd_eval(const ink_call *call)
{
    ink_eval e = {.call = call, .task.max_tokens = DEFAULT_ANSWER_TOKENS};
    const char *arguments[INK_MAX_ARGUMENTS];
    ink_setup_session_defaults(&e.session);
    ink_setup_model_defaults(&e.open);
    const ink_option options[] = {
        INK_OPTION_WORD("reference", &e.reference_path, "MODEL",
                        "another model that reads the same texts"),
        INK_OPTION_FLAG("all", &e.all, "score whole windows, not their second half"),
        INK_OPTION_JSON(&e.json),
        {.name = "Task", .kind = INK_OPTION_HEADING},
        INK_OPTION_WORD("task", &e.task.path, "FILE.jsonl", "prompts or messages, with answers"),
        {.name = "max-tokens",
         .kind = INK_OPTION_SIZE,
         .destination = &e.task.max_tokens,
         .value = "N",
         .help = "of an answer",
         .low = 1,
         .high = INT32_MAX,
         .only_with = "task"},
        {.name = "home",
         .kind = INK_OPTION_TEXT,
         .destination = &e.task.home,
         .value = "FILE.json",
         .help = "the home of sentences that have none before them",
         .only_with = "task"},
        {.name = "json-answers",
         .kind = INK_OPTION_SWITCH,
         .destination = &e.task.json_answers,
         .help = "answers are JSON: compare values, not texts",
         .only_with = "task"},
        {.name = "multiline",
         .kind = INK_OPTION_SWITCH,
         .destination = &e.task.multiline,
         .help = "an answer does not end with its line",
         .only_with = "task"},
        {.name = "failures",
         .kind = INK_OPTION_TEXT,
         .destination = &e.task.failures,
         .value = "FILE.jsonl",
         .help = "write what was missed",
         .only_with = "task"},
        {.name = "Card", .kind = INK_OPTION_HEADING},
        INK_OPTION_FLAG("card", &e.card, "note the figures in the model's file"),
        {.name = "out",
         .kind = INK_OPTION_TEXT,
         .destination = &e.out,
         .value = "FILE.gguf",
         .help = "write a copy with the card, and leave the model's file alone",
         .only_with = "card"},
        {.name = "anew",
         .kind = INK_OPTION_SWITCH,
         .destination = &e.anew,
         .help = "drop the entries that the card has",
         .only_with = "card"},
        {.name = "Session", .kind = INK_OPTION_HEADING},
        INK_OPTION_RANGE("context", &e.session.n_context, INK_MIN_WINDOW, INT32_MAX,
                         "tokens of a window (512, unless given), and positions for an example "
                         "of a task (what the model was trained for, as far as memory allows)"),
        INK_OPTION_CACHE(&e.session),
        INK_OPTION_BATCH(&e.session),
        INK_OPTION_THREADS(&e.session),
        INK_OPTION_WEIGHTS(&e.open),
        {0}};
    INK_PARSE(call, options, notes, arguments);
    e.path = arguments[0];
    for (; e.n_texts < INK_MAX_TEXTS && arguments[e.n_texts + 1]; e.n_texts++)
        e.texts[e.n_texts].path = arguments[e.n_texts + 1];
    return finish(&e);
}

ink_exit ink_cmd_perplexity(const ink_call *call)
{
    return ink_cmd_eval(call);
}
