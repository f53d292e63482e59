/*
 * Formats of weights and cache for a memory and a speed. What is small enough is a sum: the plan of
 * a session, made as if the file had the formats. How fast it is, is timed on a hollow model. What
 * it loses, the budget search expects of the weights, and the caller measures of the cache; that
 * both add up is an assumption.
 *
 * A fit is what is best for some memory. A few of them, from the least that is possible to what
 * loses next to nothing, are the frontier; that of the memory asked for is among them.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/pool.h"
#include "base/proc.h"
#include "base/size.h"
#include "runtime/cache_spec.h"
#include "runtime/session.h"
#include "shrink/hollow.h"
#include "shrink/quantizer.h"

enum { LEVELS = 8, HALVINGS = 4, MAX_FITS = LEVELS + 2, MAX_CACHES = 24, DEFAULT_CONTEXT = 4096 };
#define CARD_BYTES ((uint64_t)16 << 10) /* that may come into the file's header */
#define COMPARED_PARAMETERS 100000000u  /* whose every fit is written and compared */
#define SHORT_CONTEXT 512               /* that a refusal speaks of */
#define SPEED_OF_FORMATS 2              /* no format is so many times as fast as the shortest */

typedef struct cache {
    const char *name;
    uint64_t least_bytes; /* of all, with the shortest formats */
    double loss;
} cache;

typedef struct fitter {
    const ink_fitting *options;
    const char *in, *out;
    int n_threads;
    ink_model *model;                        /* without its weights, in formats that are assumed */
    ink_targets targets;                     /* in the shortest formats */
    uint64_t shortest_bytes, original_bytes; /* of tensors; of all, as the model is */
    ink_session_options session;
    cache caches[MAX_CACHES]; /* widest first */
    size_t n_caches;
    /* While formats are chosen. */
    ink_quantizer *quantizer;
    ink_targets *chosen;
    ink_budget_options budget;
    ink_costs *costs;
    uint64_t beside;
    ink_fitted fits[MAX_FITS]; /* in the order of memory */
    size_t n_fits;
    float part; /* of the trials, that is done */
} fitter;

static uint64_t bytes_of(const ink_memory_plan *plan)
{
    return plan->total_bytes + CARD_BYTES;
}

/* ---- Plans ----------------------------------------------------------------------------------- */

static ink_status plan(fitter *f, const char *name, ink_memory_plan *out, ink_error *error)
{
    f->session.cache = name;
    return ink_memory_plan_all(f->model, &(ink_memory_options){.session = f->session}, out, error);
}

static ink_status open_model(fitter *f, ink_error *error)
{
    const ink_fitting *o = f->options;
    const ink_model_options options = {
        .allocator = o->quantizing.allocator, .load = INK_LOAD_METADATA, .n_threads = f->n_threads};
    INK_TRY(ink_model_open(&f->model, f->in, &options, error));
    if (f->model->load != INK_LOAD_METADATA)
        return ink_fail(error, INK_UNSUPPORTED, 0, "%s: has a vocabulary only, no weights", f->in);
    if (f->model->arch->kind == INK_KIND_EMBEDDING)
        return ink_fail(error, INK_UNSUPPORTED, 0,
                        "%s is a model for embeddings: it has no cache and no tokens a second; see "
                        "ink_quantize_model",
                        f->in);
    size_t trained = f->model->hparams.n_context;
    f->session.n_threads = f->n_threads;
    f->session.n_context = o->n_context ? o->n_context : ink_size_min(trained, DEFAULT_CONTEXT);
    return INK_OK;
}

static void warn_of_context(const fitter *f)
{
    size_t trained = f->model->hparams.n_context;
    if (f->session.n_context > trained)
        ink_warn(&f->options->quantizing.log,
                 "a context of %zu positions, but %s was trained for %zu; what comes behind them "
                 "may make no sense",
                 f->session.n_context, f->in, trained);
}

/* Heads that are no whole blocks are refused by all but floats, the first of the list. */
static ink_status add_cache(fitter *f, const char *name, ink_error *error)
{
    ink_memory_plan p;
    ink_status status = plan(f, name, &p, error);
    if (status == INK_BAD_ARGUMENT && f->n_caches > 0)
        return INK_OK;
    INK_TRY(status);
    f->caches[f->n_caches++] = (cache){name, bytes_of(&p), NAN};
    return INK_OK;
}

/* f32 is left out: next to f16 it is never worth its bytes. */
static ink_status list_caches(fitter *f, ink_error *error)
{
    const char *name;
    ink_memory_plan p;
    const ink_fitting *o = f->options;
    INK_TRY(plan(f, o->cache ? o->cache : INK_CACHE_DEFAULT, &p, error));
    f->original_bytes = bytes_of(&p);
    INK_TRY(ink_targets_init(&f->targets, f->model, NULL, error));
    ink_targets_shorten(&f->targets);
    f->shortest_bytes = ink_targets_add_up(&f->targets).n_bytes;
    INK_TRY(ink_targets_assume(&f->targets, f->model, error));
    if (o->cache)
        return add_cache(f, o->cache, error);
    for (size_t i = 1; (name = ink_cache_format_name(i)) && f->n_caches < MAX_CACHES; i++)
        INK_TRY(add_cache(f, name, error));
    return INK_OK;
}

static const cache *narrowest(const fitter *f)
{
    const cache *best = f->caches;
    for (size_t i = 1; i < f->n_caches; i++)
        if (f->caches[i].least_bytes < best->least_bytes)
            best = &f->caches[i];
    return best;
}

/* ---- Time ------------------------------------------------------------------------------------ */

static ink_status time_targets(const fitter *f, const ink_targets *targets,
                               const ink_session_options *session, ink_pace *pace, ink_error *error)
{
    return ink_hollow_time(&(ink_hollow){.path = f->in,
                                         .targets = targets,
                                         .session = session,
                                         .n_threads = f->n_threads,
                                         .allocator = f->options->quantizing.allocator,
                                         .progress = &f->options->trying,
                                         .part = f->part},
                           pace, error);
}

/* The targets as they were chosen for a fit. */
static ink_status choose_again(const fitter *f, const ink_fitted *fit, ink_error *error)
{
    return ink_costs_choose(f->costs, fit->budget_bytes, 0, error);
}

static ink_status time_fit(fitter *f, ink_fitted *fit, ink_error *error)
{
    ink_pace pace;
    uint64_t room = ink_proc_available("");
    if (bytes_of(&fit->plan) > room - room / 16)
        return INK_OK;
    f->session.cache = fit->cache;
    INK_TRY(choose_again(f, fit, error));
    INK_TRY(time_targets(f, f->chosen, &f->session, &pace, error));
    fit->tokens_per_second = 1 / pace.seconds;
    fit->read_bytes = pace.read_bytes;
    return INK_OK;
}

/* ---- What cannot be -------------------------------------------------------------------------- */

static ink_status refuse_memory(fitter *f, ink_error *error)
{
    ink_memory_plan p;
    ink_error fitting = {0};
    const cache *least = narrowest(f);
    uint64_t memory = f->options->memory_bytes;
    f->session.cache = least->name;
    const ink_memory_options options = {
        .session = f->session, .memory_limit = memory > CARD_BYTES ? memory - CARD_BYTES : 1};
    ink_status status = ink_memory_check(f->model, &options, &p, &fitting);
    if (status == INK_NO_MEMORY)
        return ink_fail_memory(error, "the plan of a session");
    const char *would = strstr(fitting.message, "what would fit: ");
    return ink_fail(error, INK_LIMIT, 0,
                    "%.100s: %" PRIu64 " bytes of memory are %" PRIu64
                    " too few for a context of %zu: with the shortest formats (%.2f bits a "
                    "parameter) and a cache in %.40s it takes %" PRIu64 "; %.120s",
                    f->in, memory, least->least_bytes - memory, f->session.n_context,
                    8 * (double)f->shortest_bytes / (double)f->model->n_parameters, least->name,
                    least->least_bytes, would ? would : "what would fit: a smaller model");
}

/* `seconds` of a token are the least that there are. */
static ink_status refuse_speed(fitter *f, const ink_pace *best, ink_error *error)
{
    ink_pace pace = *best;
    ink_session_options session = f->session;
    const ink_fitting *o = f->options;
    double wanted = (double)o->tokens_per_second, reached = 1 / best->seconds;
    session.cache = narrowest(f)->name;
    session.n_context = ink_size_min(session.n_context, SHORT_CONTEXT);
    if (session.n_context < f->session.n_context)
        INK_TRY(time_targets(f, &f->targets, &session, &pace, error));
    char limit[96] = "";
    if (o->machine_read_bytes > 0)
        (void)snprintf(limit, sizeof limit, ", of %.3g that this machine reads in a second at most",
                       o->machine_read_bytes);
    return ink_fail(error, INK_LIMIT, 0,
                    "%.150s: %.4g tokens/s are wanted, %.4g is the most at the end of a context of "
                    "%zu, %.1f times too few: each reads %.3g bytes%s; with the shortest formats "
                    "and a context of %zu it is %.4g",
                    f->in, wanted, reached, f->session.n_context, wanted / reached,
                    best->read_bytes, limit, session.n_context, fmax(1 / pace.seconds, reached));
}

/* Before anything is calibrated: whether there can be a fit. */
static ink_status check(fitter *f, ink_error *error)
{
    ink_pace pace;
    const ink_fitting *o = f->options;
    const cache *least = narrowest(f);
    if (least->least_bytes > o->memory_bytes)
        return refuse_memory(f, error);
    uint64_t room = ink_proc_available("");
    f->session.cache = least->name;
    if (!(o->tokens_per_second > 0))
        return INK_OK;
    if (least->least_bytes > room)
        return ink_fail(error, INK_LIMIT, 0,
                        "%.150s: to time it takes %" PRIu64 " bytes, and %" PRIu64
                        " are free here; leave the speed out, or free some",
                        f->in, least->least_bytes, room);
    INK_TRY(time_targets(f, &f->targets, &f->session, &pace, error));
    return pace.seconds * (double)o->tokens_per_second > SPEED_OF_FORMATS
               ? refuse_speed(f, &pace, error)
               : INK_OK;
}

/* ---- Fits ------------------------------------------------------------------------------------ */

/* What tensors of n_bytes come to, with a cache. */
static ink_status weigh(fitter *f, const cache *with, uint64_t n_bytes, ink_fitted *fit,
                        ink_error *error)
{
    INK_TRY(ink_costs_choose(f->costs, n_bytes, 0, error));
    INK_TRY(ink_targets_assume(f->chosen, f->model, error));
    ink_targets_sum sum = ink_targets_add_up(f->chosen);
    *fit = (ink_fitted){.cache = with->name,
                        .budget_bytes = n_bytes,
                        .weight_bytes = sum.n_bytes,
                        .file_bytes = sum.n_bytes + f->beside,
                        .bits = 8 * (double)sum.n_bytes / (double)sum.n_parameters,
                        .weights_loss = sum.loss,
                        .cache_loss = with->loss,
                        .tokens_per_second = NAN,
                        .read_bytes = NAN,
                        .divergence = NAN};
    return plan(f, with->name, &fit->plan, error);
}

/* As many bytes for tensors as a cache leaves of the memory, which has room for the shortest. */
static ink_status fill(fitter *f, const cache *with, uint64_t memory, ink_fitted *fit,
                       ink_error *error)
{
    uint64_t more = memory - with->least_bytes;
    for (;;) {
        INK_TRY(weigh(f, with, f->shortest_bytes + more, fit, error));
        uint64_t all = bytes_of(&fit->plan);
        if (all <= memory || more == 0)
            return INK_OK;
        uint64_t over = all - memory + INK_PAGE;
        more -= over < more ? over : more;
    }
}

/*
 * What is to be least. Where losses have no common measure: the widest cache that takes no more
 * than a quarter of the memory, else the narrowest.
 */
static double badness(const ink_fitted *fit, uint64_t memory)
{
    double loss = fit->weights_loss + fit->cache_loss;
    if (!isnan(loss))
        return loss;
    return fit->plan.cache_bytes <= memory / 4 ? 0 : (double)fit->plan.cache_bytes;
}

/* cache NULL: nothing fits. */
static ink_status fit_within(fitter *f, uint64_t memory, ink_fitted *best, ink_error *error)
{
    *best = (ink_fitted){.cache = NULL};
    for (size_t i = 0; i < f->n_caches; i++) {
        ink_fitted fit;
        if (f->caches[i].least_bytes > memory)
            continue;
        INK_TRY(fill(f, &f->caches[i], memory, &fit, error));
        if (!best->cache || badness(&fit, memory) < badness(best, memory))
            *best = fit;
    }
    return best->cache ? time_fit(f, best, error) : INK_OK;
}

static bool is_same(const ink_fitted *a, const ink_fitted *b)
{
    return a->cache == b->cache && a->weight_bytes == b->weight_bytes;
}

/* Unless it is there: what has more memory than it can use is the same. */
static void insert(fitter *f, const ink_fitted *fit)
{
    size_t i = f->n_fits;
    for (; i > 0 && f->fits[i - 1].plan.total_bytes > fit->plan.total_bytes; i--)
        ;
    if (f->n_fits == MAX_FITS || (i > 0 && is_same(&f->fits[i - 1], fit)))
        return;
    memmove(&f->fits[i + 1], &f->fits[i], (f->n_fits - i) * sizeof *fit);
    f->fits[i] = *fit;
    f->n_fits++;
}

static ink_status add_level(fitter *f, uint64_t memory, size_t index, ink_error *error)
{
    ink_fitted fit;
    f->part = (float)index / (LEVELS + 1);
    INK_TRY(fit_within(f, memory, &fit, error));
    if (fit.cache)
        insert(f, &fit);
    return INK_OK;
}

/* From the least to what the model itself takes, by equal factors, and the memory asked for. */
static ink_status add_levels(fitter *f, ink_error *error)
{
    double low = (double)narrowest(f)->least_bytes;
    double high = fmax((double)f->original_bytes, 1.5 * low);
    for (size_t i = 0; i < LEVELS; i++) {
        double level = low * pow(high / low, (double)i / (LEVELS - 1));
        INK_TRY(add_level(f, (uint64_t)ceil(level), i, error));
    }
    return add_level(f, f->options->memory_bytes, LEVELS, error);
}

/* ---- The choice ------------------------------------------------------------------------------ */

static bool holds(const fitter *f, const ink_fitted *fit)
{
    const ink_fitting *o = f->options;
    return bytes_of(&fit->plan) <= o->memory_bytes &&
           (!(o->tokens_per_second > 0) || fit->tokens_per_second >= (double)o->tokens_per_second);
}

/* The last, as more memory is less loss; n_fits: there is none. */
static size_t find_choice(const fitter *f)
{
    size_t choice = f->n_fits;
    for (size_t i = 0; i < f->n_fits; i++)
        if (holds(f, &f->fits[i]))
            choice = i;
    return choice;
}

/* Between what is quick enough and the next that has room but is not. */
static ink_status refine(fitter *f, ink_error *error)
{
    size_t choice = find_choice(f);
    if (choice + 1 >= f->n_fits || bytes_of(&f->fits[choice + 1].plan) > f->options->memory_bytes)
        return INK_OK;
    uint64_t low = bytes_of(&f->fits[choice].plan), high = bytes_of(&f->fits[choice + 1].plan);
    ink_fitted best = f->fits[choice], fit;
    for (int i = 0; i < HALVINGS; i++) {
        uint64_t middle = low + (high - low) / 2;
        INK_TRY(fit_within(f, middle, &fit, error));
        if (fit.cache && holds(f, &fit)) {
            best = fit;
            low = middle;
        } else {
            high = middle;
        }
    }
    insert(f, &best);
    return INK_OK;
}

static ink_status refuse_all(fitter *f, ink_error *error)
{
    ink_pace best = {INFINITY, 0};
    for (size_t i = 0; i < f->n_fits; i++)
        if (bytes_of(&f->fits[i].plan) <= f->options->memory_bytes &&
            1 / f->fits[i].tokens_per_second < best.seconds)
            best = (ink_pace){1 / f->fits[i].tokens_per_second, f->fits[i].read_bytes};
    return refuse_speed(f, &best, error);
}

/* ---- Comparing and writing ------------------------------------------------------------------- */

static ink_status try_out(fitter *f, ink_fitted *fit, ink_error *error)
{
    const ink_fitting *o = f->options;
    INK_TRY(choose_again(f, fit, error));
    ink_status status = ink_quantizer_write(f->quantizer, o->trial, error);
    if (status == INK_OK)
        status = o->compare(o->context, o->trial, fit, error);
    (void)remove(o->trial);
    return status;
}

static ink_status compare(fitter *f, ink_fitted *fit, ink_error *error)
{
    const ink_fitting *o = f->options;
    bool small = f->model->n_parameters <= COMPARED_PARAMETERS;
    if (fit->is_choice && f->out)
        return o->compare(o->context, f->out, fit, error);
    return o->trial && small ? try_out(f, fit, error) : INK_OK;
}

/* The file comes first: where something else fails it is there. */
static ink_status finish(fitter *f, ink_error *error)
{
    const ink_fitting *o = f->options;
    ink_fitted *choice = &f->fits[find_choice(f)];
    choice->is_choice = true;
    INK_TRY(choose_again(f, choice, error));
    if (f->out)
        INK_TRY(ink_quantizer_write(f->quantizer, f->out, error));
    for (size_t i = 0; o->compare && i < f->n_fits; i++)
        INK_TRY(compare(f, &f->fits[i], error));
    for (size_t i = 0; o->found && i < f->n_fits; i++)
        o->found(o->context, &f->fits[i]);
    return choose_again(f, choice, error);
}

static ink_status explore(fitter *f, ink_error *error)
{
    const ink_cache_measure *measure = &f->options->measure;
    for (size_t i = 0; i < f->n_caches && measure->measure; i++)
        INK_TRY(measure->measure(measure->context, f->caches[i].name, &f->caches[i].loss, error));
    INK_TRY(ink_costs_open(&f->costs, f->chosen, &f->budget, error));
    INK_TRY(add_levels(f, error));
    if (find_choice(f) == f->n_fits)
        return refuse_all(f, error);
    INK_TRY(refine(f, error));
    return finish(f, error);
}

static ink_status choose(void *context, ink_quantizer *quantizer, ink_targets *targets,
                         uint64_t beside, ink_error *error)
{
    fitter *f = context;
    const ink_quantizing *q = &f->options->quantizing;
    f->quantizer = quantizer;
    f->chosen = targets;
    f->beside = beside;
    f->budget = (ink_budget_options){
        .n_threads = f->n_threads, .allocator = q->allocator, .progress = &q->choosing_progress};
    ink_status status = explore(f, error);
    ink_costs_close(f->costs);
    return status;
}

static ink_status run(fitter *f, ink_error *error)
{
    const ink_quantizing *q = &f->options->quantizing;
    INK_TRY(ink_pool_choose_threads(q->n_threads, &f->n_threads, error));
    INK_TRY(open_model(f, error));
    INK_TRY(list_caches(f, error));
    INK_TRY(check(f, error));
    warn_of_context(f);
    return ink_quantize_chosen(f->in, q, &(ink_chooser){f, choose}, error);
}

ink_status ink_fit_model(const char *in, const char *out, const ink_fitting *fitting,
                         ink_error *error)
{
    fitter *f = ink_new(fitting->quantizing.allocator, 1, sizeof *f);
    if (!f)
        return ink_fail_memory(error, "fitting a model");
    f->options = fitting;
    f->in = in;
    f->out = out;
    ink_status status = run(f, error);
    ink_targets_deinit(&f->targets);
    ink_model_free(f->model);
    ink_delete(fitting->quantizing.allocator, f);
    return status;
}
