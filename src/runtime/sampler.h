/*
 * The sampler: from logits to one token.
 *
 * A chain of stages over a list of candidates: penalties and biases, then the best one or a draw
 * among those that top_k, typical_p, top_p and min_p leave. Same options, seed and logits give the
 * same token on every machine: the generator is our own, exp and log are those of kernel/math.h,
 * and equal candidates go by their index. Everything is allocated at init. It knows no session and
 * no text.
 */
#ifndef INK_RUNTIME_SAMPLER_H
#define INK_RUNTIME_SAMPLER_H

#include "inkling.h"

#define INK_MAX_BIASES (1u << 20)

typedef struct ink_candidate {
    float logit;
    float key; /* what the stage at work orders by, best first */
    int32_t token;
} ink_candidate;

typedef struct ink_sampler {
    const ink_allocator *allocator;
    ink_sampling options; /* the seed in it is the one used; biases are a copy */
    ink_logit_bias *biases;
    size_t n_vocab;
    uint64_t random[4];        /* xoshiro256** */
    ink_candidate *candidates; /* [n_vocab], the first n in play */
    size_t n;
    uint32_t *counts; /* [n_vocab], in the recent tokens; NULL when no penalty is on */
    int32_t *recent;  /* ring [n_recent_max] of tokens; NULL as above */
    size_t n_recent_max, n_recent, oldest;
    /* [n_allowed / 32] bits of tokens that may be chosen, or NULL: all; set before each choice */
    const uint32_t *allowed;
    size_t n_allowed; /* tokens beyond are not allowed */
} ink_sampler;

/*
 * Checks every option against INK_SAMPLING_TABLE: BAD_ARGUMENT names the field, the value and the
 * range. The penalties look at no more than n_history tokens, however large repeat_last_n is. On
 * failure there is nothing to deinit.
 */
INK_MUST_USE
ink_status ink_sampler_init(ink_sampler *sampler, const ink_sampling *options, size_t n_vocab,
                            size_t n_history, const ink_allocator *allocator, ink_error *error);
/* Bytes of one, without biases, when the penalties look at as much as they do by default. */
size_t ink_sampler_bytes(size_t n_vocab);
void ink_sampler_deinit(ink_sampler *sampler);

/* The token joins the recent ones; below 0 or beyond the vocabulary it is ignored. */
void ink_sampler_accept(ink_sampler *sampler, int32_t token);

/*
 * Chooses from logits [n_vocab]; does not accept. CORRUPT: a logit is NaN or +INFINITY, or all are
 * -INFINITY. BAD_ARGUMENT: the biases forbid every token, or all that are allowed.
 */
INK_MUST_USE
ink_status ink_sampler_pick(ink_sampler *sampler, const float *logits, int32_t *token,
                            ink_error *error);

#endif
