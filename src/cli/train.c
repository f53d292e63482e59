/* Teaching a model from texts: one that is there, or a new one. */
#include <stdio.h>
#include "cli/terminal.h"
#include "cli/train_options.h"

static const char notes[] =
    "--text: names that end with .jsonl have one object a line: {\"text\"}, {\"prompt\",\n"
    "\"completion\"} or {\"messages\"}; only completions and answers are learned.\n"
    "--vocabulary: how many tokens to learn from the texts, chars for their characters, or a "
    "model\n"
    "that has one. OUT.gguf.checkpoint keeps the state: the same command goes on from there, to\n"
    "the same weights. docs/training.md says more.";

typedef struct request {
    const char *from, *config, *vocabulary;
    char first[INK_LESSON_PATH_BYTES]; /* the new model, before it has learned anything */
} request;

static bool check_usage(const request *r)
{
    if (!r->from == !r->config)
        ink_say("train: a model to begin with is needed: --from MODEL, or --config FILE for a new "
                "one");
    else if (r->config && !r->vocabulary)
        ink_say("train: a new model needs a --vocabulary: a number of tokens, chars, or a model "
                "that has one");
    else
        return true;
    return false;
}

static ink_status create(request *r, const ink_lesson *lesson, ink_error *error)
{
    ink_bar bar;
    if (!r->config)
        return INK_OK;
    (void)snprintf(r->first, sizeof r->first, "%s.first", lesson->out);
    r->from = r->first;
    ink_bar_init(&bar, "Vocabulary");
    ink_creation creation = {.config = r->config,
                             .vocabulary = r->vocabulary,
                             .texts = lesson->texts.texts,
                             .n_texts = lesson->texts.n_texts,
                             .seed = lesson->training.seed,
                             .log = lesson->training.log,
                             .progress = bar.progress};
    ink_status status = ink_model_create(r->first, &creation, error);
    ink_bar_end(&bar);
    return status;
}

static ink_exit train(request *r, ink_lesson *lesson, const char *out)
{
    ink_error error = {0};
    ink_training_result result = {.first_step = 0};
    ink_status status = ink_lesson_begin(lesson, out, &error);
    if (status == INK_OK)
        status = create(r, lesson, &error);
    if (status == INK_OK)
        status = ink_train(r->from, out, &lesson->training, &result, &error);
    return ink_lesson_end(lesson, status, &result, &error);
}

static ink_exit run(const ink_call *call, ink_lesson *lesson)
{
    request r = {.from = NULL};
    const char *arguments[INK_MAX_ARGUMENTS];
    ink_training *training = &lesson->training;
    const ink_option options[] = {
        {.name = "The model", .kind = INK_OPTION_HEADING},
        {.name = "from",
         .kind = INK_OPTION_TEXT,
         .destination = &r.from,
         .value = "MODEL",
         .help = "the model to begin with",
         .not_with = "config"},
        INK_OPTION_WORD("config", &r.config, "FILE", "JSON that describes a new one"),
        {.name = "vocabulary",
         .kind = INK_OPTION_TEXT,
         .destination = &r.vocabulary,
         .value = "N|chars|MODEL",
         .help = "of the new one",
         .only_with = "config"},
        {.name = "Texts and records", .kind = INK_OPTION_HEADING},
        INK_OPTION_TRAINING_TEXTS(lesson),
        {.name = "Training", .kind = INK_OPTION_HEADING},
        INK_TRAINING_TABLE(INK_OPTION_OF_TRAINING){0}};
    INK_PARSE(call, options, notes, arguments);
    return check_usage(&r) ? train(&r, lesson, arguments[0]) : INK_EXIT_USAGE;
}

ink_exit ink_cmd_train(const ink_call *call)
{
    return ink_lesson_run(call, run);
}
