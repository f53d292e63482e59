/* Formats of weights and cache that fit into a memory, and are quick enough on this machine. */
#define _XOPEN_SOURCE 700
#include "cli/fit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/cpu.h"
#include "base/status.h"
#include "cli/digest.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"

#define REFERENCE_CACHE "f32"
enum { DEFAULT_WINDOWS = 4, LEAST_CONTEXT = 16, TRIAL_BYTES = 4096 };

static const char notes[] =
    "* is the choice, of all that inkling plan counts within SIZE. Speeds are of a full context,\n"
    "timed here on models that say nothing. Losses are in nats a token: expected of weights,\n"
    "measured of caches, and with --measure of both together (docs/fit.md).";

/* ---- Measuring */

static ink_status open_model(ink_model **out, const char *path, const ink_fit_run *r,
                             ink_error *error)
{
    const ink_open open = {.model.n_threads = r->fitting.quantizing.n_threads};
    return ink_setup_model(out, path, &open, error);
}

/* Two models of the same texts, each with its cache; the second is the reference. */
static ink_status score(ink_fit_run *r, const ink_model *model, const char *cache,
                        const ink_model *reference, ink_error *error)
{
    ink_model_info info;
    ink_eval *e = &r->eval;
    ink_model_get_info(reference, &info);
    e->windows = (ink_windows){.readers = {{.model = model, .cache = cache},
                                           {.model = reference, .cache = REFERENCE_CACHE}},
                               .n_readers = 2,
                               .n_window = info.n_context && info.n_context < INK_DEFAULT_WINDOW
                                               ? info.n_context
                                               : INK_DEFAULT_WINDOW,
                               .n_most = r->n_windows};
    return ink_eval_score(e, error);
}

/* Loaded each time: between times others need the memory. */
static ink_status measure_cache(void *context, const char *cache, double *distance,
                                ink_error *error)
{
    ink_fit_run *r = context;
    ink_model *model = NULL;
    INK_TRY(open_model(&model, r->eval.reference_path, r, error));
    ink_status status = score(r, model, cache, model, error);
    ink_model_free(model);
    *distance = r->eval.figures.kl_mean;
    return status;
}

static ink_status compare(void *context, const char *path, ink_fitted *fit, ink_error *error)
{
    ink_fit_run *r = context;
    ink_model *model = NULL, *reference = NULL;
    ink_figures figures = r->eval.figures;
    size_t n_scored = r->eval.score.n_scored;
    ink_status status = open_model(&model, path, r, error);
    if (status == INK_OK)
        status = open_model(&reference, r->eval.reference_path, r, error);
    if (status == INK_OK)
        status = score(r, model, fit->cache, reference, error);
    ink_model_free(reference);
    ink_model_free(model);
    INK_TRY(status);
    fit->divergence = r->eval.figures.kl_mean;
    r->measured = r->measured || fit->is_choice;
    if (r->measured && !fit->is_choice) { /* the choice's stay */
        r->eval.figures = figures;
        r->eval.score.n_scored = n_scored;
    }
    return INK_OK;
}

static void note(void *context, const ink_fitted *fit)
{
    ink_fit_run *r = context;
    if (r->n_fits == INK_MAX_FITS)
        return;
    if (fit->is_choice)
        r->choice = r->n_fits;
    r->fits[r->n_fits++] = *fit;
}

/* ---- What was written */

static ink_status add_card(ink_fit_run *r, const ink_model *model, ink_error *error)
{
    ink_buffer entry;
    ink_buffer_init(&entry, NULL, INK_CARD_MAX_BYTES);
    if (!r->measured)
        r->eval.n_texts = 0;
    ink_status status = ink_eval_write_entry(&r->eval, &entry, error);
    if (status == INK_OK)
        status = ink_card_add(model, r->out, entry.data, entry.n_bytes,
                              &(ink_card_options){.in_place = true}, error);
    ink_buffer_deinit(&entry);
    return status;
}

static ink_status open_planned(ink_model **out, const ink_fit_run *r, ink_error *error)
{
    const ink_open open = {.model.n_threads = r->fitting.quantizing.n_threads};
    return ink_setup_plan(out, r->out, &open, error);
}

/* The card, and whether the file as it is now fits. */
static ink_status finish_file(ink_fit_run *r, ink_error *error)
{
    ink_model *model = NULL;
    INK_TRY(open_planned(&model, r, error));
    ink_status status = add_card(r, model, error);
    ink_model_free(model);
    INK_TRY(status);
    const ink_memory_options options = {.session = {.n_context = r->fits[r->choice].plan.n_context,
                                                    .cache = r->fits[r->choice].cache,
                                                    .n_threads = r->fitting.quantizing.n_threads},
                                        .memory_limit = r->fitting.memory_bytes};
    INK_TRY(open_planned(&model, r, error));
    status = ink_memory_check(model, &options, &r->plan, error);
    ink_model_free(model);
    return status;
}

/* ---- The command */

/* Beside OUT, or where temporary files are: what is tried out, and removed. */
static ink_status make_trial(const ink_fit_run *r, char path[TRIAL_BYTES], ink_error *error)
{
    const char *folder = getenv("TMPDIR");
    folder = folder && *folder ? folder : "/tmp";
    int n = snprintf(path, TRIAL_BYTES, "%s%s", r->out ? r->out : folder,
                     r->out ? ".trial-XXXXXX" : "/inkling-fit-XXXXXX");
    if (n < 0 || n >= TRIAL_BYTES)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "%.100s...: the name is too long", path);
    int descriptor = mkstemp(path);
    if (descriptor < 0)
        return ink_fail(error, INK_IO, 0, "%s: %s", path, strerror(errno));
    close(descriptor);
    return INK_OK;
}

/* A trial that was broken off leaves more than itself. */
static void remove_trial(const char *path)
{
    static const char *const endings[] = {"", ".part", ".journal"};
    char name[TRIAL_BYTES + 16];
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        (void)snprintf(name, sizeof name, "%s%s", path, endings[i]);
        (void)remove(name);
    }
}

static ink_status read_sources(ink_fit_run *r, bool *all_texts, ink_error *error)
{
    for (size_t i = 0; i < r->calibration.n_texts; i++) {
        ink_buffer bytes;
        INK_TRY(ink_input_read(r->calibration.texts[i], &bytes, error));
        r->sources[i].n_bytes = bytes.n_bytes;
        ink_digest_print(bytes.data, bytes.n_bytes, r->sources[i].sha256);
        if (bytes.n_bytes >= 4 && memcmp(bytes.data, "GGUF", 4) == 0)
            *all_texts = false;
        ink_buffer_deinit(&bytes);
    }
    return INK_OK;
}

/* With --measure on texts of their own; the cache at least on what was calibrated with. */
static ink_status choose_texts(ink_fit_run *r, ink_error *error)
{
    bool all_texts = true;
    ink_fitting *f = &r->fitting;
    INK_TRY(read_sources(r, &all_texts, error));
    const ink_texts *texts = r->measuring.n_texts ? &r->measuring : &r->calibration;
    for (size_t i = 0; i < texts->n_texts; i++)
        r->eval.texts[r->eval.n_texts++].path = texts->texts[i];
    f->compare = r->measuring.n_texts ? compare : NULL;
    if (r->measuring.n_texts || all_texts)
        f->measure = (ink_cache_measure){measure_cache, r};
    else if (!f->cache)
        ink_say("statistics are no text to measure caches on: a rule chooses (--measure FILE)");
    return INK_OK;
}

static ink_status fit_model(ink_fit_run *r, ink_error *error)
{
    char trial[TRIAL_BYTES] = "";
    ink_fitting *f = &r->fitting;
    INK_TRY(choose_texts(r, error));
    int n_threads = f->quantizing.n_threads ? f->quantizing.n_threads : ink_cpu_count();
    INK_TRY(ink_roofline_measure(&r->limits, n_threads, error));
    f->machine_read_bytes = r->limits.all.read_bytes;
    if (f->compare)
        INK_TRY(make_trial(r, trial, error));
    f->trial = f->compare ? trial : NULL;
    ink_status status = ink_fit_model(r->eval.reference_path, r->out, f, error);
    if (f->trial)
        remove_trial(trial);
    return status;
}

static ink_status run(ink_fit_run *r, ink_error *error)
{
    ink_bar calibrating, choosing, timing, writing;
    ink_fitting *f = &r->fitting;
    ink_quantizing *q = &f->quantizing;
    q->texts = r->calibration.texts;
    q->n_texts = r->calibration.n_texts;
    ink_interrupt_watch();
    ink_bar_init(&calibrating, "Calibrating");
    ink_bar_init(&choosing, "Choosing   ");
    ink_bar_init(&timing, "Timing     ");
    ink_bar_init(&writing, "Quantizing ");
    q->log = ink_setup_log();
    q->calibration_progress = calibrating.progress;
    q->choosing_progress = choosing.progress;
    q->progress = writing.progress;
    f->trying = timing.progress;
    f->found = note;
    f->context = r;
    ink_status status = fit_model(r, error);
    ink_bar_end(&calibrating);
    ink_bar_end(&choosing);
    ink_bar_end(&timing);
    ink_bar_end(&writing);
    if (status == INK_OK && r->out)
        status = finish_file(r, error);
    if (status == INK_OK && r->svg && !ink_fit_plot(r))
        return ink_fail(error, INK_IO, 0, "%s: the picture was not written", r->svg);
    return status == INK_OK ? ink_fit_print(r, error) : status;
}

/* What no row of options can say. */
static const char *find_contradiction(const ink_fit_run *r, const char *in)
{
    if (r->out && ink_setup_same_file(in, r->out)) /* comparing reads MODEL when OUT is there */
        return "OUT.gguf is MODEL; write another file";
    for (size_t i = 0; i < r->measuring.n_texts; i++)
        for (size_t j = 0; j < r->calibration.n_texts; j++)
            if (ink_setup_same_file(r->measuring.texts[i], r->calibration.texts[j]))
                return "--measure is to be another text than those of --calibrate";
    return NULL;
}

ink_exit ink_cmd_fit(const ink_call *call)
{
    ink_fit_run r = {.n_windows = DEFAULT_WINDOWS};
    ink_fitting *f = &r.fitting;
    ink_quantizing *q = &f->quantizing;
    const char *arguments[INK_MAX_ARGUMENTS];
    const ink_option options[] = {
        {.name = "memory",
         .kind = INK_OPTION_BYTES,
         .destination = &f->memory_bytes,
         .value = "SIZE",
         .help = "what model and session may take together (800M, 1.5G)"},
        {.name = "speed",
         .kind = INK_OPTION_FLOAT,
         .destination = &f->tokens_per_second,
         .value = "N",
         .help = "tokens a second, at least, at the end of the context",
         .low = 0.001,
         .high = 1e6},
        INK_OPTION_RANGE("context", &f->n_context, LEAST_CONTEXT, INT32_MAX,
                         "positions (4096, or what the model was trained for if that is less)"),
        {.name = "cache",
         .kind = INK_OPTION_CACHE,
         .destination = &f->cache,
         .value = INK_CACHE_FORMATS,
         .help = "keep keys and values so, and choose formats of weights alone"},
        {.name = "calibrate",
         .kind = INK_OPTION_TEXTS,
         .destination = &r.calibration,
         .value = "FILE",
         .help = "a text that the model reads first, again and again if wanted; or one file of "
                 "statistics"},
        INK_OPTION_COUNT("tokens", &q->n_tokens, "N", "read of these texts (all, unless given)"),
        INK_OPTION_FLAG("feedback", &q->feedback,
                        "later columns make good what earlier ones lose: better, slower"),
        {.name = "measure",
         .kind = INK_OPTION_TEXTS,
         .destination = &r.measuring,
         .value = "FILE",
         .help = "another text, to measure on what is lost; may be given again"},
        INK_OPTION_COUNT("windows", &r.n_windows, "N", "of 512 tokens, of each text, at most"),
        INK_OPTION_WORD("svg", &r.svg, "FILE.svg", "loss and speed against memory, as a picture"),
        INK_OPTION_JSON(&r.json),
        INK_OPTION_THREADS(q),
        {0}};
    INK_PARSE(call, options, notes, arguments);
    r.out = arguments[1];
    const char *contradiction = find_contradiction(&r, arguments[0]);
    if (contradiction) {
        ink_say("%s: %s", call->command->name, contradiction);
        return INK_EXIT_USAGE;
    }
    ink_setup_session_defaults(&r.eval.session);
    r.eval.session.n_threads = q->n_threads;
    r.eval.call = call;
    r.eval.path = r.out ? r.out : arguments[0];
    r.eval.reference_path = arguments[0];
    r.eval.more = ink_fit_note;
    r.eval.more_context = &r;
    ink_error error = {0};
    return ink_finish(run(&r, &error), &error);
}
