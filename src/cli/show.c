/*
 * What a model is. Opens it without its weights, so that a model far too large for the device is
 * shown all the same.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/status.h"
#include "cli/card.h"
#include "cli/report.h"
#include "cli/setup.h"
#include "cli/terminal.h"
#include "text/json.h"

typedef struct facts {
    const ink_model *model;
    ink_model_info info;
    bool has_weights; /* else it is a vocabulary: no shape, no formats, no memory to plan */
    ink_session_plan plan;
    const char *cache;
    bool has_card;   /* else it cannot be read, and card_error says why */
    ink_string card; /* JSON */
    ink_error card_error;
} facts;

/* The shape of the first layer; `label` is for people, `name` for programs. */
enum { N_SHAPE_ROWS = 9 };

typedef struct shape_row {
    const char *name, *label;
    uint32_t count;
} shape_row;

static void list_shape(const ink_model_info *info, shape_row rows[N_SHAPE_ROWS])
{
    const shape_row listed[N_SHAPE_ROWS] = {{"layers", "layers", info->n_layers},
                                            {"embedding", "embedding", info->n_embedding},
                                            {"heads", "heads", info->n_heads},
                                            {"kv_heads", "KV heads", info->n_kv_heads},
                                            {"k_dim", "key width", info->k_dim},
                                            {"v_dim", "value width", info->v_dim},
                                            {"feed_forward", "feed-forward", info->n_ff},
                                            {"experts", "experts", info->n_experts},
                                            {"experts_used", "experts used", info->n_experts_used}};
    memcpy(rows, listed, sizeof listed);
}

/* ---- For people. */

static void print_text(const char *label, const char *text)
{
    printf("%-15s", label);
    ink_terminal_write(stdout, text, strlen(text));
    putchar('\n');
}

static void print_shape(const facts *f)
{
    shape_row rows[N_SHAPE_ROWS];
    list_shape(&f->info, rows);
    for (size_t i = 0; i < N_SHAPE_ROWS; i++)
        if (rows[i].count)
            printf("%-15s%" PRIu32 "\n", rows[i].label, rows[i].count);
}

static void print_vocabulary(const facts *f)
{
    const ink_model_info *info = &f->info;
    printf("%-15s%" PRIu32 " tokens, %s%s%s\n", "vocabulary", info->n_vocab,
           info->has_vocabulary ? info->tokenizer : "no texts in the file",
           *info->pretokenizer ? ", " : "", info->pretokenizer);
}

static void print_formats(const facts *f)
{
    char parameters[INK_SIZE_BYTES], bytes[INK_SIZE_BYTES];
    ink_model_format format;
    printf("\n%-10s %8s %12s %12s\n", "Format", "tensors", "parameters", "bytes");
    for (size_t i = 0; ink_model_get_format(f->model, i, &format); i++)
        printf("%-10s %8" PRIu64 " %12s %12s\n", format.name, format.n_tensors,
               ink_format_count(format.n_parameters, parameters),
               ink_format_bytes(format.n_bytes, bytes));
}

static void print_hyperparameters(const facts *f)
{
    const char *key;
    char value[48];
    printf("\nHyperparameters\n");
    for (size_t i = 0; ink_model_get_hyperparameter(f->model, i, &key, value); i++)
        printf("%-40s %s\n", key, value);
}

static void print_memory(const facts *f)
{
    char weights[INK_SIZE_BYTES], cache[INK_SIZE_BYTES], work[INK_SIZE_BYTES], all[INK_SIZE_BYTES];
    uint64_t sum = f->info.weight_bytes + f->plan.cache_bytes + f->plan.work_bytes;
    printf("\nMemory at %zu positions\n", f->plan.n_context);
    printf("%-15s%s\n", "weights", ink_format_bytes(f->info.weight_bytes, weights));
    printf("cache %-9s%s\n", f->cache, ink_format_bytes(f->plan.cache_bytes, cache));
    printf("%-15s%s\n", "work space", ink_format_bytes(f->plan.work_bytes, work));
    printf("%-15s%s\n", "all", ink_format_bytes(sum, all));
}

/* A card that is none says nothing about the rest of the file. */
static void print_card(const facts *f)
{
    ink_error cause = {0};
    if (f->has_card && ink_card_print(f->card.data, f->card.n_bytes, &cause) == INK_OK)
        return;
    printf("\n");
    print_text("card", f->has_card ? cause.message : f->card_error.message);
}

static void print_weights(const facts *f)
{
    print_hyperparameters(f);
    print_formats(f);
    print_memory(f);
}

static void print_plain(const facts *f)
{
    char parameters[INK_SIZE_BYTES], bytes[INK_SIZE_BYTES];
    print_text("file", f->info.path);
    if (*f->info.name)
        print_text("name", f->info.name);
    print_text("architecture", f->info.architecture);
    if (!f->has_weights)
        print_text("kind", "a vocabulary, without weights");
    else
        print_text("kind", f->info.embedding ? "embeddings" : "text generation");
    if (f->has_weights)
        print_text("parameters", ink_format_count(f->info.n_parameters, parameters));
    print_text("file size", ink_format_bytes(f->info.file_bytes, bytes));
    if (f->has_weights)
        printf("%-15s%" PRIu32 " positions\n", "trained for", f->info.n_context);
    if (f->has_weights)
        print_shape(f);
    print_vocabulary(f);
    print_text("chat template", f->info.has_chat_template ? "yes" : "no");
    if (f->has_weights)
        print_weights(f);
    print_card(f);
}

/* ---- For programs. */

/* Null, and why, when it cannot be read. */
static void report_card(const facts *f, ink_report *report)
{
    ink_value card = ink_value_none();
    ink_error cause = f->card_error;
    if (f->has_card)
        (void)ink_value_from_json(&report->arena, f->card.data, f->card.n_bytes, &card, &cause);
    ink_report_value(report, report->root, "card", card);
    if (card.kind == INK_VALUE_NONE)
        ink_report_text(report, report->root, "card_error", cause.message);
}

static void report_hyperparameters(const facts *f, ink_report *report)
{
    const char *key;
    char value[48];
    ink_value dict = ink_report_dict(report, report->root, "hyperparameters");
    for (size_t i = 0; ink_model_get_hyperparameter(f->model, i, &key, value); i++)
        ink_report_word(report, dict, key, value);
}

static void report_shape(const facts *f, ink_report *report)
{
    shape_row rows[N_SHAPE_ROWS];
    list_shape(&f->info, rows);
    ink_value dict = ink_report_dict(report, report->root, "shape");
    for (size_t i = 0; i < N_SHAPE_ROWS; i++)
        ink_report_count(report, dict, rows[i].name, rows[i].count);
}

static void report_formats(const facts *f, ink_report *report)
{
    ink_model_format format;
    ink_value list = ink_report_list(report, report->root, "formats");
    for (size_t i = 0; ink_model_get_format(f->model, i, &format); i++) {
        ink_value row = ink_report_dict(report, list, NULL);
        ink_report_text(report, row, "format", format.name);
        ink_report_count(report, row, "tensors", format.n_tensors);
        ink_report_count(report, row, "parameters", format.n_parameters);
        ink_report_count(report, row, "bytes", format.n_bytes);
    }
}

static void report_memory(const facts *f, ink_report *report)
{
    ink_value dict = ink_report_dict(report, report->root, "memory");
    ink_report_count(report, dict, "context", f->plan.n_context);
    ink_report_text(report, dict, "cache", f->cache);
    ink_report_count(report, dict, "weight_bytes", f->info.weight_bytes);
    ink_report_count(report, dict, "cache_bytes", f->plan.cache_bytes);
    ink_report_count(report, dict, "work_bytes", f->plan.work_bytes);
    ink_report_count(report, dict, "total_bytes",
                     f->info.weight_bytes + f->plan.cache_bytes + f->plan.work_bytes);
}

static ink_status print_json(const facts *f, ink_error *error)
{
    ink_report report;
    ink_report_init(&report);
    ink_report_text(&report, report.root, "file", f->info.path);
    ink_report_text(&report, report.root, "name", f->info.name);
    ink_report_text(&report, report.root, "architecture", f->info.architecture);
    ink_report_bool(&report, report.root, "embedding", f->info.embedding);
    ink_report_count(&report, report.root, "parameters", f->info.n_parameters);
    ink_report_count(&report, report.root, "file_bytes", f->info.file_bytes);
    ink_report_count(&report, report.root, "context", f->info.n_context);
    ink_value vocabulary = ink_report_dict(&report, report.root, "vocabulary");
    ink_report_count(&report, vocabulary, "tokens", f->info.n_vocab);
    ink_report_text(&report, vocabulary, "kind", f->info.tokenizer);
    ink_report_text(&report, vocabulary, "pretokenizer", f->info.pretokenizer);
    ink_report_bool(&report, report.root, "chat_template", f->info.has_chat_template);
    report_shape(f, &report);
    report_hyperparameters(f, &report);
    report_formats(f, &report);
    if (f->has_weights)
        report_memory(f, &report);
    report_card(f, &report);
    ink_status status = ink_report_print(&report, error);
    ink_report_deinit(&report);
    return status;
}

static ink_status show(const char *path, const ink_session_options *session, bool json,
                       ink_error *error)
{
    facts f = {.cache = session->cache};
    ink_model *model = NULL;
    INK_TRY(ink_setup_model(
        &model, path, &(ink_open){.model = {.load = INK_LOAD_METADATA, .n_threads = 1}}, error));
    f.model = model;
    ink_model_get_info(model, &f.info);
    f.has_weights = f.info.n_parameters > 0;
    f.has_card = ink_card_get(model, &f.card, &f.card_error) == INK_OK;
    ink_status status = INK_OK;
    if (f.has_weights)
        status = ink_session_plan_memory(model, session, &f.plan, error);
    if (status == INK_OK && json)
        status = print_json(&f, error);
    else if (status == INK_OK)
        print_plain(&f);
    ink_string_free(&f.card);
    ink_model_free(model);
    return status;
}

ink_exit ink_cmd_show(const ink_call *call)
{
    bool json = false;
    ink_session_options session;
    const char *arguments[INK_MAX_ARGUMENTS];
    ink_setup_session_defaults(&session);
    const ink_option options[] = {INK_OPTION_JSON(&json),       INK_OPTION_CONTEXT(&session),
                                  INK_OPTION_CACHE(&session),   INK_OPTION_BATCH(&session),
                                  INK_OPTION_THREADS(&session), {0}};
    INK_PARSE(call, options, NULL, arguments);
    ink_error error = {0};
    return ink_finish(show(arguments[0], &session, json, &error), &error);
}
