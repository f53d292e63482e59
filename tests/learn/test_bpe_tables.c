/* The table of pairs under random use, against a plain array; the queue's order. */
#include "../support.h"

#include <string.h>
#include "learn/bpe_pairs.h"
#include "learn/bpe_queue.h"

enum { N_IDS = 60, N_STEPS = 200000 };

/* Taken, counted up and dropped at random; all of them are looked for now and then. */
static void test_pairs(void **state)
{
    static uint64_t counts[N_IDS][N_IDS];
    ink_bpe_pairs pairs;
    uint64_t seed = 13;
    size_t n_pairs = 0;
    (void)state;
    memset(counts, 0, sizeof counts);
    ink_bpe_pairs_init(&pairs, NULL);
    assert_null(ink_bpe_pairs_find(&pairs, ink_pair_key(0, 0)));
    for (size_t step = 0; step < N_STEPS; step++) {
        uint64_t random = ink_test_random(&seed) >> 20;
        int32_t a = (int32_t)(random % N_IDS), b = (int32_t)(random / N_IDS % N_IDS);
        /* First it fills up, then it empties. */
        bool adds = (random >> 30) % 4 < (step < N_STEPS / 2 ? 3u : 1u);
        ink_bpe_pair *pair = adds ? ink_bpe_pairs_take(&pairs, ink_pair_key(a, b))
                                  : ink_bpe_pairs_find(&pairs, ink_pair_key(a, b));
        assert_int_equal(pair ? pair->count : 0, counts[a][b]);
        n_pairs += adds && counts[a][b] == 0;
        if (adds) {
            pair->count = ++counts[a][b];
        } else if (pair) {
            ink_bpe_pairs_drop(&pairs, pair);
            counts[a][b] = 0;
            n_pairs--;
        }
        assert_int_equal(pairs.n_pairs, n_pairs);
        for (int32_t i = 0; step % 5000 == 0 && i < N_IDS * N_IDS; i++) {
            pair = ink_bpe_pairs_find(&pairs, ink_pair_key(i / N_IDS, i % N_IDS));
            assert_int_equal(pair ? pair->count : 0, counts[i / N_IDS][i % N_IDS]);
        }
    }
    ink_bpe_pairs_deinit(&pairs);
}

static void test_queue(void **state)
{
    enum { N = 3000 };
    ink_bpe_queue queue;
    ink_bpe_candidate last = {UINT64_MAX, 0}, next;
    uint64_t seed = 17;
    size_t n = 0;
    (void)state;
    ink_bpe_queue_init(&queue, NULL);
    for (size_t i = 0; i < N; i++) {
        next = (ink_bpe_candidate){ink_test_random(&seed) % 9, ink_test_random(&seed) % 1000};
        assert_true(ink_bpe_queue_push(&queue, next));
    }
    for (; ink_bpe_queue_pop(&queue, &next); n++) {
        assert_true(next.count < last.count || (next.count == last.count && next.key >= last.key));
        last = next;
    }
    assert_int_equal(n, N);
    ink_bpe_queue_deinit(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pairs), cmocka_unit_test(test_queue)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
