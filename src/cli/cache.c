/*
 * What a model's keys and values may be kept in, and what that costs on a text: measured beside the
 * same model with a cache in f32, token by token; and formats chosen for each layer.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "cli/input.h"
#include "cli/report.h"
#include "cli/score.h"
#include "cli/setup.h"
#include "cli/terminal.h"
#include "cli/windows.h"

#define REFERENCE "f32"

static const char notes[] =
    "Each format is measured on the same windows (see inkling eval) as a cache in f32: how much\n"
    "perplexity increases, with a standard error over tokens, and KL(f32 || format) a token.\n"
    "--bits chooses formats for the keys and values of each layer, such that a number has B bits\n"
    "on average, by what each costs alone; the line that is printed last is for --cache. What is\n"
    "chosen on a text is to be measured on another one.";

/* What one cache comes to. */
typedef struct measured {
    const char *cache;
    ink_cache_info info;
    size_t n_scored;
    double perplexity, increase, increase_error, kl;
} measured;

typedef struct caches {
    const char *path;
    ink_open open;
    ink_session_options session;
    ink_texts wanted; /* caches to be measured; none: all formats */
    float bits;       /* 0: nothing is chosen */
    size_t n_windows; /* of each text, at most; 0: all */
    bool json;
    const char *const *paths; /* of texts, NULL behind them */
    ink_buffer texts[INK_MAX_TEXTS];
    size_t n_texts;
    ink_model *model;
    ink_string chosen;
    measured rows[INK_MAX_TEXTS + 1];
    size_t n_rows;
} caches;

/* ---- Measuring */

/* Of a window's tokens: the model beside its reference, and how much longer its codes are. */
typedef struct scoring {
    ink_score model, reference;
    double sum, sum_squares;
} scoring;

static ink_status score(void *context, const float *const *logits, int32_t next, ink_error *error)
{
    scoring *s = context;
    double before = s->model.sum - s->reference.sum;
    INK_TRY(ink_score_token(&s->model, logits, next, error));
    INK_TRY(ink_score_token(&s->reference, logits + 1, next, error));
    double more = s->model.sum - s->reference.sum - before;
    s->sum += more;
    s->sum_squares += more * more;
    return INK_OK;
}

static void finish(scoring *s, measured *out)
{
    ink_figures figures;
    double n = (double)s->model.n_scored, mean = s->sum / n;
    double variance = s->sum_squares / n - mean * mean;
    ink_score_finish(&s->model, &figures);
    out->n_scored = s->model.n_scored;
    out->perplexity = figures.perplexity;
    out->kl = figures.kl_mean;
    out->increase = exp(mean) - 1;
    out->increase_error = n > 1 && variance > 0 ? exp(mean) * sqrt(variance / (n - 1)) : 0;
}

static ink_status read_all(caches *c, ink_windows *w, scoring *s, measured *out, ink_error *error)
{
    INK_TRY(ink_windows_init(w, &c->session, error));
    s->model.n_vocab = s->reference.n_vocab = w->n_vocab;
    for (size_t i = 0; i < c->n_texts; i++) {
        ink_window_counts counts;
        INK_TRY(ink_windows_read(w, c->paths[i], c->texts[i].data, c->texts[i].n_bytes, &counts,
                                 error));
    }
    finish(s, out);
    return INK_OK;
}

static ink_status measure(caches *c, const char *cache, measured *out, ink_error *error)
{
    scoring s = {.model = {.path = c->path, .reference_path = c->path},
                 .reference = {.path = c->path}};
    ink_windows w = {
        .readers = {{.model = c->model, .cache = cache}, {.model = c->model, .cache = REFERENCE}},
        .n_readers = 2,
        .n_window = c->session.n_context,
        .n_most = c->n_windows,
        .score = score,
        .context = &s};
    *out = (measured){.cache = cache};
    INK_TRY(ink_cache_get_info(c->model, cache, &out->info, error));
    ink_status status = read_all(c, &w, &s, out, error);
    ink_windows_deinit(&w);
    ink_score_deinit(&s.model);
    ink_score_deinit(&s.reference);
    return status;
}

static ink_status measure_distance(void *context, const char *cache, double *distance,
                                   ink_error *error)
{
    measured m;
    INK_TRY(measure(context, cache, &m, error));
    *distance = m.kl;
    return INK_OK;
}

/* ---- Telling */

static void print_plain(const caches *c)
{
    printf("%-12s %5s %12s %12s %20s %10s\n", "cache", "bits", "bytes/token", "perplexity",
           "increase", "KL");
    for (size_t i = 0; i < c->n_rows; i++) {
        const measured *m = &c->rows[i];
        bool is_long = strlen(m->cache) > 12;
        printf("%-12s %5.2f %12" PRIu64 " %12.4f %9.3f %% +/- %.3f %10.3g\n",
               is_long ? "(chosen)" : m->cache, m->info.bits, m->info.position_bytes, m->perplexity,
               100 * m->increase, 100 * m->increase_error, m->kl);
    }
    printf("on %zu tokens, beside a cache in %s\n", c->rows[0].n_scored, REFERENCE);
    if (c->chosen.data)
        printf("--cache %s\n", c->chosen.data);
}

static ink_status print_json(const caches *c, ink_error *error)
{
    ink_report report;
    ink_report_init(&report);
    ink_report_text(&report, report.root, "file", c->path);
    ink_report_text(&report, report.root, "reference", REFERENCE);
    ink_report_count(&report, report.root, "tokens_scored", c->rows[0].n_scored);
    ink_value list = ink_report_list(&report, report.root, "caches");
    for (size_t i = 0; i < c->n_rows; i++) {
        const measured *m = &c->rows[i];
        ink_value row = ink_report_dict(&report, list, NULL);
        ink_report_text(&report, row, "cache", m->cache);
        ink_report_real(&report, row, "bits", m->info.bits);
        ink_report_count(&report, row, "bytes_per_token", m->info.position_bytes);
        ink_report_count(&report, row, "recent", m->info.n_recent);
        ink_report_real(&report, row, "perplexity", m->perplexity);
        ink_report_real(&report, row, "increase", m->increase);
        ink_report_real(&report, row, "increase_standard_error", m->increase_error);
        ink_report_real(&report, row, "kl_mean", m->kl);
    }
    if (c->chosen.data)
        ink_report_text(&report, report.root, "chosen", c->chosen.data);
    ink_status status = ink_report_print(&report, error);
    ink_report_deinit(&report);
    return status;
}

/* ---- The command */

static ink_status read_texts(caches *c, ink_error *error)
{
    for (; c->n_texts < INK_MAX_TEXTS && c->paths[c->n_texts]; c->n_texts++)
        INK_TRY(ink_input_read(c->paths[c->n_texts], &c->texts[c->n_texts], error));
    return INK_OK;
}

/* All formats, where none are named. */
static void want_all(ink_texts *wanted, char names[])
{
    for (char *name = names; *name; name += strcspn(name, "|")) {
        name += *name == '|';
        wanted->texts[wanted->n_texts++] = name;
    }
    for (char *at = names; *at; at++)
        if (*at == '|')
            *at = '\0';
}

static ink_status run(caches *c, ink_error *error)
{
    char names[] = INK_CACHE_FORMATS;
    if (c->wanted.n_texts == 0)
        want_all(&c->wanted, names);
    for (size_t i = 0; i < c->wanted.n_texts; i++)
        INK_TRY(ink_cache_check(c->wanted.texts[i], error));
    INK_TRY(read_texts(c, error));
    INK_TRY(ink_setup_model(&c->model, c->path, &c->open, error));
    if (c->bits > 0)
        INK_TRY(ink_cache_choose(c->model, (double)c->bits,
                                 &(ink_cache_measure){measure_distance, c}, &c->chosen, error));
    for (; c->n_rows < c->wanted.n_texts; c->n_rows++)
        INK_TRY(measure(c, c->wanted.texts[c->n_rows], &c->rows[c->n_rows], error));
    if (c->chosen.data)
        INK_TRY(measure(c, c->chosen.data, &c->rows[c->n_rows++], error));
    if (c->json)
        return print_json(c, error);
    print_plain(c);
    return INK_OK;
}

ink_exit ink_cmd_cache(const ink_call *call)
{
    caches c = {.n_windows = 0};
    const char *arguments[INK_MAX_ARGUMENTS];
    ink_setup_session_defaults(&c.session);
    ink_setup_model_defaults(&c.open);
    c.session.n_context = INK_DEFAULT_WINDOW;
    const ink_option options[] = {
        {.name = "cache",
         .kind = INK_OPTION_TEXTS,
         .destination = &c.wanted,
         .value = "FORMATS",
         .help = "what to measure (all formats, unless given); may be given again"},
        {.name = "bits",
         .kind = INK_OPTION_FLOAT,
         .destination = &c.bits,
         .value = "B",
         .help = "choose formats for each layer, of B bits on average",
         .low = 1,
         .high = 32},
        INK_OPTION_COUNT("windows", &c.n_windows, "N", "of each text, at most"),
        INK_OPTION_JSON(&c.json),
        {.name = "Session", .kind = INK_OPTION_HEADING},
        INK_OPTION_RANGE("context", &c.session.n_context, INK_MIN_WINDOW, INT32_MAX,
                         "tokens of a window"),
        INK_OPTION_BATCH(&c.session),
        INK_OPTION_THREADS(&c.session),
        INK_OPTION_LORA(&c.open.adapters),
        INK_OPTION_PACK_CACHE(&c.open),
        {0}};
    INK_PARSE(call, options, notes, arguments);
    ink_error error = {0};
    c.path = arguments[0];
    c.paths = arguments + 1;
    c.open.model.n_threads = c.session.n_threads;
    ink_status status = run(&c, &error);
    for (size_t i = 0; i < INK_MAX_TEXTS; i++)
        ink_buffer_deinit(&c.texts[i]);
    ink_string_free(&c.chosen);
    ink_model_free(c.model);
    return ink_finish(status, &error);
}
