/*
 * Merging long words: in the order that the definition asks for, and in time that grows as the
 * text.
 */
#include "test_token_small.h"

#include <stdlib.h>
#include <time.h>
#include "base/memory.h"
#include "format/gguf.h"
#include "model/vocab_source.h"

/* ---- The order, against the definition: lowest rank first, the leftmost among equals. */

enum { N_LETTERS = 3, N_MADE = 60, WORD_BYTES = 4500 };

typedef struct piece {
    size_t at, n_bytes;
} piece;

static const char letters[] = "abc";

/* Tokens out of random neighbors; `shuffled`: later ones may well merge before those they need. */
static void make_random(small *vocab, const char *kind, bool shuffled, char texts[N_MADE][40],
                        uint64_t *seed)
{
    small_make(vocab, kind);
    small_add(vocab, text_of("c"), INK_TOKEN_NORMAL, 0); /* a and b are there */
    for (int i = 0; i < N_MADE; i++) {
        char left[20], right[20];
        for (int side = 0; side < 2; side++) {
            uint64_t from = ink_test_random(seed) % (uint64_t)(i + N_LETTERS);
            char *out = side ? right : left;
            if (from < N_LETTERS)
                (void)snprintf(out, 20, "%c", letters[from]);
            else
                (void)snprintf(out, 20, "%.9s", texts[from - N_LETTERS]);
        }
        (void)snprintf(texts[i], 40, "%s%s", left, right);
        float score = shuffled ? -(float)(ink_test_random(seed) % 7) : -(float)i;
        small_add(vocab, text_of(texts[i]), INK_TOKEN_NORMAL, score);
    }
}

/* Each way to split each token is a merge; `shuffled`: in any order. */
static void add_merges(small *vocab, bool shuffled, char texts[N_MADE][40],
                       char merges[SMALL_MAX][44], uint64_t *seed)
{
    size_t n = 0;
    vocab->source.n_merges = 0;
    for (int i = 0; i < N_MADE; i++)
        for (size_t at = 1; texts[i][at] && n < SMALL_MAX; at++)
            (void)snprintf(merges[n++], 44, "%.*s %s", (int)at, texts[i], texts[i] + at);
    for (size_t i = n; shuffled && i > 1; i--) {
        char swapped[44];
        size_t other = (size_t)(ink_test_random(seed) % i);
        memcpy(swapped, merges[i - 1], sizeof swapped);
        memcpy(merges[i - 1], merges[other], sizeof swapped);
        memcpy(merges[other], swapped, sizeof swapped);
    }
    for (size_t i = 0; i < n; i++)
        small_merge(vocab, merges[i]);
}

/* Lower is sooner; false: they do not merge. */
static bool rank_of(const ink_vocab *vocab, const char *word, piece left, piece right, double *rank)
{
    ink_text a = {word + left.at, left.n_bytes}, b = {word + right.at, right.n_bytes};
    int32_t made = ink_vocab_find(vocab, (ink_text){a.data, a.n_bytes + b.n_bytes});
    if (vocab->kind->has_scores) {
        *rank = made >= 0 ? -(double)ink_vocab_token_score(vocab, made) : 0;
        return made >= 0;
    }
    const ink_merge *merge = ink_pair_map_find(
        &vocab->merges, ink_pair_key(ink_vocab_find(vocab, a), ink_vocab_find(vocab, b)));
    *rank = merge ? merge->rank : 0;
    return merge != NULL;
}

static size_t merge_slowly(const ink_vocab *vocab, const char *word, piece *pieces, size_t n)
{
    for (;;) {
        size_t best = n;
        double best_rank = 0, rank;
        for (size_t i = 0; i + 1 < n; i++)
            if (rank_of(vocab, word, pieces[i], pieces[i + 1], &rank) &&
                (best == n || rank < best_rank)) {
                best = i;
                best_rank = rank;
            }
        if (best == n)
            return n;
        pieces[best].n_bytes += pieces[best + 1].n_bytes;
        n--;
        memmove(pieces + best + 1, pieces + best + 2, (n - best - 1) * sizeof *pieces);
    }
}

/* A random word, a repetitive one in its second half. */
static void make_word(char *word, uint64_t *seed)
{
    size_t period = 1 + (size_t)(ink_test_random(seed) % 5);
    for (size_t i = 0; i < WORD_BYTES; i++)
        word[i] = i < WORD_BYTES / 2 + period ? letters[ink_test_random(seed) % N_LETTERS]
                                              : word[i - period];
}

static void expect_order(const ink_vocab *vocab, const char *word)
{
    static piece pieces[WORD_BYTES];
    ink_token_list list;
    ink_token_list_init(&list, NULL, WORD_BYTES);
    for (size_t i = 0; i < WORD_BYTES; i++)
        pieces[i] = (piece){i, 1};
    size_t n = merge_slowly(vocab, word, pieces, WORD_BYTES);
    assert_int_equal(
        ink_vocab_encode(vocab, (ink_text){word, WORD_BYTES}, (ink_encode_options){0}, &list, NULL),
        INK_OK);
    assert_int_equal(list.n_tokens, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(list.ids[i],
                         ink_vocab_find(vocab, (ink_text){word + pieces[i].at, pieces[i].n_bytes}));
    ink_token_list_deinit(&list);
}

static void test_order(void **state)
{
    static small source;
    static char texts[N_MADE][40], merges[SMALL_MAX][44], word[WORD_BYTES];
    uint64_t seed = 20;
    (void)state;
    for (int round = 0; round < 8; round++) {
        bool by_score = round & 1, shuffled = round & 2;
        make_random(&source, by_score ? "llama" : "gpt2", shuffled, texts, &seed);
        add_merges(&source, shuffled, texts, merges, &seed);
        source.source.flags[INK_VOCAB_ADD_SPACE_PREFIX] = INK_CHOICE_NO;
        ink_vocab *vocab = small_open(&source, NULL);
        make_word(word, &seed);
        expect_order(vocab, word);
        ink_vocab_free(vocab);
    }
}

/* ---- The time */

enum { SHORT_BYTES = 1 << 17, GROWTH = 4, N_TRIES = 2 };

static double encode_seconds(const ink_vocab *vocab, ink_text text)
{
    double best = 1e9;
    for (int i = 0; i < N_TRIES; i++) {
        ink_token_list list;
        ink_token_list_init(&list, NULL, SIZE_MAX);
        clock_t begin = clock();
        assert_int_equal(ink_vocab_encode(vocab, text, (ink_encode_options){0}, &list, NULL),
                         INK_OK);
        double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
        best = seconds < best ? seconds : best;
        ink_token_list_deinit(&list);
    }
    return best;
}

/*
 * n log n lets four times the text take 4.4 times as long, a quadratic step 16 times: 9 stands
 * between them, and tells them apart however slow the machine is. What takes no time to measure is
 * fast enough.
 */
static void expect_linear(const ink_vocab *vocab, const char *unit, const char *name)
{
    size_t n_unit = strlen(unit), n_bytes = (size_t)SHORT_BYTES * GROWTH / n_unit * n_unit;
    char *text = malloc(n_bytes);
    assert_non_null(text);
    for (size_t at = 0; at < n_bytes; at += n_unit)
        memcpy(text + at, unit, n_unit);
    size_t n_short = n_bytes / GROWTH / n_unit * n_unit;
    double some = encode_seconds(vocab, (ink_text){text, n_short});
    double more = encode_seconds(vocab, (ink_text){text, n_bytes});
    if (more > 0.05 && more > 9 * some)
        fail_msg("%s: %d times the text '%s' takes %.3f s instead of %.3f s", name, GROWTH, unit,
                 more, some);
    free(text);
}

static void test_time(void **state)
{
    static const char *const names[] = {"bert-bge",  "falcon", "gemma-4", "gpt-2",    "llama-bpe",
                                        "llama-spm", "phi-3",  "qwen2",   "starcoder"};
    static const char *const units[] = {"a", " ", "\n", "\xf0\x9f\x98\x80", "ab", ".", "1"};
    (void)state;
    ink_require_shared();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[1024], relative[64];
        ink_gguf *gguf = NULL;
        ink_vocab *vocab = NULL;
        (void)snprintf(relative, sizeof relative, "vocab/ggml-vocab-%s.gguf", names[i]);
        (void)ink_shared_path(relative, path, sizeof path);
        assert_int_equal(ink_gguf_open(&gguf, path, NULL, NULL), INK_OK);
        assert_int_equal(ink_model_vocab_open(&vocab, gguf, NULL, NULL), INK_OK);
        for (size_t j = 0; j < sizeof units / sizeof units[0]; j++)
            expect_linear(vocab, units[j], names[i]);
        ink_vocab_free(vocab);
        ink_gguf_free(gguf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order), cmocka_unit_test(test_time)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
