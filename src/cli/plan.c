/*
 * Every byte that a model and its sessions will need, before anything is loaded; with a limit,
 * whether that fits, and if not, what would.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/status.h"
#include "cli/read_rate.h"
#include "cli/report.h"
#include "cli/setup.h"
#include "cli/terminal.h"

typedef struct planned {
    const char *path;
    ink_open open;
    ink_memory_options options;
    bool json;
    const char *overflow; /* error, slide, roll, evict */
    ink_memory_plan plan;
    uint64_t process_bytes; /* of this program, before it opens anything */
    double rate;            /* bytes a second from the file; measured where that bounds the speed */
    size_t n_trained;       /* positions */
    bool fits;
    ink_error refusal;
} planned;

static const struct {
    const char *name, *text;
    size_t offset;
} rows[] = {
#define X(name, text) {#name "_bytes", text, offsetof(ink_memory_plan, name##_bytes)},
    INK_MEMORY_TABLE(X)
#undef X
};
enum { N_ROWS = sizeof rows / sizeof *rows };

static uint64_t bytes_of(const planned *p, size_t row)
{
    uint64_t bytes;
    memcpy(&bytes, (const char *)&p->plan + rows[row].offset, sizeof bytes);
    return bytes;
}

static void print_row(const char *text, uint64_t bytes)
{
    char size[INK_SIZE_BYTES];
    printf("%14" PRIu64 "  %9s  %s\n", bytes, ink_format_bytes(bytes, size), text);
}

static void print_plain(const planned *p)
{
    const ink_memory_plan *plan = &p->plan;
    printf("Memory of %zu session%s of %zu positions, cache %s\n", plan->n_sessions,
           plan->n_sessions == 1 ? "" : "s", plan->n_context, p->options.session.cache);
    for (size_t i = 0; i < N_ROWS; i++)
        if (bytes_of(p, i))
            print_row(rows[i].text, bytes_of(p, i));
    print_row("all, at most at any time", plan->total_bytes);
    if (plan->n_context < p->n_trained && !p->options.session.n_context)
        printf(
            "The context is shorter than the %zu positions that the model was trained for: memory "
            "has no room for more\n",
            p->n_trained);
    if (plan->mapped_bytes)
        print_row("weights in a mapped file, whose pages the system may take back",
                  plan->mapped_bytes);
    print_row("this program itself, beside all that", p->process_bytes);
    if (p->rate > 0)
        printf("Weights beyond memory are read again for each token: at %.0f MB/s, measured, about "
               "%.2g tokens/s\n",
               p->rate / 1e6, p->rate / (double)plan->mapped_bytes);
}

static ink_status print_json(const planned *p, ink_error *error)
{
    ink_report report;
    ink_report_init(&report);
    ink_report_text(&report, report.root, "file", p->path);
    ink_report_count(&report, report.root, "context", p->plan.n_context);
    ink_report_count(&report, report.root, "trained_context", p->n_trained);
    ink_report_text(&report, report.root, "cache", p->options.session.cache);
    ink_report_count(&report, report.root, "sessions", p->plan.n_sessions);
    for (size_t i = 0; i < N_ROWS; i++)
        ink_report_count(&report, report.root, rows[i].name, bytes_of(p, i));
    ink_report_count(&report, report.root, "total_bytes", p->plan.total_bytes);
    ink_report_count(&report, report.root, "mapped_bytes", p->plan.mapped_bytes);
    ink_report_count(&report, report.root, "process_bytes", p->process_bytes);
    if (p->rate > 0) {
        ink_report_real(&report, report.root, "read_bytes_per_second", p->rate);
        ink_report_real(&report, report.root, "expected_tokens_per_second",
                        p->rate / (double)p->plan.mapped_bytes);
    }
    if (p->options.memory_limit) {
        ink_report_count(&report, report.root, "memory_limit", p->options.memory_limit);
        ink_report_bool(&report, report.root, "fits", p->fits);
    }
    ink_status status = ink_report_print(&report, error);
    ink_report_deinit(&report);
    return status;
}

static ink_status plan(planned *p, const ink_model *model, ink_error *error)
{
    ink_model_info info;
    ink_model_get_info(model, &info);
    p->n_trained = info.n_context;
    INK_TRY(ink_memory_plan_all(model, &p->options, &p->plan, error));
    p->fits = ink_memory_check(model, &p->options, &p->plan, &p->refusal) == INK_OK;
    if (p->plan.mapped_bytes && p->options.memory_limit &&
        p->plan.mapped_bytes > p->options.memory_limit)
        p->rate = ink_read_rate(p->path);
    if (p->json)
        return print_json(p, error);
    print_plain(p);
    return INK_OK;
}

static ink_status run(planned *p, ink_error *error)
{
    ink_model *model = NULL;
    p->process_bytes = ink_peak_memory();
    p->open.model.n_threads = p->options.session.n_threads;
    p->options.memory_limit = p->open.model.memory_limit;
    INK_TRY(ink_setup_plan(&model, p->path, &p->open, error));
    ink_status status = plan(p, model, error);
    ink_model_free(model);
    if (status == INK_OK && !p->fits) {
        fflush(stdout);
        *error = p->refusal;
        return error->status;
    }
    return status;
}

ink_exit ink_cmd_plan(const ink_call *call)
{
    planned p = {.fits = true, .overflow = "error"};
    ink_session_options *session = &p.options.session;
    const char *arguments[INK_MAX_ARGUMENTS];
    ink_setup_session_defaults(session);
    ink_setup_model_defaults(&p.open);
    p.options.n_sessions = 1;
    const ink_option options[] = {
        INK_OPTION_JSON(&p.json),
        INK_OPTION_COUNT("sessions", &p.options.n_sessions, "K", "at the same time"),
        INK_OPTION_FLAG("constraint", &p.options.constraint, "each with a constraint"),
        INK_OPTION_FLAG("all_logits", &session->all_logits,
                        "the logits of all tokens are asked for, as eval and logits do"),
        {.name = "overflow",
         .kind = INK_OPTION_CHOICE,
         .destination = &p.overflow,
         .value = "error|slide|roll|evict",
         .help = "what happens when a text is longer than the context"},
        INK_OPTION_SESSION(session),
        INK_OPTION_LIMIT(&p.open.model.memory_limit),
        INK_OPTION_LORA(&p.open.adapters),
        INK_OPTION_PACK_CACHE(&p.open),
        {0}};
    INK_PARSE(call, options, NULL, arguments);
    p.path = arguments[0];
    session->overflow = ink_setup_overflow(p.overflow);
    ink_error error = {0};
    return ink_finish(run(&p, &error), &error);
}
