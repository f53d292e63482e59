/* An evaluation told: to people, to programs, to the card of a model. */
#include <stdio.h>
#include <string.h>
#include "base/status.h"
#include "cli/digest.h"
#include "cli/eval.h"

static double rate(size_t n, double seconds)
{
    return seconds > 0 ? (double)n / seconds : 0;
}

/* All texts together; the window is that of the longest. */
static ink_window_counts add_counts(const ink_eval *e)
{
    ink_window_counts sum = {0};
    for (size_t i = 0; i < e->n_texts; i++) {
        const ink_window_counts *counts = &e->texts[i].counts;
        sum.n_tokens += counts->n_tokens;
        sum.n_windows += counts->n_windows;
        if (counts->n_window > sum.n_window)
            sum.n_window = counts->n_window;
    }
    return sum;
}

/* ---- For people */

static void print_texts(const ink_eval *e)
{
    const ink_figures *f = &e->figures;
    const ink_reader *readers = e->windows.readers;
    ink_window_counts counts = add_counts(e);
    printf("perplexity  %.4f +/- %.4f\nmean nll    %.6f\nscored      %zu of %zu tokens, "
           "%zu windows of %zu\nspeed       %.1f tokens/s\n",
           f->perplexity, f->perplexity_error, f->mean_nll, e->score.n_scored, counts.n_tokens,
           counts.n_windows, counts.n_window, rate(readers[0].n_tokens, readers[0].seconds));
    if (e->reference_path)
        printf("KL          %.6g +/- %.2g; median %.6g, 99 %% below %.6g, highest %.6g\n"
               "agreement   %.2f %%\n"
               "            with %s, %.1f tokens/s\n",
               f->kl_mean, f->kl_error, f->kl_median, f->kl_p99, f->kl_max, 100 * f->agreement,
               ink_digest_name(e->reference_path), rate(readers[1].n_tokens, readers[1].seconds));
}

static double percent(size_t n, size_t of)
{
    return 100 * rate(n, (double)of);
}

/* The name of an intent; "none" of the last. */
static const char *intent_name(size_t intent)
{
    ink_intent_row row = {.name = "none"};
    if (intent < INK_N_INTENTS)
        ink_intent_get((ink_home_intent)intent, &row);
    return row.name;
}

/* Sentences that are nothing for a home, and sentences that are and were taken for nothing. */
static void print_intents(const ink_task *task)
{
    const ink_intent_count *none = &task->intents[INK_N_INTENTS];
    printf("nothing     %zu of %zu were answered \"none\" (%.2f %%), and %zu of the others\n"
           "answers     %.1f sentences/s\n\n",
           none->n_matches, none->n_examples, percent(none->n_matches, none->n_examples),
           none->n_answers - none->n_matches, rate(task->n_examples, task->seconds));
    printf("%-30s %9s %9s %9s %9s\n", "intent", "sentences", "match", "%", "answered");
    for (size_t i = 0; i <= INK_N_INTENTS; i++) {
        const ink_intent_count *c = &task->intents[i];
        if (c->n_examples || c->n_answers)
            printf("%-30s %9zu %9zu %9.2f %9zu\n", intent_name(i), c->n_examples, c->n_matches,
                   percent(c->n_matches, c->n_examples), c->n_answers);
    }
}

static void print_task(const ink_task *task)
{
    printf("exact match %zu of %zu (%.2f %%)\n", task->n_matches, task->n_examples,
           percent(task->n_matches, task->n_examples));
    if (task->sentences)
        print_intents(task);
    else
        printf("answers     %zu tokens, %.1f tokens/s\n", task->n_tokens,
               rate(task->n_tokens, task->seconds));
}

/* ---- Figures that any machine gets, for programs and cards */

static void report_texts(const ink_eval *e, ink_report *report)
{
    const ink_figures *f = &e->figures;
    ink_value root = report->root;
    ink_window_counts counts = add_counts(e);
    ink_report_real(report, root, "perplexity", f->perplexity);
    ink_report_real(report, root, "standard_error", f->perplexity_error);
    ink_report_real(report, root, "mean_nll", f->mean_nll);
    ink_report_count(report, root, "tokens_scored", e->score.n_scored);
    ink_report_count(report, root, "tokens", counts.n_tokens);
    ink_report_count(report, root, "windows", counts.n_windows);
    ink_report_count(report, root, "window", counts.n_window);
    if (!e->reference_path)
        return;
    ink_report_text(report, root, "reference", ink_digest_name(e->reference_path));
    ink_report_real(report, root, "kl_mean", f->kl_mean);
    ink_report_real(report, root, "kl_standard_error", f->kl_error);
    ink_report_real(report, root, "kl_median", f->kl_median);
    ink_report_real(report, root, "kl_p99", f->kl_p99);
    ink_report_real(report, root, "kl_max", f->kl_max);
    ink_report_real(report, root, "top1_agreement", f->agreement);
}

static void report_task(const ink_task *task, ink_report *report)
{
    ink_report_count(report, report->root, "examples", task->n_examples);
    ink_report_count(report, report->root, "matches", task->n_matches);
    ink_report_real(report, report->root, "exact_match",
                    rate(task->n_matches, (double)task->n_examples));
}

static void report_intents(const ink_task *task, ink_report *report)
{
    ink_value list = ink_report_list(report, report->root, "intents");
    for (size_t i = 0; i <= INK_N_INTENTS; i++) {
        const ink_intent_count *c = &task->intents[i];
        if (!c->n_examples && !c->n_answers)
            continue;
        ink_value row = ink_report_dict(report, list, NULL);
        ink_report_text(report, row, "intent", intent_name(i));
        ink_report_count(report, row, "examples", c->n_examples);
        ink_report_count(report, row, "matches", c->n_matches);
        ink_report_count(report, row, "answers", c->n_answers);
    }
}

void ink_eval_report_file(ink_report *report, ink_value list, const char *path, size_t n_bytes,
                          const char *sha256)
{
    ink_value file = ink_report_dict(report, list, NULL);
    ink_report_text(report, file, "name", ink_digest_name(path));
    ink_report_count(report, file, "bytes", n_bytes);
    ink_report_text(report, file, "sha256", sha256);
}

static void report_data(const ink_eval *e, ink_report *report)
{
    ink_value list = ink_report_list(report, report->root, "data");
    for (size_t i = 0; i < e->n_texts; i++)
        ink_eval_report_file(report, list, e->texts[i].path, e->texts[i].n_bytes,
                             e->texts[i].sha256);
    if (e->task.path)
        ink_eval_report_file(report, list, e->task.path, e->task.n_bytes, e->task.sha256);
}

static void report_figures(const ink_eval *e, ink_report *report)
{
    if (e->n_texts)
        report_texts(e, report);
    if (e->task.path)
        report_task(&e->task, report);
    if (e->task.sentences)
        report_intents(&e->task, report);
    report_data(e, report);
}

static void report_speeds(const ink_eval *e, ink_report *report)
{
    const ink_reader *readers = e->windows.readers;
    if (e->n_texts)
        ink_report_real(report, report->root, "tokens_per_second",
                        rate(readers[0].n_tokens, readers[0].seconds));
    if (e->reference_path)
        ink_report_real(report, report->root, "reference_tokens_per_second",
                        rate(readers[1].n_tokens, readers[1].seconds));
    if (e->task.sentences)
        ink_report_real(report, report->root, "sentences_per_second",
                        rate(e->task.n_examples, e->task.seconds));
    else if (e->task.path)
        ink_report_real(report, report->root, "answer_tokens_per_second",
                        rate(e->task.n_tokens, e->task.seconds));
}

ink_status ink_eval_print(const ink_eval *e, ink_error *error)
{
    if (!e->json) {
        if (e->n_texts)
            print_texts(e);
        if (e->task.path)
            print_task(&e->task);
        return INK_OK;
    }
    ink_report report;
    ink_report_init(&report);
    report_figures(e, &report);
    report_speeds(e, &report);
    ink_status status = ink_report_print(&report, error);
    ink_report_deinit(&report);
    return status;
}

/* ---- The command, as a shell reads it */

/* Of a path only its last part: a model that is passed on does not tell whose folders it was in. */
static void add_word(ink_buffer *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_.,:=@%+";
    const char *equals = word[0] == '-' ? strchr(word, '=') : NULL;
    size_t n_flag = equals ? (size_t)(equals + 1 - word) : 0;
    const char *rest = ink_digest_name(word + n_flag);
    bool quoted = *rest == '\0' || rest[strspn(rest, plain)] != '\0';
    ink_buffer_text(out, " ");
    ink_buffer_append(out, word, n_flag);
    ink_buffer_text(out, quoted ? "'" : "");
    for (; *rest; rest++)
        if (*rest == '\'')
            ink_buffer_text(out, "'\\''");
        else
            ink_buffer_append(out, rest, 1);
    ink_buffer_text(out, quoted ? "'" : "");
}

static void report_command(const ink_call *call, ink_report *report)
{
    ink_buffer command;
    ink_buffer_init(&command, NULL, INK_CARD_MAX_BYTES);
    ink_buffer_format(&command, "inkling %s", call->command->name);
    for (int i = 0; i < call->argc; i++)
        add_word(&command, call->argv[i]);
    if (command.failed)
        report->failed = true;
    else
        ink_report_text(report, report->root, "command", command.data);
    ink_buffer_deinit(&command);
}

ink_status ink_eval_write_entry(const ink_eval *e, ink_buffer *out, ink_error *error)
{
    ink_report report;
    ink_report_init(&report);
    ink_report_text(&report, report.root, "inkling", ink_version());
    report_command(e->call, &report);
    report_figures(e, &report);
    if (e->more)
        e->more(e->more_context, &report);
    ink_status status = ink_report_write(&report, out, error);
    ink_report_deinit(&report);
    return status;
}
