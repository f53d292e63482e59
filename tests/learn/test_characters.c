/* Learning characters: each one of the texts is a token, and bytes stand for all others. */
#include "test_train_small.h"

enum { N_BYTES = 256, N_FIRST = 3 };

static const char sample[] = "h\xc3\xa9llo w\xc3\xb6rld, w\xc3\xb6rld\n\xf0\x9f\x98\x80";

static void test_shakespeare(void **state)
{
    (void)state;
    ink_require_shared();
    size_t n_bytes;
    char *bytes = read_shared_text("tinyshakespeare.txt", &n_bytes);
    const ink_text text = {bytes, n_bytes};
    for (int no_bytes = 0; no_bytes < 2; no_bytes++) {
        const ink_vocab_train_options options = {.kind = INK_LEARN_CHARACTERS,
                                                 .no_bytes = no_bytes};
        ink_trained_vocab *trained = learn_text(&options, text);
        assert_int_equal(trained->source.n_tokens, 65 + N_FIRST + (no_bytes ? 0 : N_BYTES));
        ink_vocab *vocab = open_trained(trained);
        assert_int_equal(expect_back(vocab, text), n_bytes);
        assert_int_equal(trained->n_pieces, n_bytes);
        ink_vocab_free(vocab);
        ink_trained_vocab_free(trained);
    }
    free(bytes);
}

static void test_layout(void **state)
{
    (void)state;
    static const char *const characters[] = {
        "\n",       "\xe2\x96\x81",    ",", "d", "h", "l", "o", "r", "w", "\xc3\xa9",
        "\xc3\xb6", "\xf0\x9f\x98\x80"};
    enum { N = sizeof characters / sizeof characters[0] };
    const ink_special_token specials[] = {{text_of("<pad>"), INK_ROLE_PADDING, 0},
                                          {text_of("<end>"), INK_ROLE_EOS, 0}};
    const ink_vocab_train_options options = {
        .kind = INK_LEARN_CHARACTERS, .specials = specials, .n_specials = 2, .add_eos = true};
    ink_trained_vocab *trained = learn_text(&options, text_of(sample));
    const ink_vocab_source *source = &trained->source;
    ink_vocab *vocab = open_trained(trained);
    assert_int_equal(source->n_tokens, N_FIRST + 1 + N_BYTES + N);
    assert_int_equal(source->types[0], INK_TOKEN_UNKNOWN);
    assert_int_equal(ink_vocab_role(vocab, INK_ROLE_BOS), 1);
    assert_int_equal(ink_vocab_role(vocab, INK_ROLE_EOS), 2);
    assert_true(same_text(source->tokens[2], text_of("<end>")));
    assert_int_equal(ink_vocab_role(vocab, INK_ROLE_PADDING), 3);
    assert_true(ink_vocab_flag_value(vocab, INK_VOCAB_ADD_EOS));
    assert_false(ink_vocab_flag_value(vocab, INK_VOCAB_ADD_BOS));
    for (size_t i = 0; i < N; i++)
        assert_true(same_text(source->tokens[N_FIRST + 1 + N_BYTES + i], text_of(characters[i])));
    assert_int_equal(expect_back(vocab, text_of(sample)), trained->n_pieces);
    ink_vocab_free(vocab);
    ink_trained_vocab_free(trained);
}

/* Room for two characters, or those seen twice: the others are counted, and spelled in bytes. */
static void test_few(void **state)
{
    (void)state;
    const struct {
        size_t n_tokens;
        uint64_t min_count;
        size_t n_kept, n_left_out;
    } rows[] = {{N_FIRST + N_BYTES + 2, 0, 2, 10},
                {0, 2, 6, 6},
                {N_FIRST + N_BYTES + 1, 0, 1, 11}, /* the space: it could not come back otherwise */
                {1000, 0, 12, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const ink_vocab_train_options options = {.kind = INK_LEARN_CHARACTERS,
                                                 .n_tokens = rows[i].n_tokens,
                                                 .min_count = rows[i].min_count};
        ink_trained_vocab *trained = learn_text(&options, text_of(sample));
        size_t n_tokens = N_FIRST + N_BYTES + rows[i].n_kept;
        assert_int_equal(trained->source.n_tokens, n_tokens);
        assert_int_equal(trained->n_left_out, rows[i].n_left_out);
        assert_int_equal(trained->n_missing, rows[i].n_tokens ? rows[i].n_tokens - n_tokens : 0);
        ink_vocab *vocab = open_trained(trained);
        assert_int_equal(expect_back(vocab, text_of(sample)), trained->n_pieces);
        ink_vocab_free(vocab);
        ink_trained_vocab_free(trained);
    }
}

/* No text has a space, and other texts do. */
static void test_space(void **state)
{
    (void)state;
    const ink_vocab_train_options options = {.kind = INK_LEARN_CHARACTERS};
    ink_trained_vocab *trained = learn_text(&options, text_of("ab"));
    ink_vocab *vocab = open_trained(trained);
    assert_int_equal(trained->source.n_tokens, N_FIRST + N_BYTES + 3);
    assert_int_equal(trained->n_pieces, 2);
    (void)expect_back(vocab, text_of(" a  b c "));
    ink_vocab_free(vocab);
    ink_trained_vocab_free(trained);
}

/* Without bytes the unknown is said to be unknown. */
static void test_unknown(void **state)
{
    (void)state;
    const ink_vocab_train_options options = {.kind = INK_LEARN_CHARACTERS, .no_bytes = true};
    ink_trained_vocab *trained = learn_text(&options, text_of("ab"));
    ink_vocab *vocab = open_trained(trained);
    ink_token_list list;
    assert_int_equal(trained->source.n_tokens, N_FIRST + 3);
    encode_text(vocab, text_of("axb"), &list);
    assert_int_equal(list.n_tokens, 3);
    assert_int_equal(list.ids[0], N_FIRST + 1);
    assert_int_equal(list.ids[1], ink_vocab_role(vocab, INK_ROLE_UNKNOWN));
    assert_int_equal(list.ids[2], N_FIRST + 2);
    ink_token_list_deinit(&list);
    ink_vocab_free(vocab);
    ink_trained_vocab_free(trained);
}

/* U+2581 is how this kind writes a space: it is counted, and comes back as one. */
static void test_lookalikes(void **state)
{
    (void)state;
    const ink_vocab_train_options options = {.kind = INK_LEARN_CHARACTERS};
    ink_trained_vocab *trained = learn_text(&options, text_of("a b\xe2\x96\x81"
                                                              "a\xe2\x96\x81"));
    ink_vocab *vocab = open_trained(trained);
    assert_int_equal(trained->n_lookalikes, 2);
    assert_int_equal(trained->source.n_tokens, N_FIRST + N_BYTES + 3);
    assert_int_equal(expect_back(vocab, text_of("a b a ")), trained->n_pieces);
    ink_vocab_free(vocab);
    ink_trained_vocab_free(trained);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shakespeare), cmocka_unit_test(test_layout),
        cmocka_unit_test(test_few),         cmocka_unit_test(test_space),
        cmocka_unit_test(test_unknown),     cmocka_unit_test(test_lookalikes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
