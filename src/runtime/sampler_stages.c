#include "runtime/sampler_stages.h"

#include <float.h>
#include <math.h>
#include "base/size.h"
#include "kernel/math.h"
#include "runtime/sampler_random.h"

/* Candidates that a mass is looked for in at first; then four times as many. */
#define FIRST_SORTED 64

/* ---- Order */

static bool better(const ink_candidate *a, const ink_candidate *b)
{
    return a->key > b->key || (a->key == b->key && a->token < b->token);
}

static void swap(ink_candidate *a, ink_candidate *b)
{
    ink_candidate old = *a;
    *a = *b;
    *b = old;
}

/* A heap with the worst at its root, but for what stands at i, which sinks to its place. */
static void sink(ink_candidate *heap, size_t n, size_t i)
{
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && better(&heap[child], &heap[child + 1]))
            child++;
        if (!better(&heap[i], &heap[child]))
            return;
        swap(&heap[i], &heap[child]);
    }
}

/*
 * The k best by key come first, in order; the others stay behind them. n log k, whatever the keys
 * are.
 */
static void put_best_first(ink_candidate *all, size_t n, size_t k)
{
    for (size_t i = k / 2; i-- > 0;)
        sink(all, k, i);
    for (size_t i = k; i < n; i++) {
        if (!better(&all[i], &all[0]))
            continue;
        swap(&all[i], &all[0]);
        sink(all, k, 0);
    }
    for (size_t end = k; end-- > 1;) {
        swap(&all[0], &all[end]);
        sink(all, end, 0);
    }
}

static void order_by_logit(ink_sampler *sampler)
{
    for (size_t i = 0; i < sampler->n; i++)
        sampler->candidates[i].key = sampler->candidates[i].logit;
}

/* ---- Mass */

static float best_logit(const ink_sampler *sampler)
{
    return ink_sampler_best(sampler)->logit;
}

/* How likely it is compared with the best. */
static float weight(const ink_candidate *candidate, float best)
{
    return ink_expf(candidate->logit - best);
}

static double total_weight(const ink_sampler *sampler, float best)
{
    double total = 0;
    for (size_t i = 0; i < sampler->n; i++)
        total += (double)weight(&sampler->candidates[i], best);
    return total;
}

/* How many of the first n_sorted are needed for the mass; 0: more than there are. */
static size_t count_mass(const ink_sampler *sampler, size_t n_sorted, float best, double wanted)
{
    double sum = 0;
    for (size_t i = 0; i < n_sorted; i++) {
        sum += (double)weight(&sampler->candidates[i], best);
        if (sum >= wanted)
            return i + 1;
    }
    return 0;
}

/*
 * The first by key, until they have the mass. A few usually do, so only as many as needed are
 * sorted.
 */
static void keep_mass(ink_sampler *sampler, float mass)
{
    float best = best_logit(sampler);
    double wanted = (double)mass * total_weight(sampler, best);
    for (size_t n_sorted = FIRST_SORTED;; n_sorted *= 4) {
        n_sorted = ink_size_min(n_sorted, sampler->n);
        put_best_first(sampler->candidates, sampler->n, n_sorted);
        size_t needed = count_mass(sampler, n_sorted, best, wanted);
        if (needed) {
            sampler->n = needed;
            return;
        }
        if (n_sorted == sampler->n)
            return;
    }
}

/* ---- Stages */

void ink_sampler_drop_impossible(ink_sampler *sampler)
{
    size_t n = 0;
    for (size_t i = 0; i < sampler->n; i++) {
        ink_candidate candidate = sampler->candidates[i];
        candidate.logit = candidate.logit > FLT_MAX ? FLT_MAX : candidate.logit;
        if (candidate.logit > -INFINITY)
            sampler->candidates[n++] = candidate;
    }
    sampler->n = n;
}

const ink_candidate *ink_sampler_best(const ink_sampler *sampler)
{
    const ink_candidate *best = &sampler->candidates[0];
    for (size_t i = 1; i < sampler->n; i++) {
        const ink_candidate *other = &sampler->candidates[i];
        if (other->logit > best->logit ||
            (other->logit == best->logit && other->token < best->token))
            best = other;
    }
    return best;
}

void ink_sampler_keep_top_k(ink_sampler *sampler, size_t k)
{
    if (k == 0 || k >= sampler->n)
        return;
    order_by_logit(sampler);
    put_best_first(sampler->candidates, sampler->n, k);
    sampler->n = k;
}

/*
 * The surprise of a candidate is log Z - (logit - best), the entropy is its mean: in their
 * difference log Z cancels.
 */
void ink_sampler_keep_typical(ink_sampler *sampler, float mass)
{
    if (mass >= 1)
        return;
    float best = best_logit(sampler);
    double total = total_weight(sampler, best), mean = 0;
    for (size_t i = 0; i < sampler->n; i++) {
        float likely = weight(&sampler->candidates[i], best);
        if (likely > 0)
            mean += (double)likely / total * (double)(sampler->candidates[i].logit - best);
    }
    for (size_t i = 0; i < sampler->n; i++) {
        ink_candidate *candidate = &sampler->candidates[i];
        candidate->key = -fabsf(candidate->logit - best - (float)mean);
    }
    keep_mass(sampler, mass);
}

void ink_sampler_keep_top_p(ink_sampler *sampler, float mass)
{
    if (mass >= 1)
        return;
    order_by_logit(sampler);
    keep_mass(sampler, mass);
}

void ink_sampler_keep_min_p(ink_sampler *sampler, float min_p)
{
    if (min_p <= 0)
        return;
    float best = best_logit(sampler);
    size_t n = 0;
    for (size_t i = 0; i < sampler->n; i++)
        if (weight(&sampler->candidates[i], best) >= min_p)
            sampler->candidates[n++] = sampler->candidates[i];
    sampler->n = n;
}

int32_t ink_sampler_draw(ink_sampler *sampler, float temperature)
{
    float best = best_logit(sampler);
    double total = 0, sum = 0;
    for (size_t i = 0; i < sampler->n; i++) {
        ink_candidate *candidate = &sampler->candidates[i];
        candidate->key = ink_expf((candidate->logit - best) / temperature);
        total += (double)candidate->key;
    }
    double drawn = ink_random_unit(sampler->random) * total;
    for (size_t i = 0; i < sampler->n; i++) {
        sum += (double)sampler->candidates[i].key;
        if (sum > drawn)
            return sampler->candidates[i].token;
    }
    return ink_sampler_best(sampler)
        ->token; /* only where the product was rounded up to the total */
}
