/*
 * Texts that are made to break or to slow down learning: each ends in a vocabulary that gives them
 * back, or in words.
 */
#include "test_train_small.h"

#include <time.h>

enum { LONG_BYTES = 10000000, SHORT_BYTES = 1 << 19, GROWTH = 4, N_TRIES = 2 };

static void expect_learned(const char *name, ink_text text, size_t n_tokens)
{
    for (int kind = 0; kind < 2; kind++) {
        const ink_vocab_train_options options = {.kind = (ink_vocab_train_kind)kind,
                                                 .n_tokens =
                                                     kind == INK_LEARN_BYTE_PAIRS ? n_tokens : 0};
        ink_trained_vocab *trained = learn_text(&options, text);
        ink_vocab *vocab = open_trained(trained);
        size_t n_pieces = expect_back(vocab, text);
        if (n_pieces != trained->n_pieces || trained->n_bytes != text.n_bytes)
            fail_msg("%s: %zu tokens instead of %zu", name, n_pieces, (size_t)trained->n_pieces);
        ink_vocab_free(vocab);
        ink_trained_vocab_free(trained);
    }
}

static void test_odd_texts(void **state)
{
    static const struct {
        const char *name, *text;
        size_t n_bytes;
    } rows[] = {
#define ROW(name, text) {name, text, sizeof text - 1}
        ROW("empty", ""),
        ROW("one byte", "\x80"),
        ROW("NULs", "a\0b\0\0a\0b\0\0a\0b"),
        ROW("cut characters", "\xe2\x96 \xf0\x9f\x98 \xc3 \xe2\x96 \xf0\x9f\x98 \xc3"),
        ROW("too long forms", "\xc0\xaf\xe0\x80\xaf\xc0\xaf\xe0\x80\xaf"),
        ROW("surrogates", "\xed\xa0\x80\xed\xb0\x80\xed\xa0\x80\xed\xb0\x80"),
        ROW("beyond Unicode", "\xf4\x90\x80\x80\xf5\x80\x80\x80\xff\xfe\xff\xfe"),
        ROW("names of bytes", "<0x41><0x41><0x0A><0xZZ><0x41>"),
        ROW("spaces alone", "          \t\t\n\n\n \n \n \r\n\r\n"),
        ROW("nothing visible", "\xe2\x80\x8b\xe2\x80\x8d\xef\xbb\xbf\xe2\x80\x8b\xe2\x80\x8d"),
        ROW("letters of the alphabet of bytes", "\xc4\xa0\xc4\xa0t \xc4\x8a\xc4\x8a\xc4\xa0t"),
#undef ROW
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect_learned(rows[i].name, (ink_text){rows[i].text, rows[i].n_bytes}, 300);
}

static void test_random_bytes(void **state)
{
    (void)state;
    char *text = malloc(SHORT_BYTES);
    uint64_t seed = 5;
    assert_non_null(text);
    for (size_t i = 0; i < SHORT_BYTES; i++)
        text[i] = (char)(ink_test_random(&seed) >> 40);
    expect_learned("random bytes", (ink_text){text, SHORT_BYTES}, 1500);
    free(text);
}

static char *fill(size_t n_bytes, const char *letters)
{
    char *text = malloc(n_bytes);
    uint64_t seed = 9;
    assert_non_null(text);
    for (size_t i = 0; i < n_bytes; i++)
        text[i] = letters[ink_test_random(&seed) % strlen(letters)];
    return text;
}

/* 10 MB of one letter is one word. */
static void test_one_line(void **state)
{
    (void)state;
    char *text = fill(LONG_BYTES, "a");
    expect_learned("one letter", (ink_text){text, LONG_BYTES}, 300);
    free(text);
}

static double learn_seconds(ink_text text, size_t n_tokens)
{
    double best = 1e9;
    for (int i = 0; i < N_TRIES; i++) {
        const ink_vocab_train_options options = {.n_tokens = n_tokens};
        clock_t begin = clock();
        ink_trained_vocab_free(learn_text(&options, text));
        double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
        best = seconds < best ? seconds : best;
    }
    return best;
}

/*
 * n log n lets one word that is four times as long take 4.4 times as long, a quadratic step 16
 * times: 9 stands between them. What takes no time to measure is fast enough.
 */
static void test_time_of_long_words(void **state)
{
    static const char *const letters[] = {"a", "ab", "abcdefghijklmnopqrstuvwxyz", ".", "aaaaaaab"};
    (void)state;
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++) {
        char *text = fill(SHORT_BYTES, letters[i]);
        double some = learn_seconds((ink_text){text, SHORT_BYTES / GROWTH}, 1000);
        double more = learn_seconds((ink_text){text, SHORT_BYTES}, 1000);
        if (more > 0.05 && more > 9 * some)
            fail_msg("'%s': %.3f s, and %.3f s for %d times as much", letters[i], some, more,
                     GROWTH);
        free(text);
    }
}

/*
 * Merges of a long word cost what they change in it: 8,192 of them 4 times as much as the first 64,
 * with all that comes before any. Were each to look at the whole word, it would be 30 times.
 */
static void test_time_of_merges(void **state)
{
    (void)state;
    char *text = fill(SHORT_BYTES, "abcdefghijklmnopqrstuvwxyz");
    double some = learn_seconds((ink_text){text, SHORT_BYTES}, 256 + 64);
    double more = learn_seconds((ink_text){text, SHORT_BYTES}, 256 + 8192);
    if (more > 12 * some)
        fail_msg("%.3f s for 64 merges, and %.3f s for 8192", some, more);
    free(text);
}

static void test_limit_of_words(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        const ink_vocab_train_options options = {
            .kind = (ink_vocab_train_kind)kind, .n_tokens = 300, .max_word_bytes = 20};
        ink_vocab_trainer *trainer = trainer_of(&options);
        ink_error error = {0};
        for (int i = 0; i < 9; i++)
            assert_int_equal(ink_vocab_trainer_add(trainer, "aaaaa bbbb ccccc", 16, &error),
                             INK_OK);
        assert_int_equal(ink_vocab_trainer_add(trainer, "defghi jklmnop qrstuv wxyz", 26, &error),
                         INK_LIMIT);
        assert_non_null(strstr(error.message, "20 bytes allowed"));
        ink_vocab_trainer_free(trainer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_odd_texts),      cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_one_line),       cmocka_unit_test(test_time_of_long_words),
        cmocka_unit_test(test_time_of_merges), cmocka_unit_test(test_limit_of_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
