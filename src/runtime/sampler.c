/*
 * Options, memory, recent tokens, and the chain that ends in a token. The stages are in
 * sampler_stages.c.
 */
#include "runtime/sampler.h"

#include <math.h>
#include <string.h>
#include "base/budget.h"
#include "base/size.h"
#include "base/status.h"
#include "runtime/sampler_random.h"
#include "runtime/sampler_stages.h"

void ink_sampling_init(ink_sampling *sampling)
{
    *sampling = (ink_sampling){
#define X(type, name, fallback, low, high, off, needs, help) .name = fallback,
        INK_SAMPLING_TABLE(X)
#undef X
    };
}

/* ---- Checks: one function a C type of the table. */

static ink_status check_float(const char *name, float value, float low, float high,
                              ink_error *error)
{
    if (value >= low && value <= high)
        return INK_OK;
    return ink_fail(error, INK_BAD_ARGUMENT, 0, "%s is %g; it must be from %g to %g", name,
                    (double)value, (double)low, (double)high);
}

static ink_status check_int64_t(const char *name, int64_t value, int64_t low, int64_t high,
                                ink_error *error)
{
    if (value >= low && value <= high)
        return INK_OK;
    return ink_fail(error, INK_BAD_ARGUMENT, 0,
                    "%s is %" PRId64 "; it must be from %" PRId64 " to %" PRId64, name, value, low,
                    high);
}

#define check_int32_t check_int64_t

static ink_status check_bias(const ink_logit_bias *bias, size_t index, size_t n_vocab,
                             ink_error *error)
{
    if (bias->token < 0 || (size_t)bias->token >= n_vocab)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "logit bias %zu is for token %" PRId32 "; the vocabulary has 0 to %zu",
                        index + 1, bias->token, n_vocab - 1);
    if (!(bias->bias < INFINITY))
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "logit bias %zu (token %" PRId32
                        ") is %g; it must be a number or -infinity",
                        index + 1, bias->token, (double)bias->bias);
    return INK_OK;
}

static ink_status check(const ink_sampling *options, size_t n_vocab, ink_error *error)
{
#define X(type, name, fallback, low, high, off, needs, help) \
    INK_TRY(check_##type(#name, options->name, low, high, error));
    INK_SAMPLING_TABLE(X)
#undef X
    if (options->n_biases > INK_MAX_BIASES || (options->n_biases && !options->biases))
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "%zu logit biases; at most %u are possible",
                        options->biases ? options->n_biases : 0, INK_MAX_BIASES);
    for (size_t i = 0; i < options->n_biases; i++)
        INK_TRY(check_bias(&options->biases[i], i, n_vocab, error));
    return INK_OK;
}

/* ---- Life */

static bool penalizes(const ink_sampling *options)
{
    return options->repeat_last_n > 0 &&
           (options->repeat_penalty != 1 || options->frequency_penalty != 0 ||
            options->presence_penalty != 0);
}

size_t ink_sampler_bytes(size_t n_vocab)
{
    ink_sampling options;
    ink_sampling_init(&options);
    return n_vocab * (sizeof(ink_candidate) + sizeof(uint32_t)) +
           (size_t)options.repeat_last_n * sizeof(int32_t) + 4 * INK_BUDGET_HEADER_BYTES;
}

static bool take_memory(ink_sampler *sampler, size_t n_history)
{
    const ink_sampling *options = &sampler->options;
    sampler->candidates =
        ink_new(sampler->allocator, sampler->n_vocab, sizeof *sampler->candidates);
    sampler->biases = ink_new(sampler->allocator, options->n_biases, sizeof *sampler->biases);
    if (!sampler->candidates || !sampler->biases)
        return false;
    if (options->n_biases)
        memcpy(sampler->biases, options->biases, options->n_biases * sizeof *sampler->biases);
    sampler->options.biases = sampler->biases;
    if (!penalizes(options) || n_history == 0)
        return true;
    sampler->n_recent_max = ink_size_min((size_t)options->repeat_last_n, n_history);
    sampler->recent = ink_new(sampler->allocator, sampler->n_recent_max, sizeof *sampler->recent);
    sampler->counts = ink_new(sampler->allocator, sampler->n_vocab, sizeof *sampler->counts);
    return sampler->recent && sampler->counts;
}

ink_status ink_sampler_init(ink_sampler *sampler, const ink_sampling *options, size_t n_vocab,
                            size_t n_history, const ink_allocator *allocator, ink_error *error)
{
    *sampler = (ink_sampler){.allocator = allocator, .options = *options, .n_vocab = n_vocab};
    INK_TRY(check(options, n_vocab, error));
    if (options->seed < 0)
        INK_TRY(ink_random_seed(&sampler->options.seed, error));
    ink_random_init(sampler->random, sampler->options.seed);
    if (take_memory(sampler, n_history))
        return INK_OK;
    ink_sampler_deinit(sampler);
    return ink_fail_memory(error, "the sampler");
}

void ink_sampler_deinit(ink_sampler *sampler)
{
    ink_delete(sampler->allocator, sampler->candidates);
    ink_delete(sampler->allocator, sampler->biases);
    ink_delete(sampler->allocator, sampler->counts);
    ink_delete(sampler->allocator, sampler->recent);
    *sampler = (ink_sampler){.allocator = sampler->allocator};
}

/* ---- Recent tokens */

void ink_sampler_accept(ink_sampler *sampler, int32_t token)
{
    if (!sampler->recent || token < 0 || (size_t)token >= sampler->n_vocab)
        return;
    if (sampler->n_recent == sampler->n_recent_max)
        sampler->counts[sampler->recent[sampler->oldest]]--;
    else
        sampler->n_recent++;
    sampler->recent[sampler->oldest] = token;
    sampler->counts[token]++;
    sampler->oldest = (sampler->oldest + 1) % sampler->n_recent_max;
}

/*
 * The repeat penalty is that of CTRL (Keskar et al., arXiv:1909.05858), multiplying below zero so
 * that it lowers there too; the others are those of the OpenAI API.
 */
static float penalize(const ink_sampling *options, float logit, uint32_t count)
{
    logit = logit > 0 ? logit / options->repeat_penalty : logit * options->repeat_penalty;
    return logit - (float)count * options->frequency_penalty - options->presence_penalty;
}

/* ---- The chain */

/* Fills the candidates, token i at index i. */
static ink_status read_logits(ink_sampler *sampler, const float *logits, ink_error *error)
{
    size_t n_possible = 0;
    for (size_t i = 0; i < sampler->n_vocab; i++) {
        float logit = logits[i];
        if (!(logit < INFINITY))
            return ink_fail(
                error, INK_CORRUPT, 0,
                "the model's output for token %zu is %g, not a number to choose by: are "
                "its weights damaged?",
                i, (double)logit);
        n_possible += logit > -INFINITY;
        if (sampler->counts && sampler->counts[i])
            logit = penalize(&sampler->options, logit, sampler->counts[i]);
        sampler->candidates[i] = (ink_candidate){.logit = logit, .token = (int32_t)i};
    }
    sampler->n = sampler->n_vocab;
    if (n_possible == 0)
        return ink_fail(
            error, INK_CORRUPT, 0,
            "the model's output is -infinity for every token: are its weights damaged?");
    return INK_OK;
}

/* What is not allowed cannot be chosen. */
static void apply_allowed(ink_sampler *sampler)
{
    for (size_t i = 0; sampler->allowed && i < sampler->n_vocab; i += 32) {
        uint32_t word = i < sampler->n_allowed ? sampler->allowed[i / 32] : 0;
        size_t n = ink_size_min(32, sampler->n_vocab - i);
        for (size_t k = 0; k < n && word != UINT32_MAX; k++)
            if (!(word >> k & 1))
                sampler->candidates[i + k].logit = -INFINITY;
    }
}

static ink_status add_biases(ink_sampler *sampler, ink_error *error)
{
    for (size_t i = 0; i < sampler->options.n_biases; i++)
        sampler->candidates[sampler->biases[i].token].logit += sampler->biases[i].bias;
    apply_allowed(sampler);
    ink_sampler_drop_impossible(sampler);
    if (sampler->n == 0 && sampler->allowed)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "no token that the constraint allows is possible for the model or its "
                        "logit biases");
    if (sampler->n == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "the logit biases forbid every token");
    return INK_OK;
}

ink_status ink_sampler_pick(ink_sampler *sampler, const float *logits, int32_t *token,
                            ink_error *error)
{
    const ink_sampling *options = &sampler->options;
    INK_TRY(read_logits(sampler, logits, error));
    INK_TRY(add_biases(sampler, error));
    if (options->temperature == 0) {
        *token = ink_sampler_best(sampler)->token;
        return INK_OK;
    }
    ink_sampler_keep_top_k(sampler, (size_t)options->top_k);
    ink_sampler_keep_typical(sampler, options->typical_p);
    ink_sampler_keep_top_p(sampler, options->top_p);
    ink_sampler_keep_min_p(sampler, options->min_p);
    *token = ink_sampler_draw(sampler, options->temperature);
    return INK_OK;
}
