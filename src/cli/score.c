#include "cli/score.h"

#include <math.h>
#include <stdlib.h>
#include "base/memory.h"
#include "base/status.h"

/* The highest of the logits: the first of equal ones. */
static size_t find_best(const float *logits, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

typedef struct view {
    const float *logits; /* [n_vocab] */
    size_t best;
    double highest, log_sum; /* log p of i: logits[i] - highest - log_sum */
} view;

static view look(const float *logits, size_t n)
{
    size_t best = find_best(logits, n);
    view v = {.logits = logits, .best = best, .highest = (double)logits[best]};
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += exp((double)logits[i] - v.highest);
    v.log_sum = log(sum);
    return v;
}

/*
 * Completes the view of the reference; NaN when its logits are not numbers. Differences of logits
 * are taken before they are weighted, so that equal ones vanish; what rounds to less than nothing
 * is nothing.
 */
static double divergence(view *reference, const view *model, size_t n)
{
    double sum = 0, weights = 0;
    for (size_t i = 0; i < n; i++) {
        double r = (double)reference->logits[i] - reference->highest, weight = exp(r);
        weights += weight;
        if (weight != 0) /* nor is it a number */
            sum += weight * (r - ((double)model->logits[i] - model->highest));
    }
    reference->log_sum = log(weights);
    double kl = sum / weights + (model->log_sum - reference->log_sum);
    return kl < 0 ? 0 : kl;
}

static bool keep(ink_score *score, double kl)
{
    if (score->n_scored == score->capacity) {
        size_t capacity = score->capacity ? 2 * score->capacity : 1024;
        double *grown = ink_resize(NULL, score->divergences, capacity, sizeof *grown);
        if (!grown)
            return false;
        score->divergences = grown;
        score->capacity = capacity;
    }
    score->divergences[score->n_scored] = kl;
    return true;
}

static ink_status check(double figure, const char *path, ink_error *error)
{
    return isfinite(figure)
               ? INK_OK
               : ink_fail(error, INK_CORRUPT, 0,
                          "%s: the model's output is not a number: are its weights damaged?", path);
}

static ink_status compare_with(ink_score *score, const float *logits, const view *model,
                               ink_error *error)
{
    size_t best = find_best(logits, score->n_vocab);
    view reference = {.logits = logits, .best = best, .highest = (double)logits[best]};
    double kl = divergence(&reference, model, score->n_vocab);
    INK_TRY(check(reference.highest + reference.log_sum, score->reference_path, error));
    INK_TRY(check(kl, score->path, error));
    if (!keep(score, kl))
        return ink_fail_memory(error, "the divergences");
    score->n_agree += model->best == best;
    return INK_OK;
}

ink_status ink_score_token(void *context, const float *const *logits, int32_t next,
                           ink_error *error)
{
    ink_score *score = context;
    view model = look(logits[0], score->n_vocab);
    double nll = model.log_sum + model.highest - (double)logits[0][next];
    INK_TRY(check(nll, score->path, error));
    if (score->reference_path)
        INK_TRY(compare_with(score, logits[1], &model, error));
    score->sum += nll;
    score->sum_squares += nll * nll;
    score->n_scored++;
    return INK_OK;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The smallest of the sorted values that a part q of them does not exceed. */
static double quantile(const double *sorted, size_t n, double q)
{
    size_t rank = (size_t)ceil(q * (double)n);
    return sorted[rank ? rank - 1 : 0];
}

/* The standard error of a mean of n values. */
static double error_of_mean(double sum, double sum_squares, double n)
{
    double mean = sum / n, variance = sum_squares / n - mean * mean;
    return n > 1 && variance > 0 ? sqrt(variance / (n - 1)) : 0;
}

static void finish_divergences(ink_score *score, ink_figures *f)
{
    double n = (double)score->n_scored, sum = 0, sum_squares = 0;
    const double *sorted = score->divergences;
    qsort(score->divergences, score->n_scored, sizeof *score->divergences, compare);
    for (size_t i = 0; i < score->n_scored; i++) {
        sum += sorted[i];
        sum_squares += sorted[i] * sorted[i];
    }
    f->kl_mean = sum / n;
    f->kl_error = error_of_mean(sum, sum_squares, n);
    f->kl_median = quantile(sorted, score->n_scored, 0.5);
    f->kl_p99 = quantile(sorted, score->n_scored, 0.99);
    f->kl_max = sorted[score->n_scored - 1];
    f->agreement = (double)score->n_agree / n;
}

void ink_score_finish(ink_score *score, ink_figures *f)
{
    double n = (double)score->n_scored;
    *f = (ink_figures){.mean_nll = score->sum / n};
    f->perplexity = exp(f->mean_nll);
    f->perplexity_error = f->perplexity * error_of_mean(score->sum, score->sum_squares, n);
    if (score->reference_path)
        finish_divergences(score, f);
}

void ink_score_deinit(ink_score *score)
{
    ink_delete(NULL, score->divergences);
}
