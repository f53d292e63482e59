#define _POSIX_C_SOURCE 200809L
/* Training: how long, at which rate, when it is measured and kept. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/size.h"
#include "learn/checkpoint.h"
#include "learn/sample.h"
#include "learn/teaching.h"
#include "learn/text_source.h"
#include "model/weights.h"

typedef struct run {
    const ink_training *options;
    const char *out;
    ink_subject subject;
    ink_teaching teaching;
    ink_corpus corpus;
    ink_trainer trainer;
    ink_batch batch;
    ink_sample sample;
    ink_file_lock lock; /* of `out` */
    ink_learning_state state;
    ink_training_report report;
    int64_t first_step;
    bool stopped_early;
    double began, first_tokens;
} run;

void ink_training_init(ink_training *training)
{
    memset(training, 0, sizeof *training);
    training->precision = "f32";
#define X(type, name, fallback, low, high, help) training->name = fallback;
    INK_TRAINING_TABLE(X)
#undef X
}

static ink_status check_options(const ink_training *t, ink_error *error)
{
#define X(type, name, fallback, low, high, help)                                                 \
    if (!((double)t->name >= (double)(low) && (double)t->name <= (double)(high)))                \
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "%s is %g; it must be from %g to %g", #name, \
                        (double)t->name, (double)(low), (double)(high));
    INK_TRAINING_TABLE(X)
#undef X
    if (t->n_texts == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "there is no text to learn from");
    if (t->patience > 0 && t->validation == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "patience needs measurements, and validation is 0");
    return INK_OK;
}

/* What each precision is called, and what a processor needs that is quick at it. */
static const struct {
    const char *name;
    uint32_t needs;
} precisions[] = {
    [INK_PRECISION_F32] = {"f32", 0},
    [INK_PRECISION_BF16_PAIRS] = {"bf16-pairs", INK_CPU_AVX512BF16},
    [INK_PRECISION_BF16_TILES] = {"bf16-tiles", INK_CPU_AMX},
};

static ink_status find_precision(const char *name, uint32_t features, ink_precision *precision,
                                 ink_error *error)
{
    const bool any_bf16 = strcmp(name, "bf16") == 0;
    if (any_bf16 && (features & INK_CPU_AMX) == INK_CPU_AMX)
        name = "bf16-tiles";
    else if (any_bf16)
        name = "bf16-pairs";
    for (size_t i = 0; i < sizeof precisions / sizeof *precisions; i++)
        if (strcmp(name, precisions[i].name) == 0) {
            *precision = (ink_precision)i;
            return INK_OK;
        }
    return ink_fail(error, INK_BAD_ARGUMENT, 0,
                    "precision \"%.20s\": use f32, bf16, bf16-pairs or bf16-tiles", name);
}

/* BF16 where only slower kernels have it gives the same bits, and is no gain. */
static ink_status choose_precision(const ink_training *t, ink_precision *precision,
                                   ink_error *error)
{
    uint32_t features;
    INK_TRY(ink_cpu_select(&features, error));
    INK_TRY(find_precision(t->precision ? t->precision : "f32", features, precision, error));
    if (precisions[*precision].needs & ~features)
        ink_warn(&t->log,
                 "this processor has no products in %s; with the same bits they are slower than "
                 "f32 here",
                 precisions[*precision].name);
    return INK_OK;
}

/* ---- Setting up ------------------------------------------------------------------------------ */

static ink_status choose_context(const run *r, size_t *n_context, ink_error *error)
{
    size_t trained = r->subject.model->hparams.n_context;
    *n_context = r->options->context ? (size_t)r->options->context : trained;
    if (*n_context > trained)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "sequences of %zu tokens, but the model is made for %zu; use a shorter "
                        "context",
                        *n_context, trained);
    return INK_OK;
}

/* Of what decides the bits, beside the texts: the first weights and the options. */
static void digest(run *r, const ink_corpus *corpus)
{
    ink_sha256 sum;
    uint8_t texts[INK_SHA256_BYTES];
    ink_corpus_digest(corpus, texts);
    ink_sha256_init(&sum);
    ink_sha256_add(&sum, texts, sizeof texts);
    const ink_model *model = r->subject.model;
    ink_sha256_add(&sum, model->memory, model->bindings->memory_bytes);
    r->subject.kind->digest(&r->subject, &sum);
    ink_teaching_digest(&r->teaching, &sum);
#define X(type, name, fallback, low, high, help) \
    ink_sha256_add(&sum, &r->options->name, sizeof r->options->name);
    INK_TRAINING_TABLE(X)
#undef X
    ink_sha256_finish(&sum, r->state.digest);
}

static ink_status read_texts(run *r, size_t n_context, ink_error *error)
{
    const ink_text_options how = {n_context, r->options->cut != 0, &r->options->log};
    ink_corpus_init(&r->corpus, r->options->allocator);
    for (size_t i = 0; i < r->options->n_texts; i++)
        INK_TRY(
            ink_corpus_add_file(&r->corpus, r->subject.model, r->options->texts[i], &how, error));
    r->corpus.same_windows = r->teaching.options && r->teaching.options->keep > 0;
    return ink_corpus_begin(&r->corpus, n_context, r->options->validation,
                            (uint64_t)r->options->seed, error);
}

static ink_status make_batch(run *r, size_t n_context, ink_error *error)
{
    size_t n;
    if (!ink_size_mul((size_t)r->options->batch, n_context, &n) || n > INT32_MAX)
        return ink_fail(error, INK_LIMIT, 0, "a batch of %d sequences of %zu tokens is too large",
                        r->options->batch, n_context);
    return ink_batch_init(&r->batch, n, r->options->allocator, error);
}

/* What is learned has a place, and so has the state: floats, with two moments each. */
static ink_status check_room(const run *r, ink_error *error)
{
    const ink_training *o = r->options;
    uint64_t n_bytes = r->subject.parameters.n_floats * sizeof(float);
    INK_TRY(ink_file_writer_check(r->out, n_bytes, o->allocator, error));
    return o->checkpoint ? ink_file_writer_check(o->checkpoint, 3 * n_bytes, o->allocator, error)
                         : INK_OK;
}

static ink_status set_up(run *r, const char *in, ink_error *error)
{
    const ink_training *o = r->options;
    size_t n_context;
    ink_precision precision = INK_PRECISION_F32;
    INK_TRY(check_options(o, error));
    INK_TRY(choose_precision(o, &precision, error));
    r->state.precision = precisions[precision].name;
    INK_TRY(ink_file_lock_open(&r->lock, r->out, o->allocator, error));
    INK_TRY(ink_subject_open(&r->subject, in, o, error));
    INK_TRY(check_room(r, error));
    INK_TRY(choose_context(r, &n_context, error));
    INK_TRY(ink_sample_open(&r->sample, r->subject.model, o, error));
    INK_TRY(read_texts(r, n_context, error));
    INK_TRY(make_batch(r, n_context, error));
    INK_TRY(ink_teaching_open(&r->teaching, r->subject.model, &r->corpus, o, error));
    digest(r, &r->corpus);
    return ink_trainer_init(
        &r->trainer, r->subject.model, &r->subject.parameters,
        &(ink_trainer_options){
            .n_tokens = r->batch.n_tokens,
            .n_context = n_context,
            .dropout = o->dropout,
            .adapter_dropout = r->subject.adapter ? r->subject.adapter->adapter_dropout : 0,
            .precision = precision,
            .recompute = o->recompute,
            .seed = (uint64_t)o->seed,
            .n_threads = o->n_threads,
            .adam = {o->beta1, o->beta2, 1e-8f, o->decay, o->clip},
            .objective = r->teaching.options ? &r->teaching.objective : NULL,
        },
        error);
}

static bool is_out_of_patience(const run *r)
{
    return r->options->patience > 0 && r->state.n_worse >= (uint64_t)r->options->patience;
}

static ink_status go_on(run *r, ink_error *error)
{
    bool found = false;
    r->state.best_loss = (double)INFINITY;
    ink_file_sweep(r->out);
    if (r->options->checkpoint)
        ink_file_sweep(r->options->checkpoint);
    if (r->options->checkpoint)
        INK_TRY(ink_checkpoint_load(&r->trainer.optimizer, &r->state, r->options->checkpoint,
                                    &found, error));
    if (found)
        INK_TRY(ink_corpus_go_to(&r->corpus, r->state.epoch, r->state.next, error));
    r->stopped_early = is_out_of_patience(r); /* it may have ended there */
    r->first_step = (int64_t)r->state.step;
    r->began = ink_clock_seconds();
    r->first_tokens = (double)r->state.n_tokens;
    return INK_OK;
}

/* ---- A step ---------------------------------------------------------------------------------- */

/* Up in a line, then down by half a cosine (Loshchilov & Hutter, arXiv:1608.03983). */
static double rate_at(const ink_training *t, int64_t step)
{
    double rate = (double)t->rate, end = rate * (double)t->end_rate;
    if (step < t->warmup)
        return rate * (double)(step + 1) / (double)t->warmup;
    if (t->steps <= t->warmup + 1)
        return rate;
    double part = (double)(step - t->warmup) / (double)(t->steps - 1 - t->warmup);
    return end + (rate - end) * 0.5 * (1 + cos(3.14159265358979323846 * part));
}

static ink_status learn(run *r, ink_error *error)
{
    const ink_training *o = r->options;
    ink_training_report *report = &r->report;
    double sum = 0;
    for (int32_t i = 0; i < o->accumulate; i++) {
        float loss;
        INK_TRY(ink_corpus_next(&r->corpus, &r->batch, error));
        INK_TRY(ink_teaching_write(&r->teaching, &r->batch,
                                   (uint64_t)o->seed + (r->state.step << 20) + (uint64_t)i, error));
        INK_TRY(ink_trainer_learn(&r->trainer, &r->batch, i + 1 == o->accumulate, &loss, error));
        sum += (double)loss;
        for (size_t j = 0; j < r->batch.n_tokens; j++)
            r->state.n_tokens += r->batch.targets[j] >= 0;
    }
    report->rate = rate_at(o, (int64_t)r->state.step);
    INK_TRY(ink_trainer_step(&r->trainer, (float)report->rate, &report->gradient_norm, error));
    report->loss = sum / (double)o->accumulate;
    r->state.step++;
    r->state.epoch = r->corpus.epoch;
    r->state.next = r->corpus.next;
    return INK_OK;
}

/* ---- Measuring and keeping ------------------------------------------------------------------- */

static bool is_due(const run *r, int32_t every)
{
    int64_t step = (int64_t)r->state.step;
    return step % every == 0 || step == r->options->steps;
}

/* Batches evenly over what was kept apart; each weighs as much as it has targets. */
static ink_status measure(run *r, double *loss, ink_error *error)
{
    size_t n_wanted = (size_t)r->options->evaluate_batches, n_windows = r->corpus.n_kept_apart;
    double sum = 0, n_counted = 0;
    for (size_t i = 0, at = 0; at < n_windows && (n_wanted == 0 || i < n_wanted); i++) {
        float one;
        if (n_wanted > 0)
            at = ink_size_max(at, i * n_windows / n_wanted);
        if (!ink_corpus_measure(&r->corpus, &at, &r->batch))
            break;
        INK_TRY(ink_trainer_evaluate(&r->trainer, &r->batch, &one, error));
        size_t n = 0;
        for (size_t j = 0; j < r->batch.n_tokens; j++)
            n += r->batch.targets[j] >= 0;
        sum += (double)one * (double)n;
        n_counted += (double)n;
    }
    *loss = sum / n_counted;
    return INK_OK;
}

/* Measures; with patience the best weights are kept, and too many measurements without end it. */
static ink_status measure_and_judge(run *r, ink_error *error)
{
    double loss;
    r->report.validation_loss = (double)NAN;
    if (r->corpus.n_kept_apart == 0 || !is_due(r, r->options->evaluate_every))
        return INK_OK;
    INK_TRY(measure(r, &loss, error));
    r->report.validation_loss = loss;
    bool better = loss < r->state.best_loss;
    r->state.n_worse = better ? 0 : r->state.n_worse + 1;
    if (better)
        r->state.best_loss = loss;
    if (better && r->options->patience > 0)
        INK_TRY(ink_learned_save(&r->subject, r->out, error));
    r->stopped_early = is_out_of_patience(r);
    return INK_OK;
}

static ink_status show_sample(run *r, ink_error *error)
{
    r->report.sample = NULL;
    r->report.n_sample_bytes = 0;
    if (!r->options->sample || !is_due(r, r->options->evaluate_every))
        return INK_OK;
    INK_TRY(ink_sample_write(&r->sample, error));
    r->report.sample = r->sample.text.data;
    r->report.n_sample_bytes = r->sample.text.n_bytes;
    return INK_OK;
}

static ink_status keep(run *r, ink_error *error)
{
    return r->options->checkpoint ? ink_checkpoint_save(&r->subject, &r->trainer.optimizer,
                                                        &r->state, r->options->checkpoint, error)
                                  : INK_OK;
}

static bool tell(run *r)
{
    ink_training_report *report = &r->report;
    double seconds = ink_clock_seconds() - r->began,
           n_done = (double)((int64_t)r->state.step - r->first_step);
    report->step = (int64_t)r->state.step;
    report->steps = r->options->steps;
    report->n_tokens = r->state.n_tokens;
    report->best_validation_loss = r->state.best_loss;
    report->tokens_per_second = ((double)r->state.n_tokens - r->first_tokens) / seconds;
    report->seconds_left = seconds / n_done * (double)(report->steps - report->step);
    return !r->options->report || r->options->report(r->options->report_context, report);
}

/* A measurement comes before the checkpoint that counts it. */
static ink_status train(run *r, ink_error *error)
{
    while ((int64_t)r->state.step < r->options->steps && !r->stopped_early) {
        INK_TRY(learn(r, error));
        INK_TRY(measure_and_judge(r, error));
        INK_TRY(show_sample(r, error));
        bool go = tell(r);
        if (!go || r->stopped_early || is_due(r, r->options->save_every))
            INK_TRY(keep(r, error));
        if (!go)
            return ink_fail(error, INK_CANCELLED, 0, "training was ended after step %lld of %lld",
                            (long long)r->state.step, (long long)r->options->steps);
    }
    return r->options->patience > 0 ? INK_OK : ink_learned_save(&r->subject, r->out, error);
}

static void give_result(const run *r, ink_training_result *result)
{
    if (!result)
        return;
    *result = (ink_training_result){
        .last = r->report, /* whose text ends with the training */
        .first_step = r->first_step,
        .stopped_early = r->stopped_early,
        .n_parameters = r->subject.parameters.n_floats,
        .memory_bytes = ink_trainer_memory_bytes(&r->trainer),
        .precision = r->state.precision,
    };
    result->last.sample = NULL;
    result->last.n_sample_bytes = 0;
    ink_corpus_count(&r->corpus, &result->n_training_tokens, &result->n_validation_tokens);
}

static void clean_up(run *r)
{
    const ink_allocator *allocator = r->options->allocator;
    ink_trainer_deinit(&r->trainer);
    ink_sample_close(&r->sample);
    ink_teaching_close(&r->teaching);
    ink_corpus_deinit(&r->corpus);
    ink_batch_deinit(&r->batch, allocator);
    ink_subject_close(&r->subject);
    ink_file_lock_close(&r->lock);
}

static ink_status teach(ink_subject subject, const ink_distillation *distillation, const char *in,
                        const char *out, const ink_training *training, ink_training_result *result,
                        ink_error *error)
{
    run r = {.options = training, .out = out, .subject = subject};
    r.corpus.allocator = r.trainer.allocator = training->allocator;
    ink_status status = ink_teaching_init(&r.teaching, distillation, error);
    if (status == INK_OK)
        status = set_up(&r, in, error);
    if (status == INK_OK)
        status = go_on(&r, error);
    if (status == INK_OK)
        status = train(&r, error);
    if (status == INK_OK)
        give_result(&r, result);
    clean_up(&r);
    return status;
}

ink_status ink_train(const char *in, const char *out, const ink_training *training,
                     ink_training_result *result, ink_error *error)
{
    return teach((ink_subject){.kind = &ink_subject_model}, NULL, in, out, training, result, error);
}

ink_status ink_distill(const char *in, const char *out, const ink_distillation *distillation,
                       const ink_training *training, ink_training_result *result, ink_error *error)
{
    return teach((ink_subject){.kind = &ink_subject_model}, distillation, in, out, training, result,
                 error);
}

ink_status ink_train_adapter(const char *in, const char *out, const ink_adapter_training *adapter,
                             const ink_training *training, ink_training_result *result,
                             ink_error *error)
{
#define X(type, name, fallback, low, high, help)                                                 \
    if (!((double)adapter->name >= (double)(low) && (double)adapter->name <= (double)(high)))    \
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "%s is %g; it must be from %g to %g", #name, \
                        (double)adapter->name, (double)(low), (double)(high));
    INK_ADAPTER_TABLE(X)
#undef X
    if (!adapter->targets)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "no matrices are named for the adapter");
    return teach((ink_subject){.kind = &ink_subject_adapter, .adapter = adapter}, NULL, in, out,
                 training, result, error);
}

void ink_adapter_training_init(ink_adapter_training *adapter)
{
    *adapter = (ink_adapter_training){.targets = "all"};
#define X(type, name, fallback, low, high, help) adapter->name = fallback;
    INK_ADAPTER_TABLE(X)
#undef X
}
