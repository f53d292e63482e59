#include "runtime/session.h"

#include <math.h>
#include <string.h>
#include "base/budget.h"
#include "base/cpu.h"
#include "base/pool.h"
#include "base/size.h"

#define DEFAULT_BATCH 512
#define DEFAULT_TWOFOLD_BATCH 128 /* of which all positions are held in the wider form, too */

/* ---- Options --------------------------------------------------------------------------------- */

/* What the options come to. */
typedef struct settings {
    size_t n_context, n_batch;
    const char *cache_text; /* of the options */
    ink_cache_spec cache;
    int n_threads;
    bool all_logits, shares, rolls, evicts;
} settings;

static ink_kv_shape cache_shape(const settings *chosen)
{
    return (ink_kv_shape){.spec = chosen->cache,
                          .n_context = chosen->n_context,
                          .n_batch = chosen->n_batch,
                          .shares = chosen->shares,
                          .observes = chosen->evicts};
}

static ink_status check_overflow(const ink_model *model, const settings *chosen, ink_error *error)
{
    const char *problem = NULL;
    if (model->arch->kind == INK_KIND_EMBEDDING)
        problem = "keeps nothing between texts";
    else if (model->weights[INK_WEIGHT_POSITION_EMBEDDING].matrix.n_rows)
        problem = "has learned its positions, which cannot move";
    if (!chosen->rolls || !problem)
        return INK_OK;
    return ink_fail(error, INK_BAD_ARGUMENT, 0,
                    "%s: %s, so its sessions cannot drop what is in the middle of them (roll, "
                    "evict)",
                    model->arch->name, problem);
}

static ink_status settle(const ink_model *model, const ink_session_options *options, settings *out,
                         ink_error *error)
{
    size_t trained = model->hparams.n_context;
    out->evicts = options->overflow == INK_OVERFLOW_EVICT;
    out->rolls = out->evicts || options->overflow == INK_OVERFLOW_ROLL;
    out->all_logits = options->all_logits;
    /* weights that are trained change what tokens come to; who looks both ways shares nothing */
    out->shares = !options->isolated && model->load != INK_LOAD_TRAINABLE &&
                  model->arch->kind != INK_KIND_EMBEDDING && model->hparams.causal;
    INK_TRY(ink_pool_choose_threads(options->n_threads, &out->n_threads, error));
    out->n_context = options->n_context ? options->n_context : trained;
    out->cache_text = options->cache ? options->cache : INK_CACHE_DEFAULT;
    INK_TRY(ink_cache_spec_read(&out->cache, out->cache_text, model->hparams.n_layers, error));
    bool twofold = ink_cache_spec_n_layers(&out->cache, model) > model->hparams.n_layers;
    out->n_batch = options->n_batch ? options->n_batch
                   : twofold        ? DEFAULT_TWOFOLD_BATCH
                                    : DEFAULT_BATCH;
    out->n_batch = ink_size_min(out->n_batch, out->n_context);
    if (out->n_context > INK_MAX_CONTEXT)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "a context of %zu positions; at most %u are possible", out->n_context,
                        INK_MAX_CONTEXT);
    if (out->n_batch > INK_MAX_BATCH)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "a batch of %zu tokens; at most %d are possible", out->n_batch,
                        INK_MAX_BATCH);
    if (model->weights[INK_WEIGHT_POSITION_EMBEDDING].matrix.n_rows && out->n_context > trained)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "a context of %zu positions, but the model has learned %zu", out->n_context,
                        trained);
    if (model->arch->kind == INK_KIND_EMBEDDING)
        out->n_batch = out->n_context; /* it looks both ways: a text is one batch */
    return check_overflow(model, out, error);
}

/* ---- Recorded steps -------------------------------------------------------------------------- */

static void forget_step(ink_recorded_step *step)
{
    ink_program_free(step->program);
    step->program = NULL;
}

static bool same_shape(ink_step_shape a, ink_step_shape b)
{
    return a.n_tokens == b.n_tokens && a.n_outputs == b.n_outputs && a.n_context == b.n_context;
}

/*
 * The step of this shape, recorded now if it is not among those kept; it takes the place of the one
 * unused longest.
 */
static ink_status get_step(ink_session *session, ink_step_shape shape, ink_recorded_step **out,
                           ink_error *error)
{
    ink_recorded_step *oldest = &session->steps[0];
    for (size_t i = 0; i < INK_KEPT_STEPS; i++) {
        ink_recorded_step *step = &session->steps[i];
        if (step->program && same_shape(step->shape, shape)) {
            *out = step;
            return INK_OK;
        }
        if (!step->program || (oldest->program && step->last_used < oldest->last_used))
            oldest = step;
    }
    forget_step(oldest);
    ink_graph_reset(&oldest->graph);
    oldest->shape = shape;
    ink_model_record(session->model, &oldest->graph, shape, &oldest->arrays);
    if (session->observer)
        session->observer->recorded(session->observer->context, &oldest->graph);
    INK_TRY(ink_program_new(&oldest->program, session->device, &oldest->graph, error));
    *out = oldest;
    return INK_OK;
}

/*
 * Runs one batch at the session's end; results, if any are wanted, are those of its last n_outputs
 * tokens.
 */
static ink_status run_step(ink_session *session, const int32_t *tokens, size_t n_tokens,
                           size_t n_outputs, const float **results, ink_error *error)
{
    ink_recorded_step *step;
    INK_TRY(get_step(session,
                     (ink_step_shape){.n_tokens = n_tokens,
                                      .n_outputs = n_outputs,
                                      .n_context = session->n_context,
                                      .rolls = session->rolls},
                     &step, error));
    const ink_step *arrays = &step->arrays;
    ink_kv_cache_extend(&session->cache, session->position, n_tokens);
    step->last_used = ++session->n_runs;
    int32_t *ids = ink_program_data(step->program, arrays->tokens);
    int32_t *positions = ink_program_data(step->program, arrays->positions);
    int32_t *turns = arrays->turns ? ink_program_data(step->program, arrays->turns) : NULL;
    const ink_kv_sequence **sequences = ink_program_data(step->program, arrays->sequences);
    for (size_t i = 0; i < n_tokens; i++) {
        ids[i] = tokens[i];
        positions[i] = (int32_t)(session->position + i);
        if (turns)
            turns[i] = (int32_t)(session->position + session->cache.n_dropped + i);
        sequences[i] = &session->cache.sequence;
    }
    if (arrays->token_types)
        memset(ink_program_data(step->program, arrays->token_types), 0, n_tokens * sizeof(int32_t));
    if (arrays->chosen) {
        int32_t *chosen = ink_program_data(step->program, arrays->chosen);
        for (size_t i = 0; i < n_outputs; i++)
            chosen[i] = (int32_t)(n_tokens - n_outputs + i);
    }
    INK_TRY(ink_program_run(step->program, error));
    if (session->observer)
        INK_TRY(
            session->observer->ran(session->observer->context, step->program, &step->graph, error));
    if (n_outputs > 0)
        *results = ink_program_data(step->program, arrays->result);
    return INK_OK;
}

void ink_session_trim(ink_session *session)
{
    for (size_t i = 0; i < INK_KEPT_STEPS; i++) {
        forget_step(&session->steps[i]);
        ink_graph_deinit(&session->steps[i].graph);
        ink_graph_init(&session->steps[i].graph, session->allocator);
    }
    ink_device_trim(session->device);
    ink_model_trim(session->model);
}

/* How many tokens are evaluated together when the logits of all are wanted. */
static size_t logits_batch(const ink_model *model, size_t n_batch)
{
    size_t row_bytes = model->hparams.n_vocab * sizeof(float);
    return ink_size_min(n_batch, ink_size_max(INK_LOGITS_BYTES / row_bytes, 1));
}

/* The largest steps that there will be, by index; false at the end. */
static bool largest_step(const ink_model *model, const settings *chosen, int index,
                         ink_step_shape *shape)
{
    bool embeds = model->arch->kind == INK_KIND_EMBEDDING;
    size_t n = index == 0 ? chosen->n_batch : logits_batch(model, chosen->n_batch);
    *shape = (ink_step_shape){.n_tokens = n,
                              .n_outputs = index == 1 || embeds ? n : 1,
                              .n_context = chosen->n_context,
                              .rolls = chosen->rolls};
    return index < (chosen->all_logits && !embeds ? 2 : 1);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static ink_status fill(ink_session *session, const ink_session_options *options, ink_error *error)
{
    settings chosen;
    uint32_t features;
    INK_TRY(settle(session->model, options, &chosen, error));
    session->cache_text =
        ink_copy_string(session->allocator, chosen.cache_text, strlen(chosen.cache_text));
    if (!session->cache_text)
        return ink_fail_memory(error, "a session");
    session->n_context = chosen.n_context;
    session->rolls = chosen.rolls;
    session->n_batch = session->n_kept_batch = chosen.n_batch;
    session->shape = cache_shape(&chosen);
    session->options = *options;
    session->options.cache = session->cache_text;
    session->options.n_context = chosen.n_context;
    session->options.n_threads = chosen.n_threads;
    INK_TRY(ink_cpu_select(&features, error));
    INK_TRY(ink_device_cpu_new(&session->device, chosen.n_threads, features, session->allocator,
                               error));
    INK_TRY(ink_kv_cache_init(&session->cache, session->model, &session->shape, error));
    session->tokens = ink_new(session->allocator, chosen.n_context, sizeof *session->tokens);
    session->logits =
        ink_new(session->allocator, session->model->hparams.n_vocab, sizeof *session->logits);
    if (!session->tokens || !session->logits)
        return ink_fail_memory(error, "a session");
    ink_step_shape shape;
    ink_recorded_step *step;
    for (int i = 0; session->model->budget && largest_step(session->model, &chosen, i, &shape); i++)
        INK_TRY(get_step(session, shape, &step, error)); /* what was planned is taken at once */
    return INK_OK;
}

static void say_reduced(const ink_model *model, size_t n_context)
{
    ink_warn(&model->log,
             "%s: a context of %zu positions, not the %" PRIu32
             " that the model was trained for: memory has no room for more",
             ink_gguf_name(model->gguf), n_context, model->hparams.n_context);
}

ink_status ink_session_new(ink_session **out, const ink_model *model,
                           const ink_session_options *options, ink_error *error)
{
    ink_session_options wanted = options ? *options : (ink_session_options){0};
    if (model->load != INK_LOAD_ALL && model->load != INK_LOAD_TRAINABLE)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s: opened without its weights; open it with INK_LOAD_ALL",
                        ink_gguf_name(model->gguf));
    if (wanted.n_context == 0) {
        INK_TRY(ink_session_fit_context(model, &wanted, ink_memory_room(model), error));
        if (wanted.n_context < model->hparams.n_context)
            say_reduced(model, wanted.n_context);
    }
    INK_TRY(ink_session_admit(model, &wanted, error));
    ink_session *session = ink_new(model->allocator, 1, sizeof *session);
    if (!session)
        return ink_fail_memory(error, "a session");
    session->model = model;
    session->allocator = model->allocator;
    session->cache.allocator = model->allocator;
    for (size_t i = 0; i < INK_KEPT_STEPS; i++)
        ink_graph_init(&session->steps[i].graph, model->allocator);
    ink_status status = fill(session, &wanted, error);
    if (status != INK_OK) {
        ink_session_free(session);
        return status;
    }
    *out = session;
    return INK_OK;
}

void ink_session_free(ink_session *session)
{
    if (!session)
        return;
    for (size_t i = 0; i < INK_KEPT_STEPS; i++) {
        forget_step(&session->steps[i]);
        ink_graph_deinit(&session->steps[i].graph);
    }
    ink_device_free(session->device);
    ink_kv_cache_deinit(&session->cache);
    ink_delete(session->allocator, session->tokens);
    ink_delete(session->allocator, session->logits);
    ink_delete(session->allocator, session->cache_text);
    ink_session_discard(session);
    ink_delete(session->allocator, session);
}

size_t ink_session_n_context(const ink_session *session)
{
    return session->n_context;
}

size_t ink_session_position(const ink_session *session)
{
    return session->position;
}

const int32_t *ink_session_tokens(const ink_session *session)
{
    return session->tokens;
}

size_t ink_session_cache_bytes(const ink_session *session)
{
    return ink_kv_cache_bytes(&session->cache);
}

const float *ink_session_logits(const ink_session *session)
{
    return session->has_logits ? session->logits : NULL;
}

/* ---- Evaluating ------------------------------------------------------------------------------ */

static ink_status check_tokens(const ink_session *session, const int32_t *tokens, size_t n_tokens,
                               ink_error *error)
{
    uint32_t n_vocab = session->model->hparams.n_vocab;
    if (n_tokens == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "there are no tokens to evaluate");
    for (size_t i = 0; i < n_tokens; i++)
        if (tokens[i] < 0 || (uint32_t)tokens[i] >= n_vocab)
            return ink_fail(error, INK_BAD_ARGUMENT, i,
                            "token %zu is %d; the vocabulary has 0 to %u", i + 1, tokens[i],
                            n_vocab - 1);
    if (n_tokens > session->n_context - session->position)
        return ink_fail(error, INK_LIMIT, 0,
                        "%zu tokens do not fit: %zu of %zu positions of the context are taken; use "
                        "a larger context or fewer tokens",
                        n_tokens, session->position, session->n_context);
    return INK_OK;
}

static bool report(const ink_progress *progress, size_t done, size_t all)
{
    return !progress || !progress->report ||
           progress->report(progress->context, (float)done / (float)all);
}

/*
 * Evaluates tokens at the session's end, and shares what they came to. What others have evaluated
 * is taken over instead, but for the last token and where all logits are wanted. The tokens may be
 * those that the session holds behind its end.
 */
static ink_status advance(ink_session *session, const int32_t *tokens, size_t n_tokens,
                          float *logits, const ink_progress *progress, ink_error *error)
{
    size_t n_vocab = session->model->hparams.n_vocab, begin = session->position,
           end = begin + n_tokens;
    size_t batch = logits ? logits_batch(session->model, session->n_batch) : session->n_batch;
    memmove(session->tokens + begin, tokens, n_tokens * sizeof *tokens);
    if (!logits)
        session->position = ink_kv_cache_adopt(&session->cache, session->tokens, begin, end - 1);
    session->n_reused = session->position - begin;
    session->has_logits = session->has_logits && session->n_reused == 0;
    while (session->position < end) {
        size_t at = session->position;
        size_t n = ink_kv_cache_stretch(&session->cache, at, ink_size_min(batch, end - at), end);
        /* without a result the last layer only stores, and nothing of it would be observed */
        bool observed = at + n > ink_kv_cache_first_observed(&session->cache);
        size_t n_outputs = logits ? n : observed || at + n == end;
        const float *results = NULL;
        INK_TRY(run_step(session, session->tokens + at, n, n_outputs, &results, error));
        session->position += n;
        session->has_logits = n_outputs > 0;
        ink_kv_cache_publish(&session->cache, session->tokens, session->position,
                             n_tokens > 1 ? end : 0);
        if (logits)
            memcpy(logits + (at - begin) * n_vocab, results, n * n_vocab * sizeof *logits);
        if (n_outputs > 0)
            memcpy(session->logits, results + (n_outputs - 1) * n_vocab, n_vocab * sizeof *results);
        size_t done = session->position - begin;
        if (!report(progress, done, n_tokens))
            return ink_fail(error, INK_CANCELLED, 0, "cancelled after %zu of %zu tokens", done,
                            n_tokens);
    }
    return INK_OK;
}

ink_status ink_session_evaluate(ink_session *session, const int32_t *tokens, size_t n_tokens,
                                float *logits, const ink_progress *progress, ink_error *error)
{
    if (session->model->arch->kind == INK_KIND_EMBEDDING)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s is a model for embeddings: it does not generate text",
                        session->model->arch->name);
    INK_TRY(check_tokens(session, tokens, n_tokens, error));
    INK_TRY(ink_session_wake(session, error));
    return advance(session, tokens, n_tokens, logits, progress, error);
}

/* ---- Going back ------------------------------------------------------------------------------ */

/* What is observed is evaluated anew. */
static size_t unobserved(const ink_session *session, size_t position)
{
    return ink_size_min(position, ink_kv_cache_first_observed(&session->cache));
}

bool ink_session_goes_back(const ink_session *session, size_t position)
{
    return position == session->position ||
           (session->cache.n_state == 0 &&
            ink_kv_cache_reaches(&session->cache, unobserved(session, position)));
}

/* Where what is seen from `position` is gone, all tokens before it are evaluated anew. */
ink_status ink_session_rewind(ink_session *session, size_t position, ink_error *error)
{
    if (position > session->position)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "cannot rewind to position %zu: the session ends at %zu", position,
                        session->position);
    if (position == session->position)
        return INK_OK;
    INK_TRY(ink_session_wake(session, error));
    size_t from = ink_session_goes_back(session, position) ? unobserved(session, position) : 0;
    ink_kv_cache_truncate(&session->cache, from);
    session->position = from;
    session->has_logits = false;
    if (position > from)
        INK_TRY(advance(session, session->tokens + from, position - from, NULL, NULL, error));
    session->has_logits = false;
    return INK_OK;
}

static ink_status check_fork(const ink_session *source, ink_error *error)
{
    if (source->model->arch->kind != INK_KIND_EMBEDDING)
        return INK_OK;
    return ink_fail(error, INK_BAD_ARGUMENT, 0,
                    "a session for embeddings keeps nothing between texts: make a new one");
}

ink_status ink_session_fork(ink_session **out, ink_session *source, ink_error *error)
{
    INK_TRY(check_fork(source, error));
    INK_TRY(ink_session_wake(source, error));
    INK_TRY(ink_session_new(out, source->model, &source->options, error));
    ink_session *session = *out;
    ink_kv_cache_fork(&session->cache, &source->cache, source->position);
    memcpy(session->tokens, source->tokens, source->position * sizeof *source->tokens);
    memcpy(session->logits, source->logits,
           source->model->hparams.n_vocab * sizeof *source->logits);
    session->position = source->position;
    session->has_logits = source->has_logits;
    return INK_OK;
}

ink_status ink_session_keep_prefix(ink_session *session, size_t n_tokens, ink_error *error)
{
    if (n_tokens > session->position)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "cannot keep %zu tokens: the session has %zu",
                        n_tokens, session->position);
    INK_TRY(ink_session_wake(session, error));
    if (!session->cache.pool->store || !session->cache.shares)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        session->cache.shares
                            ? "there is no folder to keep prefixes in: ink_model_set_prefix_store"
                            : "an isolated session keeps no prefixes");
    return ink_kv_cache_keep(&session->cache, n_tokens, error);
}

size_t ink_session_n_reused(const ink_session *session)
{
    return session->n_reused;
}

static ink_status too_large(const settings *chosen, ink_error *error)
{
    return ink_fail(error, INK_LIMIT, 0,
                    "the work space of %zu positions is larger than the address space",
                    chosen->n_context);
}

/* What a step takes: its memory, and what it is recorded in. */
static ink_status plan_step(const ink_model *model, const settings *chosen, ink_step_shape shape,
                            size_t *work_bytes, size_t *step_bytes, ink_error *error)
{
    const ink_allocator *counter = ink_budget_new(ink_budget_below(model->allocator), SIZE_MAX);
    ink_graph graph;
    ink_plan plan;
    ink_step step;
    size_t bytes = 0;
    if (!counter)
        return ink_fail_memory(error, "the plan of a step");
    ink_graph_init(&graph, counter);
    ink_model_record(model, &graph, shape, &step);
    ink_status status = ink_plan_init(&plan, &graph, counter, error);
    if (status == INK_OK) {
        ink_budget_use use;
        ink_budget_get(counter, &use);
        if (!ink_device_cpu_memory_bytes(&plan, chosen->n_threads, &bytes))
            status = too_large(chosen, error);
        *work_bytes = ink_size_max(*work_bytes, bytes);
        *step_bytes = ink_size_max(
            *step_bytes, use.peak_bytes + ink_device_cpu_program_bytes(&plan, chosen->n_threads));
        ink_plan_deinit(&plan);
    }
    ink_graph_deinit(&graph);
    ink_budget_free(counter);
    return status;
}

static ink_status plan_steps(const ink_model *model, const settings *chosen, size_t *work_bytes,
                             size_t *step_bytes, ink_error *error)
{
    ink_step_shape shape;
    *work_bytes = *step_bytes = 0;
    for (int i = 0; largest_step(model, chosen, i, &shape); i++)
        INK_TRY(plan_step(model, chosen, shape, work_bytes, step_bytes, error));
    return INK_OK;
}

ink_status ink_session_plan_all(const ink_model *model, const ink_session_options *options,
                                ink_memory_plan *plan, ink_error *error)
{
    settings chosen;
    size_t cache_bytes, work_bytes, step_bytes, n_vocab = model->hparams.n_vocab;
    INK_TRY(settle(model, options, &chosen, error));
    ink_kv_shape shape = cache_shape(&chosen);
    INK_TRY(ink_kv_cache_plan(model, &shape, &cache_bytes, error));
    INK_TRY(plan_steps(model, &chosen, &work_bytes, &step_bytes, error));
    plan->n_context = chosen.n_context;
    plan->cache_bytes = cache_bytes;
    plan->work_bytes = work_bytes;
    plan->steps_bytes = (uint64_t)INK_KEPT_STEPS * step_bytes;
    plan->session_bytes =
        (uint64_t)sizeof(ink_session) + ink_device_cpu_bytes(chosen.n_threads) +
        ink_kv_cache_table_bytes(ink_cache_spec_n_layers(&chosen.cache, model), chosen.n_context) +
        (chosen.evicts ? 3 : 1) * chosen.n_context * sizeof(int32_t) + /* heat, from an arena */
        n_vocab * sizeof(float) + strlen(chosen.cache_text) + 1 + 4 * INK_BUDGET_HEADER_BYTES;
    plan->sampling_bytes =
        model->arch->kind == INK_KIND_EMBEDDING ? 0 : ink_generate_bytes(n_vocab, chosen.n_context);
    return INK_OK;
}

ink_status ink_session_missing(const ink_model *model, const ink_session_options *options,
                               uint64_t *cache_bytes, ink_error *error)
{
    settings chosen;
    size_t bytes;
    INK_TRY(settle(model, options, &chosen, error));
    ink_kv_shape shape = cache_shape(&chosen);
    INK_TRY(ink_kv_cache_missing(model, &shape, &bytes, error));
    *cache_bytes = bytes;
    return INK_OK;
}

ink_status ink_session_plan_memory(const ink_model *model, const ink_session_options *options,
                                   ink_session_plan *plan, ink_error *error)
{
    ink_session_options wanted = options ? *options : (ink_session_options){0};
    settings chosen;
    size_t cache_bytes, work_bytes, step_bytes;
    if (model->load == INK_LOAD_VOCABULARY)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s: only its vocabulary was opened; a session needs a model",
                        ink_gguf_name(model->gguf));
    INK_TRY(ink_session_fit_context(model, &wanted, ink_memory_room(model), error));
    INK_TRY(settle(model, &wanted, &chosen, error));
    ink_kv_shape shape = cache_shape(&chosen);
    INK_TRY(ink_kv_cache_plan(model, &shape, &cache_bytes, error));
    INK_TRY(plan_steps(model, &chosen, &work_bytes, &step_bytes, error));
    if (!ink_size_add(work_bytes, chosen.n_context * sizeof(int32_t), &work_bytes) ||
        !ink_size_add(work_bytes, model->hparams.n_vocab * sizeof(float), &work_bytes))
        return too_large(&chosen, error);
    *plan = (ink_session_plan){
        .n_context = chosen.n_context,
        .cache_bytes = cache_bytes,
        .work_bytes = work_bytes,
    };
    return INK_OK;
}

/* ---- Embeddings ------------------------------------------------------------------------------ */

/* The values of GGUF's pooling_type. */
enum { POOL_NONE = 0, POOL_MEAN = 1, POOL_FIRST = 2, POOL_LAST = 3 };

static ink_status pool_rows(const ink_session *session, const float *rows, size_t n_rows,
                            float *out, ink_error *error)
{
    size_t n = session->model->hparams.n_embedding;
    switch (session->model->hparams.pooling) {
    case POOL_MEAN:
        memset(out, 0, n * sizeof *out);
        for (size_t row = 0; row < n_rows; row++)
            for (size_t i = 0; i < n; i++)
                out[i] += rows[row * n + i];
        for (size_t i = 0; i < n; i++)
            out[i] /= (float)n_rows;
        return INK_OK;
    case POOL_FIRST:
        memcpy(out, rows, n * sizeof *out);
        return INK_OK;
    case POOL_LAST:
        memcpy(out, rows + (n_rows - 1) * n, n * sizeof *out);
        return INK_OK;
    default:
        return ink_fail(error, INK_UNSUPPORTED, 0,
                        "%s: pooling_type %u is not supported; ask for a vector for each token",
                        ink_gguf_name(session->model->gguf), session->model->hparams.pooling);
    }
}

static ink_status check_numbers(const ink_session *session, const float *vectors, size_t n,
                                ink_error *error)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(vectors[i]))
            return ink_fail(
                error, INK_CORRUPT, 0,
                "%s: a vector holds %g, which is not a number: are the weights damaged?",
                ink_gguf_name(session->model->gguf), (double)vectors[i]);
    return INK_OK;
}

ink_status ink_session_embed(ink_session *session, const int32_t *tokens, size_t n_tokens,
                             bool pooled, float *out, ink_error *error)
{
    const float *rows;
    if (session->model->arch->kind != INK_KIND_EMBEDDING)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "%s is not a model for embeddings",
                        session->model->arch->name);
    INK_TRY(check_tokens(session, tokens, n_tokens, error));
    INK_TRY(ink_session_wake(session, error));
    ink_status status = run_step(session, tokens, n_tokens, n_tokens, &rows, error);
    if (status == INK_OK)
        status =
            check_numbers(session, rows, n_tokens * session->model->hparams.n_embedding, error);
    if (status == INK_OK && pooled)
        status = pool_rows(session, rows, n_tokens, out, error);
    else if (status == INK_OK)
        memcpy(out, rows, n_tokens * session->model->hparams.n_embedding * sizeof *out);
    ink_kv_cache_truncate(&session->cache, 0); /* each text stands alone */
    return status;
}
