/*
 * Each stage of the sampler against a plain formulation in double precision over fully sorted
 * candidates.
 */
#include "support.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/sampler.h"
#include "runtime/sampler_random.h"
#include "runtime/sampler_stages.h"

#define MAX_VOCAB 1500
#define CLOSE 1e-5 /* float weights err by about 2^-23 each, sums of 1500 stay below this */

static float logits[MAX_VOCAB];

static void fill_logits(size_t n, float spread, bool ties, uint64_t *random)
{
    for (size_t i = 0; i < n; i++) {
        double unit = (double)(ink_test_random(random) >> 11) * 0x1p-53;
        logits[i] = (float)(unit - 0.5) * spread;
        if (ties)
            logits[i] = roundf(logits[i] * 2) / 2;
    }
}

static ink_sampling plain(void)
{
    ink_sampling options;
    ink_sampling_init(&options);
    options.temperature = 1;
    options.top_k = 0;
    options.top_p = options.typical_p = 1;
    options.min_p = 0;
    options.seed = 1;
    return options;
}

static void open_sampler(ink_sampler *sampler, const ink_sampling *options, size_t n_vocab)
{
    ink_error error;
    if (ink_sampler_init(sampler, options, n_vocab, 1000, NULL, &error) != INK_OK)
        fail_msg("%s", error.message);
}

static int32_t pick(ink_sampler *sampler)
{
    int32_t token = -1;
    ink_error error;
    if (ink_sampler_pick(sampler, logits, &token, &error) != INK_OK)
        fail_msg("%s", error.message);
    return token;
}

/* ---- What each stage keeps */

typedef struct entry {
    double p, key;
    int32_t token;
} entry;

static int by_key(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->key != y->key)
        return x->key > y->key ? -1 : 1;
    return x->token < y->token ? -1 : 1;
}

static size_t all_entries(entry *entries, size_t n)
{
    double best = -INFINITY, total = 0;
    for (size_t i = 0; i < n; i++)
        best = fmax(best, (double)logits[i]);
    for (size_t i = 0; i < n; i++)
        total += exp((double)logits[i] - best);
    for (size_t i = 0; i < n; i++)
        entries[i] = (entry){exp((double)logits[i] - best) / total, (double)logits[i], (int32_t)i};
    qsort(entries, n, sizeof *entries, by_key);
    return n;
}

static size_t keep_mass(entry *entries, size_t n, double mass, bool *close)
{
    double sum = 0;
    qsort(entries, n, sizeof *entries, by_key);
    for (size_t i = 0; i < n; i++) {
        sum += entries[i].p;
        *close |= fabs(sum - mass) < CLOSE;
        if (sum >= mass)
            return i + 1;
    }
    return n;
}

static size_t keep_typical(entry *entries, size_t n, double mass, bool *close)
{
    double entropy = 0;
    for (size_t i = 0; i < n; i++)
        entropy -= entries[i].p > 0 ? entries[i].p * log(entries[i].p) : 0;
    for (size_t i = 0; i < n; i++)
        entries[i].key = -fabs(-log(entries[i].p) - entropy);
    size_t kept = keep_mass(entries, n, mass, close);
    if (kept < n)
        *close |= fabs(entries[kept].key - entries[kept - 1].key) < CLOSE;
    return kept;
}

static size_t keep_min_p(entry *entries, size_t n, double min_p, bool *close)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        double ratio = entries[i].p / entries[0].p;
        *close |= fabs(ratio - min_p) < CLOSE;
        kept += ratio >= min_p;
    }
    return kept;
}

static void begin_stage(ink_sampler *sampler, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sampler->candidates[i] = (ink_candidate){.logit = logits[i], .token = (int32_t)i};
    sampler->n = n;
}

static void assert_kept(const ink_sampler *sampler, const entry *entries, size_t n_kept)
{
    static bool wanted[MAX_VOCAB];
    memset(wanted, 0, sizeof wanted);
    assert_int_equal(sampler->n, n_kept);
    for (size_t i = 0; i < n_kept; i++)
        wanted[entries[i].token] = true;
    for (size_t i = 0; i < n_kept; i++) {
        assert_true(wanted[sampler->candidates[i].token]);
        wanted[sampler->candidates[i].token] = false;
    }
}

typedef enum stage { TOP_K, TOP_P, TYPICAL, MIN_P, N_STAGES } stage;

static size_t run_stage(stage which, ink_sampler *sampler, entry *entries, size_t n, double part,
                        bool *close)
{
    size_t k = (size_t)(part * (double)n);
    begin_stage(sampler, n);
    switch (which) {
    case TOP_K:
        ink_sampler_keep_top_k(sampler, k);
        return k == 0 || k > n ? n : k;
    case TOP_P:
        ink_sampler_keep_top_p(sampler, (float)part);
        return keep_mass(entries, n, (double)(float)part, close);
    case TYPICAL:
        ink_sampler_keep_typical(sampler, (float)part);
        return keep_typical(entries, n, (double)(float)part, close);
    case MIN_P:
    default:
        ink_sampler_keep_min_p(sampler, (float)part);
        return keep_min_p(entries, n, (double)(float)part, close);
    }
}

/* A trial whose border falls within the rounding of floats says nothing and is not counted. */
static void stages_keep_what_they_say(void **state)
{
    (void)state;
    static entry entries[MAX_VOCAB];
    uint64_t random = 77;
    ink_sampling options = plain();
    ink_sampler sampler;
    size_t n_checked[N_STAGES] = {0};
    open_sampler(&sampler, &options, MAX_VOCAB);
    for (int trial = 0; trial < 2000; trial++) {
        size_t n = 1 + (size_t)ink_test_random(&random) % (trial % 4 ? 200 : MAX_VOCAB);
        double part = (double)(ink_test_random(&random) >> 11) * 0x1p-53;
        stage which = (stage)(trial % N_STAGES);
        bool close = false;
        fill_logits(n, trial % 3 ? 20 : 2, trial % 5 == 0 && which != TYPICAL, &random);
        (void)all_entries(entries, n);
        size_t n_kept = run_stage(which, &sampler, entries, n, part, &close);
        if (close)
            continue;
        assert_kept(&sampler, entries, n_kept);
        n_checked[which]++;
    }
    for (int i = 0; i < N_STAGES; i++)
        assert_true(n_checked[i] > 300);
    ink_sampler_deinit(&sampler);
}

static void one_candidate_always_stays(void **state)
{
    (void)state;
    uint64_t random = 3;
    ink_sampling options = plain();
    options.top_p = options.typical_p = 0;
    options.min_p = 1;
    options.top_k = 1;
    ink_sampler sampler;
    open_sampler(&sampler, &options, 100);
    for (int i = 0; i < 100; i++) {
        fill_logits(100, 10, false, &random);
        int32_t token = pick(&sampler);
        for (int other = 0; other < 100; other++)
            assert_true(logits[token] >= logits[other]);
    }
    ink_sampler_deinit(&sampler);
}

static void zero_temperature_takes_the_first_best(void **state)
{
    (void)state;
    uint64_t random = 5;
    ink_sampling options = plain();
    options.temperature = 0;
    ink_sampler sampler;
    open_sampler(&sampler, &options, 200);
    for (int i = 0; i < 200; i++) {
        int32_t best = 0;
        fill_logits(200, 4, true, &random);
        for (int32_t t = 1; t < 200; t++)
            best = logits[t] > logits[best] ? t : best;
        assert_int_equal(pick(&sampler), best);
    }
    ink_sampler_deinit(&sampler);
}

/* ---- The draw */

/* Chi squared against the definition; 29.9 is exceeded once in 10,000 with 7 degrees of freedom. */
static void assert_distribution(const ink_sampling *options, const double *expected)
{
    enum { N = 8, DRAWS = 40000 };
    size_t seen[N] = {0};
    double distance = 0;
    ink_sampler sampler;
    open_sampler(&sampler, options, N);
    for (int i = 0; i < DRAWS; i++)
        seen[pick(&sampler)]++;
    for (int i = 0; i < N; i++) {
        double mean = expected[i] * DRAWS, off = (double)seen[i] - mean;
        if (mean > 0)
            distance += off * off / mean;
        else
            assert_int_equal(seen[i], 0);
    }
    if (distance >= 29.9)
        fail_msg("chi squared is %g", distance);
    ink_sampler_deinit(&sampler);
}

static void draws_follow_the_temperature(void **state)
{
    (void)state;
    const float temperatures[] = {0.3f, 0.8f, 1, 2.5f};
    for (int i = 0; i < 8; i++)
        logits[i] = (float)(i * i) / 16;
    for (size_t i = 0; i < sizeof temperatures / sizeof *temperatures; i++) {
        ink_sampling options = plain();
        double expected[8], total = 0;
        options.temperature = temperatures[i];
        for (int t = 0; t < 8; t++)
            total += expected[t] = exp((double)logits[t] / (double)temperatures[i]);
        for (int t = 0; t < 8; t++)
            expected[t] /= total;
        assert_distribution(&options, expected);
    }
}

static void draws_stay_within_what_is_kept(void **state)
{
    (void)state;
    ink_sampling options = plain();
    const double three[8] = {0, 0, 0, 0, 0, 1. / 3, 1. / 3, 1. / 3};
    for (int i = 0; i < 8; i++)
        logits[i] = i < 5 ? (float)i : 9;
    options.top_k = 3;
    assert_distribution(&options, three);
    options = plain();
    options.top_p = 0.95f;
    assert_distribution(&options, three);
    options = plain();
    options.min_p = 0.5f;
    assert_distribution(&options, three);
    options = plain();
    options.biases = (const ink_logit_bias[]){{5, -INFINITY}};
    options.n_biases = 1;
    options.top_k = 2;
    assert_distribution(&options, (const double[8]){0, 0, 0, 0, 0, 0, 0.5, 0.5});
}

/* First outputs from the authors' programs: state {1, 2, 3, 4}, and splitmix64 from 0. */
static void random_numbers_are_those_published(void **state)
{
    (void)state;
    uint64_t numbers[4] = {1, 2, 3, 4};
    assert_true(ink_random_next(numbers) == 11520);
    assert_true(ink_random_next(numbers) == 0);
    assert_true(ink_random_next(numbers) == 1509978240);
    assert_true(ink_random_next(numbers) == UINT64_C(1215971899390074240));
    ink_random_init(numbers, 0);
    assert_true(numbers[0] == UINT64_C(0xe220a8397b1dcdaf));
    assert_true(numbers[1] == UINT64_C(0x6e789e6aa1b965f4));
    assert_true(numbers[2] == UINT64_C(0x06c45d188009454f));
    assert_true(numbers[3] == UINT64_C(0xf88bb8a8724c81ec));
}

/* A checksum of tokens: another machine, compiler or instruction set must draw the same. */
static void the_same_seed_draws_the_same_everywhere(void **state)
{
    (void)state;
    uint64_t random = 11, sums[2] = {0, 0};
    ink_sampling options;
    ink_sampling_init(&options);
    options.typical_p = 0.97f;
    options.repeat_penalty = 1.1f;
    options.seed = 42;
    for (int round = 0; round < 2; round++) {
        ink_sampler sampler;
        random = 11;
        open_sampler(&sampler, &options, 1000);
        for (int i = 0; i < 500; i++) {
            fill_logits(1000, 12, false, &random);
            int32_t token = pick(&sampler);
            ink_sampler_accept(&sampler, token);
            sums[round] = sums[round] * 31 + (uint64_t)token;
        }
        ink_sampler_deinit(&sampler);
    }
    assert_true(sums[0] == sums[1]);
    assert_true(sums[0] == UINT64_C(0xaafcc1f91ca12815));
}

static void seeds(void **state)
{
    (void)state;
    ink_sampling options = plain();
    ink_sampler a, b;
    options.seed = -1;
    open_sampler(&a, &options, 10);
    open_sampler(&b, &options, 10);
    assert_true(a.options.seed >= 0 && b.options.seed >= 0);
    assert_true(a.options.seed != b.options.seed);
    ink_sampler_deinit(&a);
    ink_sampler_deinit(&b);
}

/* ---- Penalties and biases */

/* Over the list of recent tokens itself, counting anew for each token. */
static float penalized(const ink_sampling *o, float logit, const int32_t *history, size_t n,
                       int32_t token)
{
    size_t n_seen = 0, window = (size_t)o->repeat_last_n < n ? (size_t)o->repeat_last_n : n;
    for (size_t i = n - window; i < n; i++)
        n_seen += history[i] == token;
    if (n_seen == 0)
        return logit;
    logit = logit > 0 ? logit / o->repeat_penalty : logit * o->repeat_penalty;
    return logit - (float)n_seen * o->frequency_penalty - o->presence_penalty;
}

static void penalties_look_at_recent_tokens(void **state)
{
    (void)state;
    uint64_t random = 9;
    for (int trial = 0; trial < 60; trial++) {
        int32_t history[200];
        ink_sampler sampler;
        ink_sampling options = plain();
        options.temperature = 0;
        options.repeat_last_n = (int32_t)(ink_test_random(&random) % 50);
        options.repeat_penalty = trial % 3 == 0 ? 1 : 1.7f;
        options.frequency_penalty = trial % 3 == 1 ? 0 : 0.4f;
        options.presence_penalty = trial % 2 ? 0 : -0.3f;
        open_sampler(&sampler, &options, 20);
        for (size_t n = 0; n < 200; n++) {
            int32_t best = 0;
            float best_value = -INFINITY;
            fill_logits(20, 4, false, &random);
            for (int32_t t = 0; t < 20; t++) {
                float value = penalized(&options, logits[t], history, n, t);
                best = value > best_value ? t : best;
                best_value = value > best_value ? value : best_value;
            }
            assert_int_equal(pick(&sampler), best);
            history[n] = (int32_t)(ink_test_random(&random) % 20);
            ink_sampler_accept(&sampler, history[n]);
        }
        ink_sampler_deinit(&sampler);
    }
}

static void biases_add_up(void **state)
{
    (void)state;
    ink_sampling options = plain();
    ink_sampler sampler;
    const ink_logit_bias biases[] = {{2, 1}, {0, -INFINITY}, {2, 1.5f}, {3, -10}};
    options.temperature = 0;
    options.biases = biases;
    options.n_biases = 4;
    open_sampler(&sampler, &options, 5);
    memcpy(logits, (const float[]){100, 2, 0, 9, 2.4f}, 5 * sizeof *logits);
    assert_int_equal(pick(&sampler), 2);
    logits[4] = 2.6f;
    assert_int_equal(pick(&sampler), 4);
    ink_sampler_deinit(&sampler);
}

/* ---- Refusals */

static ink_status pick_status(const ink_sampling *options, size_t n_vocab, ink_error *error)
{
    int32_t token = -5;
    ink_sampler sampler;
    open_sampler(&sampler, options, n_vocab);
    ink_status status = ink_sampler_pick(&sampler, logits, &token, error);
    assert_true(status == INK_OK || token == -5);
    ink_sampler_deinit(&sampler);
    return status;
}

static void logits_that_are_no_numbers_are_corrupt(void **state)
{
    (void)state;
    for (int temperature = 0; temperature < 2; temperature++) {
        ink_error error;
        ink_sampling options = plain();
        options.temperature = (float)temperature;
        memset(logits, 0, sizeof logits);
        logits[6] = NAN;
        assert_int_equal(pick_status(&options, 10, &error), INK_CORRUPT);
        assert_non_null(strstr(error.message, "token 6"));
        logits[6] = INFINITY;
        assert_int_equal(pick_status(&options, 10, &error), INK_CORRUPT);
        for (int i = 0; i < 10; i++)
            logits[i] = -INFINITY;
        assert_int_equal(pick_status(&options, 10, &error), INK_CORRUPT);
        logits[3] = 1;
        assert_int_equal(pick_status(&options, 10, &error), INK_OK);
        options.biases = (const ink_logit_bias[]){{3, -INFINITY}};
        options.n_biases = 1;
        assert_int_equal(pick_status(&options, 10, &error), INK_BAD_ARGUMENT);
    }
}

/* The largest numbers there are, alone and with what makes them larger: a token, never NaN. */
static void extremes_are_survived(void **state)
{
    (void)state;
    ink_sampling options = plain();
    options.temperature = FLT_MIN;
    options.typical_p = 0.5f;
    options.top_p = 0.5f;
    options.min_p = 0.5f;
    options.repeat_penalty = 0.01f;
    options.biases = (const ink_logit_bias[]){{1, FLT_MAX}, {2, -FLT_MAX}};
    options.n_biases = 2;
    memcpy(logits, (const float[]){FLT_MAX, FLT_MAX, -FLT_MAX, 0}, 4 * sizeof *logits);
    ink_sampler sampler;
    open_sampler(&sampler, &options, 4);
    ink_sampler_accept(&sampler, 0);
    ink_sampler_accept(&sampler, 2);
    ink_sampler_accept(&sampler, -1);
    ink_sampler_accept(&sampler, 4);
    for (int i = 0; i < 20; i++)
        assert_in_range(pick(&sampler), 0, 1);
    ink_sampler_deinit(&sampler);
}

static ink_status init_status(const ink_sampling *options, ink_error *error)
{
    ink_sampler sampler;
    ink_status status = ink_sampler_init(&sampler, options, 100, 1000, NULL, error);
    if (status == INK_OK)
        ink_sampler_deinit(&sampler);
    return status;
}

/* Just inside and just outside of each row's range, and not a number. */
#define step_float(value, direction) nextafterf((float)(value), (float)(direction))
#define step_int32_t(value, direction) ((int32_t)(value) + ((direction) > 0 ? 1 : -1))
#define step_int64_t(value, direction) \
    ((value) == INT64_MAX ? INT64_MIN : (int64_t)(value) + ((direction) > 0 ? 1 : -1))

static void options_out_of_range_are_named(void **state)
{
    (void)state;
    ink_error error;
#define X(type, name, fallback, low, high, off, needs, help)                             \
    for (int side = 0; side < 2; side++) {                                               \
        ink_sampling options = plain();                                                  \
        options.name = (type)(side ? high : low);                                        \
        assert_int_equal(init_status(&options, &error), INK_OK);                         \
        options.name = side ? step_##type(high, INFINITY) : step_##type(low, -INFINITY); \
        assert_int_equal(init_status(&options, &error), INK_BAD_ARGUMENT);               \
        assert_ptr_equal(strstr(error.message, #name " is "), error.message);            \
    }
    INK_SAMPLING_TABLE(X)
#undef X
    ink_sampling options = plain();
    options.temperature = NAN;
    assert_int_equal(init_status(&options, &error), INK_BAD_ARGUMENT);
    assert_string_equal(error.message, "temperature is nan; it must be from 0 to 100");
}

static void bad_biases_are_refused(void **state)
{
    (void)state;
    const ink_logit_bias bad[] = {{-1, 0}, {100, 0}, {5, NAN}, {5, INFINITY}};
    ink_sampling options = plain();
    ink_error error;
    options.n_biases = 1;
    assert_int_equal(init_status(&options, &error), INK_BAD_ARGUMENT);
    for (size_t i = 0; i < 4; i++) {
        options.biases = &bad[i];
        assert_int_equal(init_status(&options, &error), INK_BAD_ARGUMENT);
    }
    options.n_biases = INK_MAX_BIASES + 1;
    assert_int_equal(init_status(&options, &error), INK_BAD_ARGUMENT);
}

static ink_status init_and_pick(const ink_allocator *allocator, void *context)
{
    ink_sampler sampler;
    int32_t token;
    ink_status status = ink_sampler_init(&sampler, context, 100, 1000, allocator, NULL);
    if (status != INK_OK)
        return status;
    status = ink_sampler_pick(&sampler, logits, &token, NULL);
    ink_sampler_deinit(&sampler);
    return status;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    ink_sampling options = plain();
    options.repeat_penalty = 1.5f;
    memset(logits, 0, sizeof logits);
    assert_int_equal(ink_fail_each_allocation(init_and_pick, &options, 10), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_keep_what_they_say),
        cmocka_unit_test(one_candidate_always_stays),
        cmocka_unit_test(zero_temperature_takes_the_first_best),
        cmocka_unit_test(draws_follow_the_temperature),
        cmocka_unit_test(draws_stay_within_what_is_kept),
        cmocka_unit_test(random_numbers_are_those_published),
        cmocka_unit_test(the_same_seed_draws_the_same_everywhere),
        cmocka_unit_test(seeds),
        cmocka_unit_test(penalties_look_at_recent_tokens),
        cmocka_unit_test(biases_add_up),
        cmocka_unit_test(logits_that_are_no_numbers_are_corrupt),
        cmocka_unit_test(extremes_are_survived),
        cmocka_unit_test(options_out_of_range_are_named),
        cmocka_unit_test(bad_biases_are_refused),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
