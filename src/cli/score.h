/*
 * What is measured of a model at each token of a text, and of its distance to another.
 *
 * KL(reference || model) of a token is the sum over the vocabulary of p_ref (log p_ref - log p), in
 * nats and in double; of equal logits it is exactly 0. Agreement: both find the same token
 * likeliest (of equally likely ones the first).
 */
#ifndef INK_CLI_SCORE_H
#define INK_CLI_SCORE_H

#include "inkling.h"

typedef struct ink_score {
    const char *path, *reference_path; /* for messages; reference_path NULL: there is none */
    size_t n_vocab;
    size_t n_scored, n_agree;
    double sum, sum_squares; /* of -log p of the tokens that came */
    double *divergences;     /* [n_scored], with a reference */
    size_t capacity;
} ink_score;

/* Of all tokens together; `score` begins with its paths and n_vocab, and zeros. */
typedef struct ink_figures {
    double mean_nll, perplexity, perplexity_error;                  /* one standard error */
    double kl_mean, kl_error, kl_median, kl_p99, kl_max, agreement; /* with a reference */
} ink_figures;

/*
 * For ink_windows.score: `context` is the ink_score, logits[1] is the reference's. CORRUPT: logits
 * are not numbers.
 */
ink_status ink_score_token(void *context, const float *const *logits, int32_t next,
                           ink_error *error);

/* Sorts the divergences; n_scored is not 0. */
void ink_score_finish(ink_score *score, ink_figures *figures);
void ink_score_deinit(ink_score *score);

#endif
