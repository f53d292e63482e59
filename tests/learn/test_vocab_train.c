/*
 * Learning byte pairs: what comes out is as large as was asked for, loads, gives every text back,
 * and cuts texts the way learning left them.
 */
#include "test_train_small.h"

enum { N_BYTES = 256 };

/* Five of the named special tokens, in the order of their ids. */
static const char *const names[] = {"bos", "eos", "padding", "turn_begin", "turn_end"};
enum { N_NAMES = 5 };

static void take_named(ink_special_token specials[N_NAMES])
{
    for (size_t i = 0; i < N_NAMES; i++)
        specials[i] = *ink_special_token_named(names[i]);
}

/* ---- Real texts. */

static void expect_shared(size_t n_tokens, const char *pre)
{
    ink_text texts[N_SHARED_TEXTS];
    for (size_t i = 0; i < N_SHARED_TEXTS; i++)
        texts[i].data = read_shared_text(shared_texts[i], &texts[i].n_bytes);
    const ink_vocab_train_options options = {.n_tokens = n_tokens, .pre = text_of(pre)};
    ink_trained_vocab *trained = learn_texts(&options, texts, N_SHARED_TEXTS);
    assert_int_equal(trained->source.n_tokens, n_tokens);
    assert_int_equal(trained->source.n_merges, n_tokens - N_BYTES);
    assert_int_equal(trained->n_missing, 0);
    ink_vocab *vocab = open_trained(trained);
    assert_string_equal(ink_vocab_pretokenizer_name(vocab), *pre ? pre : "qwen2");
    uint64_t n_bytes = 0, n_pieces = 0;
    for (size_t i = 0; i < N_SHARED_TEXTS; i++) {
        n_bytes += texts[i].n_bytes;
        n_pieces += expect_back(vocab, texts[i]);
        free((void *)texts[i].data);
    }
    assert_int_equal(trained->n_bytes, n_bytes);
    assert_int_equal(trained->n_pieces, n_pieces);
    /* Shannon (1951) puts a letter of English at 1 to 1.3 bits: 3 bytes a token are not much. */
    assert_true(n_bytes > 3 * n_pieces);
    ink_vocab_free(vocab);
    ink_trained_vocab_free(trained);
}

static void test_shared_texts(void **state)
{
    (void)state;
    ink_require_shared();
    expect_shared(4096, "");
    expect_shared(2500, "gpt-2");
}

/* Whatever a text was not learned from is there too: all bytes are. */
static void test_foreign_text(void **state)
{
    (void)state;
    const ink_vocab_train_options options = {.n_tokens = 270};
    ink_trained_vocab *trained = learn_text(&options, text_of("the theme of these theses, the"));
    ink_vocab *vocab = open_trained(trained);
    char all[2 * N_BYTES];
    for (int i = 0; i < N_BYTES; i++)
        all[i] = all[2 * N_BYTES - 1 - i] = (char)i;
    (void)expect_back(vocab, (ink_text){all, sizeof all});
    (void)expect_back(
        vocab, text_of("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e, na\xc3\xafve \xf0\x9f\x98\x80"));
    ink_vocab_free(vocab);
    ink_trained_vocab_free(trained);
}

/* ---- What the vocabulary says. */

static void test_layout(void **state)
{
    (void)state;
    ink_special_token specials[N_NAMES];
    take_named(specials);
    const ink_vocab_train_options options = {.n_tokens = N_NAMES + N_BYTES + 2,
                                             .specials = specials,
                                             .n_specials = N_NAMES,
                                             .add_bos = true};
    ink_trained_vocab *trained = learn_text(&options, text_of("abc abc abc abd"));
    const ink_vocab_source *source = &trained->source;
    ink_vocab *vocab = open_trained(trained);
    for (size_t i = 0; i < N_NAMES; i++) {
        assert_true(same_text(source->tokens[i], specials[i].text));
        assert_int_equal(source->types[i], INK_TOKEN_CONTROL);
    }
    assert_int_equal(ink_vocab_role(vocab, INK_ROLE_BOS), 0);
    assert_int_equal(ink_vocab_role(vocab, INK_ROLE_EOS), 1);
    assert_int_equal(ink_vocab_role(vocab, INK_ROLE_PADDING), 2);
    assert_int_equal(ink_vocab_role(vocab, INK_ROLE_EOT), 4);
    assert_true(ink_vocab_flag_value(vocab, INK_VOCAB_ADD_BOS));
    assert_false(ink_vocab_flag_value(vocab, INK_VOCAB_ADD_EOS));
    assert_true(same_text(source->tokens[N_NAMES + 'a'], text_of("a")));
    /* "ab" four times; then " ab" and "abc" three times each: a space is the older left token. */
    assert_true(same_text(source->merges[0], text_of("a b")));
    assert_true(same_text(source->merges[1], text_of("\xc4\xa0 ab")));
    assert_true(same_text(source->tokens[N_NAMES + N_BYTES + 1], text_of("\xc4\xa0"
                                                                         "ab")));
    ink_vocab_free(vocab);
    ink_trained_vocab_free(trained);
}

/* The texts have less to learn than was asked for: a number says how much less. */
static void test_too_little_text(void **state)
{
    (void)state;
    const ink_vocab_train_options options = {.n_tokens = 1000};
    const struct {
        const char *text;
        size_t n_learned;
    } rows[] = {{"", 0}, {"a", 0}, {"ab", 0}, {"ab ab", 1}, {"abc abc abc", 3}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ink_trained_vocab *trained = learn_text(&options, text_of(rows[i].text));
        assert_int_equal(trained->source.n_tokens, N_BYTES + rows[i].n_learned);
        assert_int_equal(trained->n_missing, 1000 - N_BYTES - rows[i].n_learned);
        ink_vocab_free(open_trained(trained));
        ink_trained_vocab_free(trained);
    }
}

static void test_limits_of_tokens(void **state)
{
    (void)state;
    const char text[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbb bb";
    ink_vocab_train_options options = {.n_tokens = 400, .max_token_bytes = 5, .min_count = 3};
    ink_trained_vocab *trained = learn_text(&options, text_of(text));
    for (size_t i = 0; i < trained->source.n_tokens; i++)
        assert_true(trained->source.tokens[i].n_bytes <= 5);
    assert_true(trained->source.n_merges >= 3); /* aa, aaaa, bb */
    ink_vocab_free(open_trained(trained));
    ink_trained_vocab_free(trained);
}

/* ---- Special tokens and texts that look like them. */

/*
 * Engines end generations at </s> whatever its type, so text must not become that token; nor must
 * it become one that stands for more than text here.
 */
static void test_known_texts_are_not_learned(void **state)
{
    (void)state;
    static const char *const words[] = {"</s>", "<EOT>", "<cut>", "</a>"};
    enum { N_WORDS = 4, N_TIMES = 3 };
    const ink_special_token special = {text_of("<cut>"), INK_N_TOKEN_ROLES, 0};
    const ink_vocab_train_options options = {
        .n_tokens = 500, .pre = text_of("poro-chat"), .specials = &special, .n_specials = 1};
    ink_text texts[N_WORDS * N_TIMES]; /* each is one word */
    for (size_t i = 0; i < N_WORDS * N_TIMES; i++)
        texts[i] = text_of(words[i % N_WORDS]);
    ink_trained_vocab *trained = learn_texts(&options, texts, N_WORDS * N_TIMES);
    ink_vocab *vocab = open_trained(trained);
    for (size_t i = 0; i < N_WORDS; i++) {
        bool plain = ink_vocab_find(vocab, text_of(words[i])) > 0;
        assert_int_equal(plain, i == N_WORDS - 1); /* </a> is a text like others */
        assert_int_equal(expect_back(vocab, text_of(words[i])) == 1, plain);
    }
    ink_vocab_free(vocab);
    ink_trained_vocab_free(trained);
}

static bool holds(const ink_trained_vocab *trained, char letter)
{
    for (size_t i = 0; i < trained->source.n_merges; i++)
        if (memchr(trained->source.merges[i].data, letter, trained->source.merges[i].n_bytes))
            return true;
    return false;
}

/* Written in a text, user-defined tokens are cut out of it, control tokens only when asked. */
static void test_specials_in_texts(void **state)
{
    (void)state;
    const ink_special_token specials[] = {
        {text_of("<x>"), INK_N_TOKEN_ROLES, INK_TOKEN_USER_DEFINED},
        {text_of("<z>"), INK_N_TOKEN_ROLES, 0}};
    const ink_text text = text_of("ab<x>ab<z>ab<x>ab<z>ab<x>ab<z>");
    for (int parses = 0; parses < 2; parses++) {
        const ink_vocab_train_options options = {
            .n_tokens = 400, .specials = specials, .n_specials = 2, .parse_special = parses};
        ink_trained_vocab *trained = learn_text(&options, text);
        assert_false(holds(trained, 'x'));
        assert_int_equal(holds(trained, 'z'), !parses);
        assert_int_equal(trained->n_bytes, parses ? 12 : 21);
        ink_vocab *vocab = open_trained(trained);
        (void)expect_back(vocab, text_of("ab<x>ab<y>"));
        ink_vocab_free(vocab);
        ink_trained_vocab_free(trained);
    }
}

/* ---- The same whatever the order, and in parts. */

static void test_order_of_texts(void **state)
{
    (void)state;
    enum { N_TEXTS = 40, TEXT_BYTES = 200 };
    static char bytes[N_TEXTS][TEXT_BYTES];
    ink_text texts[N_TEXTS], reversed[N_TEXTS];
    uint64_t seed = 7;
    for (size_t i = 0; i < N_TEXTS; i++) {
        for (size_t at = 0; at < TEXT_BYTES; at++)
            bytes[i][at] = "abcde "[ink_test_random(&seed) % 6];
        texts[i] = reversed[N_TEXTS - 1 - i] = (ink_text){bytes[i], TEXT_BYTES};
    }
    const ink_vocab_train_options options = {.n_tokens = 600};
    ink_trained_vocab *one = learn_texts(&options, texts, N_TEXTS);
    ink_trained_vocab *other = learn_texts(&options, reversed, N_TEXTS);
    assert_int_equal(one->source.n_tokens, 600);
    expect_same(&one->source, &other->source);
    assert_int_equal(one->n_pieces, other->n_pieces);
    ink_trained_vocab_free(other);
    ink_trained_vocab_free(one);
}

/* 17 MiB are more than is taken at once: cut between lines, which are words' ends anyway. */
static void test_long_text(void **state)
{
    (void)state;
    const char line[] = "Naught's had, all's spent, where our desire is got without content.\n";
    const size_t n_line = sizeof line - 1, n_lines = ((size_t)17 << 20) / n_line + 1;
    char *text = malloc(n_lines * n_line);
    assert_non_null(text);
    for (size_t i = 0; i < n_lines; i++)
        memcpy(text + i * n_line, line, n_line);
    const ink_vocab_train_options options = {.n_tokens = 300};
    ink_trained_vocab *whole = learn_text(&options, (ink_text){text, n_lines * n_line});
    ink_trained_vocab *few = learn_text(&options, (ink_text){text, 3 * n_line});
    assert_int_equal(whole->n_bytes, n_lines * n_line);
    assert_int_equal(whole->n_words, few->n_words);
    assert_int_equal(whole->n_pieces, few->n_pieces / 3 * n_lines);
    expect_same(&whole->source, &few->source);
    ink_trained_vocab_free(few);
    ink_trained_vocab_free(whole);
    free(text);
}

/* ---- Refusals. */

static void expect_refused(ink_vocab_train_options options, ink_status wanted, const char *part)
{
    ink_vocab_trainer *trainer = NULL;
    ink_error error = {0};
    assert_int_equal(ink_vocab_trainer_new(&trainer, &options, NULL, &error), wanted);
    assert_null(trainer);
    if (!strstr(error.message, part))
        fail_msg("'%s' does not say '%s'", error.message, part);
}

static void test_refusals(void **state)
{
    (void)state;
    ink_special_token some[] = {{text_of("<a>"), INK_ROLE_BOS, 0},
                                {text_of("<b>"), INK_ROLE_EOS, 0}};
    ink_vocab_train_options good = {.n_tokens = 300, .specials = some, .n_specials = 2}, bad = good;
    bad.n_tokens = 0;
    expect_refused(bad, INK_BAD_ARGUMENT, "special tokens and bytes are 258");
    bad.n_tokens = 257;
    expect_refused(bad, INK_BAD_ARGUMENT, "special tokens and bytes are 258");
    bad.n_tokens = SIZE_MAX;
    expect_refused(bad, INK_BAD_ARGUMENT, "at most 4194304");
    bad = good;
    bad.pre = text_of("nobody's");
    expect_refused(bad, INK_UNSUPPORTED, "nobody's");
    bad = good;
    bad.kind = (ink_vocab_train_kind)7;
    expect_refused(bad, INK_BAD_ARGUMENT, "kind");
    bad = good;
    bad.no_bytes = true;
    expect_refused(bad, INK_BAD_ARGUMENT, "no_bytes");
    bad = good;
    bad.max_token_bytes = INK_VOCAB_TRAIN_MAX_TOKEN_BYTES + 1;
    expect_refused(bad, INK_BAD_ARGUMENT, "at most 512 bytes");
    bad = good;
    bad.n_specials = 1;
    bad.add_eos = true;
    expect_refused(bad, INK_BAD_ARGUMENT, "EOS");
    bad = good;
    bad.n_specials = INK_VOCAB_TRAIN_MAX_SPECIALS + 1;
    expect_refused(bad, INK_BAD_ARGUMENT, "1025 special tokens");
}

static void test_refused_specials(void **state)
{
    (void)state;
    const struct {
        ink_special_token second;
        const char *part;
    } rows[] = {
        {{text_of("<a>"), INK_ROLE_EOS, 0}, "'<a>' has the text of another"},
        {{text_of("a"), INK_ROLE_EOS, 0}, "'a' has the text of another"},
        {{text_of("<b>"), INK_ROLE_BOS, 0}, "'<b>' has a role that another"},
        {{text_of(""), INK_ROLE_EOS, 0}, "0 bytes"},
        {{text_of("<b>"), INK_ROLE_EOS, INK_TOKEN_NORMAL}, "has the type 1"},
        {{text_of("<b>"), INK_ROLE_EOS, INK_TOKEN_BYTE}, "has the type 6"},
        {{text_of("<b>"), (ink_token_role)99, 0}, "no such role"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const ink_special_token specials[] = {{text_of("<a>"), INK_ROLE_BOS, 0}, rows[i].second};
        expect_refused(
            (ink_vocab_train_options){.n_tokens = 300, .specials = specials, .n_specials = 2},
            INK_BAD_ARGUMENT, rows[i].part);
    }
}

static bool stop_at_half(void *context, float part)
{
    *(float *)context = part;
    return part < 0.5f;
}

static void test_cancelling(void **state)
{
    (void)state;
    enum { N = 20000 };
    static char text[N];
    uint64_t seed = 3;
    for (size_t i = 0; i < N; i++)
        text[i] = "abcdefgh "[ink_test_random(&seed) % 9];
    float part = 0;
    const ink_vocab_train_options options = {.n_tokens = 768, .progress = {stop_at_half, &part}};
    ink_vocab_trainer *trainer = trainer_of(&options);
    ink_trained_vocab *trained = NULL;
    assert_int_equal(ink_vocab_trainer_add(trainer, text, N, NULL), INK_OK);
    assert_int_equal(ink_vocab_trainer_finish(trainer, &trained, NULL), INK_CANCELLED);
    assert_null(trained);
    assert_true(part == 0.5f); /* 256 of 512: it was heard at once */
    assert_int_equal(ink_vocab_trainer_finish(trainer, &trained, NULL), INK_BAD_ARGUMENT);
    assert_int_equal(ink_vocab_trainer_add(trainer, text, N, NULL), INK_BAD_ARGUMENT);
    ink_vocab_trainer_free(trainer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_texts),
        cmocka_unit_test(test_foreign_text),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_too_little_text),
        cmocka_unit_test(test_limits_of_tokens),
        cmocka_unit_test(test_known_texts_are_not_learned),
        cmocka_unit_test(test_specials_in_texts),
        cmocka_unit_test(test_order_of_texts),
        cmocka_unit_test(test_long_text),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_refused_specials),
        cmocka_unit_test(test_cancelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
