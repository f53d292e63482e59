/*
 * Vocabularies made by hand: what each kind does, streams, roles by text, and every allocation
 * failing in turn.
 */
#include "test_token_small.h"

static void expect_ids(const ink_vocab *vocab, const char *text, ink_encode_options options,
                       size_t n, const int32_t *ids)
{
    ink_token_list list;
    ink_error error = {0};
    ink_token_list_init(&list, NULL, 1000);
    assert_int_equal(ink_vocab_encode(vocab, text_of(text), options, &list, &error), INK_OK);
    assert_int_equal(list.n_tokens, n);
    if (n)
        assert_memory_equal(list.ids, ids, n * sizeof *ids);
    ink_token_list_deinit(&list);
}

/* Without byte tokens what no token covers is unknown: one token for a whole run. */
static void check_no_byte_fallback(void **state)
{
    (void)state;
    small source;
    small_init(&source, "llama");
    small_add(&source, text_of("<unk>"), INK_TOKEN_UNKNOWN, 0);
    int32_t space = small_add(&source, text_of("\xe2\x96\x81"), INK_TOKEN_NORMAL, -2);
    int32_t a = small_add(&source, text_of("a"), INK_TOKEN_NORMAL, -3);
    int32_t word = small_add(&source,
                             text_of("\xe2\x96\x81"
                                     "a"),
                             INK_TOKEN_NORMAL, -1);
    source.source.roles[INK_ROLE_BOS] = source.source.roles[INK_ROLE_EOS] = 0;
    ink_vocab *vocab = small_open(&source, NULL);
    const int32_t known[] = {word, a, space, 0, a};
    expect_ids(vocab,
               "aa xyz\xc3\xa9"
               "a",
               (ink_encode_options){0}, 5, known);
    const int32_t twice[] = {space, 0, space, 0};
    expect_ids(vocab, "xy z", (ink_encode_options){0}, 4, twice);
    ink_vocab_free(vocab);
}

/* The better score merges first, though the other pair stands left of it. */
static void check_scores_decide(void **state)
{
    (void)state;
    for (int better = 0; better < 2; better++) {
        small source;
        small_make(&source, "llama");
        source.source.flags[INK_VOCAB_ADD_SPACE_PREFIX] = INK_CHOICE_NO;
        int32_t x = small_add(&source, text_of("x"), INK_TOKEN_NORMAL, -20);
        int32_t xa = small_add(&source, text_of("xa"), INK_TOKEN_NORMAL, better ? 0.5f : -4);
        ink_vocab *vocab = small_open(&source, NULL);
        int32_t aa = ink_vocab_find(vocab, text_of("aa")), a = ink_vocab_find(vocab, text_of("a"));
        const int32_t left[] = {xa, a}, right[] = {x, aa};
        expect_ids(vocab, "xaa", (ink_encode_options){0}, 2, better ? left : right);
        ink_vocab_free(vocab);
    }
}

/* A token that holds a space inside forbids encoding words apart. */
static void check_tokens_over_words(void **state)
{
    (void)state;
    small source;
    small_make(&source, "llama");
    int32_t both = small_add(&source,
                             text_of("a\xe2\x96\x81"
                                     "a"),
                             INK_TOKEN_NORMAL, 5);
    small_add(&source,
              text_of("\xe2\x96\x81"
                      "a\xe2\x96\x81"
                      "a"),
              INK_TOKEN_NORMAL, 9);
    source.source.flags[INK_VOCAB_ADD_SPACE_PREFIX] = INK_CHOICE_NO;
    ink_vocab *vocab = small_open(&source, NULL);
    assert_false(vocab->splits_at_spaces);
    expect_ids(vocab, "a a", (ink_encode_options){0}, 1, &both);
    ink_vocab_free(vocab);
    small_make(&source, "llama");
    vocab = small_open(&source, NULL);
    assert_true(vocab->splits_at_spaces);
    ink_vocab_free(vocab);
}

static void check_special_tokens(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < N_SMALL_KINDS; kind++) {
        small source;
        small_make(&source, small_kinds[kind]);
        int32_t longer = small_add(&source, text_of("<u>x"), INK_TOKEN_USER_DEFINED, 0);
        ink_vocab *vocab = small_open(&source, NULL);
        const int32_t user = ink_vocab_find(vocab, text_of("<u>"));
        const int32_t end = ink_vocab_find(vocab, text_of("<|im_end|>"));
        const int32_t expected[] = {longer, user, end};
        expect_ids(vocab, "<u>x<u><|im_end|>", (ink_encode_options){.parse_special = true}, 3,
                   expected);
        expect_ids(vocab, "<u>x<u>", (ink_encode_options){0}, 2, expected);
        assert_true(ink_vocab_is_end(vocab, end));
        assert_false(ink_vocab_is_end(vocab, user));
        assert_int_equal(ink_vocab_role(vocab, INK_ROLE_EOT), end);
        ink_vocab_free(vocab);
    }
}

/* Where a model calls and returns, <|end|> does not end the turn. */
static void check_harmony(void **state)
{
    (void)state;
    for (int harmony = 0; harmony < 2; harmony++) {
        small source;
        small_make(&source, "gpt2");
        int32_t end = small_add(&source, text_of("<|end|>"), INK_TOKEN_NORMAL, 0), called = -1;
        if (harmony) {
            small_add(&source, text_of("<|return|>"), INK_TOKEN_CONTROL, 0);
            called = small_add(&source, text_of("<|call|>"), INK_TOKEN_CONTROL, 0);
        }
        ink_vocab *vocab = small_open(&source, NULL);
        assert_int_equal(ink_vocab_is_end(vocab, end), !harmony);
        assert_int_equal(ink_vocab_is_end(vocab, called), harmony);
        assert_int_equal(ink_vocab_token_type(vocab, end), INK_TOKEN_CONTROL);
        ink_vocab_free(vocab);
    }
}

static void check_flags_and_guesses(void **state)
{
    (void)state;
    small source;
    small_make(&source, "gpt2");
    ink_vocab *vocab = small_open(&source, NULL);
    assert_false(ink_vocab_pretokenizer_guessed(vocab));
    assert_false(ink_vocab_flag_value(vocab, INK_VOCAB_ADD_BOS));
    assert_string_equal(ink_vocab_pretokenizer_name(vocab), "qwen2");
    ink_vocab_free(vocab);
    source.source.pre = (ink_text){0};
    vocab = small_open(&source, NULL);
    assert_true(ink_vocab_pretokenizer_guessed(vocab));
    assert_string_equal(ink_vocab_pretokenizer_name(vocab), "gpt-2");
    ink_vocab_free(vocab);
    source.source.pre = text_of("llama-bpe");
    vocab = small_open(&source, NULL);
    assert_true(ink_vocab_flag_value(vocab, INK_VOCAB_ADD_BOS));
    ink_vocab_free(vocab);
    source.source.flags[INK_VOCAB_ADD_BOS] = INK_CHOICE_NO;
    vocab = small_open(&source, NULL);
    assert_false(ink_vocab_flag_value(vocab, INK_VOCAB_ADD_BOS));
    ink_vocab_free(vocab);
    small_make(&source, "llama");
    source.source.flags[INK_VOCAB_ADD_EOS] = INK_CHOICE_YES;
    vocab = small_open(&source, NULL);
    const int32_t around[] = {1, 2};
    expect_ids(vocab, "", (ink_encode_options){.add_special = true}, 2, around);
    assert_string_equal(ink_vocab_kind_name(vocab), "llama");
    assert_string_equal(ink_vocab_pretokenizer_name(vocab), "");
    ink_vocab_free(vocab);
}

/* Feeds the bytes of `text` as byte tokens and checks what is shown after each. */
static void expect_shown(const ink_vocab *vocab, const char *text, const size_t *shown)
{
    ink_detokenizer stream;
    ink_buffer out;
    ink_error error = {0};
    ink_buffer_init(&out, NULL, 100);
    ink_detokenizer_init(&stream, vocab, (ink_decode_options){.continues = true});
    for (size_t i = 0; i < strlen(text); i++) {
        assert_int_equal(
            ink_detokenizer_feed(&stream, vocab->bytes[(uint8_t)text[i]], &out, &error), INK_OK);
        assert_int_equal(out.n_bytes, shown[i]);
    }
    assert_int_equal(ink_detokenizer_flush(&stream, &out, &error), INK_OK);
    assert_int_equal(out.n_bytes, strlen(text));
    assert_memory_equal(out.data, text, strlen(text));
    ink_buffer_deinit(&out);
}

static void check_streams_show_whole_characters(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < 3; kind++) {
        small source;
        small_make(&source, small_kinds[kind]);
        ink_vocab *vocab = small_open(&source, NULL);
        expect_shown(vocab, " \xf0\x9f\x99\x82!", (const size_t[]){1, 1, 1, 1, 5, 6});
        expect_shown(vocab, "\xe2\x82\xac\xc3\xa9", (const size_t[]){0, 0, 3, 3, 5});
        expect_shown(vocab, "\xff\xc3(\x80", (const size_t[]){1, 1, 3, 4});
        expect_shown(vocab, "\xe2\x82", (const size_t[]){0, 0});
        expect_shown(vocab, "\xed\xa0\x80", (const size_t[]){0, 2, 3});
        ink_vocab_free(vocab);
    }
}

/*
 * The first visible token loses the space that encoding put there; tokens that are skipped do not
 * count.
 */
static void check_leading_space(void **state)
{
    (void)state;
    static const struct {
        ink_decode_options options;
        const char *text;
    } cases[] = {
        {{0}, "a a"},
        {{.continues = true}, " a a"},
        {{.render_special = true}, "<s> a a"},
    };
    small source;
    small_make(&source, "llama");
    ink_vocab *vocab = small_open(&source, NULL);
    int32_t word = ink_vocab_find(vocab, text_of("\xe2\x96\x81"
                                                 "a"));
    const int32_t ids[] = {1, word, word};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ink_buffer out;
        ink_error error = {0};
        ink_buffer_init(&out, NULL, 100);
        assert_int_equal(ink_vocab_decode(vocab, ids, 3, cases[i].options, &out, &error), INK_OK);
        assert_string_equal(out.data, cases[i].text);
        ink_buffer_deinit(&out);
    }
    ink_vocab_free(vocab);
}

typedef struct whole {
    small *source;
    ink_text text;
} whole;

/* Opens, encodes and decodes; leaves nothing behind. */
static ink_status attempt(const ink_allocator *allocator, void *context)
{
    const whole *work = context;
    ink_vocab *vocab = NULL;
    ink_token_list list;
    ink_buffer out;
    ink_error error = {0};
    ink_token_list_init(&list, allocator, 10000);
    ink_buffer_init(&out, allocator, 10000);
    ink_encode_options options = {.add_special = true, .parse_special = true};
    ink_status status = ink_vocab_new(&vocab, &work->source->source, allocator, &error);
    if (status == INK_OK)
        status = ink_vocab_encode(vocab, work->text, options, &list, &error);
    if (status == INK_OK)
        status = ink_vocab_decode(vocab, list.ids, list.n_tokens,
                                  (ink_decode_options){.clean_spaces = true}, &out, &error);
    if (status == INK_NO_MEMORY)
        assert_true(error.message[0] != '\0');
    ink_buffer_deinit(&out);
    ink_token_list_deinit(&list);
    ink_vocab_free(vocab);
    return status;
}

static void check_each_allocation_failing(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < N_SMALL_KINDS; kind++) {
        small source;
        small_make(&source, small_kinds[kind]);
        whole work = {
            &source,
            text_of(
                "aaaaaaaaab <|im_end|> a line\nand 'another one' \xc3\xa9\xff aaaaaaaaaaaaaaaaaaaa"
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")};
        assert_true(ink_fail_each_allocation(attempt, &work, 1000) > 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_no_byte_fallback),
        cmocka_unit_test(check_scores_decide),
        cmocka_unit_test(check_tokens_over_words),
        cmocka_unit_test(check_special_tokens),
        cmocka_unit_test(check_harmony),
        cmocka_unit_test(check_flags_and_guesses),
        cmocka_unit_test(check_streams_show_whole_characters),
        cmocka_unit_test(check_leading_space),
        cmocka_unit_test(check_each_allocation_failing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
