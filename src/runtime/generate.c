/*
 * Generating: prompt, then sample, show, evaluate, again and again.
 *
 * Each generated token is evaluated, the last one too, so that the session holds prompt and tokens
 * as promised and a next call with no prompt continues as if there had been one call. Everything is
 * reserved before the first token.
 */
#include <string.h>

#include "base/budget.h"
#include "base/clock.h"
#include "base/size.h"
#include "runtime/sampler.h"
#include "runtime/session.h"
#include "runtime/stop.h"
#include "text/constraint/constraint.h"
#include "text/detokenizer.h"

/* What the detokenizer can add at once: a begun character and the longest token. */
#define MAX_STEP_BYTES (4 + INK_VOCAB_MAX_TOKEN_BYTES)

typedef struct generator {
    ink_session *session;
    const ink_generation *options;
    ink_sampler sampler;
    ink_stop_matcher stops;
    bool speaks; /* someone wants text; otherwise the three below are not in use */
    ink_detokenizer stream;
    ink_buffer text;  /* decoded, not yet written */
    size_t n_scanned; /* of text, by the matcher */
    bool cancelled;
    ink_tokens forced; /* those that come next without a choice, if any */
    int32_t *kept;     /* [n_context] with INK_OVERFLOW_SLIDE, else NULL */
    size_t n_dropped, n_reused;
} generator;

/* How the loop stands. */
typedef struct progress {
    bool ended, stopped;
} progress;

void ink_generation_init(ink_generation *generation)
{
    *generation = (ink_generation){.max_tokens = 0};
    ink_sampling_init(&generation->sampling);
}

/* ---- Text */

/* Writes the first n bytes and keeps the others. */
static void write_text(generator *g, size_t n_bytes)
{
    if (n_bytes == 0)
        return;
    if (g->options->write && !g->cancelled) {
        char next = g->text.data[n_bytes];
        g->text.data[n_bytes] = '\0';
        g->cancelled = !g->options->write(g->options->context, g->text.data, n_bytes);
        g->text.data[n_bytes] = next;
    }
    g->text.n_bytes -= n_bytes;
    memmove(g->text.data, g->text.data + n_bytes, g->text.n_bytes + 1);
    g->n_scanned -= n_bytes;
}

/*
 * Writes what is decided. True when a stop string is complete: what stood before it is then
 * written.
 */
static bool show_text(generator *g)
{
    while (g->n_scanned < g->text.n_bytes) {
        size_t n_stop = ink_stop_feed(&g->stops, g->text.data[g->n_scanned++]);
        if (n_stop) {
            write_text(g, g->n_scanned - n_stop);
            return true;
        }
    }
    write_text(g, g->text.n_bytes - ink_stop_held(&g->stops));
    return false;
}

static ink_status show_token(generator *g, int32_t token, bool *stopped, ink_error *error)
{
    if (!g->speaks)
        return INK_OK;
    INK_TRY(ink_detokenizer_feed(&g->stream, token, &g->text, error));
    *stopped = show_text(g);
    return INK_OK;
}

/* A begun character, and what might have become a stop string. */
static ink_status show_rest(generator *g, bool *stopped, ink_error *error)
{
    if (!g->speaks)
        return INK_OK;
    INK_TRY(ink_detokenizer_flush(&g->stream, &g->text, error));
    *stopped = show_text(g);
    if (!*stopped)
        write_text(g, g->text.n_bytes);
    return INK_OK;
}

/*
 * Whether the tokens so far show any text: the space that a vocabulary puts first then belongs to
 * what follows.
 */
static bool has_text(const ink_session *session)
{
    for (size_t i = 0; i < session->position; i++) {
        ink_token_type type = ink_vocab_token_type(session->model->vocab, session->tokens[i]);
        if (type != INK_TOKEN_CONTROL && type != INK_TOKEN_UNKNOWN && type != INK_TOKEN_UNUSED)
            return true;
    }
    return false;
}

/* ---- Life */

static bool rolls(const ink_generation *options)
{
    return options->overflow == INK_OVERFLOW_ROLL || options->overflow == INK_OVERFLOW_EVICT;
}

static ink_status check(const ink_session *session, size_t n_prompt, const ink_generation *options,
                        ink_error *error)
{
    if (n_prompt == 0 && !session->has_logits)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "there is no prompt, and the session holds nothing to continue");
    if (options->n_keep >= session->n_context - 1 && options->overflow == INK_OVERFLOW_SLIDE)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%zu tokens are to stay (n_keep), which leaves no room in a context of %zu "
                        "positions; use a larger context",
                        options->n_keep, session->n_context);
    if (rolls(options))
        INK_TRY(ink_session_check_roll(session, options->overflow, options->n_keep, error));
    if (options->constraint && ink_constraint_mask_words(options->constraint) == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "the constraint was made without a model, so it knows no tokens");
    if (!session->model->vocab && (options->write || options->n_stop_strings))
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s has no vocabulary (tokenizer.ggml.model): its tokens cannot be turned "
                        "into text",
                        ink_gguf_name(session->model->gguf));
    return INK_OK;
}

static void deinit(generator *g)
{
    ink_sampler_deinit(&g->sampler);
    ink_stop_deinit(&g->stops);
    ink_buffer_deinit(&g->text);
    ink_tokens_free(&g->forced);
    ink_delete(g->session->allocator, g->kept);
}

/* Room for rendering and tokenizing: an allowance, not a measurement. */
#define TEXT_BYTES ((size_t)512 << 10)
#define TEXT_BYTES_A_TOKEN 256

size_t ink_generate_bytes(size_t n_vocab, size_t n_context)
{
    return ink_sampler_bytes(n_vocab) + TEXT_BYTES + n_context * TEXT_BYTES_A_TOKEN +
           n_context * sizeof(int32_t) + 2 * (INK_MAX_STOP_BYTES + MAX_STEP_BYTES) +
           5 * INK_BUDGET_HEADER_BYTES;
}

/* On failure the caller deinits. */
static ink_status init(generator *g, ink_session *session, const ink_generation *options,
                       ink_error *error)
{
    const ink_allocator *allocator = session->allocator;
    size_t n_vocab = session->model->hparams.n_vocab;
    *g = (generator){.session = session, .options = options};
    g->sampler.allocator = g->stops.allocator = allocator;
    g->speaks = options->write || options->n_stop_strings;
    ink_buffer_init(&g->text, allocator, SIZE_MAX);
    INK_TRY(ink_sampler_init(&g->sampler, &options->sampling, n_vocab, session->n_context,
                             allocator, error));
    INK_TRY(
        ink_stop_init(&g->stops, options->stop_strings, options->n_stop_strings, allocator, error));
    if (options->overflow == INK_OVERFLOW_SLIDE &&
        !(g->kept = ink_new(allocator, session->n_context, sizeof *g->kept)))
        return ink_fail_memory(error, "the tokens that stay");
    if (g->speaks && !ink_buffer_reserve(&g->text, INK_MAX_STOP_BYTES + MAX_STEP_BYTES))
        return ink_fail_memory(error, "generated text");
    return INK_OK;
}

/* ---- Making room */

/* Token i of what the session holds and the n_more behind it. */
static int32_t token_at(const ink_session *session, const int32_t *more, size_t i)
{
    return i < session->position ? session->tokens[i] : more[i - session->position];
}

/*
 * Evaluates `more` behind what the session holds, without what is dropped for it: all but the first
 * n_keep tokens and the newest that half of the room behind them takes.
 */
static ink_status slide(generator *g, const int32_t *more, size_t n_more, ink_error *error)
{
    ink_session *session = g->session;
    size_t n_all = session->position + n_more, n_keep = g->options->n_keep;
    size_t n_last = (session->n_context - n_keep) / 2, n = n_keep + n_last;
    size_t n_held = ink_size_min(session->position, n_keep);
    for (size_t i = 0; i < n; i++)
        g->kept[i] = token_at(session, more, i < n_keep ? i : n_all - n + i);
    INK_TRY(ink_session_rewind(session, n_held, error));
    g->n_dropped += n_all - n;
    INK_TRY(ink_session_evaluate(session, g->kept + n_held, n - n_held, NULL, g->options->progress,
                                 error));
    g->n_reused = ink_session_n_reused(session);
    return INK_OK;
}

static ink_status roll(generator *g, ink_error *error)
{
    size_t n;
    INK_TRY(ink_session_roll(g->session, g->options->n_keep, &n, error));
    g->n_dropped += n;
    return INK_OK;
}

/* ---- The prompt */

/* As far as there is room, again and again. */
static ink_status stream(generator *g, const int32_t *prompt, size_t n_prompt, ink_error *error)
{
    ink_session *session = g->session;
    for (size_t n; n_prompt > 0; prompt += n, n_prompt -= n) {
        if (rolls(g->options) && ink_session_room(session) == 0)
            INK_TRY(roll(g, error));
        n = rolls(g->options) ? ink_size_min(n_prompt, ink_session_room(session)) : n_prompt;
        INK_TRY(ink_session_evaluate(session, prompt, n, NULL, g->options->progress, error));
        g->n_reused += ink_session_n_reused(session);
    }
    return INK_OK;
}

static ink_status evaluate_prompt(generator *g, const int32_t *prompt, size_t n_prompt,
                                  ink_error *error)
{
    ink_session *session = g->session;
    if (g->kept && n_prompt > session->n_context - session->position)
        INK_TRY(slide(g, prompt, n_prompt, error));
    else
        INK_TRY(stream(g, prompt, n_prompt, error));
    for (size_t i = 0; i < session->position; i++)
        ink_sampler_accept(&g->sampler, session->tokens[i]);
    if (g->speaks)
        ink_detokenizer_init(
            &g->stream, session->model->vocab,
            (ink_decode_options){.continues = g->options->constraint || has_text(session),
                                 .render_special =
                                     g->options->constraint && g->options->constraint->marked});
    return INK_OK;
}

/* ---- Under a constraint */

/* Asks what is forced next, and otherwise what is allowed; nothing is where the text must end. */
static ink_status ask_constraint(generator *g, progress *at, ink_error *error)
{
    ink_constraint *constraint = g->options->constraint;
    INK_TRY(ink_constraint_forced(constraint, &g->forced, error));
    if (g->forced.n_tokens > 0)
        return INK_OK;
    at->ended = ink_constraint_must_end(constraint);
    if (at->ended)
        return INK_OK;
    g->sampler.n_allowed = 32 * ink_constraint_mask_words(constraint);
    return ink_constraint_mask(constraint, &g->sampler.allowed, error);
}

/* Evaluates forced tokens together, as many as there is room for. */
static ink_status step_forced(generator *g, size_t most, progress *at, ink_generated *result,
                              ink_error *error)
{
    size_t room = ink_session_room(g->session), n = 0;
    const int32_t *tokens = g->forced.ids;
    most = ink_size_min(ink_size_min(most, room), g->forced.n_tokens);
    while (n < most && !at->stopped && !g->cancelled) {
        ink_sampler_accept(&g->sampler, tokens[n]);
        INK_TRY(ink_constraint_accept_token(g->options->constraint, tokens[n], error));
        INK_TRY(show_token(g, tokens[n++], &at->stopped, error));
    }
    result->n_tokens += n;
    result->n_forced += n;
    return ink_session_evaluate(g->session, tokens, n, NULL, NULL, error);
}

/* One token: chosen, shown, evaluated. An end token that ends is not shown. */
static ink_status step(generator *g, progress *at, ink_generated *result, ink_error *error)
{
    int32_t token;
    INK_TRY(ink_sampler_pick(&g->sampler, g->session->logits, &token, error));
    ink_sampler_accept(&g->sampler, token);
    at->ended = (!g->options->ignore_end || g->options->constraint) &&
                ink_is_end_token(g->session->model, token);
    if (!at->ended && g->options->constraint)
        INK_TRY(ink_constraint_accept_token(g->options->constraint, token, error));
    if (!at->ended)
        INK_TRY(show_token(g, token, &at->stopped, error));
    result->n_tokens++;
    return ink_session_evaluate(g->session, &token, 1, NULL, NULL, error);
}

/* ---- The loop */

static ink_status advance(generator *g, size_t most, progress *at, ink_generated *result,
                          ink_error *error)
{
    if (g->options->constraint)
        INK_TRY(ask_constraint(g, at, error));
    if (at->ended)
        return INK_OK;
    if (g->session->position == g->session->n_context)
        INK_TRY(g->kept ? slide(g, g->session->tokens, 0, error) : roll(g, error));
    return g->forced.n_tokens ? step_forced(g, most, at, result, error)
                              : step(g, at, result, error);
}

/* Whether one more step makes sense. */
static bool goes_on(const generator *g, const progress *at)
{
    return !at->ended && !at->stopped && !g->cancelled &&
           (g->kept || ink_session_room(g->session) > 0 ||
            (rolls(g->options) && ink_session_may_roll(g->session)));
}

static ink_status run(generator *g, ink_generated *result, ink_error *error)
{
    size_t max_tokens = g->options->max_tokens ? g->options->max_tokens : SIZE_MAX;
    progress at = {.ended = false};
    while (goes_on(g, &at) && result->n_tokens < max_tokens)
        INK_TRY(advance(g, max_tokens - result->n_tokens, &at, result, error));
    ink_constraint *constraint = g->options->constraint;
    at.ended = at.ended || (!at.stopped && constraint && ink_constraint_must_end(constraint));
    bool full = result->n_tokens < max_tokens;
    result->stop = at.ended ? INK_STOP_END : full ? INK_STOP_CONTEXT : INK_STOP_TOKENS;
    if (!at.stopped && !g->cancelled)
        INK_TRY(show_rest(g, &at.stopped, error));
    if (at.stopped)
        result->stop = INK_STOP_STRING;
    if (g->cancelled)
        result->stop = INK_STOP_CANCELLED;
    result->incomplete = constraint && !ink_constraint_may_end(constraint);
    return INK_OK;
}

static ink_status generate(generator *g, const int32_t *prompt, size_t n_prompt,
                           ink_generated *result, ink_error *error)
{
    double begin = ink_clock_seconds();
    INK_TRY(evaluate_prompt(g, prompt, n_prompt, error));
    double middle = ink_clock_seconds();
    result->n_reused = g->n_reused;
    INK_TRY(run(g, result, error));
    result->n_prompt = n_prompt;
    result->n_dropped = g->n_dropped;
    result->prompt_seconds = middle - begin;
    result->seconds = ink_clock_seconds() - middle;
    result->seed = g->sampler.options.seed;
    return INK_OK;
}

ink_status ink_generate(ink_session *session, const int32_t *prompt, size_t n_prompt,
                        const ink_generation *generation, ink_generated *result, ink_error *error)
{
    generator g;
    ink_generated made = {0};
    INK_TRY(check(session, n_prompt, generation, error));
    if (generation->constraint)
        ink_constraint_reset(generation->constraint);
    ink_status status = init(&g, session, generation, error);
    if (status == INK_OK)
        status = generate(&g, prompt, n_prompt, &made, error);
    deinit(&g);
    if (status == INK_OK && result)
        *result = made;
    return status;
}
