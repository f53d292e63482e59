/*
 * HOSTILE.md's list for tokenizers: vocabularies and texts that are out to hurt end in an error or
 * in right tokens.
 */
#include "test_token_small.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#define MIB ((size_t)1 << 20)

static ink_status open_status(const small *vocab, ink_error *error)
{
    ink_vocab *out = NULL;
    ink_status status = ink_vocab_new(&out, &vocab->source, NULL, error);
    if (status != INK_OK)
        assert_null(out);
    ink_vocab_free(out);
    return status;
}

static void expect_refused(const small *vocab, ink_status status, const char *part)
{
    ink_error error = {0};
    assert_int_equal(open_status(vocab, &error), status);
    if (!strstr(error.message, part))
        fail_msg("'%s' does not hold '%s'", error.message, part);
}

static ink_token_list encode(const ink_vocab *vocab, ink_text text, bool parse)
{
    ink_token_list list;
    ink_error error = {0};
    ink_token_list_init(&list, NULL, SIZE_MAX / 8);
    if (ink_vocab_encode(vocab, text, (ink_encode_options){.parse_special = parse}, &list,
                         &error) != INK_OK)
        fail_msg("%s", error.message);
    return list;
}

/* Encoding and decoding give the text back. */
static void expect_round_trip(const ink_vocab *vocab, ink_text text)
{
    ink_token_list list = encode(vocab, text, false);
    ink_buffer out;
    ink_error error = {0};
    ink_buffer_init(&out, NULL, SIZE_MAX / 2);
    assert_int_equal(
        ink_vocab_decode(vocab, list.ids, list.n_tokens, (ink_decode_options){0}, &out, &error),
        INK_OK);
    assert_int_equal(out.n_bytes, text.n_bytes);
    assert_memory_equal(out.data, text.data, text.n_bytes);
    ink_buffer_deinit(&out);
    ink_token_list_deinit(&list);
}

static ink_text repeat(const char *unit, size_t n_bytes)
{
    size_t n_unit = strlen(unit), n = n_bytes / n_unit * n_unit;
    char *text = malloc(n);
    assert_non_null(text);
    for (size_t i = 0; i < n; i++)
        text[i] = unit[i % n_unit];
    return (ink_text){text, n};
}

static void check_one_character(void **state)
{
    (void)state;
    static const struct {
        const char *unit;
        size_t n_bytes;
    } units[] = {
        {"a", 10 * MIB},       {" ", 10 * MIB}, {"\n", MIB},
        {"\xe4\xb8\xad", MIB}, {"\xff", MIB},   {"<", MIB},
    };
    for (size_t kind = 0; kind < N_SMALL_KINDS; kind++) {
        small source;
        small_make(&source, small_kinds[kind]);
        ink_vocab *vocab = small_open(&source, NULL);
        for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
            ink_text text = repeat(units[i].unit, units[i].n_bytes);
            ink_token_list list = encode(vocab, text, true);
            if (units[i].unit[0] == 'a' && kind != 3)
                assert_in_range(list.n_tokens, text.n_bytes / 8, text.n_bytes / 8 + 2);
            ink_token_list_deinit(&list);
            free((char *)text.data);
        }
        ink_vocab_free(vocab);
    }
}

typedef struct tally {
    const char *next;
    size_t n_words;
} tally;

/* Words come in order and without gaps. */
static ink_status count_word(void *context, ink_text word, ink_error *error)
{
    (void)error;
    tally *count = context;
    assert_ptr_equal(word.data, count->next);
    assert_true(word.n_bytes > 0);
    count->next += word.n_bytes;
    count->n_words++;
    return INK_OK;
}

static void split_all(const ink_pretokenizer *pretokenizer, ink_text text)
{
    tally count = {text.data, 0};
    ink_word_splitter splitter;
    ink_error error = {0};
    clock_t begin = clock();
    assert_int_equal(ink_word_splitter_init(&splitter, pretokenizer, count_word, &count, &error),
                     INK_OK);
    if (ink_word_splitter_run(&splitter, text, &error) != INK_OK)
        fail_msg("%s", error.message);
    assert_ptr_equal(count.next, text.data + text.n_bytes);
    ink_word_splitter_deinit(&splitter);
    /* Linear takes 10 ms, interpreted 200 ms; a quadratic search over 256 KiB more than 30 s. */
    assert_true(clock() - begin < 10 * CLOCKS_PER_SEC);
}

static void check_every_family_is_linear(void **state)
{
    (void)state;
    static const char *const units[] = {"a",
                                        "A",
                                        "aA",
                                        "Aa",
                                        " ",
                                        "\n",
                                        "\r\n ",
                                        " a",
                                        "  a",
                                        "7",
                                        "7 ",
                                        "'",
                                        "'s",
                                        "!",
                                        "!\n",
                                        "/",
                                        "\xe4\xb8\xad",
                                        "\xcc\x81",
                                        "\xe3\x80\x80",
                                        "\xff",
                                        "\n \t",
                                        "\xf0\x9f\x99\x82",
                                        "\xd8\xa7",
                                        "(|"};
    const char *names;
    for (size_t family = 0; (names = ink_pretokenizer_family(family)); family++) {
        ink_pretokenizer pretokenizer;
        ink_error error = {0};
        ink_text name = {names, strcspn(names, " ")};
        if (ink_pretokenizer_open(&pretokenizer, name, NULL, &error) != INK_OK)
            fail_msg("%s", error.message);
        assert_false(pretokenizer.guessed);
        for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
            ink_text text = repeat(units[i], MIB / 4);
            char *bytes = (char *)text.data;
            split_all(&pretokenizer, text);
            bytes[text.n_bytes - 1] =
                'x'; /* the run ends in a letter: what looked ahead may have to give up */
            split_all(&pretokenizer, text);
            free(bytes);
        }
        ink_pretokenizer_close(&pretokenizer);
    }
}

static void check_merges(void **state)
{
    (void)state;
    small source;
    small_make(&source, "gpt2");
    small_merge(&source, "a nowhere");
    small_merge(&source, "nowhere a");
    small_merge(&source, "b b");  /* both known, bb is not */
    small_merge(&source, "< s>"); /* would make a control token of text, were s> a token */
    small_merge(&source, "aa a"); /* makes no token either */
    small_merge(&source, "a a");  /* again: the first counts */
    ink_vocab *vocab = small_open(&source, NULL);
    assert_int_equal(ink_vocab_n_ignored_merges(vocab), 5);
    expect_round_trip(vocab, text_of("aaab <s> nowhere bb"));
    ink_vocab_free(vocab);

    static const char *const broken[] = {"", " ", "a", "a ", " a", "aa"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        small_make(&source, "gpt2");
        small_merge(&source, broken[i]);
        expect_refused(&source, INK_CORRUPT, "merge 4");
    }
}

/* 50 MB of merges: over the limit by their number, or all of texts that are no tokens. */
static void check_many_merges(void **state)
{
    (void)state;
    small source;
    small_make(&source, "gpt2");
    size_t n = INK_VOCAB_MAX_MERGES;
    ink_text *merges = malloc((n + 1) * sizeof *merges);
    assert_non_null(merges);
    for (size_t i = 0; i <= n; i++)
        merges[i] = i % 2 ? text_of("a a") : text_of("nobody knows");
    source.source.merges = merges;
    source.source.n_merges = n + 1;
    expect_refused(&source, INK_LIMIT, "merges");
    source.source.n_merges = n;
    ink_vocab *vocab = small_open(&source, NULL);
    assert_int_equal(ink_vocab_n_ignored_merges(vocab), n / 2);
    expect_round_trip(vocab, text_of("aaaa"));
    ink_vocab_free(vocab);
    free(merges);
}

/* A merge must not make a control token out of what a user wrote. */
static void check_text_never_becomes_control(void **state)
{
    (void)state;
    static const char text[] = "<s><|im_end|><unk>[SEP] <s> a<|im_end|>";
    for (size_t kind = 0; kind < N_SMALL_KINDS; kind++) {
        small source;
        small_make(&source, small_kinds[kind]);
        small_add(&source, text_of("<"), INK_TOKEN_NORMAL, -1);
        small_add(&source, text_of("s"), INK_TOKEN_NORMAL, -1);
        small_add(&source, text_of(">"), INK_TOKEN_NORMAL, -1);
        small_add(&source, text_of("<s"), INK_TOKEN_NORMAL, -1);
        small_merge(&source, "< s");
        small_merge(&source, "<s >");
        ink_vocab *vocab = small_open(&source, NULL);
        ink_token_list list = encode(vocab, text_of(text), false);
        for (size_t i = 0; i < list.n_tokens; i++)
            assert_true(ink_vocab_token_type(vocab, list.ids[i]) != INK_TOKEN_CONTROL);
        ink_token_list_deinit(&list);
        list = encode(vocab, text_of(text), true);
        size_t n_control = 0;
        for (size_t i = 0; i < list.n_tokens; i++)
            n_control += ink_vocab_token_type(vocab, list.ids[i]) == INK_TOKEN_CONTROL;
        assert_int_equal(n_control, 5);
        ink_token_list_deinit(&list);
        ink_vocab_free(vocab);
    }
}

static void check_odd_tokens(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < N_SMALL_KINDS; kind++) {
        small source;
        small_make(&source, small_kinds[kind]);
        int32_t empty = small_add(&source, text_of(""), INK_TOKEN_NORMAL, 0);
        small_add(&source, text_of(""), INK_TOKEN_CONTROL, 0);
        small_add(&source, (ink_text){NULL, 0}, INK_TOKEN_USER_DEFINED, 0);
        int32_t copy = small_add(&source, text_of("aa"), INK_TOKEN_NORMAL, 0);
        int32_t nul = small_add(&source, (ink_text){"x\0y", 3}, INK_TOKEN_USER_DEFINED, 0);
        small_add(&source, text_of("\xff\xfe\xed\xa0\x80"), INK_TOKEN_NORMAL, 0);
        small_add(&source, text_of("\xc3"), INK_TOKEN_CONTROL, 0);
        ink_vocab *vocab = small_open(&source, NULL);
        assert_int_equal(ink_vocab_token_text(vocab, empty).n_bytes, 0);
        assert_true(ink_vocab_find(vocab, text_of("aa")) < copy);
        ink_token_list list = encode(vocab, (ink_text){"ax\0ya", 5}, false);
        bool found = false;
        for (size_t i = 0; i < list.n_tokens; i++)
            found = found || list.ids[i] == nul;
        assert_true(found);
        ink_token_list_deinit(&list);
        list = encode(vocab, text_of("\xc3\xff\xfe\xed\xa0\x80\xc3\x28"), true);
        ink_token_list_deinit(&list);
        ink_vocab_free(vocab);
    }
}

static void check_refused_tokens(void **state)
{
    (void)state;
    static const char *const bytes[] = {"<0x-1>", "<0xZZ>", "<0x1FF>", "<0x1>",
                                        "",       "<0x0G>", "0x41"};
    small source;
    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++) {
        small_make(&source, "llama");
        small_add(&source, text_of(bytes[i]), INK_TOKEN_BYTE, 0);
        expect_refused(&source, INK_CORRUPT, "byte token");
    }
    static const int32_t types[] = {-1, 7, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        small_make(&source, "gpt2");
        source.types[9] = types[i];
        expect_refused(&source, INK_CORRUPT, "token 9");
    }
    small_make(&source, "llama");
    source.scores[3] = NAN;
    expect_refused(&source, INK_CORRUPT, "score");
    small_make(&source, "llama");
    source.source.scores = NULL;
    expect_refused(&source, INK_CORRUPT, "score");
    static const char long_text[INK_VOCAB_MAX_TOKEN_BYTES + 1];
    small_make(&source, "llama");
    small_add(&source, (ink_text){long_text, sizeof long_text}, INK_TOKEN_NORMAL, 0);
    expect_refused(&source, INK_LIMIT, "bytes");
    small_make(&source, "llama");
    source.source.n_tokens = 0;
    expect_refused(&source, INK_CORRUPT, "no tokens");
    source.source.n_tokens = (size_t)INK_VOCAB_MAX_TOKENS + 1;
    expect_refused(&source, INK_LIMIT, "tokens");
}

static void check_roles_out_of_range(void **state)
{
    (void)state;
    for (int role = 0; role < INK_N_TOKEN_ROLES; role++) {
        small source;
        small_make(&source, "llama");
        int32_t n = (int32_t)source.source.n_tokens;
        const int32_t wrong[] = {n, INT32_MAX, -2, INT32_MIN};
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
            source.source.roles[role] = wrong[i];
            expect_refused(&source, INK_CORRUPT, "_token_id");
        }
        source.source.roles[role] = n - 1;
        ink_vocab *vocab = small_open(&source, NULL);
        assert_int_equal(ink_vocab_role(vocab, (ink_token_role)role), n - 1);
        ink_vocab_free(vocab);
    }
}

static void check_unknown_names(void **state)
{
    (void)state;
    static const char *const kinds[] = {"t5",       "rwkv",   "plamo2", "none",
                                        "no_vocab", "llama2", "LLAMA"};
    small source;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        small_make(&source, "llama");
        source.source.model = text_of(kinds[i]);
        expect_refused(&source, INK_UNSUPPORTED, kinds[i]);
    }
    small_make(&source, "llama");
    source.source.model = (ink_text){0};
    expect_refused(&source, INK_UNSUPPORTED, "''");
    small_make(&source, "gpt2");
    source.source.pre = text_of("future-bpe");
    expect_refused(&source, INK_UNSUPPORTED, "future-bpe");
    source.source.pre = text_of("gpt-2 phi-2"); /* two names of a row are not a name */
    expect_refused(&source, INK_UNSUPPORTED, "gpt-2 phi-2");
    ink_text huge = repeat("x", MIB);
    source.source.pre = huge;
    expect_refused(&source, INK_UNSUPPORTED, "xxx");
    source.source.model = huge;
    expect_refused(&source, INK_UNSUPPORTED, "xxx");
    free((char *)huge.data);
}

static void check_bytes_that_are_no_text(void **state)
{
    (void)state;
    static const ink_text texts[] = {
        {"\0", 1},
        {"a\0b\0\0", 5},
        {"\xed\xa0\x80", 3},
        {"\xed\xb0\x80\xed\xa0\x80", 6},
        {"\xc0\xaf", 2},
        {"\xff\xfe", 2},
        {"a\xf0\x9f\x99", 4},
        {"\x80\x80\x80 \xe2\x96", 6},
        {"\xe2\x80\x8b\xef\xbb\xbf", 6},
    };
    for (size_t kind = 0; kind < 3; kind++) {
        small source;
        small_make(&source, small_kinds[kind]);
        ink_vocab *vocab = small_open(&source, NULL);
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
            expect_round_trip(vocab, texts[i]);
        ink_vocab_free(vocab);
    }
}

/* The table's own hash, to make texts that all want the same place. */
static size_t wanted_slot(const char *text, size_t n_bytes, size_t mask)
{
    uint64_t hash = ink_text_hash(INK_TEXT_HASH_BEGIN, text, n_bytes);
    hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return (size_t)(hash ^ hash >> 33) & mask;
}

static void check_colliding_tokens(void **state)
{
    (void)state;
    enum { N = INK_VOCAB_MAX_PROBES + 50, MASK = 4095 };
    static char texts[N][12];
    ink_text tokens[N];
    size_t n = 0;
    for (unsigned i = 0; n < N; i++) {
        int length = snprintf(texts[n], sizeof texts[n], "%u", i);
        tokens[n] = (ink_text){texts[n], (size_t)length};
        n += wanted_slot(texts[n], (size_t)length, MASK) == 77;
    }
    small source;
    small_init(&source, "gpt2");
    source.source.tokens = tokens;
    source.source.types = NULL;
    source.source.n_tokens = N;
    expect_refused(&source, INK_LIMIT, "collide");
    source.source.n_tokens = INK_VOCAB_MAX_PROBES; /* these just fit */
    ink_error error = {0};
    assert_int_equal(open_status(&source, &error), INK_OK);
}

static void check_limits_of_encoding(void **state)
{
    (void)state;
    small source;
    small_make(&source, "llama");
    ink_vocab *vocab = small_open(&source, NULL);
    ink_token_list list;
    ink_error error = {0};
    ink_token_list_init(&list, NULL, 3);
    assert_true(ink_token_list_add(&list, 7));
    ink_text endless = {"", (size_t)INK_ENCODE_MAX_BYTES + 1};
    assert_int_equal(ink_vocab_encode(vocab, endless, (ink_encode_options){0}, &list, &error),
                     INK_LIMIT);
    assert_int_equal(
        ink_vocab_encode(vocab, text_of("b b b b"), (ink_encode_options){0}, &list, &error),
        INK_LIMIT);
    assert_int_equal(list.n_tokens, 1);
    assert_int_equal(list.ids[0], 7);
    ink_token_list_deinit(&list);

    ink_buffer out;
    ink_buffer_init(&out, NULL, 16);
    const int32_t n = ink_vocab_n_tokens(vocab), wrong[] = {n, -1, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(
            ink_vocab_decode(vocab, &wrong[i], 1, (ink_decode_options){0}, &out, &error),
            INK_BAD_ARGUMENT);
        assert_int_equal(ink_vocab_token_text(vocab, wrong[i]).n_bytes, 0);
        assert_int_equal(ink_vocab_token_type(vocab, wrong[i]), INK_TOKEN_UNKNOWN);
        assert_false(ink_vocab_is_end(vocab, wrong[i]));
    }
    int32_t eight_a[4];
    for (size_t i = 0; i < 4; i++)
        eight_a[i] = ink_vocab_find(vocab, text_of("aaaaaaaa"));
    assert_int_equal(ink_vocab_decode(vocab, eight_a, 4, (ink_decode_options){0}, &out, &error),
                     INK_LIMIT);
    assert_int_equal(out.n_bytes, 0);
    ink_buffer_deinit(&out);
    ink_vocab_free(vocab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_one_character),
        cmocka_unit_test(check_every_family_is_linear),
        cmocka_unit_test(check_merges),
        cmocka_unit_test(check_many_merges),
        cmocka_unit_test(check_text_never_becomes_control),
        cmocka_unit_test(check_odd_tokens),
        cmocka_unit_test(check_refused_tokens),
        cmocka_unit_test(check_roles_out_of_range),
        cmocka_unit_test(check_unknown_names),
        cmocka_unit_test(check_bytes_that_are_no_text),
        cmocka_unit_test(check_colliding_tokens),
        cmocka_unit_test(check_limits_of_encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
