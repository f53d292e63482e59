/*
 * What is learned from, and in which order. Each token of the tests' texts is its own number, so
 * that a batch says where it comes from.
 */
#include "../support.h"

#include <stdlib.h>
#include <string.h>
#include "learn/corpus.h"

enum { CONTEXT = 16, N_BATCH = 3 * CONTEXT, MOST = 4000 };

static const size_t lengths[] = {500, 1, 7, 16, 17, 31, 2, 1000, 3, 33, 40, 15, 200, 16, 5};
enum { N_TEXTS = sizeof lengths / sizeof *lengths };

typedef struct fixture {
    ink_corpus corpus;
    ink_batch batch;
    int32_t tokens[N_BATCH], positions[N_BATCH], targets[N_BATCH];
    int64_t origins[N_BATCH];
    size_t document[MOST]; /* of each token */
} fixture;

static void check_ok(ink_status status, const ink_error *error)
{
    if (status != INK_OK)
        fail_msg("%s", error->message);
}

/* The first n texts; 0: all. */
static void add_texts(fixture *f, size_t n)
{
    int32_t numbers[1000];
    ink_error error;
    ink_corpus_init(&f->corpus, NULL);
    f->batch = (ink_batch){N_BATCH, f->tokens, f->positions, f->targets, f->origins};
    for (size_t i = 0; i < (n ? n : N_TEXTS); i++) {
        for (size_t j = 0; j < lengths[i]; j++) {
            numbers[j] = (int32_t)(f->corpus.n_tokens + j);
            f->document[numbers[j]] = i;
        }
        check_ok(ink_corpus_add(&f->corpus, numbers, NULL, lengths[i], &error), &error);
    }
}

static void fixture_init(fixture *f, float part, uint64_t seed)
{
    ink_error error;
    add_texts(f, 0);
    check_ok(ink_corpus_begin(&f->corpus, CONTEXT, part, seed, &error), &error);
}

static void next(fixture *f)
{
    ink_error error;
    check_ok(ink_corpus_next(&f->corpus, &f->batch, &error), &error);
}

/* ---- Batches --------------------------------------------------------------------------------- */

/* Adds up how often each token comes, and checks what is in it. Returns how many there were. */
static size_t look_through(const fixture *f, uint8_t seen[MOST])
{
    size_t n = 0;
    for (size_t i = 0; i < N_BATCH; i++) {
        int32_t token = f->tokens[i], target = f->targets[i];
        if (f->origins[i] < 0) { /* filled up */
            assert_true(f->positions[i] == 0 && target < 0);
            continue;
        }
        assert_int_equal(f->origins[i], token);
        n++;
        seen[token]++;
        assert_true(f->positions[i] == 0 || (i > 0 && f->positions[i] == f->positions[i - 1] + 1 &&
                                             token == f->tokens[i - 1] + 1 &&
                                             f->document[token] == f->document[token - 1]));
        assert_in_range(f->positions[i], 0, CONTEXT - 1);
        if (target >= 0) {
            assert_int_equal(target, token + 1);
            assert_int_equal(f->document[target], f->document[token]);
        }
    }
    return n;
}

/* Batches of one epoch: none mixes it with the next. */
static void see_epoch(fixture *f, uint8_t seen[MOST])
{
    const ink_corpus *c = &f->corpus;
    uint64_t epoch = c->epoch;
    ink_error error;
    memset(seen, 0, MOST);
    while (c->epoch == epoch && c->next < c->n_windows) {
        size_t before = (size_t)c->next, left = 0;
        for (size_t i = before; i < c->n_windows; i++)
            left += c->windows[i].n;
        if (left < N_BATCH) { /* the rest, which shares its batch with the next epoch */
            for (size_t i = before; i < c->n_windows; i++)
                for (size_t j = 0; j < c->windows[i].n; j++)
                    seen[c->windows[i].begin + j]++;
            break;
        }
        next(f);
        assert_true(look_through(f, seen) > N_BATCH - CONTEXT);
    }
    check_ok(ink_corpus_go_to(&f->corpus, epoch + 1, 0, &error), &error);
}

static void all_come_once_an_epoch(void **state)
{
    (void)state;
    fixture f;
    uint8_t seen[MOST];
    fixture_init(&f, 0, 7);
    for (uint64_t epoch = 0; epoch < 20; epoch++) {
        size_t missing[N_TEXTS] = {0};
        assert_int_equal(f.corpus.epoch, epoch);
        see_epoch(&f, seen);
        for (size_t i = 0; i < f.corpus.n_tokens; i++) {
            if (seen[i] > 1)
                fail_msg("epoch %d: token %zu came %d times", (int)epoch, i, seen[i]);
            missing[f.document[i]] += !seen[i];
        }
        for (size_t i = 0; i < N_TEXTS; i++) {
            size_t most = lengths[i] <= CONTEXT || epoch == 0 ? 0 : 2 * CONTEXT - 2;
            bool useless = lengths[i] % CONTEXT == 1 && (lengths[i] == 1 || epoch == 0);
            if (missing[i] > (useless ? 1 : most) || missing[i] == lengths[i] * (lengths[i] > 1))
                fail_msg("epoch %d: of text %zu, %zu of %zu tokens did not come", (int)epoch, i,
                         missing[i], lengths[i]);
        }
    }
    ink_corpus_deinit(&f.corpus);
}

/* Cut at other places, each token of a long text comes in some epoch, and is predicted in one. */
static void nothing_is_left_out_for_ever(void **state)
{
    (void)state;
    fixture f;
    uint8_t seen[MOST] = {0};
    fixture_init(&f, 0, 9);
    for (int i = 0; i < 2000; i++) {
        next(&f);
        for (size_t j = 0; j < N_BATCH; j++)
            if (f.targets[j] >= 0)
                seen[f.targets[j]] = 1;
    }
    for (size_t i = 1; i < f.corpus.n_tokens; i++)
        if (!seen[i] && f.document[i] == f.document[i - 1])
            fail_msg("token %zu was never to be predicted", i);
    ink_corpus_deinit(&f.corpus);
}

static void seeds_and_epochs_have_orders_of_their_own(void **state)
{
    (void)state;
    fixture f, g;
    ink_error error;
    fixture_init(&f, 0, 1);
    fixture_init(&g, 0, 2);
    assert_int_equal(f.corpus.n_windows, g.corpus.n_windows);
    size_t n_bytes = f.corpus.n_windows * sizeof(ink_window);
    assert_memory_not_equal(f.corpus.windows, g.corpus.windows, n_bytes);
    check_ok(ink_corpus_go_to(&g.corpus, 1, 0, &error), &error);
    check_ok(ink_corpus_go_to(&f.corpus, 1, 0, &error), &error);
    assert_true(
        f.corpus.n_windows != g.corpus.n_windows ||
        memcmp(f.corpus.windows, g.corpus.windows, f.corpus.n_windows * sizeof(ink_window)) != 0);
    ink_corpus_deinit(&f.corpus);
    ink_corpus_deinit(&g.corpus);
}

static void goes_on_where_it_was(void **state)
{
    (void)state;
    fixture f, g;
    ink_error error;
    fixture_init(&f, 0.1f, 3);
    for (int i = 0; i < 150; i++) {
        uint64_t epoch = f.corpus.epoch, at = f.corpus.next;
        fixture_init(&g, 0.1f, 3);
        check_ok(ink_corpus_go_to(&g.corpus, epoch, at, &error), &error);
        next(&f);
        next(&g);
        assert_memory_equal(f.tokens, g.tokens, sizeof f.tokens);
        assert_memory_equal(f.targets, g.targets, sizeof f.targets);
        assert_memory_equal(f.positions, g.positions, sizeof f.positions);
        ink_corpus_deinit(&g.corpus);
    }
    assert_true(f.corpus.epoch >= 3);
    assert_int_equal(ink_corpus_go_to(&f.corpus, 1, 1u << 20, &error), INK_CORRUPT);
    ink_corpus_deinit(&f.corpus);
}

/* ---- What is kept apart ---------------------------------------------------------------------- */

static void nothing_kept_apart_is_learned(void **state)
{
    static const float parts[] = {0.01f, 0.1f, 0.3f, 0.5f, 0.9f};
    (void)state;
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
        fixture f;
        uint8_t measured[MOST] = {0}, learned[MOST] = {0};
        size_t at = 0, n_training, n_kept, n_measured = 0;
        fixture_init(&f, parts[p], 5);
        while (ink_corpus_measure(&f.corpus, &at, &f.batch))
            n_measured += look_through(&f, measured);
        ink_corpus_count(&f.corpus, &n_training, &n_kept);
        assert_int_equal(n_training + n_kept, f.corpus.n_tokens);
        assert_in_range(n_measured, n_kept - N_TEXTS, n_kept);
        for (size_t i = 0; i < f.corpus.n_tokens; i++)
            assert_true(measured[i] <= 1);
        for (int i = 0; i < 300; i++) {
            next(&f);
            (void)look_through(&f, learned);
            for (size_t j = 0; j < N_BATCH; j++)
                if (f.targets[j] >= 0)
                    assert_true(!measured[f.tokens[j]] && !measured[f.targets[j]]);
        }
        if ((float)lengths[0] * parts[p] > CONTEXT) /* of a long text its own end */
            assert_true(learned[0] && measured[lengths[0] - 2]);
        /* As much as was asked for, but for a text that is not cut, or a sequence. */
        double wanted = (double)f.corpus.n_tokens * (double)parts[p];
        assert_true((double)n_kept > wanted - 2 * CONTEXT && (double)n_kept < wanted + 2 * CONTEXT);
        ink_corpus_deinit(&f.corpus);
    }
}

/* ---- Targets that do not count --------------------------------------------------------------- */

static void windows_without_targets_are_left_out(void **state)
{
    enum { LONG = 5 * CONTEXT };
    (void)state;
    int32_t tokens[LONG], targets[LONG], batch_tokens[CONTEXT], positions[CONTEXT], to[CONTEXT];
    int64_t origins[CONTEXT];
    ink_batch batch = {CONTEXT, batch_tokens, positions, to, origins};
    ink_corpus c;
    ink_error error;
    for (int32_t i = 0; i < LONG; i++) {
        tokens[i] = i;
        targets[i] = i / CONTEXT == 3 && i % 2 ? i + 1 : -1; /* in the fourth window alone */
    }
    ink_corpus_init(&c, NULL);
    check_ok(ink_corpus_add(&c, tokens, targets, LONG, &error), &error);
    check_ok(ink_corpus_begin(&c, CONTEXT, 0, 1, &error), &error);
    assert_int_equal(c.n_windows, 1);
    check_ok(ink_corpus_next(&c, &batch, &error), &error);
    for (int32_t i = 0; i < CONTEXT; i++) {
        assert_int_equal(batch_tokens[i], 3 * CONTEXT + i);
        assert_int_equal(to[i], i % 2 ? 3 * CONTEXT + i + 1 : -1);
    }
    for (int i = 0; i < 100; i++) /* every epoch has something to learn */
        check_ok(ink_corpus_next(&c, &batch, &error), &error);
    ink_corpus_deinit(&c);
}

/* An answer behind a long question: cut at most places, no window has it. */
static void every_epoch_has_something_to_learn(void **state)
{
    enum { LONG = 2 * CONTEXT + 8 };
    (void)state;
    int32_t tokens[LONG], targets[LONG], batch_tokens[CONTEXT], positions[CONTEXT], to[CONTEXT];
    int64_t origins[CONTEXT];
    ink_batch batch = {CONTEXT, batch_tokens, positions, to, origins};
    ink_corpus c;
    ink_error error;
    for (int32_t i = 0; i < LONG; i++) {
        tokens[i] = i;
        targets[i] = i + 4 > LONG && i + 1 < LONG ? i + 1 : -1;
    }
    ink_corpus_init(&c, NULL);
    check_ok(ink_corpus_add(&c, tokens, targets, LONG, &error), &error);
    check_ok(ink_corpus_begin(&c, CONTEXT, 0, 1, &error), &error);
    for (int i = 0; i < 100; i++) {
        size_t n = 0;
        check_ok(ink_corpus_next(&c, &batch, &error), &error);
        for (size_t j = 0; j < CONTEXT; j++)
            n += to[j] >= 0;
        assert_true(n > 0);
    }
    ink_corpus_deinit(&c);
}

static void too_little_is_refused(void **state)
{
    (void)state;
    ink_corpus c;
    ink_error error;
    const int32_t tokens[40] = {1, 2, 3};
    ink_corpus_init(&c, NULL);
    assert_int_equal(ink_corpus_begin(&c, CONTEXT, 0, 1, &error), INK_BAD_ARGUMENT);
    ink_corpus_deinit(&c);
    check_ok(ink_corpus_add(&c, tokens, NULL, 0, &error), &error);
    for (int i = 0; i < 5; i++) /* single tokens: nothing follows */
        check_ok(ink_corpus_add(&c, tokens, NULL, 1, &error), &error);
    assert_int_equal(ink_corpus_begin(&c, CONTEXT, 0, 1, &error), INK_BAD_ARGUMENT);
    ink_corpus_deinit(&c);
    check_ok(ink_corpus_add(&c, tokens, NULL, 20, &error), &error);
    assert_int_equal(ink_corpus_begin(&c, CONTEXT, 0.1f, 1, &error), INK_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "validation"));
    ink_corpus_deinit(&c);
}

/* ---- Digests --------------------------------------------------------------------------------- */

static void digest_of(size_t n_texts, size_t n_context, float part, uint64_t seed, int32_t change,
                      uint8_t digest[INK_SHA256_BYTES])
{
    fixture f;
    ink_error error;
    add_texts(&f, n_texts);
    f.corpus.tokens[100] += change;
    check_ok(ink_corpus_begin(&f.corpus, n_context, part, seed, &error), &error);
    ink_corpus_digest(&f.corpus, digest);
    ink_corpus_deinit(&f.corpus);
}

static void whatever_decides_the_order_is_in_the_digest(void **state)
{
    enum { WAYS = 6 };
    (void)state;
    uint8_t digests[WAYS][INK_SHA256_BYTES], again[INK_SHA256_BYTES];
    digest_of(0, CONTEXT, 0.1f, 1, 0, digests[0]);
    digest_of(N_TEXTS - 1, CONTEXT, 0.1f, 1, 0, digests[1]);
    digest_of(0, CONTEXT + 1, 0.1f, 1, 0, digests[2]);
    digest_of(0, CONTEXT, 0.3f, 1, 0, digests[3]);
    digest_of(0, CONTEXT, 0.1f, 2, 0, digests[4]);
    digest_of(0, CONTEXT, 0.1f, 1, 1, digests[5]);
    digest_of(0, CONTEXT, 0.1f, 1, 0, again);
    assert_memory_equal(digests[0], again, sizeof again);
    for (size_t i = 0; i < WAYS; i++)
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(digests[i], digests[j], INK_SHA256_BYTES);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static ink_status attempt(const ink_allocator *allocator, void *context)
{
    fixture *f = context;
    ink_corpus c;
    ink_status status = INK_OK;
    ink_corpus_init(&c, allocator);
    for (size_t i = 0; i < 3 && status == INK_OK; i++)
        status = ink_corpus_add(&c, f->corpus.tokens, NULL, 300, NULL);
    if (status == INK_OK)
        status = ink_corpus_begin(&c, CONTEXT, 0.2f, 1, NULL);
    for (size_t i = 0; i < 30 && status == INK_OK; i++)
        status = ink_corpus_next(&c, &f->batch, NULL);
    ink_corpus_deinit(&c);
    return status;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, 0, 1);
    assert_true(ink_fail_each_allocation(attempt, &f, 100) > 8);
    ink_corpus_deinit(&f.corpus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_come_once_an_epoch),
        cmocka_unit_test(nothing_is_left_out_for_ever),
        cmocka_unit_test(seeds_and_epochs_have_orders_of_their_own),
        cmocka_unit_test(goes_on_where_it_was),
        cmocka_unit_test(nothing_kept_apart_is_learned),
        cmocka_unit_test(windows_without_targets_are_left_out),
        cmocka_unit_test(every_epoch_has_something_to_learn),
        cmocka_unit_test(too_little_is_refused),
        cmocka_unit_test(whatever_decides_the_order_is_in_the_digest),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
